//! The flag document as checked: what a file means, with every name resolved. Made only by [`crate::check`]; whoever holds a
//! [`Document`] holds one without a fault. Knows nothing of state (weights, kills), which the snapshot carries beside it.

use std::sync::Arc;

use crate::analysis::Analysis;
use crate::check::Limits;
use crate::guardrail::{Guardrail, Inconclusive};
use crate::json::Json;
use crate::measure::{NamedCounter, Score};
use crate::rule::Rule;
use crate::segment::Segment;
use crate::share::Share;
use crate::span::Span;

/// A flag document without a fault.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// In the order of the file.
    pub flags: Vec<Flag>,
    /// Where the targetingKey comes from: the first source that has a value wins.
    pub identity: Vec<IdentitySource>,
    /// The dialect of `fractional`.
    pub hashing: Hashing,
    /// The names that targeting and segments ask the context for, by [`crate::rule::Attribute::slot`]; the targetingKey is the first.
    pub attributes: Vec<String>,
    /// How many of [`Document::attributes`] targeting asks for: the first. The rest are the segments' alone.
    pub targeted: usize,
    /// Where each of the [`Document::attributes`] comes from in a proxy; the targetingKey from [`Document::identity`], and one without a source is missing.
    pub sources: Vec<Option<AttributeSource>>,
    /// What answers are counted for, beside how they end.
    pub counters: Vec<NamedCounter>,
    /// Numbers that answers carry.
    pub scores: Vec<Score>,
    /// Named parts of the users.
    pub segments: Vec<Segment>,
    /// The flag set's own metadata, under that of each flag.
    pub metadata: Vec<(String, Json)>,
    /// What it may cost: its own limits, or the operator's where they are lower.
    pub limits: Limits,
}

/// Which bytes `fractional` hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashing {
    /// Deterministic CBOR of the value (`flagd-v3`, the default).
    #[default]
    FlagdV3,
    /// The UTF-8 bytes of the value (`flagd-v2`).
    FlagdV2,
}

/// One source of the targetingKey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// The first value of a request header; lower-case name.
    Header(String),
    /// A cookie of that name.
    Cookie(String),
}

/// Where an attribute of a request comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeSource {
    /// The first value of a request header; lower-case name.
    Header(String),
    /// A cookie of that name.
    Cookie(String),
    /// The first parameter of that name in the query, percent-decoded.
    Query(String),
    /// The path without its query, as it came.
    Path,
    /// The method.
    Method,
    /// The host, with its port if it came with one.
    Host,
    /// Always this.
    Constant(Json),
}

/// One flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Its key.
    pub key: String,
    /// `state` is ENABLED.
    pub enabled: bool,
    /// Its variants, in the order of the file.
    pub variants: Vec<Variant>,
    /// Which of [`Flag::variants`] is the defaultVariant; none means the code's own default.
    pub default_variant: Option<usize>,
    /// Its rule; `None` when everybody gets the defaultVariant.
    pub targeting: Option<Arc<Rule>>,
    /// Its metadata.
    pub metadata: Vec<(String, Json)>,
    /// What the proxy writes for it.
    pub output: Option<Output>,
    /// Its rollout.
    pub rollout: Option<Rollout>,
}

impl Flag {
    /// Name of the defaultVariant.
    #[must_use]
    pub fn default_name(&self) -> Option<&str> {
        self.default_variant.and_then(|i| self.variants.get(i)).map(|variant| variant.name.as_str())
    }

    /// The variant of that name.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

/// One thing that a flag can be.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What the application gets: a boolean, string, number, object or array.
    pub value: Json,
}

/// What the proxy writes for a flag, and for which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Only requests of this path are decided, marked and measured for the flag; `None` means all.
    pub path: Option<PathMatch>,
    /// Name of the routing header, lower case.
    pub request_header: String,
}

/// A rule on the request's path, without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// The path is this one or lies below it: `/checkout` takes `/checkout` and `/checkout/pay`, not `/checkouts`.
    Prefix(String),
    /// The path is exactly this one.
    Exact(String),
}

/// How a flag's candidate reaches users.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Name of the variant that everybody has before; the flag's defaultVariant when it starts.
    pub control: String,
    /// Name of the variant that is to reach everybody.
    pub candidate: String,
    /// What is hashed before the targetingKey; default `weir/<flag>`.
    pub salt: String,
    /// At least one; weights rise and the last is 100 %.
    pub stages: Vec<Stage>,
    /// How it is judged.
    pub policy: Policy,
}

impl Rollout {
    /// It is judged by segment, so that proxies count by segment for it.
    #[must_use]
    pub fn is_by_segment(&self) -> bool {
        self.policy.analysis.as_ref().is_some_and(|analysis| analysis.segments.is_some())
    }
}

/// One step of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The candidate's share of the users.
    pub weight: Share,
    /// How long it lasts at least, in observed time.
    pub lasts: Span,
    /// How long it may take, from its beginning; `None` sets no end.
    pub max_duration: Option<Span>,
}

/// What the judge goes by. Fixed while an attempt runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Tolerated probability that a healthy candidate is rolled back by a guardrail, over the whole attempt. Default 0.01.
    pub alpha: f64,
    /// What control must have shown before the first stage.
    pub baseline: Baseline,
    /// What a stage needs before the next begins.
    pub advance: Advance,
    /// Latency is not judged for so long after a stage has begun. Default 30 s.
    pub settle: Span,
    /// At least one.
    pub guardrails: Vec<Guardrail>,
    /// How long an attempt may take, from its start or resume; `None` (default) sets no end.
    pub max_duration: Option<Span>,
    /// What follows when it, or a stage, has taken its longest.
    pub inconclusive: Inconclusive,
    /// What is looked at beside the guardrails; `None` (default) is nothing.
    pub analysis: Option<Box<Analysis>>,
}

/// What control must have shown before the first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Requests, at least. Default 300.
    pub requests: u64,
    /// Observed time, at least. Default 0.
    pub lasts: Span,
    /// Both must have come within so long. Default 24 h.
    pub window: Span,
}

/// What a stage needs before the next begins, beside its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// Requests of each variant in the stage, at least. Default 300.
    pub requests: u64,
    /// Power with which the stage must have been able to see a breach of each limit: 0 (not asked) to 0.99. Default 0.8.
    pub power: f64,
    /// The error rate that power is computed for when control's own is lower. Default 1 %.
    pub error_floor: Share,
    /// Share of the expected proxies that must be seen. Default 90 %.
    pub proxies: Share,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            baseline: Baseline::default(),
            advance: Advance::default(),
            settle: Span::from_ms(30_000),
            guardrails: Guardrail::defaults(),
            max_duration: None,
            inconclusive: Inconclusive::Hold,
            analysis: None,
        }
    }
}

impl Default for Baseline {
    fn default() -> Self {
        Self { requests: 300, lasts: Span::from_ms(0), window: Span::from_ms(86_400_000) }
    }
}

impl Default for Advance {
    fn default() -> Self {
        let percent = |n: u32| Share::from_ppm(n.saturating_mul(10_000)).unwrap_or(Share::ALL);
        Self { requests: 300, power: 0.8, error_floor: percent(1), proxies: percent(90) }
    }
}
