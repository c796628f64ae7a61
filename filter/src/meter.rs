//! [`Meters`]: the metrics of a snapshot, defined when it is configured and used by number afterwards. Owns what is counted for a decision
//! and for an ending; knows neither how a decision is made nor when.

use std::collections::HashMap;

use weir_core::cell::{CELLS, Cell};
use weir_core::decide::{Chosen, Decision};
use weir_core::measure::{Measured, Measures, SCORE_FAULTS, ScoreFault, Units};
use weir_core::name::Metric;
use weir_core::outcome::{OUTCOMES, Outcome};
use weir_core::plan::{Plan, PlannedFlag};
use weir_core::reason::{Reason, UNASSIGNED};

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
}

#[derive(Debug)]
struct VariantMeters {
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
    values: Id,
    counts: ByCell,
    sums: ByCell,
    squares: ByCell,
    bad: [Id; SCORE_FAULTS.len()],
}

/// A request that the split assigned and that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Underway {
    flag: usize,
    candidate: bool,
    cell: Cell,
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
        let measures = &plan.measures;
        Self { flags: plan.flags.iter().map(|flag| FlagMeters::define(flag, measures, ids, host)).collect() }
    }

    /// Counts a decision; what comes back is counted again when the request ends.
    pub fn begin(&self, decision: &Decision, host: &impl Host) -> Option<Underway> {
        let meters = self.flags.get(decision.flag)?.as_ref()?;
        let (Reason::Split, Some(cell)) = (decision.reason, decision.cell) else {
            count(meters.unassigned_by(decision.reason), host);
            return None;
        };
        let underway = Underway { flag: decision.flag, candidate: decision.variant == Some(Chosen::Candidate), cell };
        count(meters.variant(underway).started, host);
        Some(underway)
    }

    /// Counts how a request ended. One that the client cancelled is nobody's: it has a result, but no duration and no cell.
    pub fn end(&self, underway: Underway, end: &End, host: &impl Host) {
        let End { outcome, micros, measured } = *end;
        let Some(Some(meters)) = self.flags.get(underway.flag) else { return };
        let variant = meters.variant(underway);
        count(at(&variant.results, outcome.index()), host);
        if outcome == Outcome::Cancelled {
            return;
        }
        let cell = usize::from(underway.cell.index());
        count(at(&variant.cell_requests, cell), host);
        if outcome.is_error() {
            count(at(&variant.cell_errors, cell), host);
        }
        for (_, by_cell) in variant.cell_hits.iter().enumerate().filter(|(i, _)| measured.hits.has(*i)) {
            count(at(by_cell, cell), host);
        }
        for (meters, score) in variant.scores.iter().zip(measured.scores) {
            meters.count(score, cell, host);
        }
        if let (Some(id), Some(micros)) = (variant.duration, micros) {
            host.record(id, micros);
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
    fn define(flag: &PlannedFlag, measures: &Measures, ids: &mut Ids, host: &impl Host) -> Option<Self> {
        let rollout = flag.rollout.as_ref()?;
        let key = flag.key.as_str();
        Some(Self {
            control: VariantMeters::define((key, &rollout.control), measures, ids, host),
            candidate: VariantMeters::define((key, &rollout.candidate), measures, ids, host),
            unassigned: UNASSIGNED.map(|reason| ids.of(&Metric::Unassigned { flag: key, reason }, host)),
        })
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
    fn define((flag, variant): (&str, &str), measures: &Measures, ids: &mut Ids, host: &impl Host) -> Self {
        let hits = |counter: &String| by_cell(|cell| ids.of(&Metric::CellHits { flag, variant, counter, cell }, host));
        let cell_hits = measures.counters.iter().map(hits).collect();
        let scores =
            measures.scores.iter().map(|score| ScoreMeters::define((flag, variant, score), ids, host)).collect();
        Self {
            started: ids.of(&Metric::Started { flag, variant }, host),
            results: OUTCOMES.map(|result| ids.of(&Metric::Requests { flag, variant, result }, host)),
            duration: ids.of(&Metric::Duration { flag, variant }, host),
            cell_requests: by_cell(|cell| ids.of(&Metric::CellRequests { flag, variant, cell }, host)),
            cell_errors: by_cell(|cell| ids.of(&Metric::CellErrors { flag, variant, cell }, host)),
            cell_hits,
            scores,
        }
    }
}

impl ScoreMeters {
    fn define((flag, variant, score): (&str, &str, &str), ids: &mut Ids, host: &impl Host) -> Self {
        Self {
            values: ids.of(&Metric::Score { flag, variant, score }, host),
            counts: by_cell(|cell| ids.of(&Metric::CellScores { flag, variant, score, cell }, host)),
            sums: by_cell(|cell| ids.of(&Metric::CellScoreSum { flag, variant, score, cell }, host)),
            squares: by_cell(|cell| ids.of(&Metric::CellScoreSquares { flag, variant, score, cell }, host)),
            bad: SCORE_FAULTS.map(|reason| ids.of(&Metric::BadScores { flag, variant, score, reason }, host)),
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
