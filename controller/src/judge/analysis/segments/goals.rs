//! Goals and scores by segment. Owns the correction for looking at all of them in all segments (Holm); the comparison is the whole's.

use super::super::goal::{Arms, Comparison, Kind, Outcome, compare, remark};
use super::super::policy::{Analysis, Goal, SegmentPolicy};
use super::super::remark::Remark;
use super::Named;

/// A goal of a segment.
#[derive(Clone, Copy)]
struct Part<'a> {
    segment: &'a str,
    name: &'a str,
    goal: &'a Goal,
    kind: Kind,
    arms: &'a Arms,
}

/// Holm's way down: whoever speaks at alpha over the number of those that have not yet makes it easier for the next.
pub(super) fn remarks(analysis: &Analysis, policy: SegmentPolicy, segments: &Named<'_>) -> Vec<Remark> {
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
            let said =
                |(part, found): (&Part<'_>, Option<Comparison>)| Some(said(part, &found.or_else(|| last.next())?));
            return parts.iter().zip(found).filter_map(said).collect();
        }
    }
}

fn parts<'a>(analysis: &'a Analysis, segments: &Named<'a>) -> Vec<Part<'a>> {
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

/// A segment that has too little to say holds nobody up: the whole is judged beside it.
fn said(part: &Part<'_>, comparison: &Comparison) -> Remark {
    let name = format!("segment {} {}", part.segment, part.name);
    let segment = Some(part.segment.to_owned());
    Remark { segment, blocks: None, ..remark(name, part.goal, comparison) }
}
