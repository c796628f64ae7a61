//! [`Limit`]: one thing that the candidate must keep, in the form that is stored with an attempt. Owns names; knows no counts.

use serde::{Deserialize, Serialize};
use weir_core::guardrail::{Counter, Guardrail, Metric};

use super::counted;
use super::custom::Custom;
use super::latency::Ceiling;
use super::slower::Multiple;

/// One limit: a guardrail with a ratio and a ceiling is two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Limit {
    /// What must be kept.
    #[serde(flatten)]
    pub bound: Bound,
    /// Reported, never deciding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Its part in the score.
    #[serde(default = "one")]
    pub weight: f64,
}

/// What must be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Bound {
    /// What is counted at most so many times control's rate.
    #[serde(alias = "errors_ratio")]
    Ratio {
        /// What is counted.
        #[serde(default, with = "counted")]
        counter: Counter,
        /// Above 1.
        ratio: f64,
    },
    /// What is counted at most at this rate.
    #[serde(alias = "errors_max")]
    Max {
        /// What is counted.
        #[serde(default, with = "counted")]
        counter: Counter,
        /// Above 0.
        max: f64,
    },
    /// A quantile of the duration at most so long.
    Latency(Ceiling),
    /// A quantile of the duration at most so many times control's.
    LatencyRatio(Multiple),
    /// What somebody else answers is as it must be.
    Custom(Custom),
}

fn one() -> f64 {
    1.0
}

impl Limit {
    /// Those of a guardrail.
    #[must_use]
    pub fn of(guardrail: &Guardrail) -> Vec<Self> {
        let bounds: Vec<Bound> = match &guardrail.metric {
            Metric::Counted { counter, ratio, max } => {
                let ratio = ratio.map(|ratio| Bound::Ratio { counter: counter.clone(), ratio });
                ratio
                    .into_iter()
                    .chain(max.map(|max| Bound::Max { counter: counter.clone(), max: max.fraction() }))
                    .collect()
            }
            Metric::Latency { quantile, ratio, max_us } => {
                let quantile = *quantile;
                let ratio = ratio.map(|ratio| Bound::LatencyRatio(Multiple { quantile, ratio }));
                ratio.into_iter().chain(max_us.map(|max_us| Bound::Latency(Ceiling { quantile, max_us }))).collect()
            }
            Metric::Custom(custom) => Custom::of(custom).into_iter().map(Bound::Custom).collect(),
        };
        let Guardrail { dry_run, weight, .. } = *guardrail;
        bounds.into_iter().map(|bound| Self { bound, dry_run, weight }).collect()
    }

    /// Its name in checks: `errors-ratio`, `timeouts-max`, `latency-p95`, `latency-p95-ratio`, `gpu-oom/max`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.bound {
            Bound::Ratio { counter, .. } => format!("{}-ratio", counter.name()),
            Bound::Max { counter, .. } => format!("{}-max", counter.name()),
            Bound::Latency(ceiling) => format!("latency-{}", quantile_name(ceiling.quantile)),
            Bound::LatencyRatio(multiple) => format!("latency-{}-ratio", quantile_name(multiple.quantile)),
            Bound::Custom(custom) => custom.check_name(),
        }
    }

    /// It is judged only after the settling time, and afresh in each stage.
    #[must_use]
    pub fn settles(&self) -> bool {
        matches!(self.bound, Bound::Latency(_) | Bound::LatencyRatio(_))
    }

    /// It is judged by evidence, and takes its part of alpha: all but what others answer.
    #[must_use]
    pub fn is_statistical(&self) -> bool {
        self.custom().is_none()
    }

    /// What others answer.
    #[must_use]
    pub fn custom(&self) -> Option<&Custom> {
        match &self.bound {
            Bound::Custom(custom) => Some(custom),
            Bound::Ratio { .. } | Bound::Max { .. } | Bound::Latency(_) | Bound::LatencyRatio(_) => None,
        }
    }

    /// What is counted; `None` for latency and custom checks.
    #[must_use]
    pub fn counter(&self) -> Option<&Counter> {
        match &self.bound {
            Bound::Ratio { counter, .. } | Bound::Max { counter, .. } => Some(counter),
            Bound::Latency(_) | Bound::LatencyRatio(_) | Bound::Custom(_) => None,
        }
    }

    /// The name of the document's counter that it is on.
    #[must_use]
    pub fn named(&self) -> Option<&str> {
        match self.counter() {
            Some(Counter::Named(name)) => Some(name),
            _ => None,
        }
    }
}

/// `p95`, `p99.9`.
#[must_use]
pub fn quantile_name(quantile: f64) -> String {
    let text = format!("{:.3}", quantile * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use weir_core::custom;

    use super::*;

    #[test]
    fn limits_of_the_release_before_are_read() {
        let limits: Vec<Limit> = serde_json::from_str(
            r#"[{"kind":"errors_ratio","ratio":2.0},{"kind":"errors_max","max":0.01},{"kind":"latency","quantile":0.95,"max_us":200000}]"#,
        )
        .unwrap();
        let names: Vec<String> = limits.iter().map(Limit::name).collect();
        assert_eq!(names, ["errors-ratio", "errors-max", "latency-p95"]);
        assert!(limits.iter().all(|limit| !limit.dry_run && limit.weight == 1.0));
    }

    #[test]
    fn a_custom_check_is_a_limit_for_each_of_its_numbers_and_is_restored_exactly() {
        let custom = |name: &str, source| {
            let every = weir_core::span::Span::from_ms(1_000);
            Guardrail::on(Metric::Custom(custom::Custom { name: name.to_owned(), source, every, failures: 2 }))
        };
        let query = "rate(x{v=\"$variant\"}[1m])".to_owned();
        let query =
            custom::Source::Query { query, max: Some(0.1), min: Some(-3.0), ratio: Some(2.0), difference: Some(0.0) };
        let webhook = custom::Source::Webhook("smoke".to_owned());
        let guardrails = [custom("oom", query), custom("errors", webhook)];
        let limits: Vec<Limit> = guardrails.iter().flat_map(Limit::of).collect();
        let names: Vec<String> = limits.iter().map(Limit::name).collect();
        assert_eq!(names, ["oom/max", "oom/min", "oom/ratio", "oom/difference", "errors/answer"]);
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Limit>>(&text).unwrap(), limits, "{text}");
        assert!(limits.iter().all(|limit| !limit.settles() && !limit.is_statistical() && limit.counter().is_none()));
    }

    #[test]
    fn every_limit_is_restored_exactly() {
        let defaults = Guardrail::defaults();
        let strange = [
            Metric::Counted { counter: Counter::ClientErrors, ratio: Some(1.7), max: None },
            Metric::Counted { counter: Counter::Named("fall-back".into()), ratio: Some(1.1), max: None },
            Metric::Latency { quantile: 0.999, ratio: Some(1.1), max_us: Some(7) },
        ];
        let strange = strange.map(|metric| Guardrail { metric, dry_run: true, weight: 0.3 });
        let limits: Vec<Limit> = defaults.iter().chain(&strange).flat_map(Limit::of).collect();
        let names: Vec<String> = limits.iter().map(Limit::name).collect();
        let rest = ["client_errors-ratio", "fall-back-ratio", "latency-p99.9-ratio", "latency-p99.9"];
        assert_eq!(names[..4], ["errors-ratio", "timeouts-ratio", "latency-p95-ratio", "latency-p50-ratio"]);
        assert_eq!(names[4..], rest);
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Limit>>(&text).unwrap(), limits, "{text}");
    }
}
