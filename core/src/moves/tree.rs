//! [`Tree`]: a flag as conditions and splits. Conditions are taken as they are written: two that are written alike (evaluators written out) are one.

use super::{Outcome, Side};
use crate::document::{Flag, Hashing};
use crate::explain::{evaluators, referred, targeting};
use crate::hash::murmur3_32_parts;
use crate::json::Json;
use crate::rule::cbor;
use crate::rule::fractional::{MOST, bucket};
use crate::rule::{TARGETING_KEY, Value};
use crate::share::WHOLE;
use crate::snapshot::FlagState;
use crate::words::{self, arguments, operation};

/// What a user gets, by conditions and hashes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node<E> {
    End(E),
    Choice(Condition, Box<[Self; 2]>),
    /// Buckets by the hash that ends them, the last at 2^32.
    Split(Source, Vec<(u64, Self)>),
}

/// A flag's.
pub(super) type Tree = Node<Outcome>;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// As written, evaluators written out: what makes two conditions one.
    canon: String,
    pub(super) words: String,
    /// It hashes users itself.
    pub(super) splits: bool,
}

impl Condition {
    /// There is a targetingKey.
    pub(super) fn is_key(&self) -> bool {
        self.canon == KEY
    }
}

/// `{"var": "targetingKey"}`, written.
const KEY: &str = r#"{"var":"targetingKey"}"#;
/// An `if` of more operands than that is not taken apart.
const LONGEST: usize = 1_000;
/// All hashes.
const SPACE: u64 = 1 << 32;

/// What is hashed, in which dialect: splits of the same source put a user at the same hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    dialect: &'static str,
    hashed: Hashed,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hashed {
    /// A text of pieces.
    Text(Vec<Piece>),
    /// v3: flagKey and targetingKey, as an array.
    Pair(String),
    /// Any other value: the rule that gives it.
    Value(String),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Constant(String),
    Rule(String),
}

/// What a rule gives, before it is a variant.
#[derive(Clone, Debug, PartialEq)]
enum Given {
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

struct Builder<'b> {
    flag: &'b Flag,
    state: FlagState,
    hashing: Hashing,
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
        Node::choice(key(), split, Node::End(self.fallback()))
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

    fn rule(&self, json: &Json) -> Node<Given> {
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
            key()
        } else {
            Condition { canon, words: words::rule(json), splits: has_fractional(&expanded) }
        };
        Node::choice(condition, Node::End(true), Node::End(false))
    }

    /// `None` if weights are computed.
    fn fractional(&self, arguments: &[Json]) -> Option<Node<Given>> {
        let null = || Node::End(Given::Result(Json::Null));
        let (key, buckets) = match arguments.split_first() {
            None => return Some(null()),
            Some((Json::Array(_), _)) => (None, arguments),
            Some((first, rest)) => (Some(first), rest),
        };
        let Some(buckets) = self.buckets(buckets)? else { return Some(null()) };
        Some(match (key, self.hashing) {
            (None, _) => self.implicit(buckets),
            (Some(key), hashing) => match operation(key) {
                None => self.constant(key, buckets),
                Some(("cat", operand)) => {
                    split(self.source(Hashed::Text(self.pieces(super::tree::arguments(operand)))), buckets)
                }
                Some(_) if self.expanded(key).compact() == KEY => {
                    let there = split(self.source(Hashed::Text(vec![Piece::Rule(KEY.to_owned())])), buckets);
                    Node::choice(self::key(), there, null())
                }
                Some(_) => {
                    let canon = self.expanded(key).compact();
                    let (is, otherwise) = match hashing {
                        Hashing::FlagdV3 => ("is not null", null()),
                        Hashing::FlagdV2 => ("is a text", computed(key)),
                    };
                    let condition = Condition {
                        canon: format!("{canon} {is}"),
                        words: format!("{} {is}", words::rule(key)),
                        splits: has_fractional(&self.expanded(key)),
                    };
                    Node::choice(condition, split(self.source(Hashed::Value(canon)), buckets), otherwise)
                }
            },
        })
    }

    fn implicit(&self, buckets: Vec<(u64, Node<Given>)>) -> Node<Given> {
        let flag = self.flag.key.clone();
        let hashed = match self.hashing {
            Hashing::FlagdV3 => Hashed::Pair(flag),
            Hashing::FlagdV2 => Hashed::Text(vec![Piece::Constant(flag), Piece::Rule(KEY.to_owned())]),
        };
        Node::choice(key(), split(self.source(hashed), buckets), Node::End(Given::Result(Json::Null)))
    }

    /// A constant puts everybody at one hash.
    fn constant(&self, key: &Json, buckets: Vec<(u64, Node<Given>)>) -> Node<Given> {
        let hash = match (self.hashing, key) {
            (_, Json::Null)
            | (Hashing::FlagdV2, Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => None,
            (Hashing::FlagdV2, Json::String(text)) => Some(murmur3_32_parts(&[text.as_bytes()])),
            (Hashing::FlagdV3, _) => {
                let mut bytes = Vec::new();
                cbor::encode(&mut bytes, &Value::from(key));
                Some(murmur3_32_parts(&[&bytes]))
            }
        };
        let chosen = hash.and_then(|hash| buckets.into_iter().find(|(end, _)| u64::from(hash) < *end));
        chosen.map_or(Node::End(Given::Result(Json::Null)), |(_, tree)| tree)
    }

    /// Ends in the hash space; outer `None` if something is computed that has to be constant, inner if they are malformed.
    #[expect(clippy::type_complexity, reason = "two ways of not being buckets")]
    fn buckets(&self, arguments: &[Json]) -> Option<Option<Vec<(u64, Node<Given>)>>> {
        let mut parts = Vec::with_capacity(arguments.len());
        let mut total: u32 = 0;
        for argument in arguments {
            let Json::Array(items) = argument else {
                return if operation(argument).is_some() { None } else { Some(None) };
            };
            let [variant, weight @ ..] = items.as_slice() else { return Some(None) };
            if weight.iter().any(|weight| operation(weight).is_some()) {
                return None;
            }
            // Only the weight is looked at: the variant may be a rule of its own.
            let weighed = Json::Array([Json::Null].into_iter().chain(weight.iter().cloned()).collect());
            let Some((_, weight)) = bucket(&Value::from(&weighed)) else { return Some(None) };
            total = match total.checked_add(weight) {
                Some(sum) if sum <= MOST => sum,
                _ => return Some(None),
            };
            parts.push((total, self.rule(variant)));
        }
        if total == 0 {
            return Some(None);
        }
        Some(Some(parts.into_iter().map(|(end, tree)| (boundary(end, total), tree)).collect()))
    }

    /// What `cat` joins.
    fn pieces(&self, arguments: &[Json]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for argument in arguments {
            let expanded = self.expanded(argument);
            let constant = match (operation(&expanded), &expanded) {
                (None, json) => Some(Value::from(json).part().to_string()),
                (Some(("var", Json::String(name))), _) if name == "$flagd.flagKey" => Some(self.flag.key.clone()),
                _ => None,
            };
            match (constant, pieces.last_mut()) {
                (Some(text), Some(Piece::Constant(before))) => before.push_str(&text),
                (Some(text), _) => pieces.push(Piece::Constant(text)),
                (None, _) => pieces.push(Piece::Rule(expanded.compact())),
            }
        }
        pieces
    }

    const fn source(&self, hashed: Hashed) -> Source {
        let dialect = match self.hashing {
            Hashing::FlagdV3 => "v3",
            Hashing::FlagdV2 => "v2",
        };
        Source { dialect, hashed }
    }

    /// Evaluators written out, and `var` of one name in one way.
    fn expanded(&self, json: &Json) -> Json {
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

fn key() -> Condition {
    Condition { canon: KEY.to_owned(), words: format!("there is a {TARGETING_KEY}"), splits: false }
}

fn computed(json: &Json) -> Node<Given> {
    Node::End(Given::Computed(json.clone()))
}

fn is_true(given: &Given) -> bool {
    matches!(given, Given::Result(json) if Value::from(json).truthy())
}

fn is(given: &Given, constant: &Json) -> bool {
    matches!(given, Given::Result(json) if Value::from(json).strictly_equals(&Value::from(constant)))
}

fn has_fractional(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(has_fractional),
        Json::Object(fields) => fields.iter().any(|(key, json)| key == "fractional" || has_fractional(json)),
        _ => false,
    }
}

/// The first hash that is at this place or beyond: `(hash x total) >> 32 < place` holds for all before it.
fn boundary(place: u32, total: u32) -> u64 {
    u64::from(place).saturating_mul(SPACE).div_ceil(u64::from(total.max(1)))
}

/// Without empty buckets; one alone is no split.
fn split<E>(source: Source, buckets: Vec<(u64, Node<E>)>) -> Node<E> {
    let mut last = 0;
    let mut kept: Vec<(u64, Node<E>)> = Vec::with_capacity(buckets.len());
    for (end, tree) in buckets {
        if end > last {
            last = end;
            kept.push((end, tree));
        }
    }
    match (kept.len(), kept.pop()) {
        (1, Some((_, tree))) => tree,
        (_, Some(tree)) => {
            kept.push(tree);
            Node::Split(source, kept)
        }
        (_, None) => Node::Split(source, kept),
    }
}

impl<E: Clone + PartialEq> Node<E> {
    /// A choice between two that are the same is none.
    fn choice(condition: Condition, then: Self, otherwise: Self) -> Self {
        if then == otherwise { then } else { Self::Choice(condition, Box::new([then, otherwise])) }
    }

    /// Each end replaced by a tree.
    fn then<F: Clone + PartialEq>(self, each: &mut dyn FnMut(E) -> Node<F>) -> Node<F> {
        match self {
            Self::End(end) => each(end),
            Self::Choice(condition, both) => {
                let [one, other] = *both;
                Node::choice(condition, one.then(each), other.then(each))
            }
            Self::Split(source, buckets) => {
                Node::Split(source, buckets.into_iter().map(|(end, tree)| (end, tree.then(each))).collect())
            }
        }
    }

    fn any(&self, is: &dyn Fn(&E) -> bool) -> bool {
        match self {
            Self::End(end) => is(end),
            Self::Choice(_, both) => both.iter().any(|tree| tree.any(is)),
            Self::Split(_, buckets) => buckets.iter().any(|(_, tree)| tree.any(is)),
        }
    }
}

impl Tree {
    /// Without conditions, where these are known.
    ///
    /// # Errors
    /// The first condition that is not.
    pub(super) fn settled(&self, known: &[(Condition, bool)]) -> Result<Self, Condition> {
        match self {
            Self::End(_) => Ok(self.clone()),
            Self::Choice(condition, both) => {
                let [then, otherwise] = both.as_ref();
                match known.iter().find(|(other, _)| other.canon == condition.canon) {
                    Some((_, true)) => then.settled(known),
                    Some((_, false)) => otherwise.settled(known),
                    None => Err(condition.clone()),
                }
            }
            Self::Split(source, buckets) => {
                let settled = buckets.iter().map(|(end, tree)| Ok((*end, tree.settled(known)?)));
                Ok(Self::Split(source.clone(), settled.collect::<Result<_, Condition>>()?))
            }
        }
    }

    /// What is hashed first.
    pub(super) const fn root(&self) -> Option<&Source> {
        match self {
            Self::Split(source, _) => Some(source),
            _ => None,
        }
    }

    /// All that is hashed.
    pub(super) fn sources(&self) -> Vec<Source> {
        match self {
            Self::End(_) => Vec::new(),
            Self::Choice(_, both) => both.iter().flat_map(Self::sources).collect(),
            Self::Split(source, buckets) => {
                [source.clone()].into_iter().chain(buckets.iter().flat_map(|(_, tree)| tree.sources())).collect()
            }
        }
    }

    /// Where the ranges of this source end.
    pub(super) fn ends(&self, of: &Source) -> Vec<u64> {
        match self {
            Self::End(_) => Vec::new(),
            Self::Choice(_, both) => both.iter().flat_map(|tree| tree.ends(of)).collect(),
            Self::Split(source, buckets) => buckets
                .iter()
                .flat_map(|(end, tree)| (source == of).then_some(*end).into_iter().chain(tree.ends(of)))
                .collect(),
        }
    }

    /// For users whose hash of this source is `hash`.
    pub(super) fn within(&self, of: &Source, hash: u64) -> Self {
        match self {
            Self::Split(source, buckets) if source == of => {
                let chosen = buckets.iter().find(|(end, _)| hash < *end);
                chosen.map_or_else(|| self.clone(), |(_, tree)| tree.within(of, hash))
            }
            Self::Split(source, buckets) => {
                Self::Split(source.clone(), buckets.iter().map(|(end, tree)| (*end, tree.within(of, hash))).collect())
            }
            _ => self.clone(),
        }
    }
}
