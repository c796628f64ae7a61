//! [`Custom`]: a guardrail whose answer comes from elsewhere: a PromQL query, or a webhook. Owns what is asked and which limits an answer
//! may be held against; knows neither an address nor an answer.
//!
//! A document names a webhook and never has its address or a secret: every proxy loads the document, and who may apply one must not be able
//! to make a controller call whatever he likes.

use crate::span::Span;

/// In a query, the name of the variant that it is asked for.
pub const VARIANT: &str = "$variant";
/// In a query, the key of the flag.
pub const FLAG: &str = "$flag";

/// What a check, and a webhook in the controller's settings, may be called.
pub const NAME: &str = "a name of 1 to 64 of a-z, 0-9, '.', '_' and '-'";

/// Whether it may be called so: see [`NAME`].
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// A check that is asked for elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Custom {
    /// Its name in checks, unique in the rollout: 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`.
    pub name: String,
    /// Who is asked, and what the answer is held against.
    pub source: Source,
    /// How often it is asked, a second to a day. Default 30 s.
    pub every: Span,
    /// So many answers in a row must be beyond the limit before it decides, 1 to 100. Default 3.
    pub failures: u32,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A Prometheus. At least one limit is there.
    Query {
        /// PromQL, with `$variant` and `$flag` in it as they were written.
        query: String,
        /// The candidate's value is at most this.
        max: Option<f64>,
        /// It is at least this.
        min: Option<f64>,
        /// It is at most so many times the value of the same query for control. Then `$variant` is in the query.
        ratio: Option<f64>,
        /// It is at most so much more than the value of the same query for control. Then `$variant` is in the query.
        difference: Option<f64>,
    },
    /// A webhook of the controller's settings, by its name there.
    Webhook(String),
}

/// The query for one variant of a flag.
#[must_use]
pub fn filled(query: &str, flag: &str, variant: &str) -> String {
    query.replace(VARIANT, variant).replace(FLAG, flag)
}

/// The query is another for each variant.
#[must_use]
pub fn has_variant(query: &str) -> bool {
    query.contains(VARIANT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_filled_for_a_variant() {
        let query = r#"sum(rate(oom{version="$variant",app="$flag"}[1m])) / sum(x{v=~"$variant|"})"#;
        let text = r#"sum(rate(oom{version="next",app="checkout"}[1m])) / sum(x{v=~"next|"})"#;
        assert_eq!(filled(query, "checkout", "next"), text);
        assert!(has_variant(query) && !has_variant("up == 1"));
    }
}
