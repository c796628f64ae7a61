//! Variants that a rule names and the flag does not have. Looks at literals in the places whose value is the rule's own: whoever comes there gets an error.

use std::slice::from_ref;

use super::super::entries::{Listed, entries};
use super::super::fields::nearest;
use super::Facts;
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::Value;
use crate::rule::operation;

/// Looks at so many places at most, for evaluators are looked at once for each flag that refers to them.
const MOST: usize = 2_000_000;

pub(super) struct Results<'a> {
    facts: &'a Facts<'a>,
    left: usize,
}

/// One flag's rule.
struct Of<'a> {
    flag: &'a str,
    variants: Vec<&'a str>,
    /// Evaluators that have been looked at.
    followed: Vec<&'a str>,
}

impl<'a> Results<'a> {
    pub(super) const fn new(facts: &'a Facts<'a>) -> Self {
        Self { facts, left: MOST }
    }

    pub(super) fn flag(&mut self, flag: &Listed<'a>, path: &Path<'_>, findings: &mut Findings) {
        let (Some(rule), Some(Json::Object(_))) = (flag.json.field("targeting"), flag.json.field("variants")) else {
            return;
        };
        let variants = entries(flag.json.field("variants")).into_iter().map(|(name, _)| name).collect();
        self.result(rule, path, &mut Of { flag: flag.key, variants, followed: Vec::new() }, findings);
    }

    fn result(&mut self, json: &'a Json, path: &Path<'_>, of: &mut Of<'a>, findings: &mut Findings) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        match json {
            // The defaultVariant's turn.
            Json::Null => {}
            Json::Bool(_) | Json::Number(_) | Json::String(_) => literal(json, path, of, findings),
            Json::Array(_) => findings.add(Code::Result, path, json, "the name of a variant"),
            Json::Object(_) => {
                if let Some((name, operand)) = operation(json) {
                    self.operated(name, operand, &path.key(name), of, findings);
                }
            }
        }
    }

    fn operated(&mut self, name: &str, operand: &'a Json, path: &Path<'_>, of: &mut Of<'a>, findings: &mut Findings) {
        let (operands, listed) = match operand {
            Json::Array(items) => (items.as_slice(), true),
            _ => (from_ref(operand), false),
        };
        let at = |i: usize| if listed { path.index(i) } else { *path };
        let last = operands.len().saturating_sub(1);
        for (i, json) in operands.iter().enumerate() {
            let is_result = match name {
                "if" | "?:" => i % 2 == 1 || i == last,
                // What is false is passed on by `or`, but for the last.
                "or" => i == last || operation(json).is_some() || Value::from(json).truthy(),
                "and" => i == last,
                _ => false,
            };
            if is_result {
                self.result(json, &at(i), of, findings);
            } else if let ("fractional", Json::Array(bucket)) = (name, json)
                && let Some(variant) = bucket.first()
            {
                self.result(variant, &at(i).index(0), of, findings);
            }
        }
        match (name, operand) {
            ("$ref", Json::String(name)) => self.follow(name, of, findings),
            ("==" | "===" | "!=" | "!==" | "<" | "<=" | ">" | ">=" | "!" | "!!" | "in", _) => truth(path, of, findings),
            _ => {}
        }
    }

    fn follow(&mut self, name: &'a str, of: &mut Of<'a>, findings: &mut Findings) {
        let Some(rule) = self.facts.evaluators.get(name).copied() else { return };
        if !of.followed.contains(&name) {
            of.followed.push(name);
            self.result(rule, &Path::Root.key("$evaluators").key(name), of, findings);
        }
    }
}

fn literal(json: &Json, path: &Path<'_>, of: &Of<'_>, findings: &mut Findings) {
    let name = Value::from(json).text();
    if of.variants.contains(&&*name) {
        return;
    }
    let allowed = match nearest(&name, &of.variants) {
        Some(near) => format!("{near:?} (did you mean that?)"),
        None => super::super::flags::quoted(&of.variants.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()),
    };
    let found = format_args!("{json}, which is no variant of {:?}", of.flag);
    findings.add(Code::Result, path, found, format!("a variant of the flag: {allowed}"));
}

/// Comparisons give true or false, which are names like others.
fn truth(path: &Path<'_>, of: &Of<'_>, findings: &mut Findings) {
    if !of.variants.iter().any(|name| matches!(*name, "true" | "false")) {
        let found = format_args!("a result of true or false, which are no variants of {:?}", of.flag);
        findings.add(Code::Result, &path.name(), found, "{\"if\": [CONDITION, VARIANT]}");
    }
}
