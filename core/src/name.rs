//! The wire contract upwards: the names of Weir's metrics. Builds them for the filter and parses them for the controller, so that
//! the two can't drift apart. Knows nothing of values.
//!
//! A name is Istio's convention, tags first: `flag=.=checkout;.;variant=.=next;.;result=.=ok;.;weir_requests`. A `stats_tags`
//! regular expression per tag, `(flag=\.=(.*?);\.;)`, turns the tags into Prometheus labels and leaves `weir_requests`. Envoy puts
//! `wasmcustom.` in front, which the admin interface shows and Prometheus does not.

use std::fmt;

use crate::cell::{CELLS, Cell};
use crate::measure::ScoreFault;
use crate::outcome::Outcome;
use crate::reason::Reason;

/// What Envoy puts in front of each metric of a Wasm filter.
pub const ENVOY_PREFIX: &str = "wasmcustom.";

/// Every tag that a name may carry; the examples' `stats_tags` list exactly these.
pub const TAGS: [&str; 7] = ["flag", "variant", "result", "reason", "cell", "counter", "score"];

/// One of Weir's metrics, by its tags. Counters, but for [`Metric::Duration`] and [`Metric::Score`] (histograms) and [`Metric::Generation`] (a gauge).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are the tags that the variants' docs name")]
pub enum Metric<'a> {
    /// `weir_requests`: finished requests that the rollout split assigned, by how they ended.
    Requests { flag: &'a str, variant: &'a str, result: Outcome },
    /// `weir_started`: the same requests at their start; started minus finished shows a hanging candidate before its time-outs do.
    Started { flag: &'a str, variant: &'a str },
    /// `weir_duration_us`: how long they took, in microseconds (histogram).
    Duration { flag: &'a str, variant: &'a str },
    /// `weir_cell_requests`: finished requests by cell of the user.
    CellRequests { flag: &'a str, variant: &'a str, cell: Cell },
    /// `weir_cell_errors`: errors by cell of the user.
    CellErrors { flag: &'a str, variant: &'a str, cell: Cell },
    /// `weir_cell_hits`: requests that hit one of the document's counters, by cell of the user.
    CellHits { flag: &'a str, variant: &'a str, counter: &'a str, cell: Cell },
    /// `weir_score_micros`: a score of the document, in millionths (histogram).
    Score { flag: &'a str, variant: &'a str, score: &'a str },
    /// `weir_cell_scores`: requests that had the score, by cell of the user.
    CellScores { flag: &'a str, variant: &'a str, score: &'a str, cell: Cell },
    /// `weir_cell_score_micros`: their scores' sum, in millionths.
    CellScoreSum { flag: &'a str, variant: &'a str, score: &'a str, cell: Cell },
    /// `weir_cell_score_squares_micros`: the sum of their squares, in millionths.
    CellScoreSquares { flag: &'a str, variant: &'a str, score: &'a str, cell: Cell },
    /// `weir_bad_scores`: scores that were not taken, and why.
    BadScores { flag: &'a str, variant: &'a str, score: &'a str, reason: ScoreFault },
    /// `weir_unassigned`: requests of a rollout's flag that the split did not decide, and why.
    Unassigned { flag: &'a str, reason: Reason },
    /// `weir_no_snapshot`: requests served while the filter had no snapshot.
    NoSnapshot,
    /// `weir_generation`: the generation that workers serve (gauge).
    Generation,
}

impl Metric<'_> {
    /// The last part of the name, which is the metric's name in Prometheus.
    #[must_use]
    pub const fn family(&self) -> &'static str {
        match self {
            Metric::Requests { .. } => "weir_requests",
            Metric::Started { .. } => "weir_started",
            Metric::Duration { .. } => "weir_duration_us",
            Metric::CellRequests { .. } => "weir_cell_requests",
            Metric::CellErrors { .. } => "weir_cell_errors",
            Metric::CellHits { .. } => "weir_cell_hits",
            Metric::Score { .. } => "weir_score_micros",
            Metric::CellScores { .. } => "weir_cell_scores",
            Metric::CellScoreSum { .. } => "weir_cell_score_micros",
            Metric::CellScoreSquares { .. } => "weir_cell_score_squares_micros",
            Metric::BadScores { .. } => "weir_bad_scores",
            Metric::Unassigned { .. } => "weir_unassigned",
            Metric::NoSnapshot => "weir_no_snapshot",
            Metric::Generation => "weir_generation",
        }
    }
}

fn tag(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    write!(f, "{name}=.={value};.;")
}

/// The whole name, without Envoy's prefix.
impl fmt::Display for Metric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Metric::Requests { flag, variant, result } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
                tag(f, "result", result.name())?;
            }
            Metric::Started { flag, variant } | Metric::Duration { flag, variant } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
            }
            Metric::CellRequests { flag, variant, cell } | Metric::CellErrors { flag, variant, cell } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
                tag(f, "cell", cell.index())?;
            }
            Metric::CellHits { flag, variant, counter, cell } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
                tag(f, "counter", counter)?;
                tag(f, "cell", cell.index())?;
            }
            Metric::Score { flag, variant, score } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
                tag(f, "score", score)?;
            }
            Metric::CellScores { flag, variant, score, cell }
            | Metric::CellScoreSum { flag, variant, score, cell }
            | Metric::CellScoreSquares { flag, variant, score, cell } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
                tag(f, "score", score)?;
                tag(f, "cell", cell.index())?;
            }
            Metric::BadScores { flag, variant, score, reason } => {
                tag(f, "flag", flag)?;
                tag(f, "variant", variant)?;
                tag(f, "score", score)?;
                tag(f, "reason", reason.name())?;
            }
            Metric::Unassigned { flag, reason } => {
                tag(f, "flag", flag)?;
                tag(f, "reason", reason.name())?;
            }
            Metric::NoSnapshot | Metric::Generation => {}
        }
        f.write_str(self.family())
    }
}

#[derive(Default)]
struct Tags<'a> {
    flag: Option<&'a str>,
    variant: Option<&'a str>,
    result: Option<&'a str>,
    reason: Option<&'a str>,
    cell: Option<&'a str>,
    counter: Option<&'a str>,
    score: Option<&'a str>,
}

impl<'a> Metric<'a> {
    /// Reads a name as the admin interface shows it, with or without Envoy's prefix. `None` for whatever is not exactly one of ours.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let mut rest = name.strip_prefix(ENVOY_PREFIX).unwrap_or(name);
        let mut tags = Tags::default();
        while let Some((head, tail)) = rest.split_once(";.;") {
            let (key, value) = head.split_once("=.=")?;
            let place = match key {
                "flag" => &mut tags.flag,
                "variant" => &mut tags.variant,
                "result" => &mut tags.result,
                "reason" => &mut tags.reason,
                "cell" => &mut tags.cell,
                "counter" => &mut tags.counter,
                "score" => &mut tags.score,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
            rest = tail;
        }
        let Tags { flag, variant, result, reason, cell, counter, score } = tags;
        let cell = || cell?.parse::<u8>().ok().and_then(Cell::from_index);
        let metric = match rest {
            "weir_requests" => {
                Metric::Requests { flag: flag?, variant: variant?, result: Outcome::from_name(result?)? }
            }
            "weir_started" => Metric::Started { flag: flag?, variant: variant? },
            "weir_duration_us" => Metric::Duration { flag: flag?, variant: variant? },
            "weir_cell_requests" => Metric::CellRequests { flag: flag?, variant: variant?, cell: cell()? },
            "weir_cell_errors" => Metric::CellErrors { flag: flag?, variant: variant?, cell: cell()? },
            "weir_cell_hits" => Metric::CellHits { flag: flag?, variant: variant?, counter: counter?, cell: cell()? },
            "weir_score_micros" => Metric::Score { flag: flag?, variant: variant?, score: score? },
            "weir_cell_scores" => Metric::CellScores { flag: flag?, variant: variant?, score: score?, cell: cell()? },
            "weir_cell_score_micros" => {
                Metric::CellScoreSum { flag: flag?, variant: variant?, score: score?, cell: cell()? }
            }
            "weir_cell_score_squares_micros" => {
                Metric::CellScoreSquares { flag: flag?, variant: variant?, score: score?, cell: cell()? }
            }
            "weir_bad_scores" => {
                let reason = ScoreFault::from_name(reason?)?;
                Metric::BadScores { flag: flag?, variant: variant?, score: score?, reason }
            }
            "weir_unassigned" => Metric::Unassigned { flag: flag?, reason: Reason::from_name(reason?)? },
            "weir_no_snapshot" => Metric::NoSnapshot,
            "weir_generation" => Metric::Generation,
            _ => return None,
        };
        Some(metric)
    }
}

/// How many stats one rollout costs in Envoy: for each of its two variants six results, started, duration and two per cell, and its reasons.
#[must_use]
pub fn stats_per_rollout() -> usize {
    const BY_VARIANT: usize = crate::outcome::OUTCOMES.len() + 2 + 2 * CELLS as usize;
    const ALL: usize = 2 * BY_VARIANT + crate::reason::UNASSIGNED.len();
    ALL
}

/// How many more each counter of the document costs for a rollout: for each of its two variants one per cell.
#[must_use]
pub fn stats_per_counter() -> usize {
    const ALL: usize = 2 * CELLS as usize;
    ALL
}

/// How many more each score costs: for each of the two variants three per cell, a histogram and its faults.
#[must_use]
pub fn stats_per_score() -> usize {
    const ALL: usize = 2 * (3 * CELLS as usize + 1 + crate::measure::SCORE_FAULTS.len());
    ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::OUTCOMES;
    use crate::reason::UNASSIGNED;

    #[test]
    fn every_name_is_read_back_with_and_without_the_prefix() {
        let (flag, variant) = ("check-out.v2", "next_1");
        let mut metrics = vec![
            Metric::Started { flag, variant },
            Metric::Duration { flag, variant },
            Metric::NoSnapshot,
            Metric::Generation,
        ];
        metrics.extend(OUTCOMES.map(|result| Metric::Requests { flag, variant, result }));
        metrics.push(Metric::Score { flag, variant, score: "q" });
        let faults = crate::measure::SCORE_FAULTS;
        metrics.extend(faults.map(|reason| Metric::BadScores { flag, variant, score: "q", reason }));
        metrics.extend(UNASSIGNED.map(|reason| Metric::Unassigned { flag, reason }));
        for cell in Cell::all() {
            metrics.push(Metric::CellRequests { flag, variant, cell });
            metrics.push(Metric::CellErrors { flag, variant, cell });
            metrics.push(Metric::CellHits { flag, variant, counter: "fallback", cell });
            metrics.push(Metric::CellScores { flag, variant, score: "q", cell });
            metrics.push(Metric::CellScoreSum { flag, variant, score: "q", cell });
            metrics.push(Metric::CellScoreSquares { flag, variant, score: "q", cell });
        }
        for metric in metrics {
            let name = metric.to_string();
            assert_eq!(Metric::parse(&name), Some(metric), "{name}");
            assert_eq!(Metric::parse(&format!("{ENVOY_PREFIX}{name}")), Some(metric), "{name}");
        }
    }

    #[test]
    fn a_name_is_tags_first_as_istio_writes_it() {
        let metric = Metric::Requests { flag: "checkout", variant: "next", result: Outcome::Ok };
        assert_eq!(metric.to_string(), "flag=.=checkout;.;variant=.=next;.;result=.=ok;.;weir_requests");
    }

    #[test]
    fn what_is_not_ours_is_nothing() {
        for name in [
            "",
            "weir_requests",
            "flag=.=a;.;weir_requests",
            "flag=.=a;.;variant=.=b;.;result=.=fine;.;weir_requests",
            "flag=.=a;.;variant=.=b;.;cell=.=20;.;weir_cell_errors",
            "flag=.=a;.;variant=.=b;.;cell=.=-1;.;weir_cell_errors",
            "flag=.=a;.;flag=.=b;.;variant=.=c;.;weir_started",
            "colour=.=red;.;flag=.=a;.;variant=.=c;.;weir_started",
            "flag=.=a;.;reason=.=whim;.;weir_unassigned",
            "flag=.=a;.;variant=.=b;.;cell=.=1;.;weir_cell_hits",
            "cluster.upstream_rq_total",
        ] {
            assert_eq!(Metric::parse(name), None, "{name}");
        }
    }
}
