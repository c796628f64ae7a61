//! [`Plan`]: a document compiled for the request path. Owns what can be settled once, when a document is loaded: which flags matter to a
//! request, their headers and names as bytes, how the split hashes. Immutable, shared by all requests; knows no weight and no kill.

use std::sync::Arc;

use crate::document::{AttributeSource, Document, Flag, Hashing, IdentitySource, PathMatch, Rollout};
use crate::hash::{Murmur3, murmur3_32_parts, scale};
use crate::measure::Measures;
use crate::rule::Rule;
use crate::rule::cbor::encode_text;
use crate::segment::Segment;
use crate::share::WHOLE;

/// A compiled document.
#[derive(Debug)]
pub struct Plan {
    /// Where the targetingKey comes from, in order.
    pub identity: Vec<IdentitySource>,
    /// The flags that have an output: all that a request can be told of.
    pub flags: Vec<PlannedFlag>,
    /// The names that rules ask for, by slot; the targetingKey is the first.
    pub attributes: Vec<String>,
    /// Where each of them comes from.
    pub sources: Vec<Option<AttributeSource>>,
    /// What responses are looked at for.
    pub measures: Measures,
    /// Which parts of the users are told apart.
    pub segments: Vec<Segment>,
    /// The dialect of `fractional`.
    pub hashing: Hashing,
    /// How much work a rule may be.
    pub work: u32,
}

/// A flag that has an output.
#[derive(Debug)]
pub struct PlannedFlag {
    /// Its key.
    pub key: String,
    /// `state` is ENABLED.
    pub enabled: bool,
    /// Name of the defaultVariant.
    pub default_variant: Option<String>,
    /// Which paths it is decided for; `None` means all.
    pub path: Option<PathMatch>,
    /// The routing header.
    pub header: String,
    /// Names of its variants.
    pub variants: Vec<String>,
    /// Its targeting.
    pub targeting: Option<Arc<Rule>>,
    /// Its rollout.
    pub rollout: Option<PlannedRollout>,
}

/// A rollout's two variants and its split.
#[derive(Debug)]
pub struct PlannedRollout {
    /// Name of the control variant.
    pub control: String,
    /// Name of the candidate variant.
    pub candidate: String,
    /// It is judged by segment: whoever it splits is counted in those that he is in, too.
    pub by_segment: bool,
    split: Split,
}

impl Plan {
    /// Compiles a checked document.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        let flags: Vec<_> = document.flags.iter().filter_map(|flag| PlannedFlag::new(flag, document.hashing)).collect();
        let (identity, sources) = (document.identity.clone(), document.sources.clone());
        let attributes = document.attributes.clone();
        let measures = Measures::new(&document.counters, &document.scores);
        let (segments, hashing, work) = (document.segments.clone(), document.hashing, document.limits.work());
        Self { identity, flags, attributes, sources, measures, segments, hashing, work }
    }
}

impl PlannedFlag {
    fn new(flag: &Flag, hashing: Hashing) -> Option<Self> {
        let output = flag.output.as_ref()?;
        Some(Self {
            key: flag.key.clone(),
            enabled: flag.enabled,
            default_variant: flag.default_name().map(str::to_owned),
            path: output.path.clone(),
            header: output.request_header.clone(),
            variants: flag.variants.iter().map(|variant| variant.name.clone()).collect(),
            targeting: flag.targeting.clone(),
            rollout: flag.rollout.as_ref().map(|rollout| PlannedRollout::new(rollout, hashing)),
        })
    }
}

impl PlannedRollout {
    fn new(rollout: &Rollout, hashing: Hashing) -> Self {
        Self {
            control: rollout.control.clone(),
            candidate: rollout.candidate.clone(),
            by_segment: rollout.is_by_segment(),
            split: Split::new(&rollout.salt, hashing),
        }
    }

    /// The user's place in the split: below [`WHOLE`]. Whoever's place is below the weight gets the candidate, so ranges nest: who is in at
    /// 1 % stays in at 5 %.
    #[must_use]
    pub fn place(&self, targeting_key: &str) -> u32 {
        self.split.place(targeting_key)
    }
}

/// `{"fractional": [{"cat": [salt, "/", {"var": "targetingKey"}]}, [candidate, w], [control, 10^6 - w]]}` of flagd, with everything but the
/// key settled.
#[derive(Debug)]
pub struct Split {
    /// salt and "/".
    prefix: String,
    hashing: Hashing,
}

impl Split {
    /// The split of a salt in a dialect.
    #[must_use]
    pub fn new(salt: &str, hashing: Hashing) -> Self {
        Self { prefix: format!("{salt}/"), hashing }
    }

    /// The hash of the explicit value: murmur3 of its deterministic CBOR (v3) or of its UTF-8 bytes (v2).
    #[must_use]
    pub fn hash(&self, targeting_key: &str) -> u32 {
        let parts = [self.prefix.as_str(), targeting_key];
        match self.hashing {
            Hashing::FlagdV2 => murmur3_32_parts(&parts.map(str::as_bytes)),
            Hashing::FlagdV3 => {
                let mut hash = Murmur3::default();
                encode_text(&mut hash, &parts);
                hash.finish()
            }
        }
    }

    /// The bucket among a million: flagd's `(hash x totalWeight) >> 32`.
    #[must_use]
    pub fn place(&self, targeting_key: &str) -> u32 {
        scale(self.hash(targeting_key), WHOLE)
    }
}

impl PathMatch {
    /// Whether the rule takes the path; a query is not looked at.
    #[must_use]
    pub fn takes(&self, path: &[u8]) -> bool {
        let end = path.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(path.len());
        let path = path.get(..end).unwrap_or(path);
        match self {
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::Prefix(prefix) => {
                path.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest.first().is_none_or(|b| *b == b'/'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let prefix = PathMatch::Prefix("/checkout".into());
        let all = PathMatch::Prefix(String::new());
        let exact = PathMatch::Exact("/checkout".into());
        for (rule, path, takes) in [
            (&prefix, "/checkout", true),
            (&prefix, "/checkout/pay?x=/y", true),
            (&prefix, "/checkout?x", true),
            (&prefix, "/checkouts", false),
            (&prefix, "/", false),
            (&prefix, "/a?/checkout", false),
            (&all, "/anything", true),
            (&all, "*", false),
            (&exact, "/checkout?x=1", true),
            (&exact, "/checkout/", false),
        ] {
            assert_eq!(rule.takes(path.as_bytes()), takes, "{rule:?} {path}");
        }
    }
}
