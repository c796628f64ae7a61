//! The wire contract upwards: the names of Weir's metrics. Builds them for the filter and parses them for the controller, so that
//! the two can't drift apart. Knows nothing of values.
//!
//! A name is Istio's convention, tags first: `flag=.=checkout;.;variant=.=next;.;result=.=ok;.;weir_requests`. A `stats_tags`
//! regular expression per tag, `(flag=\.=(.*?);\.;)`, turns the tags into Prometheus labels and leaves `weir_requests`. Envoy puts
//! `wasmcustom.` in front, which the admin interface shows and Prometheus does not.
//!
//! What is counted of a segment's users was counted of everybody already: it has families of its own (`weir_segment_requests`), so that a sum
//! over a family never counts a request twice.

use std::fmt;

use crate::cell::{CELLS, Cell};
use crate::measure::ScoreFault;
use crate::outcome::Outcome;
use crate::reason::Reason;
use crate::segment::SegmentFault;

/// What Envoy puts in front of each metric of a Wasm filter.
pub const ENVOY_PREFIX: &str = "wasmcustom.";

/// Every tag that a name may carry; the examples' `stats_tags` list exactly these.
pub const TAGS: [&str; 8] = ["flag", "variant", "result", "reason", "cell", "counter", "score", "segment"];

/// Whose requests are counted: those of a flag's variant, of all users or of a segment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group<'a> {
    /// The flag's key.
    pub flag: &'a str,
    /// The variant's name.
    pub variant: &'a str,
    /// The segment's name; `None` is everybody.
    pub segment: Option<&'a str>,
}

impl<'a> Group<'a> {
    /// All users of the variant.
    #[must_use]
    pub const fn everybody(flag: &'a str, variant: &'a str) -> Self {
        Self { flag, variant, segment: None }
    }

    /// Which of the two families counts this group.
    const fn family(&self, everybody: &'static str, segment: &'static str) -> &'static str {
        if self.segment.is_some() { segment } else { everybody }
    }
}

/// One of Weir's metrics, by its tags. Counters, but for [`Metric::Duration`] and [`Metric::Score`] (histograms) and [`Metric::Generation`] (a gauge).
/// Families of groups have a second one for segments: `weir_segment_requests` beside `weir_requests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are the tags that the variants' docs name")]
pub enum Metric<'a> {
    /// `weir_requests`: finished requests that the rollout split assigned, by how they ended.
    Requests { of: Group<'a>, result: Outcome },
    /// `weir_started`: the same requests at their start; started minus finished shows a hanging candidate before its time-outs do.
    Started { of: Group<'a> },
    /// `weir_duration_us`: how long they took, in microseconds (histogram).
    Duration { of: Group<'a> },
    /// `weir_cell_requests`: finished requests by cell of the user.
    CellRequests { of: Group<'a>, cell: Cell },
    /// `weir_cell_errors`: errors by cell of the user.
    CellErrors { of: Group<'a>, cell: Cell },
    /// `weir_cell_hits`: requests that hit one of the document's counters, by cell of the user.
    CellHits { of: Group<'a>, counter: &'a str, cell: Cell },
    /// `weir_cell_scores`: requests that had the score, by cell of the user.
    CellScores { of: Group<'a>, score: &'a str, cell: Cell },
    /// `weir_cell_score_micros`: their scores' sum, in millionths.
    CellScoreSum { of: Group<'a>, score: &'a str, cell: Cell },
    /// `weir_cell_score_squares_micros`: the sum of their squares, in millionths.
    CellScoreSquares { of: Group<'a>, score: &'a str, cell: Cell },
    /// `weir_score_micros`: a score of the document, in millionths (histogram), of everybody.
    Score { flag: &'a str, variant: &'a str, score: &'a str },
    /// `weir_bad_scores`: scores that were not taken, and why, of everybody.
    BadScores { flag: &'a str, variant: &'a str, score: &'a str, reason: ScoreFault },
    /// `weir_unassigned`: requests of a rollout's flag that the split did not decide, and why.
    Unassigned { flag: &'a str, reason: Reason },
    /// `weir_segment_faults`: requests whose user counts as outside of the segment because its rule failed, and why.
    SegmentFaults { flag: &'a str, segment: &'a str, reason: SegmentFault },
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
            Metric::Requests { of, .. } => of.family("weir_requests", "weir_segment_requests"),
            Metric::Started { of } => of.family("weir_started", "weir_segment_started"),
            Metric::Duration { of } => of.family("weir_duration_us", "weir_segment_duration_us"),
            Metric::CellRequests { of, .. } => of.family("weir_cell_requests", "weir_segment_cell_requests"),
            Metric::CellErrors { of, .. } => of.family("weir_cell_errors", "weir_segment_cell_errors"),
            Metric::CellHits { of, .. } => of.family("weir_cell_hits", "weir_segment_cell_hits"),
            Metric::CellScores { of, .. } => of.family("weir_cell_scores", "weir_segment_cell_scores"),
            Metric::CellScoreSum { of, .. } => of.family("weir_cell_score_micros", "weir_segment_cell_score_micros"),
            Metric::CellScoreSquares { of, .. } => {
                of.family("weir_cell_score_squares_micros", "weir_segment_cell_score_squares_micros")
            }
            Metric::Score { .. } => "weir_score_micros",
            Metric::BadScores { .. } => "weir_bad_scores",
            Metric::Unassigned { .. } => "weir_unassigned",
            Metric::SegmentFaults { .. } => "weir_segment_faults",
            Metric::NoSnapshot => "weir_no_snapshot",
            Metric::Generation => "weir_generation",
        }
    }
}

fn tag(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    write!(f, "{name}=.={value};.;")
}

/// The tags of a group.
impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tag(f, "flag", self.flag)?;
        tag(f, "variant", self.variant)?;
        self.segment.map_or(Ok(()), |segment| tag(f, "segment", segment))
    }
}

/// The whole name, without Envoy's prefix.
impl fmt::Display for Metric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Metric::Requests { of, result } => {
                write!(f, "{of}")?;
                tag(f, "result", result.name())?;
            }
            Metric::Started { of } | Metric::Duration { of } => write!(f, "{of}")?,
            Metric::CellRequests { of, cell } | Metric::CellErrors { of, cell } => {
                write!(f, "{of}")?;
                tag(f, "cell", cell.index())?;
            }
            Metric::CellHits { of, counter, cell } => {
                write!(f, "{of}")?;
                tag(f, "counter", counter)?;
                tag(f, "cell", cell.index())?;
            }
            Metric::CellScores { of, score, cell }
            | Metric::CellScoreSum { of, score, cell }
            | Metric::CellScoreSquares { of, score, cell } => {
                write!(f, "{of}")?;
                tag(f, "score", score)?;
                tag(f, "cell", cell.index())?;
            }
            Metric::Score { flag, variant, score } => {
                write!(f, "{}", Group::everybody(flag, variant))?;
                tag(f, "score", score)?;
            }
            Metric::BadScores { flag, variant, score, reason } => {
                write!(f, "{}", Group::everybody(flag, variant))?;
                tag(f, "score", score)?;
                tag(f, "reason", reason.name())?;
            }
            Metric::Unassigned { flag, reason } => {
                tag(f, "flag", flag)?;
                tag(f, "reason", reason.name())?;
            }
            Metric::SegmentFaults { flag, segment, reason } => {
                tag(f, "flag", flag)?;
                tag(f, "segment", segment)?;
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
    segment: Option<&'a str>,
}

impl<'a> Tags<'a> {
    /// The tags in front of a name, and what is left of it: the family.
    fn read(name: &'a str) -> Option<(Self, &'a str)> {
        let mut tags = Self::default();
        let mut rest = name;
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
                "segment" => &mut tags.segment,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
            rest = tail;
        }
        Some((tags, rest))
    }

    fn group(&self) -> Option<Group<'a>> {
        Some(Group { flag: self.flag?, variant: self.variant?, segment: self.segment })
    }

    fn cell(&self) -> Option<Cell> {
        self.cell?.parse::<u8>().ok().and_then(Cell::from_index)
    }
}

impl<'a> Metric<'a> {
    /// Reads a name as the admin interface shows it, with or without Envoy's prefix. `None` for whatever is not exactly one of ours.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let (tags, family) = Tags::read(name.strip_prefix(ENVOY_PREFIX).unwrap_or(name))?;
        let metric = match family {
            "weir_score_micros" => Metric::Score { flag: tags.flag?, variant: tags.variant?, score: tags.score? },
            "weir_bad_scores" => {
                let reason = ScoreFault::from_name(tags.reason?)?;
                Metric::BadScores { flag: tags.flag?, variant: tags.variant?, score: tags.score?, reason }
            }
            "weir_unassigned" => Metric::Unassigned { flag: tags.flag?, reason: Reason::from_name(tags.reason?)? },
            "weir_segment_faults" => {
                let reason = SegmentFault::from_name(tags.reason?)?;
                return Some(Metric::SegmentFaults { flag: tags.flag?, segment: tags.segment?, reason });
            }
            "weir_no_snapshot" => Metric::NoSnapshot,
            "weir_generation" => Metric::Generation,
            family => return Self::of_group(&tags, family),
        };
        tags.segment.is_none().then_some(metric)
    }

    /// A metric of a group: that of a segment has the segment's family, and only that.
    fn of_group(tags: &Tags<'a>, family: &str) -> Option<Self> {
        let (name, by_segment) = match family.strip_prefix("weir_segment_") {
            Some(name) => (name, true),
            None => (family.strip_prefix("weir_")?, false),
        };
        let of = tags.group().filter(|of| of.segment.is_some() == by_segment)?;
        let metric = match name {
            "requests" => Metric::Requests { of, result: Outcome::from_name(tags.result?)? },
            "started" => Metric::Started { of },
            "duration_us" => Metric::Duration { of },
            "cell_requests" => Metric::CellRequests { of, cell: tags.cell()? },
            "cell_errors" => Metric::CellErrors { of, cell: tags.cell()? },
            "cell_hits" => Metric::CellHits { of, counter: tags.counter?, cell: tags.cell()? },
            "cell_scores" => Metric::CellScores { of, score: tags.score?, cell: tags.cell()? },
            "cell_score_micros" => Metric::CellScoreSum { of, score: tags.score?, cell: tags.cell()? },
            "cell_score_squares_micros" => Metric::CellScoreSquares { of, score: tags.score?, cell: tags.cell()? },
            _ => return None,
        };
        Some(metric)
    }
}

/// What each group costs: six results, started, duration and two per cell.
const BY_GROUP: usize = crate::outcome::OUTCOMES.len() + 2 + 2 * CELLS as usize;

/// How many stats one rollout costs in Envoy: for each of its two variants six results, started, duration and two per cell, and its reasons.
#[must_use]
pub fn stats_per_rollout() -> usize {
    const ALL: usize = 2 * BY_GROUP + crate::reason::UNASSIGNED.len();
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

/// How many more each segment of the document costs for a rollout that is judged by segment: what the rollout costs, without its reasons and with
/// those of the segment; for each counter as much again, and for each score as much but for the histogram and the faults.
#[must_use]
pub fn stats_per_segment(counters: usize, scores: usize) -> usize {
    const ALONE: usize = 2 * BY_GROUP + crate::segment::SEGMENT_FAULTS.len();
    const SCORE: usize = 2 * 3 * CELLS as usize;
    ALONE.saturating_add(counters.saturating_mul(stats_per_counter())).saturating_add(scores.saturating_mul(SCORE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::OUTCOMES;
    use crate::reason::UNASSIGNED;
    use crate::segment::SEGMENT_FAULTS;

    #[test]
    fn every_name_is_read_back_with_and_without_the_prefix() {
        let (flag, variant) = ("check-out.v2", "next_1");
        let mut metrics = vec![Metric::NoSnapshot, Metric::Generation, Metric::Score { flag, variant, score: "q" }];
        let faults = crate::measure::SCORE_FAULTS;
        metrics.extend(faults.map(|reason| Metric::BadScores { flag, variant, score: "q", reason }));
        metrics.extend(UNASSIGNED.map(|reason| Metric::Unassigned { flag, reason }));
        metrics.extend(SEGMENT_FAULTS.map(|reason| Metric::SegmentFaults { flag, segment: "beta", reason }));
        metrics.extend(of_group(Group::everybody(flag, variant)));
        metrics.extend(of_group(Group { flag, variant, segment: Some("be-ta.2") }));
        for metric in metrics {
            let name = metric.to_string();
            assert_eq!(Metric::parse(&name), Some(metric), "{name}");
            assert_eq!(Metric::parse(&format!("{ENVOY_PREFIX}{name}")), Some(metric), "{name}");
        }
    }

    /// All that is counted of a group.
    fn of_group(of: Group<'_>) -> Vec<Metric<'_>> {
        let mut metrics = vec![Metric::Started { of }, Metric::Duration { of }];
        metrics.extend(OUTCOMES.map(|result| Metric::Requests { of, result }));
        for cell in Cell::all() {
            metrics.push(Metric::CellRequests { of, cell });
            metrics.push(Metric::CellErrors { of, cell });
            metrics.push(Metric::CellHits { of, counter: "fallback", cell });
            metrics.push(Metric::CellScores { of, score: "q", cell });
            metrics.push(Metric::CellScoreSum { of, score: "q", cell });
            metrics.push(Metric::CellScoreSquares { of, score: "q", cell });
        }
        metrics
    }

    #[test]
    fn a_segment_has_the_families_of_everybody_under_names_of_their_own() {
        let (flag, variant) = ("checkout", "next");
        let everybody = of_group(Group::everybody(flag, variant));
        let segment = of_group(Group { flag, variant, segment: Some("beta") });
        for (all, part) in everybody.iter().zip(&segment) {
            let expected = all.family().replacen("weir_", "weir_segment_", 1);
            assert_eq!(part.family(), expected);
        }
        let names: std::collections::BTreeSet<_> = everybody.iter().chain(&segment).map(Metric::family).collect();
        assert_eq!(names.len(), 18);
    }

    #[test]
    fn a_name_is_tags_first_as_istio_writes_it() {
        let of = Group::everybody("checkout", "next");
        let metric = Metric::Requests { of, result: Outcome::Ok };
        assert_eq!(metric.to_string(), "flag=.=checkout;.;variant=.=next;.;result=.=ok;.;weir_requests");
        let metric = Metric::Started { of: Group { segment: Some("beta"), ..of } };
        assert_eq!(metric.to_string(), "flag=.=checkout;.;variant=.=next;.;segment=.=beta;.;weir_segment_started");
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
            "flag=.=a;.;variant=.=b;.;segment=.=s;.;weir_started",
            "flag=.=a;.;variant=.=b;.;weir_segment_started",
            "flag=.=a;.;variant=.=b;.;segment=.=s;.;score=.=q;.;weir_segment_score_micros",
            "flag=.=a;.;variant=.=b;.;segment=.=s;.;score=.=q;.;weir_score_micros",
            "flag=.=a;.;segment=.=s;.;reason=.=kill;.;weir_unassigned",
            "flag=.=a;.;reason=.=too_much_work;.;weir_segment_faults",
            "segment=.=s;.;weir_no_snapshot",
            "cluster.upstream_rq_total",
        ] {
            assert_eq!(Metric::parse(name), None, "{name}");
        }
    }
}
