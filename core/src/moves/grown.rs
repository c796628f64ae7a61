//! From a document to a [`Tree`]: a flag's state, its rule and its rollout. Owns what is taken apart and what counts as computed; how `fractional` splits
//! is `buckets`'s.

use super::Outcome;
use super::buckets::{SPACE, boundary};
use super::budget::Budget;
use super::tree::{Condition, Hashed, KEY, Node, Piece, Source, Tree, split};
use crate::document::{Flag, Hashing};
use crate::explain::referred;
use crate::json::Json;
use crate::rule::operation;
use crate::rule::{TARGETING_KEY, Value};
use crate::share::WHOLE;
use crate::snapshot::FlagState;
use crate::words::{self, arguments};

/// An `if` of more operands than that is not taken apart.
const LONGEST: usize = 1_000;

/// What a rule gives, before it is a variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Given<'b> {
    Result(&'b Json),
    Computed(&'b Json),
}

static NULL: Json = Json::Null;
static TRUE: Json = Json::Bool(true);
static FALSE: Json = Json::Bool(false);

/// Nothing: whom a rule gives it gets what is behind the rule.
pub(super) const fn null<'b>() -> Node<Given<'b>> {
    Node::End(Given::Result(&NULL))
}

/// Makes the tree of one flag of one side. Once the budget is spent it makes what is quick to make and wrong: whoever has a tree looks at the budget.
pub(super) struct Builder<'b> {
    pub(super) flag: &'b Flag,
    pub(super) state: FlagState,
    pub(super) hashing: Hashing,
    pub(super) evaluators: &'b [(&'b str, &'b Json)],
    pub(super) budget: &'b Budget,
}

impl<'b> Builder<'b> {
    /// The whole flag, which has this rule.
    pub(super) fn flag(&self, rule: Option<&'b Json>) -> Tree {
        if !self.flag.enabled {
            return Node::End(Outcome::CodeDefault);
        }
        if self.state.kill {
            return Node::End(self.fallback());
        }
        let Some(rule) = rule else { return self.rest() };
        self.rule(rule).then(&mut |given| match given {
            Given::Result(Json::Null) => self.rest(),
            Given::Result(json) => Node::End(self.served(json)),
            Given::Computed(rule) => self.computed(rule),
        })
    }

    /// The same rule gives every user the same as it does there: nothing beside it is different.
    pub(super) fn gives_as(&self, other: &Self) -> bool {
        let parts = |builder: &Self| {
            let Builder { flag, state, hashing, evaluators, budget: _ } = *builder;
            let rollout = flag.rollout.as_ref().map(|of| (&of.control, &of.candidate, &of.salt));
            let names: Vec<&String> = flag.variants.iter().map(|variant| &variant.name).collect();
            (flag.enabled, flag.default_name(), names, rollout, state, hashing, evaluators)
        };
        parts(self) == parts(other)
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
        // An end that names all variants.
        let _ = self.budget.spend(u64::try_from(self.flag.variants.len()).unwrap_or(u64::MAX));
        let names: Vec<&str> = self.flag.variants.iter().map(|variant| variant.name.as_str()).collect();
        let masked = if self.state.mask { " with the candidate masked" } else { "" };
        let end = Outcome::Computed(format!("{}, of {}{masked}", words::rule(rule), names.join(", ")));
        let expanded = self.expanded(rule);
        let null = Condition {
            canon: format!("{} is null", expanded.compact()),
            words: format!("{} is null", words::rule(rule)),
            splits: has_fractional(&expanded),
        };
        Node::choice(null, self.rest(), Node::End(end))
    }

    /// What a rule gives. A step is a node of the tree.
    pub(super) fn rule(&self, json: &'b Json) -> Node<Given<'b>> {
        if self.budget.spend(1).is_err() {
            return null();
        }
        let json = referred(json, self.evaluators);
        let Some((name, operand)) = operation(json) else { return Node::End(Given::Result(json)) };
        let arguments = arguments(referred(operand, self.evaluators));
        match name {
            "if" | "?:" if arguments.len() > LONGEST => computed(json),
            "if" | "?:" => self.branches(arguments),
            "and" | "or" => self.until(json, arguments, name == "or"),
            "fractional" => self.fractional(arguments).unwrap_or_else(|| computed(json)),
            "==" | "===" | "!=" | "!==" | "<" | "<=" | ">" | ">=" | "in" | "!" | "!!" | "some" | "all" | "none" => {
                self.truth(json).then(&mut |truth| Node::End(Given::Result(if truth { &TRUE } else { &FALSE })))
            }
            _ => computed(json),
        }
    }

    fn branches(&self, branches: &'b [Json]) -> Node<Given<'b>> {
        match branches {
            [] => null(),
            [otherwise] => self.rule(otherwise),
            [condition, then, rest @ ..] => self.truth(condition).then(&mut |holds| {
                if holds { self.rule(then) } else { self.branches(rest) }
            }),
        }
    }

    /// `or` gives the first that is true, else the last; `and` the other way round.
    fn until(&self, whole: &'b Json, arguments: &'b [Json], truth: bool) -> Node<Given<'b>> {
        let [first, rest @ ..] = arguments else { return null() };
        let tree = self.rule(first);
        if rest.is_empty() {
            return tree;
        }
        if tree.any(&|given| matches!(given, Given::Computed(_))) {
            return computed(whole);
        }
        tree.then(&mut |given| match given {
            Given::Result(json) if Value::from(json).truthy() != truth => self.until(whole, rest, truth),
            _ => Node::End(given),
        })
    }

    /// Whether a rule is true. One that hashes users is taken apart, any other is a condition as it stands.
    fn truth(&self, json: &'b Json) -> Node<bool> {
        if self.budget.spend(1).is_err() {
            return Node::End(false);
        }
        let json = referred(json, self.evaluators);
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
                whole.then(|| (tree.then(&mut |given| Node::End(list.iter().any(|item| is(given, item)))), true))
            }
            ("if" | "?:" | "and" | "or" | "fractional", _) => {
                let tree = self.rule(json);
                let whole = !tree.any(&|given| matches!(given, Given::Computed(_)));
                whole.then(|| (tree.then(&mut |given| Node::End(is_true(given))), true))
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
    fn against(&self, rule: &'b Json, constant: &Json) -> Option<Node<bool>> {
        let tree = self.rule(rule);
        let known = operation(constant).is_none() && !tree.any(&|given| matches!(given, Given::Computed(_)));
        known.then(|| tree.then(&mut |given| Node::End(is(given, constant))))
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

    /// Evaluators written out, and `var` of one name in one way. A step is a part that is written.
    pub(super) fn expanded(&self, json: &Json) -> Json {
        if self.budget.spend(1).is_err() {
            return Json::Null;
        }
        match referred(json, self.evaluators) {
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

pub(super) const fn computed(json: &Json) -> Node<Given<'_>> {
    Node::End(Given::Computed(json))
}

fn is_true(given: Given<'_>) -> bool {
    matches!(given, Given::Result(json) if Value::from(json).truthy())
}

fn is(given: Given<'_>, constant: &Json) -> bool {
    matches!(given, Given::Result(json) if Value::from(json).strictly_equals(&Value::from(constant)))
}

pub(super) fn has_fractional(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(has_fractional),
        Json::Object(fields) => fields.iter().any(|(key, json)| key == "fractional" || has_fractional(json)),
        _ => false,
    }
}
