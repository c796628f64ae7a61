//! Reads the answer of Envoy's `/stats?format=json&histogram_buckets=detailed`: Weir's own counters, histograms and gauge, and how far
//! discovered configurations have got. Pure; knows no connection and no difference. Takes any bytes: what is not ours is passed over,
//! what is ours and unreadable is an error that says what was found.
//!
//! Counters and gauges are `{"name","value"}`, text readouts too, and all histograms stand in one entry
//! `{"histograms":{"details":[{"name","totals":[{"lower_bound","width","count"}]}]}}` (Envoy 1.40).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_core::cell::Cell;
use weir_core::measure::SCORE_UNITS;
use weir_core::name::{Group, Metric};

use crate::observation::{Bin, Bins, FlagCounts, ScoreCell, ScoreCounts, VariantCounts};
use crate::stats::real;

/// The request: one for counters, histograms, gauge and the state of discovered configurations.
pub const PATH: &str = "/stats?format=json&histogram_buckets=detailed&filter=\
    weir_%7C%5Eextension_config_discovery%5C.http_filter%5C..%2A%5C.(config_reload%7Cversion_text%7Cupdate_success%7Cupdate_rejected)%24";
/// The request for the latter alone, which costs a proxy little enough to be asked every few milliseconds.
pub const DISCOVERY_PATH: &str = "/stats?format=json&filter=\
    %5Eextension_config_discovery%5C.http_filter%5C..%2A%5C.(config_reload%7Cversion_text%7Cupdate_success%7Cupdate_rejected)%24";

/// A generation beyond this is not believed, whoever tells it: no controller gets there, and one more must always be possible.
pub const MAX_GENERATION: u64 = 1_000_000_000_000_000;

/// Where Envoy counts discovered HTTP filters; the filter's name follows.
const DISCOVERY: &str = "extension_config_discovery.http_filter.";
/// Bounds of bins beyond this are no durations (2^53, to which an f64 is exact).
const MAX_BOUND: f64 = 9_007_199_254_740_992.0;
/// Characters of a wrong value that an error shows.
const SHOWN: usize = 60;

/// Cumulative values of one proxy since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Counters and histograms, by flag.
    pub flags: BTreeMap<String, FlagCounts>,
    /// Gauge `weir_generation`.
    pub generation: Option<u64>,
    /// Requests served without a snapshot.
    pub no_snapshot: u64,
    /// State of discovered configurations, by name of the filter.
    pub discovery: BTreeMap<String, Discovery>,
}

/// How far the configurations of one filter have got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// `version_text`: the version accepted last; empty before the first.
    pub version: String,
    /// `config_reload`: updates, accepted or not, that are through with all workers.
    pub reloads: u64,
    /// `update_success`: updates accepted, those included that changed nothing.
    pub accepted: u64,
    /// `update_rejected`.
    pub rejected: u64,
}

/// Why an answer can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// Not the JSON that Envoy writes.
    #[error("not Envoy's stats: {0}")]
    Json(#[from] serde_json::Error),
    /// One of our metrics has a value that it can't have.
    #[error("{name}: expected {expected}, found {found}")]
    Value { name: String, expected: &'static str, found: String },
}

/// Reads an answer.
///
/// # Errors
/// If it is not JSON of that shape, or a value of ours is not a number that it could be.
pub fn parse(body: &[u8]) -> Result<Stats, StatsError> {
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    let mut stats = Stats::default();
    for entry in &answer.stats {
        if let (Some(name), Some(value)) = (&entry.name, entry.value) {
            stats.take_value(name, value)?;
        }
        for detail in entry.histograms.iter().flat_map(|histograms| &histograms.details) {
            stats.take_histogram(detail)?;
        }
    }
    stats.generation = stats.generation.filter(|generation| *generation <= MAX_GENERATION);
    Ok(stats)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    stats: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    histograms: Option<Histograms<'a>>,
}

#[derive(Deserialize)]
struct Histograms<'a> {
    #[serde(borrow, default)]
    details: Vec<Detail<'a>>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    totals: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    lower_bound: f64,
    width: f64,
    count: u64,
}

impl Stats {
    fn take_value(&mut self, name: &str, value: &RawValue) -> Result<(), StatsError> {
        if let Some(rest) = name.strip_prefix(DISCOVERY) {
            return self.take_discovery(name, rest, value);
        }
        let Some(metric) = Metric::parse(name) else { return Ok(()) };
        let count = number(name, value)?;
        let place = match metric {
            Metric::Requests { of, result } => &mut self.group(of).results[result.index()],
            Metric::Started { of } => &mut self.group(of).started,
            Metric::CellRequests { of, cell } => &mut self.group(of).cells[usize::from(cell.index())].requests,
            Metric::CellErrors { of, cell } => &mut self.group(of).cells[usize::from(cell.index())].errors,
            Metric::CellHits { of, counter, cell } => {
                let goals = &mut self.group(of).goals;
                &mut goals.entry(counter.to_owned()).or_default()[usize::from(cell.index())]
            }
            Metric::Unassigned { flag, reason } => {
                let flag = self.flags.entry(flag.to_owned()).or_default();
                flag.unassigned.entry(reason.name().to_owned()).or_default()
            }
            Metric::NoSnapshot => &mut self.no_snapshot,
            Metric::Generation => self.generation.insert(0),
            Metric::CellScores { of, score, cell } => &mut self.score_cell(of, score, cell).count,
            Metric::CellScoreSum { of, score, cell } => {
                self.score_cell(of, score, cell).sum += of_millionths(count);
                return Ok(());
            }
            Metric::CellScoreSquares { of, score, cell } => {
                self.score_cell(of, score, cell).squares += of_millionths(count);
                return Ok(());
            }
            // Faults are for people. A histogram under a counter's name is another filter's, for ours never does that.
            Metric::BadScores { .. }
            | Metric::SegmentFaults { .. }
            | Metric::Duration { .. }
            | Metric::Score { .. } => return Ok(()),
        };
        *place = place.saturating_add(count);
        Ok(())
    }

    fn take_discovery(&mut self, name: &str, rest: &str, value: &RawValue) -> Result<(), StatsError> {
        let Some((filter, stat)) = rest.rsplit_once('.') else { return Ok(()) };
        if !matches!(stat, "version_text" | "config_reload" | "update_success" | "update_rejected") {
            return Ok(());
        }
        let discovery = self.discovery.entry(filter.to_owned()).or_default();
        match stat {
            "version_text" => discovery.version = text(name, value)?,
            "config_reload" => discovery.reloads = number(name, value)?,
            "update_success" => discovery.accepted = number(name, value)?,
            _ => discovery.rejected = number(name, value)?,
        }
        Ok(())
    }

    fn take_histogram(&mut self, detail: &Detail<'_>) -> Result<(), StatsError> {
        let Some(metric) = Metric::parse(&detail.name) else { return Ok(()) };
        let mut bins = Bins::default();
        for bucket in &detail.totals {
            let width = whole(&detail.name, bucket.width)?.max(1);
            let bin = bins.0.entry(whole(&detail.name, bucket.lower_bound)?).or_insert(Bin { width, count: 0 });
            bin.count = bin.count.saturating_add(bucket.count);
        }
        bins.0.retain(|_, bin| bin.count > 0);
        match metric {
            Metric::Duration { of } => self.group(of).duration.merge(&bins),
            Metric::Score { flag, variant, score } => {
                self.score(Group::everybody(flag, variant), score).bins.merge(&bins);
            }
            _ => {}
        }
        Ok(())
    }

    fn score_cell(&mut self, of: Group<'_>, score: &str, cell: Cell) -> &mut ScoreCell {
        &mut self.score(of, score).cells[usize::from(cell.index())]
    }

    fn score(&mut self, of: Group<'_>, score: &str) -> &mut ScoreCounts {
        self.group(of).scores.entry(score.to_owned()).or_default()
    }

    fn group(&mut self, of: Group<'_>) -> &mut VariantCounts {
        let flag = self.flags.entry(of.flag.to_owned()).or_default();
        let variants = match of.segment {
            None => &mut flag.variants,
            Some(segment) => flag.segments.entry(segment.to_owned()).or_default(),
        };
        variants.entry(of.variant.to_owned()).or_default()
    }
}

/// Scores are counted in millionths.
fn of_millionths(count: u64) -> f64 {
    real(count) / real(SCORE_UNITS)
}

fn number(name: &str, value: &RawValue) -> Result<u64, StatsError> {
    serde_json::from_str(value.get()).map_err(|_| wrong(name, "a whole number", value.get()))
}

fn text(name: &str, value: &RawValue) -> Result<String, StatsError> {
    serde_json::from_str(value.get()).map_err(|_| wrong(name, "a text", value.get()))
}

/// A bound of a bin in whole microseconds. Envoy's bins below 10 are a tenth wide; only whole numbers are ever recorded.
fn whole(name: &str, bound: f64) -> Result<u64, StatsError> {
    if !(0.0..=MAX_BOUND).contains(&bound) {
        return Err(wrong(name, "a bin's bound in microseconds", &bound.to_string()));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    Ok(bound.round() as u64)
}

fn wrong(name: &str, expected: &'static str, found: &str) -> StatsError {
    let found = found.chars().take(SHOWN).collect();
    StatsError::Value { name: name.chars().take(4 * SHOWN).collect(), expected, found }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_core::outcome::Outcome;

    use super::*;

    /// As Envoy 1.40 answers [`PATH`], shortened.
    const REAL: &str = r#"{"stats":[
        {"name":"extension_config_discovery.http_filter.weir.version_text","value":"4-04efaf080f5a"},
        {"name":"extension_config_discovery.http_filter.weir.config_reload","value":4},
        {"name":"extension_config_discovery.http_filter.weir.update_rejected","value":1},
        {"name":"extension_config_discovery.http_filter.weir.update_success","value":3},
        {"name":"wasmcustom.flag=.=checkout;.;reason=.=kill;.;weir_unassigned","value":5},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;cell=.=19;.;weir_cell_errors","value":2},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;score=.=quality;.;cell=.=3;.;weir_cell_scores","value":4},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;score=.=quality;.;cell=.=3;.;weir_cell_score_micros","value":2500000},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;score=.=quality;.;cell=.=3;.;weir_cell_score_squares_micros","value":1750000},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;score=.=quality;.;reason=.=out_of_range;.;weir_bad_scores","value":1},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;counter=.=fallback;.;cell=.=3;.;weir_cell_hits","value":9},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;result=.=ok;.;weir_requests","value":7},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;weir_started","value":8},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;segment=.=beta;.;weir_segment_started","value":3},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;segment=.=beta;.;cell=.=3;.;weir_segment_cell_errors","value":1},
        {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;segment=.=beta;.;score=.=quality;.;cell=.=3;.;weir_segment_cell_scores","value":2},
        {"name":"wasmcustom.flag=.=checkout;.;segment=.=beta;.;reason=.=too_much_work;.;weir_segment_faults","value":4},
        {"name":"wasmcustom.weir_generation","value":4},
        {"name":"wasmcustom.weir_no_snapshot","value":6},
        {"name":"cluster.weir_upstream.update_success","value":1},
        {"histograms":{"supported_percentiles":[0,25,50],"details":[
            {"name":"cluster.weir_upstream.upstream_rq_time","totals":[{"lower_bound":1,"width":0.1,"count":3}],"intervals":[],"percentiles":[{"cumulative":null,"interval":null}]},
            {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;segment=.=beta;.;weir_segment_duration_us","totals":[{"lower_bound":73000,"width":1000,"count":1}]},
            {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;score=.=quality;.;weir_score_micros","totals":[{"lower_bound":620000,"width":10000,"count":4}]},
            {"name":"wasmcustom.flag=.=checkout;.;variant=.=next;.;weir_duration_us","totals":[{"lower_bound":0,"width":0,"count":2},{"lower_bound":9.1,"width":0.1,"count":1},{"lower_bound":73000,"width":1000,"count":1},{"lower_bound":1200000,"width":1e+05,"count":1500000},{"lower_bound":9.8e+10,"width":1e+09,"count":4}],
             "intervals":[{"lower_bound":73000,"width":1000,"count":1}],"percentiles":[{"cumulative":73500,"interval":73500}]}]}}]}"#;

    #[test]
    fn a_real_answer_is_read() {
        let stats = parse(REAL.as_bytes()).unwrap();
        let discovery = Discovery { version: "4-04efaf080f5a".into(), reloads: 4, accepted: 3, rejected: 1 };
        assert_eq!(stats.discovery, BTreeMap::from([("weir".to_owned(), discovery)]));
        assert_eq!((stats.generation, stats.no_snapshot), (Some(4), 6));
        let flag = &stats.flags["checkout"];
        assert_eq!(flag.unassigned["kill"], 5);
        let next = &flag.variants["next"];
        assert_eq!((next.result(Outcome::Ok), next.started, next.cells[19].errors), (7, 8, 2));
        assert_eq!((next.goals.len(), next.goals["fallback"][3]), (1, 9));
        let quality = &next.scores["quality"];
        assert_eq!(quality.cells[3], ScoreCell { count: 4, sum: 2.5, squares: 1.75 });
        assert_eq!(quality.bins.0, BTreeMap::from([(620_000, Bin { width: 10_000, count: 4 })]));
        let bins: Vec<_> = next.duration.0.iter().map(|(lower, bin)| (*lower, bin.width, bin.count)).collect();
        let large = [(1_200_000, 100_000, 1_500_000), (98_000_000_000, 1_000_000_000, 4)];
        assert_eq!(bins, [[(0, 1, 2), (9, 1, 1), (73_000, 1000, 1)].as_slice(), &large].concat());
        assert_eq!((stats.flags.len(), flag.variants.len()), (1, 1));
        let beta = &flag.segments["beta"]["next"];
        assert_eq!((flag.segments.len(), beta.started, beta.cells[3].errors), (1, 3, 1));
        assert_eq!((beta.scores["quality"].cells[3].count, beta.duration.count()), (2, 1));
    }

    #[test]
    fn a_generation_that_cannot_be_is_none() {
        let told =
            |value: u64| parse(format!(r#"{{"stats":[{{"name":"weir_generation","value":{value}}}]}}"#).as_bytes());
        assert_eq!(told(MAX_GENERATION).unwrap().generation, Some(MAX_GENERATION));
        assert_eq!(told(MAX_GENERATION + 1).unwrap().generation, None);
    }

    #[test]
    fn an_answer_without_ours_is_empty() {
        for body in [
            r#"{"stats":[]}"#,
            r#"{"stats":[{"histograms":{"supported_percentiles":[],"details":[]}}]}"#,
            r#"{"stats":[{}]}"#,
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap(), Stats::default(), "{body}");
        }
    }

    #[test]
    fn what_is_ours_and_wrong_is_named_with_what_was_found() {
        let value = |name: &str, value: &str| format!(r#"{{"stats":[{{"name":"{name}","value":{value}}}]}}"#);
        let bin = |lower: &str| {
            format!(
                r#"{{"stats":[{{"histograms":{{"details":[{{"name":"flag=.=a;.;variant=.=b;.;weir_duration_us","totals":[{{"lower_bound":{lower},"width":1,"count":1}}]}}]}}}}]}}"#
            )
        };
        for (body, expected) in [
            (value("weir_generation", "-1"), "weir_generation: expected a whole number, found -1"),
            (value("weir_generation", "\"x\""), "weir_generation: expected a whole number, found \"x\""),
            (
                value("extension_config_discovery.http_filter.weir.version_text", "3"),
                "extension_config_discovery.http_filter.weir.version_text: expected a text, found 3",
            ),
            (bin("-1"), "flag=.=a;.;variant=.=b;.;weir_duration_us: expected a bin's bound in microseconds, found -1"),
            ("upstream connect error".to_owned(), "not Envoy's stats: expected value at line 1 column 1"),
            ("{}".to_owned(), "not Envoy's stats: missing field `stats` at line 1 column 2"),
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(parse(&body));
        }

        #[test]
        fn no_damage_to_a_real_answer_makes_it_panic(at in 0..REAL.len(), length in 0..40_usize, put in "[-0-9\"{}\\[\\],:.a-z]{0,12}") {
            let mut body = REAL.as_bytes().to_vec();
            let end = (at + length).min(body.len());
            body.splice(at..end, put.bytes());
            drop(parse(&body));
        }
    }
}
