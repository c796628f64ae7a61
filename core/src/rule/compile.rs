//! From JSON to [`Node`]: names numbered, references resolved, constants folded, lists made sets. Refuses only what can't be evaluated at all:
//! references in a circle, and trees too deep or too big. What flagd loads and answers with an error (an operator that does not exist) is compiled
//! to that error.

use std::collections::HashMap;
use std::slice::from_ref;
use std::sync::Arc;

use super::fold::fold;
use super::fractional;
use super::node::{Attribute, Comparison, Evaluator, From, Node, Op, Over, Set, Var};
use super::number::Digits;
use super::semver::{Operator, Version};
use super::set::Hashed;
use super::value::Value;
use super::{Part, Rule};
use crate::json::Json;

/// The deepest tree of a rule, evaluators included.
pub const MAX_DEPTH: usize = 128;
/// The most nodes of all rules of a document; a constant list counts as one.
pub const MAX_NODES: usize = 500_000;

/// Why a rule can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("references in a circle: {}", .0.join(" -> "))]
    Circle(Vec<String>),
    #[error("a rule more than {0} operators deep, evaluators included")]
    Deep(usize),
    #[error("rules of more than {0} nodes in all")]
    Big(usize),
}

/// Compiles the rules of one document.
#[derive(Debug)]
pub(crate) struct Compiler<'d> {
    evaluators: HashMap<&'d str, &'d Json, Hashed>,
    /// By name, and whether it is referred to from within a list operator's body, where `var` means something else.
    compiled: HashMap<(&'d str, bool), Arc<Evaluator>, Hashed>,
    /// The references that are being followed, from the outermost.
    open: Vec<&'d str>,
    attributes: HashMap<Box<str>, usize, Hashed>,
    nodes: usize,
    needs_time: bool,
    /// At most so many operators below each other.
    deepest: usize,
    /// At most so many nodes.
    most: usize,
}

/// Where in a rule.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// In the body of a list operator: `var` means the item.
    body: bool,
}

impl Place {
    const fn below(self) -> Self {
        Self { depth: self.depth.saturating_add(1), body: self.body }
    }

    const fn body(self) -> Self {
        Self { depth: self.depth.saturating_add(1), body: true }
    }
}

type Built = Result<Node, Refusal>;

impl<'d> Compiler<'d> {
    pub(crate) fn new(evaluators: impl Iterator<Item = (&'d str, &'d Json)>) -> Self {
        Self::limited(evaluators, MAX_DEPTH, MAX_NODES)
    }

    /// One that refuses deeper and bigger rules.
    pub(crate) fn limited(evaluators: impl Iterator<Item = (&'d str, &'d Json)>, deepest: usize, most: usize) -> Self {
        let mut this = Self {
            evaluators: evaluators.collect(),
            compiled: HashMap::default(),
            open: Vec::new(),
            attributes: HashMap::default(),
            nodes: 0,
            needs_time: false,
            deepest,
            most,
        };
        this.attribute(super::TARGETING_KEY);
        this
    }

    /// Compiles one rule.
    pub(crate) fn rule(&mut self, json: &'d Json) -> Result<Rule, Refusal> {
        self.part(json, Part::Rule)
    }

    /// Compiles a rule, or a part of one.
    pub(crate) fn part(&mut self, json: &'d Json, part: Part) -> Result<Rule, Refusal> {
        self.open.clear();
        self.needs_time = false;
        let node = self.build(json, Place { depth: 0, body: part == Part::Body })?;
        Ok(Rule { node, needs_time: self.needs_time })
    }

    /// Compiles an evaluator, if only to know that it can be.
    pub(crate) fn evaluator(&mut self, name: &'d str) -> Result<(), Refusal> {
        self.open.clear();
        self.refer(name, Place { depth: 0, body: false }).map(|_| ())
    }

    /// How many names rules have asked the context for up to now.
    pub(crate) fn known(&self) -> usize {
        self.attributes.len()
    }

    /// The names that rules ask the context for, by number; the targetingKey is the first.
    pub(crate) fn attributes(self) -> Vec<String> {
        let mut names: Vec<_> = self.attributes.into_iter().collect();
        names.sort_unstable_by_key(|(_, slot)| *slot);
        names.into_iter().map(|(name, _)| name.into()).collect()
    }

    fn attribute(&mut self, name: &str) -> Attribute {
        let next = self.attributes.len();
        let slot = *self.attributes.entry(name.into()).or_insert(next);
        Attribute { name: name.to_owned().into(), slot }
    }

    fn build(&mut self, json: &'d Json, place: Place) -> Built {
        if place.depth >= self.deepest {
            return Err(Refusal::Deep(self.deepest));
        }
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > self.most {
            return Err(Refusal::Big(self.most));
        }
        if is_plain(json) {
            return Ok(Node::Const(json.clone()));
        }
        match json {
            Json::Array(items) => self.all(items, place).map(|nodes| fold(Node::List(nodes))),
            _ => match operation(json) {
                Some((name, operand)) => self.operation(name, operand, place),
                None => Ok(Node::Const(json.clone())),
            },
        }
    }

    fn all(&mut self, items: &'d [Json], place: Place) -> Result<Vec<Node>, Refusal> {
        items.iter().map(|item| self.build(item, place.below())).collect()
    }

    fn operation(&mut self, name: &'d str, operand: &'d Json, place: Place) -> Built {
        if name == "$ref" {
            return match operand.as_str().filter(|name| self.evaluators.contains_key(name)) {
                Some(evaluator) => self.refer(evaluator, place),
                None => Ok(Node::Unknown("$ref".into())),
            };
        }
        let arguments = match self.referred(operand)? {
            Json::Array(items) => items.as_slice(),
            _ => from_ref(operand),
        };
        match name {
            "var" => self.var(arguments, place),
            "in" => self.in_list(arguments, place),
            "sem_ver" => self.sem_ver(arguments, place),
            "fractional" => Ok(fractional::compile(self.all(arguments, place)?)),
            _ => match over(name) {
                Some(over) => self.over(over, arguments, place),
                None => Ok(fold(plain(name, self.all(arguments, place)?))),
            },
        }
    }

    /// What a value is in the end, if it is a reference: a list, which is then an operator's arguments or what `in` looks through, or anything else.
    fn referred(&self, value: &'d Json) -> Result<&'d Json, Refusal> {
        let (mut json, mut followed) = (value, Vec::new());
        while let Some(("$ref", Json::String(name))) = operation(json) {
            let Some(evaluator) = self.evaluators.get(name.as_str()) else { break };
            let circle = followed.contains(name);
            followed.push(name.clone());
            if circle {
                return Err(Refusal::Circle(followed));
            }
            json = evaluator;
        }
        Ok(json)
    }

    fn refer(&mut self, name: &'d str, place: Place) -> Built {
        let shared = match self.compiled.get(&(name, place.body)) {
            Some(shared) => Arc::clone(shared),
            None => self.follow(name, place)?,
        };
        self.needs_time |= shared.needs_time;
        if place.depth.saturating_add(shared.height) > self.deepest {
            return Err(Refusal::Deep(self.deepest));
        }
        Ok(match shared.node.constant() {
            Some(json) if !matches!(json, Json::Array(_) | Json::Object(_)) => Node::Const(json.clone()),
            _ => Node::Shared(shared),
        })
    }

    fn follow(&mut self, name: &'d str, place: Place) -> Result<Arc<Evaluator>, Refusal> {
        if let Some(start) = self.open.iter().position(|open| *open == name) {
            let circle = self.open.iter().skip(start).chain([&name]).map(|name| (*name).to_owned()).collect();
            return Err(Refusal::Circle(circle));
        }
        let Some(json) = self.evaluators.get(name).copied() else {
            let (node, height, needs_time) = (Node::Unknown("$ref".into()), 1, false);
            return Ok(Arc::new(Evaluator { name: name.into(), body: place.body, node, height, needs_time }));
        };
        self.open.push(name);
        let outside = std::mem::take(&mut self.needs_time);
        let node = self.build(json, place.below())?;
        self.open.pop();
        let (height, needs_time) = (node.height(), self.needs_time);
        let shared = Arc::new(Evaluator { name: name.into(), body: place.body, node, height, needs_time });
        self.needs_time |= outside;
        self.compiled.insert((name, place.body), Arc::clone(&shared));
        Ok(shared)
    }

    fn var(&mut self, arguments: &'d [Json], place: Place) -> Built {
        let (path, default) = (arguments.first(), arguments.get(1));
        let path = match path {
            None | Some(Json::Null) => String::new(),
            Some(json @ (Json::Bool(_) | Json::Number(_) | Json::String(_))) => Value::from(json).text().to_string(),
            Some(Json::Array(_) | Json::Object(_)) => {
                // What is computed may be "$flagd.timestamp" too.
                self.needs_time = true;
                return self.all(arguments.get(..2).unwrap_or(arguments), place).map(Node::DynamicVar);
            }
        };
        let default = match default {
            Some(json) => Some(Box::new(self.build(json, place.below())?)),
            None => None,
        };
        let mut path: Vec<Box<str>> =
            if path.is_empty() { Vec::new() } else { path.split('.').map(Into::into).collect() };
        Ok(match (self.from(&mut path, place), path.as_slice(), default) {
            (From::Context(attribute), [], None) => Node::Attribute(attribute),
            (from, _, default) => Node::Var(Box::new(Var { from, path, default })),
        })
    }

    /// Where a path begins; takes from it what is settled by that.
    fn from(&mut self, path: &mut Vec<Box<str>>, place: Place) -> From {
        if place.body {
            return From::Datum;
        }
        let parts: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        let (from, settled) = match parts.as_slice() {
            [] => (From::All, 0),
            ["$flagd", "flagKey", ..] => (From::FlagKey, 2),
            ["$flagd", "timestamp", ..] => (From::Timestamp, 2),
            ["$flagd", ..] => (From::Flagd, 1),
            [name, ..] => (From::Context(self.attribute(name)), 1),
        };
        self.needs_time |= matches!(from, From::All | From::Timestamp | From::Flagd);
        path.drain(..settled);
        from
    }

    fn in_list(&mut self, arguments: &'d [Json], place: Place) -> Built {
        if let [needle, list] = arguments
            && let Json::Array(items) = self.referred(list)?
            && items.iter().all(is_plain)
        {
            self.nodes = self.nodes.saturating_add(1);
            let needle = self.build(needle, place.below())?;
            return Ok(fold(Node::InSet(Box::new((needle, Set::new(items))))));
        }
        let mut nodes = self.all(arguments.get(..2).unwrap_or(arguments), place)?;
        nodes.resize(2, Node::Const(Json::Null));
        Ok(fold(Node::Apply(Op::In, nodes)))
    }

    fn sem_ver(&mut self, arguments: &'d [Json], place: Place) -> Built {
        let mut nodes = self.all(arguments, place)?;
        if let [_, operator, target] = nodes.as_slice()
            && let (Some(operator), Some(target)) = (operator.constant(), target.constant())
        {
            let (target, mut digits) = (Value::from(target), Digits::default());
            let wanted = operator.as_str().and_then(Operator::parse).zip(Version::of(&target, &mut digits));
            let wanted = wanted.map(|(operator, version)| (operator, version.owned()));
            return Ok(fold(Node::SemVer(Box::new((nodes.swap_remove(0), wanted)))));
        }
        Ok(fold(Node::Apply(Op::SemVer, nodes)))
    }

    fn over(&mut self, over: Over, arguments: &'d [Json], place: Place) -> Built {
        let mut nodes = Vec::with_capacity(arguments.len());
        for (i, argument) in arguments.iter().enumerate() {
            let place = if i == 1 { place.body() } else { place.below() };
            nodes.push(self.build(argument, place)?);
        }
        Ok(Node::Over(over, nodes))
    }
}

/// Nothing in it is an operation.
fn is_plain(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(_) => operation(json).is_none(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

/// An object of one key is an operation. Of a key that stands more than once the last counts.
pub(crate) fn operation(json: &Json) -> Option<(&str, &Json)> {
    let Json::Object(fields) = json else { return None };
    let (name, operand) = fields.last()?;
    fields.iter().all(|(key, _)| key == name).then_some((name.as_str(), operand))
}

fn over(name: &str) -> Option<Over> {
    Some(match name {
        "map" => Over::Map,
        "filter" => Over::Filter,
        "reduce" => Over::Reduce,
        "all" => Over::All,
        "none" => Over::None,
        "some" => Over::Some,
        _ => return None,
    })
}

/// Operators that see their arguments only.
fn plain(name: &str, nodes: Vec<Node>) -> Node {
    let op = match name {
        "if" | "?:" => return Node::If(nodes),
        "and" => return Node::And(nodes),
        "or" => return Node::Or(nodes),
        "!" => return Node::Not(Box::new(first(nodes))),
        "!!" => return Node::Truth(Box::new(first(nodes))),
        "missing" => Op::Missing,
        "missing_some" => Op::MissingSome,
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Remainder,
        "min" => Op::Min,
        "max" => Op::Max,
        "merge" => Op::Merge,
        "cat" => Op::Cat,
        "substr" => Op::Substr,
        "starts_with" => Op::StartsWith,
        "ends_with" => Op::EndsWith,
        _ => return comparison(name).map_or_else(|| Node::Unknown(name.into()), |kind| compare(kind, nodes)),
    };
    Node::Apply(op, nodes)
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "===" => Comparison::Same,
        "!==" => Comparison::NotSame,
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" => Comparison::Greater,
        ">=" => Comparison::AtLeast,
        _ => return None,
    })
}

/// Nothing to compare with is unequal to everything but nothing, and has no order. Only `<` and `<=` know a third operand.
fn compare(kind: Comparison, mut nodes: Vec<Node>) -> Node {
    use Comparison::{AtMost, Equal, Less, NotEqual, NotSame, Same};
    let ranges = matches!(kind, Less | AtMost);
    nodes.truncate(if ranges { 3 } else { 2 });
    if nodes.len() < 2 && !matches!(kind, Equal | NotEqual | Same | NotSame) {
        return Node::Const(Json::Bool(false));
    }
    let mut nodes = nodes.into_iter();
    let mut next = || nodes.next().unwrap_or(Node::Const(Json::Null));
    let pair = [next(), next()];
    match nodes.next() {
        Some(third) => {
            let [one, two] = pair;
            Node::Between(kind, Box::new([one, two, third]))
        }
        None => Node::Compare(kind, Box::new(pair)),
    }
}

fn first(nodes: Vec<Node>) -> Node {
    nodes.into_iter().next().unwrap_or(Node::Const(Json::Null))
}
