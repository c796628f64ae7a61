//! Who moves, in words: `4.00 % of users move from stable to next; nobody else moves`. Says what was computed, and no more.

use weir_core::moves::{Case, Flow, Outcome};

use super::diff::{Diff, FlagDiff};

/// So many users of a list are named; programs get all.
const NAMED: usize = 20;

/// One sentence for all cases of a flag.
pub(super) fn sentence(cases: &[Case]) -> String {
    let told: Vec<String> =
        cases.iter().filter(|case| !case.flows.is_empty() || case.unknown.is_some()).map(case).collect();
    if told.is_empty() {
        return "nobody moves".to_owned();
    }
    let spoken_for = |case: &Case| case.conditions.is_empty() && (whole(case) || case.unknown.is_some());
    let everybody = cases.iter().all(|case| case.keyless || spoken_for(case));
    let rest = if everybody { "" } else { "; nobody else moves" };
    format!("{}{rest}", told.join("; "))
}

/// All users of the case move.
fn whole(case: &Case) -> bool {
    let sum = case.flows.iter().fold(0_u128, |sum, flow| sum.saturating_add(flow.share.0));
    sum.count_ones() == 1 && sum.trailing_zeros() == weir_core::moves::WHOLE_BITS
}

fn case(case: &Case) -> String {
    let conditions: Vec<String> = case
        .conditions
        .iter()
        .map(|(words, holds)| if *holds { words.clone() } else { format!("not ({words})") })
        .collect();
    let who = match (case.keyless, conditions.is_empty()) {
        (false, true) => String::new(),
        (false, false) => format!("where {}, ", conditions.join(" and ")),
        (true, true) => "without a targetingKey, ".to_owned(),
        (true, false) => format!("without a targetingKey, where {}, ", conditions.join(" and ")),
    };
    if let Some(why) = &case.unknown {
        return format!("{who}who moves can't be told ({why})");
    }
    let flows: Vec<String> = case.flows.iter().map(flow).collect();
    let independent =
        if case.independent { " (splits that hash different bytes are independent: products of shares)" } else { "" };
    format!("{who}{}{independent}", flows.join(", "))
}

fn flow(flow: &Flow) -> String {
    let all = flow.share.fraction() == (1 << 32, 32);
    let share = if all { "all users".to_owned() } else { format!("{} of users", flow.share.percent()) };
    format!("{share} move from {} to {}", outcome(&flow.from), outcome(&flow.to))
}

/// For people and programs.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Variant(name) => name.clone(),
        Outcome::CodeDefault => "the code's default".to_owned(),
        Outcome::Error => "an error".to_owned(),
        Outcome::Computed(rule) => rule.clone(),
    }
}

/// The whole comparison for people.
#[must_use]
pub fn text(diff: &Diff) -> String {
    let mut text: String = diff.document.iter().map(|change| format!("{change}\n")).collect();
    for flag in &diff.flags {
        text.push_str(&format!("{}\n", flag.sentence));
        text.extend(flag.changes.iter().map(|change| format!("  {change}\n")));
        if let Some(users) = diff.users {
            text.push_str(&named(flag, users));
        }
    }
    if text.is_empty() {
        text.push_str("nothing changes, and nobody moves.\n");
    }
    text
}

fn named(flag: &FlagDiff, users: usize) -> String {
    let mut text = format!("  of the {users} users of the list {} move\n", flag.movers.len());
    let name = |variant: &Option<String>| variant.clone().unwrap_or_else(|| "the code's default".to_owned());
    for mover in flag.movers.iter().take(NAMED) {
        text.push_str(&format!("    {}: {} -> {}\n", mover.user, name(&mover.from), name(&mover.to)));
    }
    if flag.movers.len() > NAMED {
        text.push_str(&format!("    and {} more (--json names all)\n", flag.movers.len().saturating_sub(NAMED)));
    }
    text
}
