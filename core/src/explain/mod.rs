//! Why a flag is what it is for somebody: its rule as a tree with the value at each node, and each split with the bytes hashed, the hash, the bucket and its
//! range. Walks the rule as it is written and has every part evaluated by itself, so it rests on no compiled form; a property test holds its root
//! against the evaluator.
//!
//! - `walk`: the tree; [`fate`]: one user in one split

pub mod fate;
mod walk;

use std::collections::BTreeMap;

use crate::document::{Document, Flag};
use crate::json::Json;
use crate::rule::operation;
use crate::rule::{Context as _, Question, Value};
use crate::served::targeting_key;
use crate::snapshot::State;
use fate::{Fate, User};

/// Why.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What settles the matter before the rule, or beside it, in sentences.
    pub notes: Vec<String>,
    /// The targeting, if it was asked.
    pub rule: Option<Step>,
    /// The rollout's split, if it was asked.
    pub split: Option<Fate>,
}

/// One node of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is to the node above: `condition`, `then`, `item 3`; empty for the root.
    pub role: String,
    /// The node in a line, without what stands below it where that is shown.
    pub rule: String,
    /// What it gives.
    pub outcome: Outcome,
    /// Of a `fractional`.
    pub fate: Option<Fate>,
    /// The nodes below, in the order in which they are asked.
    pub steps: Vec<Self>,
}

/// What a node gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// This value.
    Value(Json),
    /// It can't be evaluated.
    Error(String),
    /// It was not asked.
    NotReached,
}

/// A question to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// The document as text.
    pub text: &'a Json,
    /// The same, checked.
    pub document: &'a Document,
    /// What a proxy has for it, if it is asked as a proxy would be.
    pub state: Option<&'a State>,
}

impl Explained<'_> {
    /// Why the flag is what it is in this context at this time; `None` if there is no such flag.
    #[must_use]
    pub fn explain(&self, flag: &str, context: &Json, now_ms: u64) -> Option<Explanation> {
        let flag = self.document.flags.iter().find(|other| other.key == flag)?;
        let mut explanation = Explanation { notes: Vec::new(), rule: None, split: None };
        if let Some(note) = self.settled(flag) {
            explanation.notes.push(note);
            return Some(explanation);
        }
        let question = Question::new(&flag.key, context)
            .at(now_ms)
            .hashing(self.document.hashing)
            .within(self.document.limits.work());
        let user = User { flag: &flag.key, targeting_key: text_of(context), hashing: self.document.hashing };
        let evaluators = evaluators(self.text);
        explanation.rule =
            targeting(self.text, &flag.key).map(|json| walk::Walk::new(&evaluators, question, user).walk(json));
        if explanation.rule.is_none() {
            explanation.notes.push("there is no targeting".to_owned());
        }
        let answered = explanation.rule.as_ref().is_some_and(|step| step.outcome != Outcome::Value(Json::Null));
        if let (Some(state), false) = (self.state, answered) {
            let key = targeting_key(context);
            let user = User { targeting_key: key.as_deref(), ..user };
            let weight = state.flags.get(&flag.key).map_or_else(Default::default, |state| state.weight);
            explanation.split = Fate::rollout(flag, weight, &user);
        }
        explanation.notes.extend(self.masked(flag));
        if self.state.is_none() && flag.rollout.is_some() {
            explanation
                .notes
                .push("the flag has a rollout, whose split is asked only in a state of the rollouts".to_owned());
        }
        Some(explanation)
    }

    /// What settles the matter before the rule is asked.
    fn settled(&self, flag: &Flag) -> Option<String> {
        if !flag.enabled {
            return Some("its state is DISABLED: the code's own default, and nothing else is asked".to_owned());
        }
        let state = self.state?;
        let whose = match state.flags.get(&flag.key) {
            _ if state.kill => "every flag is killed",
            Some(state) if state.kill => "the flag is killed",
            _ => return None,
        };
        let what = if flag.rollout.is_some() { "control" } else { "the defaultVariant" };
        Some(format!("{whose}: {what} for everybody, and nothing else is asked"))
    }

    fn masked(&self, flag: &Flag) -> Option<String> {
        let rollout = flag.rollout.as_ref()?;
        let masked = self.state?.flags.get(&flag.key).is_some_and(|state| state.mask);
        masked.then(|| format!("rolled back: whoever would get {} gets {}", rollout.candidate, rollout.control))
    }
}

fn text_of(context: &Json) -> Option<&str> {
    match context.find(crate::rule::TARGETING_KEY) {
        Some(Value::Text(crate::rule::value::Text::Borrowed(key))) if !key.is_empty() => Some(key),
        _ => None,
    }
}

/// The evaluators of a document, by name; of a name that stands twice the last.
pub(crate) fn evaluators(document: &Json) -> Vec<(&str, &Json)> {
    match document.field("$evaluators") {
        Some(Json::Object(fields)) => fields.iter().map(|(name, json)| (name.as_str(), json)).collect(),
        _ => Vec::new(),
    }
}

/// A flag's rule as written; none if it is absent, null or `{}`.
pub(crate) fn targeting<'a>(document: &'a Json, key: &str) -> Option<&'a Json> {
    let flag = match document.field("flags")? {
        Json::Array(flags) => flags.iter().rev().find(|flag| flag.field("key").and_then(Json::as_str) == Some(key))?,
        flags => flags.field(key)?,
    };
    rule_of(flag)
}

/// [`targeting`] of every flag, for whoever asks for many.
pub(crate) fn targetings(document: &Json) -> BTreeMap<&str, Option<&Json>> {
    match document.field("flags") {
        Some(Json::Array(flags)) => {
            flags.iter().filter_map(|flag| Some((flag.field("key")?.as_str()?, rule_of(flag)))).collect()
        }
        Some(Json::Object(flags)) => flags.iter().map(|(key, flag)| (key.as_str(), rule_of(flag))).collect(),
        _ => BTreeMap::new(),
    }
}

fn rule_of(flag: &Json) -> Option<&Json> {
    match flag.field("targeting")? {
        Json::Null => None,
        Json::Object(rule) if rule.is_empty() => None,
        json => Some(json),
    }
}

/// What a `$ref` leads to in the end; anything else is itself. Documents that passed the check have no circles.
pub(crate) fn referred<'a>(json: &'a Json, evaluators: &[(&str, &'a Json)]) -> &'a Json {
    let mut json = json;
    for _ in 0..=evaluators.len() {
        let Some(("$ref", Json::String(name))) = operation(json) else { break };
        let Some((_, evaluator)) = evaluators.iter().rev().find(|(other, _)| other == name) else { break };
        json = evaluator;
    }
    json
}
