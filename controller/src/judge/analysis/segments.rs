//! Each segment by itself: a candidate that is better on the whole may be worse for those who matter. Owns the corrections for looking
//! many times, Simpson's reversal, and for whom a candidate can go on; knows no stage.
//!
//! Errors are looked at with the guardrails' own evidence (e-BH over segments and limits, which needs no independence), goals and scores
//! with their sequences (Holm over segments and goals). Both may be looked at in every tick.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gathered::{Gathered, add};
use super::goal::{Arms, Comparison, Kind, Outcome, compare, digits};
use super::policy::{Analysis, Better, Goal, SegmentPolicy};
use super::remark::{Remark, RemarkState};
use crate::judge::counted::Sample;
use crate::judge::evidence::odds;
use crate::judge::guarded::{Guarded, Tick, Tolerated};
use crate::judge::limit::Bound;
use crate::judge::policy::Policy;
use crate::judge::ruling::{Verdict, Why};
use crate::judge::situation::Situation;
use crate::judge::tally::Cells;
use crate::judge::words::{percent, significant};
use crate::observation::VariantCounts;
use crate::stats::multiple::e_bh;
use weir_core::guardrail::Counter;

/// A smaller ratio is judged with counts divided by the dispersion between cells.
const ROOM: f64 = 1.5;

/// What is remembered of a segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct SegmentCounts {
    /// The candidate's requests and errors in the stage.
    pub candidate: Cells,
    /// Control's.
    pub control: Cells,
    /// Goals and scores in the stage, by name.
    pub goals: BTreeMap<String, Arms>,
    /// As goals.
    pub scores: BTreeMap<String, Arms>,
    /// Evidence on errors against each ratio of the policy, from the attempt's beginning.
    pub evidence: Vec<Guarded>,
}

/// For whom a candidate can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Scope {
    /// Segments in which nothing speaks against it, with enough seen.
    pub good: Vec<String>,
    /// Segments in which it is worse.
    pub held: Vec<String>,
    /// Segments of which too little was seen.
    pub unknown: Vec<String>,
}

impl SegmentCounts {
    pub(super) fn begin_stage(&mut self) {
        let evidence = std::mem::take(&mut self.evidence);
        *self = Self { evidence, ..Self::default() };
    }

    pub(super) fn absorb(
        &mut self,
        policy: &Policy,
        analysis: &Analysis,
        (candidate, control): (&VariantCounts, &VariantCounts),
        (span_ms, dispersion): (u64, f64),
    ) {
        let (of_candidate, of_control) = (Cells::of(candidate), Cells::of(control));
        let ratios: Vec<f64> = ratios(policy).collect();
        self.evidence.resize(ratios.len(), Guarded::default());
        for (evidence, ratio) in self.evidence.iter_mut().zip(ratios) {
            let dispersion = if ratio < ROOM { dispersion } else { 1.0 };
            let candidate = &Sample::of_errors(of_candidate.clone());
            let tick = Tick { span_ms, candidate, control: of_control.sum(), dispersion };
            evidence.step(&tick, Tolerated::Ratio(ratio));
        }
        self.candidate.add(&of_candidate);
        self.control.add(&of_control);
        add(analysis, &mut self.goals, &mut self.scores, (candidate, control));
    }

    fn requests(&self) -> u64 {
        self.candidate.sum().requests.saturating_add(self.control.sum().requests)
    }

    fn is_enough(&self, policy: SegmentPolicy) -> bool {
        self.candidate.sum().requests.min(self.control.sum().requests) >= policy.requests
    }
}

fn ratios(policy: &Policy) -> impl Iterator<Item = f64> + '_ {
    policy.limits.iter().filter_map(|limit| match limit.bound {
        Bound::Ratio { counter: Counter::Errors, ratio } if !limit.dry_run => Some(ratio),
        Bound::Ratio { .. } | Bound::Max { .. } | Bound::Latency(_) | Bound::LatencyRatio(_) | Bound::Custom(_) => None,
    })
}

/// What there is to say of every segment, and for whom the candidate can go on.
pub(super) fn remarks(
    situation: &Situation<'_>,
    analysis: &Analysis,
    gathered: &Gathered,
) -> (Vec<Remark>, Option<Scope>) {
    let Some(policy) = analysis.segments else { return (Vec::new(), None) };
    let segments: Vec<(&String, &SegmentCounts)> = gathered.segments.iter().collect();
    if segments.is_empty() {
        return (Vec::new(), None);
    }
    let mut remarks = errors(situation, policy, &segments);
    remarks.extend(goals(analysis, policy, &segments));
    let scope = scope(policy, &segments, &remarks);
    if !scope.held.is_empty() {
        remarks.insert(0, held(&segments, &scope, &remarks));
    }
    remarks.extend(reversals(analysis, policy, gathered, &segments));
    (remarks, Some(scope))
}

fn errors(situation: &Situation<'_>, policy: SegmentPolicy, segments: &[(&String, &SegmentCounts)]) -> Vec<Remark> {
    let each = || {
        segments.iter().flat_map(|(name, segment)| {
            segment
                .evidence
                .iter()
                .zip(ratios(situation.policy))
                .map(move |(evidence, ratio)| (*name, *segment, evidence, ratio))
        })
    };
    let ln: Vec<f64> = each().map(|(_, _, evidence, _)| evidence.ln_evidence()).collect();
    let counted = e_bh(&ln, policy.alpha);
    let one = |((name, segment, evidence, ratio), counted): ((&String, &SegmentCounts, &Guarded, f64), bool)| {
        let (candidate, control) = (segment.candidate.sum(), segment.control.sum());
        let worse = counted && evidence.excursion().is_broad();
        let rate = |rate: Option<f64>| rate.map_or_else(|| "unknown".to_owned(), percent);
        let state = match (worse, segment.is_enough(policy)) {
            (true, _) => RemarkState::Worse,
            (false, true) => RemarkState::Pass,
            (false, false) => RemarkState::NotEnough,
        };
        let name = format!("segment {name} errors");
        Remark {
            sentence: format!(
                "{name}: {} against {} in control ({} times tolerated), evidence {}",
                rate(candidate.rate()),
                rate(control.rate()),
                significant(ratio),
                odds(evidence.ln_evidence())
            ),
            name,
            state,
            value: candidate.rate().zip(control.rate()).map(|(e, c)| e - c),
            interval: None,
            limit: ratio,
            seen: candidate.requests,
            needed: policy.requests,
            blocks: None,
        }
    };
    each().zip(counted).map(one).collect()
}

/// A goal of a segment.
#[derive(Clone, Copy)]
struct Part<'a> {
    segment: &'a str,
    name: &'a str,
    goal: &'a Goal,
    kind: Kind,
    arms: &'a Arms,
}

fn parts<'a>(analysis: &'a Analysis, segments: &[(&'a String, &'a SegmentCounts)]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for (segment, counts) in segments {
        let goals = analysis.goals.iter().map(|(name, goal)| (name, goal, Kind::Share, counts.goals.get(name)));
        let scores = analysis.scores.iter().map(|(name, goal)| (name, goal, Kind::Mean, counts.scores.get(name)));
        for (name, goal, kind, arms) in goals.chain(scores) {
            parts.extend(arms.map(|arms| Part { segment, name, goal, kind, arms }));
        }
    }
    parts
}

/// Holm's way down: whoever speaks at alpha over the number of those that have not yet makes it easier for the next.
fn goals(analysis: &Analysis, policy: SegmentPolicy, segments: &[(&String, &SegmentCounts)]) -> Vec<Remark> {
    let parts = parts(analysis, segments);
    let mut found: Vec<Option<Comparison>> = vec![None; parts.len()];
    loop {
        let left = found.iter().filter(|found| found.is_none()).count();
        let level = policy.alpha / f64::from(u32::try_from(left.max(1)).unwrap_or(u32::MAX));
        let mut spoken = false;
        let mut last = Vec::new();
        for (part, found) in parts.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            let comparison = compare(&Goal { alpha: level, ..*part.goal }, part.kind, part.arms);
            if matches!(comparison.outcome, Outcome::Better | Outcome::Worse) {
                *found = Some(comparison);
                spoken = true;
            } else {
                last.push(comparison);
            }
        }
        if !spoken {
            let mut last = last.into_iter();
            let remark = |(part, found): (&Part<'_>, Option<Comparison>)| {
                let comparison = found.or_else(|| last.next())?;
                let name = format!("segment {} {}", part.segment, part.name);
                // A segment that has too little to say holds nobody up: the whole is judged beside it.
                Some(Remark { blocks: None, ..super::goal::remark(name, part.goal, &comparison) })
            };
            return parts.iter().zip(found).filter_map(remark).collect();
        }
    }
}

fn scope(policy: SegmentPolicy, segments: &[(&String, &SegmentCounts)], remarks: &[Remark]) -> Scope {
    let mut scope = Scope::default();
    for (name, segment) in segments {
        let list = if of_segment(remarks, name).any(|remark| remark.state == RemarkState::Worse) {
            &mut scope.held
        } else if segment.is_enough(policy) {
            &mut scope.good
        } else {
            &mut scope.unknown
        };
        list.push((*name).clone());
    }
    scope
}

fn of_segment<'a>(remarks: &'a [Remark], name: &str) -> impl Iterator<Item = &'a Remark> {
    let start = format!("segment {name} ");
    remarks.iter().filter(move |remark| remark.name.starts_with(&start))
}

/// The one sentence on those in whom it is worse.
fn held(segments: &[(&String, &SegmentCounts)], scope: &Scope, remarks: &[Remark]) -> Remark {
    let largest = segments.iter().max_by_key(|(_, segment)| segment.requests()).map(|(name, _)| *name);
    let worse = scope.held.iter().flat_map(|name| of_segment(remarks, name));
    let worse: Vec<&str> =
        worse.filter(|remark| remark.state == RemarkState::Worse).map(|remark| remark.sentence.as_str()).collect();
    let most =
        if largest.is_some_and(|name| scope.held.contains(name)) { " (the largest segment is among them)" } else { "" };
    let good = match scope.good.as_slice() {
        [] => "for no segment it could be rolled out".to_owned(),
        good => format!("it could be rolled out for {} and held for the rest", good.join(", ")),
    };
    let sentence = format!("worse for {}{most}: {}; {good}", scope.held.join(", "), worse.join("; "));
    Remark {
        name: "segments".to_owned(),
        state: RemarkState::Fail,
        value: None,
        interval: None,
        limit: 0.0,
        seen: segments.iter().map(|(_, segment)| segment.candidate.sum().requests).sum(),
        needed: 0,
        sentence,
        blocks: super::blocks(Verdict::Hold, Why::Segments, true),
    }
}

/// Simpson's reversal: on the whole one way, and in every segment that has enough the other way.
fn reversals(
    analysis: &Analysis,
    policy: SegmentPolicy,
    gathered: &Gathered,
    segments: &[(&String, &SegmentCounts)],
) -> Vec<Remark> {
    let wholes = gathered.goals.iter().chain(&gathered.scores);
    let goals = wholes.filter_map(|(name, whole)| {
        let goal = analysis.goals.get(name).or_else(|| analysis.scores.get(name))?;
        let of = |counts: &SegmentCounts| counts.goals.get(name).or_else(|| counts.scores.get(name)).cloned();
        reversal(name, goal.better, whole, &strata(policy, segments, of))
    });
    goals.collect()
}

fn strata(
    policy: SegmentPolicy,
    segments: &[(&String, &SegmentCounts)],
    of: impl Fn(&SegmentCounts) -> Option<Arms>,
) -> Vec<Arms> {
    let enough = segments.iter().filter(|(_, segment)| segment.is_enough(policy));
    enough.filter_map(|(_, segment)| of(segment)).collect()
}

/// A difference of a stratum weighs by the harmonic mean of its sizes; together they must be beyond chance (2 standard errors).
fn reversal(name: &str, better: Better, whole: &Arms, strata: &[Arms]) -> Option<Remark> {
    let difference = |arms: &Arms| Some(arms.candidate.mean()? - arms.control.mean()?);
    let on_the_whole = difference(whole)?;
    let parts: Vec<f64> = strata.iter().filter_map(difference).collect();
    let against = parts.iter().all(|part| part * on_the_whole < 0.0);
    if parts.len() < 2 || !against {
        return None;
    }
    let (mut weights, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (arms, part) in strata.iter().zip(&parts) {
        let (n, m) = (arms.candidate.sum().1, arms.control.sum().1);
        let weight = n * m / (n + m);
        let error = |arm: &super::goal::Arm| arm.between_cells().map_or(f64::MAX, |cells| cells.ratio.error);
        weights += weight;
        sum += weight * part;
        squares += (weight * error(&arms.candidate)).powi(2) + (weight * error(&arms.control)).powi(2);
    }
    if sum.abs() < 2.0 * squares.sqrt() {
        return None;
    }
    let word = |difference: f64| match better {
        Better::Higher if difference > 0.0 => "better",
        Better::Lower if difference < 0.0 => "better",
        Better::Higher | Better::Lower => "worse",
    };
    let within = sum / weights;
    let sentence = format!(
        "Simpson's reversal in {name}: {} on the whole ({}), {} in each of {} segments ({} within them); \
         the variants' users are not alike",
        word(on_the_whole),
        digits(on_the_whole),
        word(within),
        parts.len(),
        digits(within)
    );
    Some(Remark {
        name: format!("segments {name}"),
        state: RemarkState::Fail,
        value: Some(within),
        interval: None,
        limit: 0.0,
        seen: count_of(whole),
        needed: 0,
        sentence,
        blocks: super::blocks(Verdict::Hold, Why::Segments, true),
    })
}

fn count_of(arms: &Arms) -> u64 {
    crate::stats::real_to_count(arms.candidate.sum().1)
}
