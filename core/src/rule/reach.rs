//! [`Reached`]: what a rule names, itself or through the evaluators that it refers to. Owns the walk; evaluates nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{From, Node};

/// The attributes and the evaluators that a rule comes to, each once however many ways lead to it. Two rules that are equal, and reach what is
/// equal, say the same, also in two documents.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reached<'r> {
    /// By name. Those that are computed by name when a rule is evaluated are not known here.
    pub(crate) attributes: BTreeSet<&'r str>,
    /// By name, and whether from within a list operator's body.
    evaluators: BTreeMap<(&'r str, bool), &'r Node>,
}

impl<'r> Reached<'r> {
    pub(super) fn from(rule: &'r Node) -> Self {
        let (mut reached, mut open) = (Self::default(), vec![rule]);
        while let Some(node) = open.pop() {
            match node {
                Node::Attribute(attribute) => {
                    reached.attributes.insert(&attribute.name);
                }
                Node::Var(var) => {
                    if let From::Context(attribute) = &var.from {
                        reached.attributes.insert(&attribute.name);
                    }
                }
                Node::Shared(evaluator) => {
                    let key = (&*evaluator.name, evaluator.body);
                    if reached.evaluators.insert(key, &evaluator.node).is_none() {
                        open.push(&evaluator.node);
                    }
                }
                _ => {}
            }
            open.extend(node.children());
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use crate::json::Json;
    use crate::rule::Compiler;

    #[test]
    fn attributes_are_reached_wherever_they_stand() {
        let evaluators = Json::read(
            r#"{"one": {"==": [{"var": "a"}, {"$ref": "two"}]}, "two": {"!": {"var": "b.c"}}, "other": {"var": "z"}}"#,
        );
        let Json::Object(evaluators) = evaluators.unwrap() else { panic!("an object") };
        for (rule, expected) in [
            (r#"true"#, vec![]),
            (r#"{"var": "a"}"#, vec!["a"]),
            (r#"{"var": ["a.b", {"var": "c"}]}"#, vec!["a", "c"]),
            (r#"{"var": {"cat": ["x", {"var": "a"}]}}"#, vec!["a"]),
            (r#"{"in": [{"var": "a"}, ["x", "y"]]}"#, vec!["a"]),
            (r#"{"sem_ver": [{"var": "a"}, ">=", "1.0.0"]}"#, vec!["a"]),
            (r#"{"fractional": [{"cat": ["x", {"var": "targetingKey"}]}, ["y", 1], ["", 1]]}"#, vec!["targetingKey"]),
            (r#"{"some": [{"var": "a"}, {"==": [{"var": "item"}, 1]}]}"#, vec!["a"]),
            (r#"{"var": "$flagd.timestamp"}"#, vec![]),
            (r#"{"or": [{"$ref": "one"}, {"$ref": "one"}, {"var": "d"}]}"#, vec!["a", "b", "d"]),
        ] {
            let json = Json::read(rule).unwrap();
            let mut compiler = Compiler::new(evaluators.iter().map(|(name, json)| (name.as_str(), json)));
            let compiled = compiler.rule(&json).unwrap();
            assert_eq!(compiled.reached().attributes.into_iter().collect::<Vec<_>>(), expected, "{rule}");
        }
    }

    #[test]
    fn the_same_rule_in_another_document_reaches_the_same_and_another_evaluator_is_another() {
        let rule = Json::read(r#"{"and": [{"var": "b"}, {"$ref": "one"}]}"#).unwrap();
        let before = Json::read(r#"[{"var": "a"}, {"var": "b"}]"#).unwrap();
        let [one, other] =
            [r#"{"==": [{"var": "a"}, 1]}"#, r#"{"==": [{"var": "a"}, 2]}"#].map(|text| Json::read(text).unwrap());
        let of = |one, first: Option<&Json>| {
            let mut compiler = Compiler::new(std::iter::once(("one", one)));
            if let Some(first) = first {
                compiler.rule(first).unwrap();
            }
            compiler.rule(&rule).unwrap()
        };
        let (alone, numbered, changed) = (of(&one, None), of(&one, Some(&before)), of(&other, None));
        assert_eq!((&alone, alone.reached()), (&numbered, numbered.reached()));
        assert_eq!(alone, changed, "they name the same");
        assert_ne!(alone.reached(), changed.reached());
    }
}
