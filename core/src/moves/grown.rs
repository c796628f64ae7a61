//! From a document to a [`Tree`]: a flag's state, its rule and its rollout. Owns what is taken apart and what counts as computed; how `fractional` splits
//! is `buckets`'s.

use super::buckets::{SPACE, boundary};
use super::tree::{Condition, Hashed, KEY, Node, Piece, Source, Tree, split};
use super::{Outcome, Side};
use crate::document::{Flag, Hashing};
use crate::explain::{evaluators, referred, targeting};
use crate::json::Json;
use crate::rule::operation;
use crate::rule::{TARGETING_KEY, Value};
use crate::share::WHOLE;
use crate::snapshot::FlagState;
use crate::words::{self, arguments};

/// An `if` of more operands than that is not taken apart.
const LONGEST: usize = 1_000;

/// What a rule gives, before it is a variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    Result(Json),
    Computed(Json),
}

/// A flag of one side; `None` if it has none of that key.
pub(super) fn of(side: &Side<'_>, key: &str) -> Option<Tree> {
    let flag = side.document.flags.iter().find(|flag| flag.key == key)?;
    let mut state = side.state.flags.get(key).copied().unwrap_or_default();
    state.kill |= side.state.kill;
    let builder = Builder { flag, state, hashing: side.document.hashing, evaluators: evaluators(side.text) };
    Some(builder.flag(targeting(side.text, key)))
}

pub(super) struct Builder<'b> {
    pub(super) flag: &'b Flag,
    state: FlagState,
    pub(super) hashing: Hashing,
    evaluators: Vec<(&'b str, &'b Json)>,
}

impl Builder<'_> {
    fn flag(&self, rule: Option<&Json>) -> Tree {
        if !self.flag.enabled {
            return Node::End(Outcome::CodeDefault);
        }
        if self.state.kill {
            return Node::End(self.fallback());
        }
        let Some(rule) = rule else { return self.rest() };
        self.rule(rule).then(&mut |given| match given {
            Given::Result(Json::Null) => self.rest(),
            Given::Result(json) => Node::End(self.served(&json)),
            Given::Computed(rule) => self.computed(&rule),
        })
    }

    /// Control, or the defaultVariant where there is no rollout.
    fn fallback(&self) -> Outcome {
        let control = self.flag.rollout.as_ref().map(|rollout| rollout.control.as_str());
        control
            .or_else(|| self.flag.default_name())
            .map_or(Outcome::CodeDefault, |name| Outcome::Variant(name.to_owned()))
    }

    /// Whom targeting does not answer.
    fn rest(&self) -> Tree {
        let weight = self.state.weight.ppm();
        let Some(rollout) = self.flag.rollout.as_ref().filter(|_| weight > 0 && !self.state.mask) else {
            return Node::End(self.fallback());
        };
        let pieces = vec![Piece::Constant(format!("{}/", rollout.salt)), Piece::Rule(KEY.to_owned())];
        let end = |name: &String| Node::End(Outcome::Variant(name.clone()));
        let buckets = vec![(boundary(weight, WHOLE), end(&rollout.candidate)), (SPACE, end(&rollout.control))];
        let split = split(self.source(Hashed::Text(pieces)), buckets);
        Node::choice(key_there(), split, Node::End(self.fallback()))
    }

    /// The variant of this name, as it is served.
    fn served(&self, json: &Json) -> Outcome {
        let name = match json {
            Json::Array(_) | Json::Object(_) | Json::Null => return self.error(),
            scalar => Value::from(scalar).text(),
        };
        let candidate =
            self.flag.rollout.as_ref().filter(|_| self.state.mask).map(|rollout| rollout.candidate.as_str());
        match self.flag.variant(&name) {
            None => self.error(),
            Some(_) if candidate == Some(&*name) => self.fallback(),
            Some(variant) => Outcome::Variant(variant.name.clone()),
        }
    }

    fn error(&self) -> Outcome {
        if self.flag.rollout.is_some() { self.fallback() } else { Outcome::Error }
    }

    /// Null is the rest; everything else is whatever it is, the same on both sides if the flag takes it alike.
    fn computed(&self, rule: &Json) -> Tree {
        let names: Vec<&str> = self.flag.variants.iter().map(|variant| variant.name.as_str()).collect();
        let masked = if self.state.mask { " with the candidate masked" } else { "" };
        let end = Outcome::Computed(format!("{}, of {}{masked}", words::rule(rule), names.join(", ")));
        let null = Condition {
            canon: format!("{} is null", self.expanded(rule).compact()),
            words: format!("{} is null", words::rule(rule)),
            splits: has_fractional(&self.expanded(rule)),
        };
        Node::choice(null, self.rest(), Node::End(end))
    }

    pub(super) fn rule(&self, json: &Json) -> Node<Given> {
        let json = referred(json, &self.evaluators);
        let Some((name, operand)) = operation(json) else { return Node::End(Given::Result(json.clone())) };
        let arguments = arguments(referred(operand, &self.evaluators));
        match name {
            "if" | "?:" if arguments.len() > LONGEST => computed(json),
            "if" | "?:" => self.branches(arguments),
            "and" | "or" => self.until(json, arguments, name == "or"),
            "fractional" => self.fractional(arguments).unwrap_or_else(|| computed(json)),
            "==" | "===" | "!=" | "!==" | "<" | "<=" | ">" | ">=" | "in" | "!" | "!!" | "some" | "all" | "none" => {
                self.truth(json).then(&mut |truth| Node::End(Given::Result(Json::Bool(truth))))
            }
            _ => computed(json),
        }
    }

    fn branches(&self, branches: &[Json]) -> Node<Given> {
        match branches {
            [] => Node::End(Given::Result(Json::Null)),
            [otherwise] => self.rule(otherwise),
            [condition, then, rest @ ..] => self.truth(condition).then(&mut |holds| {
                if holds { self.rule(then) } else { self.branches(rest) }
            }),
        }
    }

    /// `or` gives the first that is true, else the last; `and` the other way round.
    fn until(&self, whole: &Json, arguments: &[Json], truth: bool) -> Node<Given> {
        let [first, rest @ ..] = arguments else { return Node::End(Given::Result(Json::Null)) };
        let tree = self.rule(first);
        if rest.is_empty() {
            return tree;
        }
        if tree.any(&|given| matches!(given, Given::Computed(_))) {
            return computed(whole);
        }
        tree.then(&mut |given| match &given {
            Given::Result(json) if Value::from(json).truthy() != truth => self.until(whole, rest, truth),
            _ => Node::End(given),
        })
    }

    /// Whether a rule is true. One that hashes users is taken apart, any other is a condition as it stands.
    fn truth(&self, json: &Json) -> Node<bool> {
        let json = referred(json, &self.evaluators);
        let Some((name, operand)) = operation(json) else { return Node::End(Value::from(json).truthy()) };
        let arguments = arguments(operand);
        if let ("!" | "!!", [one]) = (name, arguments) {
            return self.truth(one).then(&mut |truth| Node::End(truth == (name == "!!")));
        }
        let expanded = self.expanded(json);
        if !has_fractional(&expanded) {
            return self.condition(json, expanded);
        }
        let known = match (name, arguments) {
            ("===" | "!==", [one, other]) => {
                self.against(one, other).or_else(|| self.against(other, one)).map(|tree| (tree, name == "==="))
            }
            ("in", [one, Json::Array(list)]) if list.iter().all(|item| operation(item).is_none()) => {
                let tree = self.rule(one);
                let whole = !tree.any(&|given| matches!(given, Given::Computed(_)));
                whole.then(|| (tree.then(&mut |given| Node::End(list.iter().any(|item| is(&given, item)))), true))
            }
            ("if" | "?:" | "and" | "or" | "fractional", _) => {
                let tree = self.rule(json);
                let whole = !tree.any(&|given| matches!(given, Given::Computed(_)));
                whole.then(|| (tree.then(&mut |given| Node::End(is_true(&given))), true))
            }
            _ => None,
        };
        match known {
            Some((tree, true)) => tree,
            Some((tree, false)) => tree.then(&mut |truth| Node::End(!truth)),
            None => self.condition(json, expanded),
        }
    }

    /// Strict equality with a constant, if all that the rule gives is known.
    fn against(&self, rule: &Json, constant: &Json) -> Option<Node<bool>> {
        let tree = self.rule(rule);
        let known = operation(constant).is_none() && !tree.any(&|given| matches!(given, Given::Computed(_)));
        known.then(|| tree.then(&mut |given| Node::End(is(&given, constant))))
    }

    fn condition(&self, json: &Json, expanded: Json) -> Node<bool> {
        let canon = expanded.compact();
        let condition = if canon == KEY {
            key_there()
        } else {
            Condition { canon, words: words::rule(json), splits: has_fractional(&expanded) }
        };
        Node::choice(condition, Node::End(true), Node::End(false))
    }

    pub(super) const fn source(&self, hashed: Hashed) -> Source {
        let dialect = match self.hashing {
            Hashing::FlagdV3 => "v3",
            Hashing::FlagdV2 => "v2",
        };
        Source { dialect, hashed }
    }

    /// Evaluators written out, and `var` of one name in one way.
    pub(super) fn expanded(&self, json: &Json) -> Json {
        match referred(json, &self.evaluators) {
            Json::Array(items) => Json::Array(items.iter().map(|item| self.expanded(item)).collect()),
            other => match operation(other) {
                Some(("var", Json::Array(path))) if path.len() == 1 => {
                    let path = path.iter().map(|item| self.expanded(item)).next().unwrap_or(Json::Null);
                    Json::Object(vec![("var".to_owned(), path)])
                }
                Some((name, operand)) => Json::Object(vec![(name.to_owned(), self.expanded(operand))]),
                None => other.clone(),
            },
        }
    }
}

pub(super) fn key_there() -> Condition {
    Condition { canon: KEY.to_owned(), words: format!("there is a {TARGETING_KEY}"), splits: false }
}

pub(super) fn computed(json: &Json) -> Node<Given> {
    Node::End(Given::Computed(json.clone()))
}

fn is_true(given: &Given) -> bool {
    matches!(given, Given::Result(json) if Value::from(json).truthy())
}

fn is(given: &Given, constant: &Json) -> bool {
    matches!(given, Given::Result(json) if Value::from(json).strictly_equals(&Value::from(constant)))
}

pub(super) fn has_fractional(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(has_fractional),
        Json::Object(fields) => fields.iter().any(|(key, json)| key == "fractional" || has_fractional(json)),
        _ => false,
    }
}
