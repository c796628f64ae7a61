//! Which share of users changes variant between two documents: exactly, by intersecting ranges of the hash space, never by sampling.
//!
//! A flag is a tree of conditions and splits (`tree`; `grown` makes it from a document, `buckets` its splits). Splits that hash the same bytes on both sides
//! are intersected; splits that hash different bytes are independent, so shares multiply (`space`). What depends on conditions is said condition by condition;
//! what is computed beyond that, and what is too much to take apart (`budget`), is said to be so.

mod buckets;
mod budget;
mod grown;
mod space;
mod tree;

use std::collections::BTreeMap;

use crate::document::{Document, Flag};
use crate::explain::{evaluators, targetings};
use crate::json::Json;
use crate::snapshot::State;
use budget::Budget;
use grown::Builder;
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
/// Why nothing is told when the budget is spent.
const TOO_MUCH: &str = "the rule is too much to take apart: give a list of users";

/// Two documents, to ask flag by flag who moves.
#[derive(Debug)]
pub struct Comparison<'a> {
    old: Half<'a>,
    new: Half<'a>,
    budget: Budget,
}

/// A side, and what is looked up in it for every flag.
#[derive(Debug)]
struct Half<'a> {
    side: Side<'a>,
    flags: BTreeMap<&'a str, &'a Flag>,
    rules: BTreeMap<&'a str, Option<&'a Json>>,
    evaluators: Vec<(&'a str, &'a Json)>,
}

impl<'a> Half<'a> {
    fn new(side: Side<'a>) -> Self {
        let flags = side.document.flags.iter().map(|flag| (flag.key.as_str(), flag)).collect();
        Self { side, flags, rules: targetings(side.text), evaluators: evaluators(side.text) }
    }

    /// What makes the tree of this flag, and its rule.
    fn builder<'b>(&'b self, key: &str, budget: &'b Budget) -> Option<(Builder<'b>, Option<&'b Json>)> {
        let Side { text: _, document, state } = self.side;
        let flag = self.flags.get(key)?;
        let mut of_flag = state.flags.get(key).copied().unwrap_or_default();
        of_flag.kill |= state.kill;
        let hashing = document.hashing;
        Some((Builder { flag, state: of_flag, hashing, evaluators: &self.evaluators, budget }, *self.rules.get(key)?))
    }
}

impl<'a> Comparison<'a> {
    /// From the old document to the new one.
    #[must_use]
    pub fn new(old: Side<'a>, new: Side<'a>) -> Self {
        Self { old: Half::new(old), new: Half::new(new), budget: Budget::new() }
    }

    /// How the users of a flag that both sides have move; empty if nobody does, in any case. What is too much to take apart, for one flag or for all
    /// that were asked for, can't be told, and is said to be so.
    #[must_use]
    pub fn moves(&self, flag: &str) -> Vec<Case> {
        let budget = &self.budget;
        let both = self.old.builder(flag, budget).zip(self.new.builder(flag, budget));
        let Some(((old, old_rule), (new, new_rule))) = both else { return Vec::new() };
        if old_rule == new_rule && old.gives_as(&new) {
            return Vec::new();
        }
        budget.next_flag();
        let (old, new) = (old.flag(old_rule), new.flag(new_rule));
        if budget.is_spent() {
            return vec![untold(TOO_MUCH.to_owned())];
        }
        if old == new {
            return Vec::new();
        }
        let cases = cases(&old, &new, budget);
        if cases.iter().all(|case| case.flows.is_empty() && case.unknown.is_none()) {
            return Vec::new();
        }
        merged(cases)
    }
}

/// All users, of whom nothing can be told.
const fn untold(why: String) -> Case {
    Case { conditions: Vec::new(), keyless: false, flows: Vec::new(), independent: false, unknown: Some(why) }
}

/// Every combination of conditions that matters, old side first. A step is a node that is looked at.
fn cases(old: &Tree, new: &Tree, budget: &Budget) -> Vec<Case> {
    let size = old.size().saturating_add(new.size());
    let mut cases = Vec::new();
    let mut open: Vec<Vec<(Condition, bool)>> = vec![Vec::new()];
    while let Some(known) = open.pop() {
        if cases.len().saturating_add(open.len()) >= MOST {
            return vec![untold(format!(
                "there are more than {MOST} combinations of conditions: give a list of users"
            ))];
        }
        if budget.spend(size).is_err() {
            return vec![untold(TOO_MUCH.to_owned())];
        }
        let settled = old.settled(&known).and_then(|old| new.settled(&known).map(|new| (old, new)));
        match settled {
            Ok((old, new)) => cases.push(case(known, &old, &new, budget)),
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

fn case(known: Vec<(Condition, bool)>, old: &Tree, new: &Tree, budget: &Budget) -> Case {
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
    match space::spread(old, new, budget) {
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
