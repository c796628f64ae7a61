//! Which share of users changes variant between two documents: exactly, by intersecting ranges of the hash space, never by sampling.
//!
//! A flag is a tree of conditions and splits (`tree`; `grown` makes it from a document, `buckets` its splits). Splits that hash the same bytes on both sides are intersected; splits that hash different bytes are
//! independent, so shares multiply (`space`). What depends on conditions is said condition by condition; what is computed beyond that is said to be so.

mod buckets;
mod grown;
mod space;
mod tree;

use crate::document::Document;
use crate::json::Json;
use crate::snapshot::State;
pub use space::{Share, WHOLE_BITS};
use tree::{Condition, Tree};

/// A document on one side of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// As text.
    pub text: &'a Json,
    /// The same, checked.
    pub document: &'a Document,
    /// What a proxy has for it.
    pub state: &'a State,
}

/// What a user has of a flag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The variant of this name.
    Variant(String),
    /// The code's own default: the flag is DISABLED, or has no defaultVariant.
    CodeDefault,
    /// The rule can't be evaluated, or names no variant.
    Error,
    /// What a rule computes: the rule in a line.
    Computed(String),
}

/// How the users of one case move.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Which users: all for whom these conditions hold (or, with false, do not hold).
    pub conditions: Vec<(String, bool)>,
    /// Users without a targetingKey.
    pub keyless: bool,
    /// Who moves; whom it does not name stays. Shares are of the users of this case.
    pub flows: Vec<Flow>,
    /// Splits that hash different bytes meet in this case: they count as independent, and shares are products.
    pub independent: bool,
    /// Why the shares of this case can't be told.
    pub unknown: Option<String>,
}

/// Users that change variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// What they had.
    pub from: Outcome,
    /// What they get.
    pub to: Outcome,
    /// How many of the case's users.
    pub share: Share,
}

/// So many cases of conditions are told apart.
const MOST: usize = 256;

/// How the users of a flag that both sides have move; empty if nobody does, in any case.
#[must_use]
pub fn moves(old: &Side<'_>, new: &Side<'_>, flag: &str) -> Vec<Case> {
    let (Some(old), Some(new)) = (grown::of(old, flag), grown::of(new, flag)) else { return Vec::new() };
    if old == new {
        return Vec::new();
    }
    let cases = cases(&old, &new);
    if cases.iter().all(|case| case.flows.is_empty() && case.unknown.is_none()) {
        return Vec::new();
    }
    merged(cases)
}

/// Every combination of conditions that matters, old side first.
fn cases(old: &Tree, new: &Tree) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut open: Vec<Vec<(Condition, bool)>> = vec![Vec::new()];
    while let Some(known) = open.pop() {
        if cases.len().saturating_add(open.len()) >= MOST {
            let why = format!("there are more than {MOST} combinations of conditions: give a list of users");
            return vec![Case {
                conditions: Vec::new(),
                keyless: false,
                flows: Vec::new(),
                independent: false,
                unknown: Some(why),
            }];
        }
        let settled = old.settled(&known).and_then(|old| new.settled(&known).map(|new| (old, new)));
        match settled {
            Ok((old, new)) => cases.push(case(known, &old, &new)),
            Err(condition) => {
                // The stack takes the later one first: holds before does not hold.
                open.push(with(&known, &condition, false));
                open.push(with(&known, &condition, true));
            }
        }
    }
    cases
}

fn with(known: &[(Condition, bool)], condition: &Condition, holds: bool) -> Vec<(Condition, bool)> {
    known.iter().cloned().chain([(condition.clone(), holds)]).collect()
}

fn case(known: Vec<(Condition, bool)>, old: &Tree, new: &Tree) -> Case {
    let keyless = known.iter().any(|(condition, holds)| condition.is_key() && !holds);
    let splits = known.iter().find(|(condition, _)| condition.splits);
    let conditions: Vec<_> =
        known.iter().filter(|(condition, _)| !condition.is_key()).map(|(c, holds)| (c.words.clone(), *holds)).collect();
    let mut case = Case { conditions, keyless, flows: Vec::new(), independent: false, unknown: None };
    if old == new {
        return case;
    }
    if let Some((condition, _)) = splits {
        case.unknown = Some(format!("the condition {} splits users itself", condition.words));
        return case;
    }
    case.independent = space::sources(old, new) > 1;
    match space::spread(old, new) {
        Ok(flows) => {
            let computed = flows.iter().flat_map(|flow| [&flow.from, &flow.to]).find_map(|outcome| match outcome {
                Outcome::Computed(rule) => Some(rule.clone()),
                _ => None,
            });
            case.unknown = computed.map(|rule| format!("the variant is computed: {rule}"));
            case.flows = if case.unknown.is_some() { Vec::new() } else { flows };
        }
        Err(why) => case.unknown = Some(why.to_owned()),
    }
    case
}

/// One case for all, if all users move in the same way.
fn merged(cases: Vec<Case>) -> Vec<Case> {
    let same = |keyless: bool| {
        let mut of = cases.iter().filter(|case| case.keyless == keyless);
        let first = of.next()?;
        of.all(|case| case.flows == first.flows && case.unknown == first.unknown)
            .then(|| Case { conditions: Vec::new(), ..first.clone() })
    };
    let mut all: Vec<Case> = Vec::new();
    for keyless in [false, true] {
        match same(keyless) {
            Some(case) => all.push(case),
            None => all.extend(cases.iter().filter(|case| case.keyless == keyless).cloned()),
        }
    }
    all
}
