//! Through every operation of a rule, dead branches too, with what is known at each: whether it is the body of a list operator, and which attributes are
//! there for certain because a condition on the way asked for them. Owns no finding but those about what is no operation.

use std::slice::from_ref;

use super::{Facts, hashed, names, nulls, operators, reach, weights};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::operation;

/// One operation where it stands.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    pub(super) name: &'a str,
    pub(super) operand: &'a Json,
    /// Of what stands under the operator's name.
    pub(super) path: &'a Path<'a>,
    pub(super) facts: &'a Facts<'a>,
    known: &'a Known<'a>,
}

impl<'a> Operation<'a> {
    /// Its operands; one without brackets is a list of one.
    pub(super) fn operands(&self) -> &'a [Json] {
        match self.operand {
            Json::Array(items) => items,
            _ => from_ref(self.operand),
        }
    }

    /// The place of an operand.
    pub(super) fn at(&self, index: usize) -> Path<'a> {
        match self.operand {
            Json::Array(_) => self.path.index(index),
            _ => *self.path,
        }
    }

    /// The attribute that an operand is, if it may be missing.
    pub(super) fn missing(&self, operand: &'a Json) -> Option<&'a str> {
        let name = attribute(operand)?;
        let sure = self.known.body || self.known.has(name) || self.facts.present.contains(name);
        (!sure).then_some(name)
    }
}

/// What is known on the way to an operation.
struct Known<'a> {
    outer: Option<&'a Self>,
    /// Attributes that are there.
    names: Vec<&'a str>,
    /// In the body of a list operator `var` means the item.
    body: bool,
}

impl<'a> Known<'a> {
    fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || self.outer.is_some_and(|outer| outer.has(name))
    }

    fn with(&'a self, names: Vec<&'a str>) -> Self {
        Known { outer: Some(self), names, body: self.body }
    }
}

/// All of a rule.
pub(super) fn rule(json: &Json, path: &Path<'_>, facts: &Facts<'_>, findings: &mut Findings) {
    value(json, path, &Walk { facts, known: &Known { outer: None, names: Vec::new(), body: false } }, findings);
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    facts: &'a Facts<'a>,
    known: &'a Known<'a>,
}

fn value(json: &Json, path: &Path<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| value(item, &path.index(i), walk, findings));
        }
        Json::Object(fields) => match operation(json) {
            Some((name, operand)) => operated(name, operand, path, walk, findings),
            None if fields.is_empty() => {}
            None => {
                let found = format_args!("an object of several keys, which is no operation");
                findings.add(Code::SeveralKeys, path, found, "one operator: {OPERATOR: [OPERAND, ...]}");
            }
        },
    }
}

fn operated(name: &str, operand: &Json, path: &Path<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    let path = path.key(name);
    let operation = Operation { name, operand, path: &path, facts: walk.facts, known: walk.known };
    operators::check(&operation, findings);
    names::check(&operation, findings);
    weights::check(&operation, findings);
    reach::check(&operation, findings);
    nulls::check(&operation, findings);
    hashed::check(&operation, findings);
    match name {
        "$ref" => {}
        "and" => and(&operation, walk, findings),
        "if" | "?:" => branches(&operation, walk, findings),
        "map" | "filter" | "reduce" | "all" | "none" | "some" => over(&operation, walk, findings),
        _ => {
            for (i, json) in operation.operands().iter().enumerate() {
                value(json, &operation.at(i), walk, findings);
            }
        }
    }
}

/// What one operand asks for is there at the next.
fn and(operation: &Operation<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    let mut names = Vec::new();
    for (i, json) in operation.operands().iter().enumerate() {
        let known = walk.known.with(names.clone());
        value(json, &operation.at(i), &Walk { known: &known, ..*walk }, findings);
        asked(json, true, &mut names);
    }
}

/// What a condition asks for is there in its branch; what its negation asks for, in all after it.
fn branches(operation: &Operation<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    let mut after = Vec::new();
    for (i, pair) in operation.operands().chunks(2).enumerate() {
        let first = i.saturating_mul(2);
        let known = walk.known.with(after.clone());
        let walk = Walk { known: &known, ..*walk };
        let [condition, then] = pair else {
            pair.iter().for_each(|json| value(json, &operation.at(first), &walk, findings));
            return;
        };
        value(condition, &operation.at(first), &walk, findings);
        let mut names = Vec::new();
        asked(condition, true, &mut names);
        let within = known.with(names);
        value(then, &operation.at(first.saturating_add(1)), &Walk { known: &within, ..walk }, findings);
        asked(condition, false, &mut after);
    }
}

fn over(operation: &Operation<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    let body = Known { outer: Some(walk.known), names: Vec::new(), body: true };
    for (i, json) in operation.operands().iter().enumerate() {
        let walk = if i == 1 { Walk { known: &body, ..*walk } } else { *walk };
        value(json, &operation.at(i), &walk, findings);
    }
}

/// The attributes that must be there for the condition to come out so.
fn asked<'a>(condition: &'a Json, comes_out: bool, names: &mut Vec<&'a str>) {
    let Some((name, operand)) = operation(condition) else { return };
    let operands = match operand {
        Json::Array(items) => items.as_slice(),
        _ => from_ref(operand),
    };
    let against_null = operands.contains(&Json::Null);
    match (name, comes_out) {
        ("var", true) => names.extend(attribute(condition)),
        ("!!", _) => operands.iter().take(1).for_each(|json| asked(json, comes_out, names)),
        ("!", _) => operands.iter().take(1).for_each(|json| asked(json, !comes_out, names)),
        ("and", true) | ("or", false) => operands.iter().for_each(|json| asked(json, comes_out, names)),
        ("!=" | "!==", true) | ("==" | "===", false) if against_null => {
            names.extend(operands.iter().filter_map(attribute));
        }
        ("==" | "===" | "in" | "starts_with" | "ends_with" | "sem_ver", true) if !against_null => {
            names.extend(operands.iter().filter_map(attribute));
        }
        ("missing", false) => names.extend(operands.iter().filter_map(Json::as_str)),
        _ => {}
    }
}

/// The attribute that a `var` without a default reads; not what Weir itself gives.
fn attribute(json: &Json) -> Option<&str> {
    let ("var", operand) = operation(json)? else { return None };
    let name = match operand {
        Json::String(name) => name,
        Json::Array(items) => match items.as_slice() {
            [Json::String(name)] | [Json::String(name), Json::Null] => name,
            _ => return None,
        },
        _ => return None,
    };
    (!name.is_empty() && !name.starts_with("$flagd.")).then_some(name.as_str())
}
