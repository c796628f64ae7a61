//! [`Tree`]: a flag as conditions and splits. Conditions are taken as they are written: two that are written alike (evaluators written out) are one.
//! Knows no document: `grown` makes trees.

use super::Outcome;

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
    pub(super) canon: String,
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
pub(super) const KEY: &str = r#"{"var":"targetingKey"}"#;

/// What is hashed, in which dialect: splits of the same source put a user at the same hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) dialect: &'static str,
    pub(super) hashed: Hashed,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hashed {
    /// A text of pieces.
    Text(Vec<Piece>),
    /// v3: flagKey and targetingKey, as an array.
    Pair(String),
    /// Any other value: the rule that gives it.
    Value(String),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    Constant(String),
    Rule(String),
}

/// Without empty buckets; one alone is no split.
pub(super) fn split<E>(source: Source, buckets: Vec<(u64, Node<E>)>) -> Node<E> {
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
    /// How many nodes it has.
    pub(super) fn size(&self) -> u64 {
        let below = match self {
            Self::End(_) => 0,
            Self::Choice(_, both) => both.iter().map(Self::size).sum(),
            Self::Split(_, buckets) => buckets.iter().map(|(_, tree)| tree.size()).sum(),
        };
        below.saturating_add(1)
    }

    /// A choice between two that are the same is none.
    pub(super) fn choice(condition: Condition, then: Self, otherwise: Self) -> Self {
        if then == otherwise { then } else { Self::Choice(condition, Box::new([then, otherwise])) }
    }

    /// Each end replaced by a tree.
    pub(super) fn then<F: Clone + PartialEq>(self, each: &mut dyn FnMut(E) -> Node<F>) -> Node<F> {
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

    pub(super) fn any(&self, is: &dyn Fn(&E) -> bool) -> bool {
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
