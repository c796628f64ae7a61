//! [`Memory`]: what the judge remembers of an attempt from tick to tick. Owns which counts go where; knows no verdict.

use serde::{Deserialize, Serialize};

use weir_core::guardrail::Counter;

use super::analysis::Gathered;
use super::baseline::Baseline;
use super::bursts::Around;
use super::counted::{self, Named, Results, Sample};
use super::custom::{self, Part};
use super::guarded::Tolerated;
use super::limit::{Bound, Limit};
use super::mismatch::Split;
use super::norm::{self, Norm};
use super::policy::Policy;
use super::recent::{Piece, Recent};
use super::silence::Silence;
use super::situation::Situation;
use super::tally::{Cells, Tally};
use super::watch::{Evidence, Terms, Tick, Watch};
use crate::observation::{Bins, Observation, VariantCounts};

/// A limit that leaves less room than this above control's rate is judged with counts divided by the dispersion between cells: errors
/// that come in clusters would break it by chance.
const ROOM: f64 = 1.5;

/// What the judge remembers. Default is empty, as before the first start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Memory {
    /// Control's counts since the attempt began (or was resumed), but those of times at which it was sick: they say nothing of how things should be.
    pub control: Cells,
    /// How these requests ended.
    pub control_results: Results,
    /// Their hits of named counters.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub control_named: Named,
    /// Time since then, milliseconds.
    pub elapsed_ms: u64,
    /// What of that counts before the first stage.
    pub baseline: Baseline,
    /// Control's durations of late: before the first stage, then in each after its settling time.
    pub norm: Norm,
    /// The last half minute.
    pub recent: Recent,
    /// What belongs to the stage.
    pub stage: StageMemory,
    /// Evidence, one for each of [`Policy::limits`].
    pub watches: Vec<Watch>,
    /// What is looked at beside the limits.
    #[serde(skip_serializing_if = "is_empty")]
    pub gathered: Box<Gathered>,
}

/// What belongs to a stage and is forgotten with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct StageMemory {
    /// Time of the ticks in which enough proxies were seen and nobody was silent, milliseconds.
    pub observed_ms: u64,
    /// How long nobody has come.
    pub silence: Silence,
    /// Time of all ticks, milliseconds.
    pub elapsed_ms: u64,
    /// The candidate's counts.
    pub candidate: Cells,
    /// Control's counts.
    pub control: Cells,
    /// How the candidate's requests ended.
    pub candidate_results: Results,
    /// How control's did.
    pub control_results: Results,
    /// The candidate's hits of named counters.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub candidate_named: Named,
    /// Control's.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub control_named: Named,
    /// How long the candidate's requests took, after the settling time.
    pub candidate_durations: Bins,
    /// How long control's did in the same ticks.
    pub control_durations: Bins,
    /// Control's counts from the attempt's beginning to the stage's: the reference where there is no control.
    pub reference: Tally,
    /// How the requests are split.
    pub split: Split,
    /// How control's requests ended from there to here.
    pub reference_results: Results,
    /// Control's hits of named counters from there to here.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub reference_named: Named,
    /// How long they took in the last stage that was judged, or before the first.
    pub reference_durations: Bins,
}

impl Memory {
    /// Empty, for an attempt that goes by `policy`.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        let watches = policy.limits.iter().map(|limit| Watch::new(limit, policy.planned_ms(limit))).collect();
        Self { watches, ..Self::default() }
    }

    /// A stage begins: what is counted by stage begins with it. Evidence on errors goes on, for it compares what is concurrent and a
    /// new start is never more than 10 s away; evidence on latency does not, for another load is another latency.
    pub fn begin_stage(&mut self, policy: &Policy) {
        let reference_durations = self.reference_durations(policy);
        self.norm = Norm::default();
        self.stage = StageMemory {
            reference: self.control.sum(),
            reference_results: self.control_results,
            reference_named: self.control_named.clone(),
            reference_durations,
            ..StageMemory::default()
        };
        self.gathered.begin_stage(policy);
        for (limit, watch) in policy.limits.iter().zip(&mut self.watches) {
            if limit.settles() {
                *watch = Watch::new(limit, policy.planned_ms(limit));
            } else if let Evidence::Custom(answers) = &mut watch.evidence {
                answers.begin_stage();
            }
        }
    }

    /// Control's durations for a stage without control: those of late, or of a longer time if these are too few for the quantiles of a limit.
    fn reference_durations(&self, policy: &Policy) -> Bins {
        let serves = |bins: &Bins| {
            let knows = |limit: &Limit| match limit.bound {
                Bound::LatencyRatio(multiple) => norm::edge(bins, multiple.quantile).is_some(),
                Bound::Ratio { .. } | Bound::Max { .. } | Bound::Latency(_) | Bound::Custom(_) => true,
            };
            !bins.is_empty() && policy.limits.iter().all(knows)
        };
        let stage = &self.stage;
        let all = [self.norm.bins(), stage.control_durations.clone(), stage.reference_durations.clone()];
        let most = all.iter().max_by_key(|bins| bins.count()).cloned().unwrap_or_default();
        all.into_iter().find(serves).unwrap_or(most)
    }

    /// Takes in what a tick saw.
    pub fn absorb(&mut self, situation: &Situation<'_>, observation: &Observation) {
        let empty = VariantCounts::default();
        let flag = observation.flags.get(situation.flag);
        let variant = |name: &str| flag.and_then(|f| f.variants.get(name)).unwrap_or(&empty);
        let (candidate, control) = (variant(situation.candidate), variant(situation.control));
        self.gathered.absorb(situation, observation);
        let elapsed_ms = self.stage.elapsed_ms;
        self.take(situation, observation, (candidate, control));
        self.answered(situation, observation);
        let Some(stage) = situation.stage else { return };
        if elapsed_ms >= Split::counts_from_ms(situation.policy, &stage) {
            self.stage.split.add(&Cells::of(candidate), &Cells::of(control));
        }
        self.stage.split.look(situation.policy, &stage, self.stage.observed_ms);
    }

    /// Takes in a tick's counts of (candidate, control): of everybody, or of a segment's users.
    pub fn take(
        &mut self,
        situation: &Situation<'_>,
        observation: &Observation,
        (candidate, control): (&VariantCounts, &VariantCounts),
    ) {
        let limits = &situation.policy.limits;
        let named = Named::of(limits, control);
        self.recent.add(&piece(situation.policy, observation.span_ms, candidate, (control, &named)));
        self.elapsed_ms = self.elapsed_ms.saturating_add(observation.span_ms);
        match situation.stage {
            Some(stage) => {
                let whole = stage.is_whole();
                self.watch(situation, &Tick { span_ms: observation.span_ms, candidate, control, whole });
                self.count_stage(situation.policy, observation, (candidate, control), whole);
                self.stage.candidate_named.merge(&Named::of(limits, candidate));
                self.stage.control_named.merge(&named);
            }
            None => {
                self.baseline.add(situation.policy, observation, control);
                self.norm.add(&control.duration, observation.span_ms);
            }
        }
        if self.recent.control_above(&Counter::Errors, situation.policy.unfit_above()).is_none() {
            self.control.add(&Cells::of(control));
            counted::add(&mut self.control_results, &control.results);
            self.control_named.merge(&named);
        }
    }

    /// Custom checks take in what they were answered, which is not known by segment; the tick's time is counted already.
    fn answered(&mut self, situation: &Situation<'_>, observation: &Observation) {
        let span_ms = observation.span_ms;
        let (part, since_ms) = match situation.stage {
            None => (Part::Baseline, self.elapsed_ms),
            Some(stage) if stage.is_whole() => (Part::Whole, self.stage.elapsed_ms),
            Some(_) => (Part::Both, self.stage.elapsed_ms),
        };
        let answers = observation.flags.get(situation.flag).map(|flag| &flag.custom);
        for (limit, watch) in situation.policy.limits.iter().zip(&mut self.watches) {
            if let (Some(limit), Evidence::Custom(memory)) = (limit.custom(), &mut watch.evidence) {
                let answer = answers.and_then(|answers| answers.get(&limit.name));
                memory.step(limit, &custom::Tick { span_ms, since_ms, answer, part });
            }
        }
    }

    /// Every limit takes in the tick. What it is held against (dispersion, edge) was known before.
    fn watch(&mut self, situation: &Situation<'_>, tick: &Tick<'_>) {
        let settled = self.is_settled(situation.policy);
        let norm = if tick.whole { self.stage.reference_durations.clone() } else { self.norm.bins() };
        let mut watches = std::mem::take(&mut self.watches);
        let around = self.around();
        for (i, (limit, watch)) in situation.policy.limits.iter().zip(&mut watches).enumerate() {
            if (limit.settles() && !settled) || !limit.is_statistical() {
                continue;
            }
            let tolerated = self.tolerated(situation, limit);
            let edge = match &limit.bound {
                Bound::LatencyRatio(multiple) => norm::edge(&norm, multiple.quantile),
                Bound::Ratio { .. } | Bound::Max { .. } | Bound::Latency(_) | Bound::Custom(_) => None,
            };
            let enough = situation.evidence_limit(limit);
            let spread = self.spread(limit);
            let (dispersion, clusters) = (spread.dispersion(tolerated), spread.dispersion);
            let planned_ms = situation.policy.planned_ms(limit);
            watch.step(tick, &Terms { i, limit, tolerated, dispersion, clusters, enough, edge, planned_ms }, around);
        }
        self.watches = watches;
    }

    /// What stands around the evidence of every limit.
    #[must_use]
    pub fn around(&self) -> Around<'_> {
        Around { recent: &self.recent, control: &self.control }
    }

    fn count_stage(
        &mut self,
        policy: &Policy,
        seen: &Observation,
        (candidate, control): (&VariantCounts, &VariantCounts),
        whole: bool,
    ) {
        if self.is_settled(policy) && policy.limits.iter().any(Limit::settles) {
            self.stage.candidate_durations.merge(&candidate.duration);
            self.stage.control_durations.merge(&control.duration);
            self.norm.add(&control.duration, seen.span_ms);
        }
        let (of_candidate, of_control) = (Cells::of(candidate), Cells::of(control));
        self.stage.elapsed_ms = self.stage.elapsed_ms.saturating_add(seen.span_ms);
        let requests = (of_candidate.sum().requests, candidate.ended());
        self.stage.silence.add(seen.span_ms, requests, of_control.sum().requests);
        if policy.is_observed(seen) && self.stage.silence.who(whole).is_none() {
            self.stage.observed_ms = self.stage.observed_ms.saturating_add(seen.span_ms);
        }
        self.stage.candidate.add(&of_candidate);
        self.stage.control.add(&of_control);
        counted::add(&mut self.stage.candidate_results, &candidate.results);
        counted::add(&mut self.stage.control_results, &control.results);
    }

    /// The candidate's counts in the stage, and control's, as a limit on `counter` sees them.
    #[must_use]
    pub fn of_stage(&self, counter: &Counter) -> (Sample, Sample) {
        let stage = &self.stage;
        let candidate = Sample::of(counter, &stage.candidate, &stage.candidate_results, &stage.candidate_named);
        (candidate, Sample::of(counter, &stage.control, &stage.control_results, &stage.control_named))
    }

    /// Control's counts from the attempt's beginning to the stage's.
    #[must_use]
    pub fn reference(&self, counter: &Counter) -> Tally {
        let stage = &self.stage;
        counted::whole(counter, stage.reference, &stage.reference_results, &stage.reference_named)
    }

    /// The settling time of the stage is over.
    #[must_use]
    pub fn is_settled(&self, policy: &Policy) -> bool {
        self.stage.elapsed_ms >= policy.settle_ms
    }

    /// What a limit tolerates in the stage. At 100 % there is no control: a ratio is then held against the stored reference,
    /// as a ceiling of so many times the upper end of the 95 % interval of control's rate.
    #[must_use]
    pub fn tolerated(&self, situation: &Situation<'_>, limit: &Limit) -> Tolerated {
        let whole = situation.stage.is_some_and(|stage| stage.is_whole());
        match &limit.bound {
            Bound::Ratio { counter, ratio } if whole => {
                Tolerated::Rate((ratio * self.reference(counter).interval().1).min(0.999))
            }
            Bound::Ratio { ratio, .. } => Tolerated::Ratio(*ratio),
            Bound::Max { max, .. } => Tolerated::Rate(*max),
            Bound::Latency(ceiling) => Tolerated::Rate(ceiling.tolerated()),
            Bound::LatencyRatio(multiple) => Tolerated::Rate(multiple.tolerated()),
            // Never asked for: what others answer is held against nothing that is counted.
            Bound::Custom(_) => Tolerated::Rate(1.0),
        }
    }

    /// How what a limit counts has been spread over control's cells and requests up to now. Between cells errors and named counters are
    /// known; the rest is taken to cluster as errors do.
    #[must_use]
    pub fn spread(&self, limit: &Limit) -> Spread {
        let counter = limit.counter().unwrap_or(&Counter::Errors);
        let rate = counted::whole(counter, self.control.sum(), &self.control_results, &self.control_named).rate();
        let dispersion = match limit.named() {
            Some(name) => self.control_named.cells(name).dispersion(),
            None => self.control.dispersion(),
        };
        Spread { dispersion, rate: rate.unwrap_or(0.0) }
    }
}

/// How control's errors are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    dispersion: f64,
    rate: f64,
}

impl Spread {
    /// Control's rate up to now, 0 without requests.
    #[must_use]
    pub fn rate(self) -> f64 {
        self.rate
    }

    /// What counts are divided by for a limit: control's dispersion where the limit leaves little room above control's rate, else 1.
    /// It is control's and not the candidate's, so that a fault of a few users can't excuse itself.
    #[must_use]
    pub fn dispersion(self, tolerated: Tolerated) -> f64 {
        let little = match tolerated {
            Tolerated::Ratio(ratio) => ratio < ROOM,
            Tolerated::Rate(rate) => rate < ROOM * self.rate,
        };
        if little { self.dispersion } else { 1.0 }
    }
}

fn is_empty(gathered: &Gathered) -> bool {
    *gathered == Gathered::default()
}

fn piece(
    policy: &Policy,
    span_ms: u64,
    candidate: &VariantCounts,
    (control, control_named): (&VariantCounts, &Named),
) -> Piece {
    let beyond = |limit: &Limit, counts: &VariantCounts| match &limit.bound {
        Bound::Latency(ceiling) => ceiling.slow_of(&counts.duration),
        Bound::Max { counter, .. } if !counter.is_by_cell() => Sample::of_tick(counter, counts).whole,
        Bound::Max { .. } | Bound::Ratio { .. } | Bound::LatencyRatio(_) | Bound::Custom(_) => Tally::default(),
    };
    // What is known by cell is asked for without the worst: of control by its cells, which are kept.
    let of_candidate = |limit: &Limit| match &limit.bound {
        Bound::Max { counter, .. } if counter.is_by_cell() => Sample::of_tick(counter, candidate).without_worst(),
        _ => beyond(limit, candidate),
    };
    let cells = Cells::of(candidate);
    Piece {
        span_ms,
        candidate: cells.sum(),
        busy: Cells(cells.0.map(|cell| Tally::new(cell.requests, 0))),
        control: Cells::of(control),
        control_beyond: policy.limits.iter().map(|limit| beyond(limit, control)).collect(),
        candidate_beyond: policy.limits.iter().map(of_candidate).collect(),
        control_named: control_named.clone(),
        begun: candidate.started,
        ended: candidate.ended(),
    }
}
