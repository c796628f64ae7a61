//! [`Segment`]: a named part of the users, by a rule over the request's attributes. Owns what a segment is, which of them a request's user is in
//! ([`Membership`]) and what it means that two documents have the same one. Knows no flag and no metric.

use std::sync::Arc;

use crate::bits::Bits;
use crate::document::{AttributeSource, Document};
use crate::rule::{Question, Reached, Rule, RuleError};

/// The most segments of a document: each costs Envoy [`crate::name::stats_per_segment`] stats for a rollout that is judged by them.
pub const MAX_SEGMENTS: usize = 8;

// A bit each.
const _: () = assert!(MAX_SEGMENTS <= Bits::MOST);

/// A segment of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// What metrics and verdicts call it.
    pub name: String,
    /// Who is in it: those for whom the rule is truthy.
    pub rule: Arc<Rule>,
}

/// Why a rule does not say whether a user is in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentFault {
    /// It met an operator that does not exist, or a reference to no evaluator.
    UnknownOperator,
    /// It was more work than the document's limit.
    TooMuchWork,
}

/// Every fault, in the order of their metrics.
pub const SEGMENT_FAULTS: [SegmentFault; 2] = [SegmentFault::UnknownOperator, SegmentFault::TooMuchWork];

impl SegmentFault {
    /// The word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownOperator => "unknown_operator",
            Self::TooMuchWork => "too_much_work",
        }
    }

    /// The fault of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        SEGMENT_FAULTS.into_iter().find(|fault| fault.name() == name)
    }
}

impl From<&RuleError> for SegmentFault {
    fn from(error: &RuleError) -> Self {
        match error {
            RuleError::UnknownOperator(_) => Self::UnknownOperator,
            RuleError::TooMuchWork => Self::TooMuchWork,
        }
    }
}

/// Which of a document's segments a request's user is in, by their place in the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Those that the user is in.
    pub inside: Bits,
    /// Those whose rule failed, so that the user counts as outside: by the faults' place in [`SEGMENT_FAULTS`].
    pub failed: [Bits; SEGMENT_FAULTS.len()],
}

impl Membership {
    /// Asks every segment's rule; `question` makes the question for one.
    pub fn of<'a>(segments: &'a [Segment], question: impl Fn(&Rule) -> Question<'a>) -> Self {
        let mut found = Self::default();
        for (place, segment) in segments.iter().take(MAX_SEGMENTS).enumerate() {
            let said = segment.rule.ask(&question(&segment.rule), |value| match value {
                Ok(value) => Ok(value.truthy()),
                Err(error) => Err(SegmentFault::from(&error)),
            });
            let list = match said {
                Ok(true) => Some(&mut found.inside),
                Ok(false) => None,
                Err(fault) => {
                    found.failed.iter_mut().zip(SEGMENT_FAULTS).find(|(_, of)| *of == fault).map(|(list, _)| list)
                }
            };
            if let Some(list) = list {
                *list = list.and(Bits::one(place));
            }
        }
        found
    }
}

/// What decides who is in a segment: two documents in which it is equal put the same requests into it.
#[derive(Debug, PartialEq)]
pub struct Meaning<'d> {
    rule: &'d Rule,
    reached: Reached<'d>,
    /// Of each attribute that it reaches, in their order.
    sources: Vec<Option<&'d AttributeSource>>,
}

impl<'d> Meaning<'d> {
    /// Of the document's segment of that name. Its identity and its hashing are the document's own affair.
    #[must_use]
    pub fn of(document: &'d Document, name: &str) -> Option<Self> {
        let rule = &*document.segments.iter().find(|segment| segment.name == name)?.rule;
        let reached = rule.reached();
        let source = |name: &&str| {
            let slot = document.attributes.iter().position(|other| other == name)?;
            document.sources.get(slot)?.as_ref()
        };
        let sources = reached.attributes.iter().map(source).collect();
        Some(Self { rule, reached, sources })
    }
}
