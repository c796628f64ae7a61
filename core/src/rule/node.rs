//! [`Node`]: a rule compiled. Immutable and without a lifetime, so that a document can hold it for ever; what could be settled when it was compiled
//! is settled here: constants, sets, versions, buckets, names. How it is evaluated is `eval`'s business.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::semver::{Operator, Version};
use super::set::Hashed;
use crate::json::Json;

/// A name that rules ask the context for, numbered once for the whole document. Equal by name: in another document it may have another number.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name: the first part of a `var`'s path.
    pub name: Cow<'static, str>,
    /// Its number among the document's attributes.
    pub slot: usize,
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Attribute {}

/// One step of a computation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Const(Json),
    /// An array of which not all is constant.
    List(Vec<Self>),
    /// A `var` of one name and without a default: most of them.
    Attribute(Attribute),
    /// Any other `var` whose path is constant.
    Var(Box<Var>),
    /// A `var` whose path is computed: path and default.
    DynamicVar(Vec<Self>),
    If(Vec<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Truth(Box<Self>),
    Compare(Comparison, Box<[Self; 2]>),
    Between(Comparison, Box<[Self; 3]>),
    /// `in` with a constant list.
    InSet(Box<(Self, Set)>),
    /// `sem_ver` with a constant operator and version; a `None` is a malformed one.
    SemVer(Box<(Self, Option<Wanted>)>),
    Fractional(Box<Fractional>),
    /// Any operator that evaluates all its arguments first.
    Apply(Op, Vec<Self>),
    /// An operator over a list: the list, the body, and for `reduce` the first accumulator.
    Over(Over, Vec<Self>),
    /// An evaluator that rules refer to.
    Shared(Arc<Evaluator>),
    /// An operator that does not exist, or a reference to no evaluator.
    Unknown(Box<str>),
}

/// What `sem_ver` compares with.
pub(crate) type Wanted = (Operator, Version<'static>);

/// A compiled evaluator, with the height of its tree: its depth at the place that refers to it must stay within the limit. Equal by name and
/// place: many ways may lead to one, so what evaluators say is compared once each ([`super::reach::Reached`]), not wherever they are referred to.
#[derive(Debug)]
pub(crate) struct Evaluator {
    pub(crate) name: Box<str>,
    /// It is referred to from within a list operator's body.
    pub(crate) body: bool,
    pub(crate) node: Node,
    pub(crate) height: usize,
    pub(crate) needs_time: bool,
}

impl PartialEq for Evaluator {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.body == other.body
    }
}

/// Where a `var` looks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Var {
    pub(crate) from: From,
    /// The rest of the path.
    pub(crate) path: Vec<Box<str>>,
    pub(crate) default: Option<Box<Node>>,
}

/// The beginning of a `var`'s path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum From {
    /// An attribute of the context.
    Context(Attribute),
    /// The item that a list operator is at; the first part of the path is in [`Var::path`].
    Datum,
    /// `$flagd`: the flag's key, the time, or both.
    FlagKey,
    Timestamp,
    Flagd,
    /// The empty path: all data.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Same,
    NotSame,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Operators that evaluate all their arguments first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Missing,
    MissingSome,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Min,
    Max,
    Merge,
    In,
    Cat,
    Substr,
    StartsWith,
    EndsWith,
    SemVer,
    Fractional,
}

/// Operators over a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Map,
    Filter,
    Reduce,
    All,
    None,
    Some,
}

/// `fractional` whose buckets are constant and sound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fractional {
    /// The explicit value; `None` is flagKey and targetingKey.
    pub(crate) key: Option<Node>,
    /// Each bucket's end in the sum of weights, and its variant.
    pub(crate) buckets: Vec<(u32, Json)>,
    pub(crate) total: u32,
    /// The same as arguments, for an explicit value that comes out as an array, and so as a bucket.
    pub(crate) arguments: Vec<Node>,
}

/// A constant list by what `in` compares with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Set {
    pub(crate) texts: HashSet<Box<str>, Hashed>,
    /// Bits of the numbers; -0 as 0.
    pub(crate) numbers: HashSet<u64, Hashed>,
    pub(crate) null: bool,
    pub(crate) yes: bool,
    pub(crate) no: bool,
}

impl Node {
    /// The constant that it is.
    pub(crate) const fn constant(&self) -> Option<&Json> {
        match self {
            Self::Const(json) => Some(json),
            _ => None,
        }
    }

    /// The nodes right below.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Const(_) | Self::Attribute(_) | Self::Unknown(_) | Self::Shared(_) => Vec::new(),
            Self::Var(var) => var.default.iter().map(AsRef::as_ref).collect(),
            Self::Not(node) | Self::Truth(node) => vec![node],
            Self::InSet(pair) => vec![&pair.0],
            Self::SemVer(pair) => vec![&pair.0],
            Self::Compare(_, nodes) => nodes.iter().collect(),
            Self::Between(_, nodes) => nodes.iter().collect(),
            Self::Fractional(fractional) => fractional.key.iter().chain(&fractional.arguments).collect(),
            Self::List(nodes)
            | Self::DynamicVar(nodes)
            | Self::If(nodes)
            | Self::And(nodes)
            | Self::Or(nodes)
            | Self::Apply(_, nodes)
            | Self::Over(_, nodes) => nodes.iter().collect(),
        }
    }

    /// How many nodes lie below each other, evaluators included.
    pub(crate) fn height(&self) -> usize {
        let below = match self {
            Self::Shared(evaluator) => evaluator.height,
            _ => self.children().into_iter().map(Self::height).max().unwrap_or(0),
        };
        below.saturating_add(1)
    }
}
