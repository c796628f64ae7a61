//! [`Meters`]: the metrics of a snapshot, defined when it is configured and used by number afterwards. Owns what is counted for a decision
//! and for an ending; knows neither how a decision is made nor when.

use std::collections::HashMap;

use weir_core::bits::Bits;
use weir_core::cell::{CELLS, Cell};
use weir_core::decide::{Chosen, Decision};
use weir_core::measure::{Measured, Measures, SCORE_FAULTS, ScoreFault, Units};
use weir_core::name::{Group, Metric};
use weir_core::outcome::{OUTCOMES, Outcome};
use weir_core::plan::{Plan, PlannedFlag};
use weir_core::reason::{Reason, UNASSIGNED};
use weir_core::segment::{Membership, SEGMENT_FAULTS, Segment};

use crate::host::{Host, Kind, MetricId};

/// Numbers of metrics by name, defined once in a virtual machine: the host would give a new number each time.
#[derive(Debug, Default)]
pub struct Ids(HashMap<String, MetricId>);

impl Ids {
    /// The number of a metric, defined at the first call.
    pub fn of(&mut self, metric: &Metric<'_>, host: &impl Host) -> Option<MetricId> {
        let name = metric.to_string();
        if let Some(id) = self.0.get(&name) {
            return Some(*id);
        }
        let id = host.define(Kind::of(metric), &name)?;
        self.0.insert(name, id);
        Some(id)
    }
}

/// A metric that the host would not define is not counted; the request goes its way.
type Id = Option<MetricId>;

type ByCell = [Id; CELLS as usize];

/// The metrics of one compiled document.
#[derive(Debug, Default)]
pub struct Meters {
    /// By the plan's flags; `None` where there is no rollout.
    flags: Vec<Option<FlagMeters>>,
}

#[derive(Debug)]
struct FlagMeters {
    control: VariantMeters,
    candidate: VariantMeters,
    unassigned: [Id; UNASSIGNED.len()],
    /// By the plan's segments; none where the rollout is not judged by them.
    segment_faults: Vec<[Id; SEGMENT_FAULTS.len()]>,
}

#[derive(Debug)]
struct VariantMeters {
    everybody: GroupMeters,
    /// By the plan's segments; none where the rollout is not judged by them.
    segments: Vec<GroupMeters>,
}

#[derive(Debug)]
struct GroupMeters {
    started: Id,
    results: [Id; OUTCOMES.len()],
    duration: Id,
    cell_requests: ByCell,
    cell_errors: ByCell,
    /// By the plan's counters.
    cell_hits: Vec<ByCell>,
    /// By the plan's scores.
    scores: Vec<ScoreMeters>,
}

#[derive(Debug)]
struct ScoreMeters {
    /// Of everybody only, as the faults are.
    values: Id,
    counts: ByCell,
    sums: ByCell,
    squares: ByCell,
    bad: [Id; SCORE_FAULTS.len()],
}

/// What a flag's metrics are defined by.
#[derive(Clone, Copy)]
struct Counted<'p> {
    flag: &'p str,
    measures: &'p Measures,
    /// Empty where the rollout is not judged by them.
    segments: &'p [Segment],
}

/// A request that the split assigned and that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Underway {
    flag: usize,
    candidate: bool,
    cell: Cell,
    segments: Bits,
}

/// What is known of a request when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, microseconds.
    pub micros: Option<u64>,
    /// What its response said.
    pub measured: Measured,
}

impl Meters {
    /// Defines the metrics of a plan.
    pub fn define(plan: &Plan, ids: &mut Ids, host: &impl Host) -> Self {
        Self { flags: plan.flags.iter().map(|flag| FlagMeters::define(flag, plan, ids, host)).collect() }
    }

    /// Counts a decision; what comes back is counted again when the request ends.
    pub fn begin(&self, decision: &Decision, host: &impl Host) -> Option<Underway> {
        let meters = self.flags.get(decision.flag)?.as_ref()?;
        let (Reason::Split, Some(cell)) = (decision.reason, decision.cell) else {
            count(meters.unassigned_by(decision.reason), host);
            return None;
        };
        let (candidate, segments) = (decision.variant == Some(Chosen::Candidate), decision.segments.inside);
        let underway = Underway { flag: decision.flag, candidate, cell, segments };
        for group in meters.variant(underway).of(segments) {
            count(group.started, host);
        }
        meters.count_faults(&decision.segments, host);
        Some(underway)
    }

    /// Counts how a request ended. One that the client cancelled is nobody's: it has a result, but no duration and no cell.
    pub fn end(&self, underway: Underway, end: &End, host: &impl Host) {
        let Some(Some(meters)) = self.flags.get(underway.flag) else { return };
        for group in meters.variant(underway).of(underway.segments) {
            group.end(usize::from(underway.cell.index()), end, host);
        }
    }
}

fn count(id: Id, host: &impl Host) {
    add(id, 1, host);
}

fn add(id: Id, count: u64, host: &impl Host) {
    if let Some(id) = id {
        host.add(id, count);
    }
}

fn at(ids: &[Id], place: usize) -> Id {
    ids.get(place).copied().flatten()
}

impl FlagMeters {
    fn define(flag: &PlannedFlag, plan: &Plan, ids: &mut Ids, host: &impl Host) -> Option<Self> {
        let rollout = flag.rollout.as_ref()?;
        let key = flag.key.as_str();
        let segments = if rollout.by_segment { plan.segments.as_slice() } else { &[] };
        let counted = Counted { flag: key, measures: &plan.measures, segments };
        let mut faults = |segment: &Segment| {
            SEGMENT_FAULTS
                .map(|reason| ids.of(&Metric::SegmentFaults { flag: key, segment: &segment.name, reason }, host))
        };
        Some(Self {
            segment_faults: segments.iter().map(&mut faults).collect(),
            control: VariantMeters::define(&rollout.control, counted, ids, host),
            candidate: VariantMeters::define(&rollout.candidate, counted, ids, host),
            unassigned: UNASSIGNED.map(|reason| ids.of(&Metric::Unassigned { flag: key, reason }, host)),
        })
    }

    fn count_faults(&self, found: &Membership, host: &impl Host) {
        for (place, failed) in found.failed.iter().enumerate().filter(|(_, failed)| **failed != Bits::default()) {
            for (_, faults) in self.segment_faults.iter().enumerate().filter(|(segment, _)| failed.has(*segment)) {
                count(at(faults, place), host);
            }
        }
    }

    fn variant(&self, underway: Underway) -> &VariantMeters {
        if underway.candidate { &self.candidate } else { &self.control }
    }

    fn unassigned_by(&self, reason: Reason) -> Id {
        let index = UNASSIGNED.iter().position(|other| *other == reason)?;
        at(&self.unassigned, index)
    }
}

impl VariantMeters {
    fn define(variant: &str, counted: Counted<'_>, ids: &mut Ids, host: &impl Host) -> Self {
        let everybody = Group::everybody(counted.flag, variant);
        let mut group = |of| GroupMeters::define(of, counted.measures, ids, host);
        Self {
            everybody: group(everybody),
            segments: counted.segments.iter().map(|s| group(Group { segment: Some(&s.name), ..everybody })).collect(),
        }
    }

    /// Everybody's, and those of the segments.
    fn of(&self, segments: Bits) -> impl Iterator<Item = &GroupMeters> {
        let inside = self.segments.iter().enumerate().filter(move |(place, _)| segments.has(*place));
        std::iter::once(&self.everybody).chain(inside.map(|(_, group)| group))
    }
}

impl GroupMeters {
    fn define(of: Group<'_>, measures: &Measures, ids: &mut Ids, host: &impl Host) -> Self {
        let hits = |counter: &String| by_cell(|cell| ids.of(&Metric::CellHits { of, counter, cell }, host));
        let cell_hits = measures.counters.iter().map(hits).collect();
        Self {
            started: ids.of(&Metric::Started { of }, host),
            results: OUTCOMES.map(|result| ids.of(&Metric::Requests { of, result }, host)),
            duration: ids.of(&Metric::Duration { of }, host),
            cell_requests: by_cell(|cell| ids.of(&Metric::CellRequests { of, cell }, host)),
            cell_errors: by_cell(|cell| ids.of(&Metric::CellErrors { of, cell }, host)),
            cell_hits,
            scores: measures.scores.iter().map(|score| ScoreMeters::define(of, score, ids, host)).collect(),
        }
    }

    fn end(&self, cell: usize, end: &End, host: &impl Host) {
        let End { outcome, micros, measured } = *end;
        count(at(&self.results, outcome.index()), host);
        if outcome == Outcome::Cancelled {
            return;
        }
        count(at(&self.cell_requests, cell), host);
        if outcome.is_error() {
            count(at(&self.cell_errors, cell), host);
        }
        for (_, by_cell) in self.cell_hits.iter().enumerate().filter(|(i, _)| measured.hits.has(*i)) {
            count(at(by_cell, cell), host);
        }
        for (meters, score) in self.scores.iter().zip(measured.scores) {
            meters.count(score, cell, host);
        }
        if let (Some(id), Some(micros)) = (self.duration, micros) {
            host.record(id, micros);
        }
    }
}

impl ScoreMeters {
    fn define(of: Group<'_>, score: &str, ids: &mut Ids, host: &impl Host) -> Self {
        let Group { flag, variant, segment } = of;
        let mut whole = |metric: Metric<'_>| if segment.is_none() { ids.of(&metric, host) } else { None };
        Self {
            values: whole(Metric::Score { flag, variant, score }),
            bad: SCORE_FAULTS.map(|reason| whole(Metric::BadScores { flag, variant, score, reason })),
            counts: by_cell(|cell| ids.of(&Metric::CellScores { of, score, cell }, host)),
            sums: by_cell(|cell| ids.of(&Metric::CellScoreSum { of, score, cell }, host)),
            squares: by_cell(|cell| ids.of(&Metric::CellScoreSquares { of, score, cell }, host)),
        }
    }

    fn count(&self, score: Option<Result<Units, ScoreFault>>, cell: usize, host: &impl Host) {
        match score {
            None => {}
            Some(Ok(units)) => {
                count(at(&self.counts, cell), host);
                add(at(&self.sums, cell), units.get(), host);
                add(at(&self.squares, cell), units.square(), host);
                if let Some(id) = self.values {
                    host.record(id, units.get());
                }
            }
            Some(Err(fault)) => {
                let place = SCORE_FAULTS.iter().position(|other| *other == fault);
                count(place.and_then(|place| at(&self.bad, place)), host);
            }
        }
    }
}

fn by_cell(mut define: impl FnMut(Cell) -> Id) -> ByCell {
    let mut ids = [None; CELLS as usize];
    for (id, cell) in ids.iter_mut().zip(Cell::all()) {
        *id = define(cell);
    }
    ids
}
