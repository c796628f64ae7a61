//! [`Memory`]: what the judge remembers of an attempt from tick to tick. Owns which counts go where; knows no verdict.

use serde::{Deserialize, Serialize};

use super::analysis::{Gathered, Seen};
use super::guarded::Tolerated;
use super::mismatch::Split;
use super::policy::{Limit, Policy};
use super::recent::{Piece, Recent};
use super::situation::{Situation, Stage};
use super::tally::{Cells, Tally};
use super::watch::{Terms, Tick, Watch};
use crate::observation::{Bins, Observation, VariantCounts};

/// A limit that leaves less room than this above control's rate is judged with counts divided by the dispersion between cells: errors
/// that come in clusters would break it by chance.
const ROOM: f64 = 1.5;

/// What the judge remembers. Default is empty, as before the first start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Memory {
    /// Control's counts since the attempt began (or was resumed).
    pub control: Cells,
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
    /// Time of the ticks in which enough proxies were seen, milliseconds.
    pub observed_ms: u64,
    /// Time of all ticks, milliseconds.
    pub elapsed_ms: u64,
    /// The candidate's counts.
    pub candidate: Cells,
    /// Control's counts.
    pub control: Cells,
    /// How long the candidate's requests took, after the settling time.
    pub candidate_durations: Bins,
    /// How long control's did in the same ticks.
    pub control_durations: Bins,
    /// Control's counts from the attempt's beginning to the stage's: the reference where there is no control.
    pub reference: Tally,
    /// How the requests are split.
    pub split: Split,
}

impl Memory {
    /// Empty, for an attempt that goes by `policy`.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self { watches: policy.limits.iter().map(Watch::new).collect(), ..Self::default() }
    }

    /// A stage begins: what is counted by stage begins with it. Evidence on errors goes on, for it compares what is concurrent and a
    /// new start is never more than 10 s away; evidence on latency does not, for another load is another latency.
    pub fn begin_stage(&mut self, policy: &Policy) {
        self.stage = StageMemory { reference: self.control.sum(), ..StageMemory::default() };
        self.gathered.begin_stage();
        for (limit, watch) in policy.limits.iter().zip(&mut self.watches) {
            if limit.settles() {
                *watch = Watch::new(limit);
            }
        }
    }

    /// Takes in what a tick saw.
    pub fn absorb(&mut self, situation: &Situation<'_>, observation: &Observation) {
        let empty = VariantCounts::default();
        let flag = observation.flags.get(situation.flag);
        let variant = |name: &str| flag.and_then(|f| f.variants.get(name)).unwrap_or(&empty);
        let (candidate, control) = (variant(situation.candidate), variant(situation.control));
        // The dispersion must be known before the tick.
        let spread = self.control_between_cells();
        let dispersion = if situation.policy.analysis.is_some() { self.control.dispersion() } else { 1.0 };
        self.gathered.absorb(situation, &Seen { observation, dispersion });
        self.recent.add(&piece(situation.policy, observation.span_ms, candidate, control));
        if let Some(stage) = situation.stage {
            let settled = self.is_settled(situation.policy);
            let tick = Tick { span_ms: observation.span_ms, candidate, control, whole: stage.is_whole() };
            for (i, limit) in situation.policy.limits.iter().enumerate() {
                let tolerated = self.tolerated(situation, limit);
                let Some(watch) = self.watches.get_mut(i).filter(|_| settled || !limit.settles()) else { continue };
                let enough = situation.policy.evidence_limit(limit);
                let terms = Terms { i, limit, tolerated, dispersion: spread.dispersion(tolerated), enough };
                watch.step(&tick, &terms, &self.recent);
            }
            self.count_stage(situation.policy, &stage, observation, (candidate, control));
        }
        self.control.add(&Cells::of(control));
    }

    fn count_stage(
        &mut self,
        policy: &Policy,
        stage: &Stage,
        seen: &Observation,
        (candidate, control): (&VariantCounts, &VariantCounts),
    ) {
        if self.is_settled(policy) && policy.limits.iter().any(Limit::settles) {
            self.stage.candidate_durations.merge(&candidate.duration);
            self.stage.control_durations.merge(&control.duration);
        }
        let (of_candidate, of_control) = (Cells::of(candidate), Cells::of(control));
        if self.stage.elapsed_ms >= Split::counts_from_ms(policy, stage) {
            self.stage.split.add(&of_candidate, &of_control);
        }
        self.stage.elapsed_ms = self.stage.elapsed_ms.saturating_add(seen.span_ms);
        if policy.is_observed(seen) {
            self.stage.observed_ms = self.stage.observed_ms.saturating_add(seen.span_ms);
        }
        self.stage.candidate.add(&of_candidate);
        self.stage.control.add(&of_control);
        self.stage.split.look(policy, stage, self.stage.observed_ms);
    }

    /// The settling time of the stage is over.
    #[must_use]
    pub fn is_settled(&self, policy: &Policy) -> bool {
        self.stage.elapsed_ms >= policy.settle_ms
    }

    /// What a limit on errors tolerates in the stage. At 100 % there is no control: a ratio is then held against the stored reference,
    /// as a ceiling of so many times the upper end of the 95 % interval of control's rate.
    #[must_use]
    pub fn tolerated(&self, situation: &Situation<'_>, limit: &Limit) -> Tolerated {
        let whole = situation.stage.is_some_and(|stage| stage.is_whole());
        match *limit {
            Limit::ErrorsRatio { ratio } if whole => {
                Tolerated::Rate((ratio * self.stage.reference.interval().1).min(0.999))
            }
            Limit::ErrorsRatio { ratio } => Tolerated::Ratio(ratio),
            Limit::ErrorsMax { max } => Tolerated::Rate(max),
            Limit::Latency(ceiling) => Tolerated::Rate(ceiling.tolerated()),
        }
    }

    /// How control's errors have been spread over cells and requests up to now.
    #[must_use]
    pub fn control_between_cells(&self) -> Spread {
        Spread { dispersion: self.control.dispersion(), rate: self.control.sum().rate().unwrap_or(0.0) }
    }
}

/// How control's errors are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    dispersion: f64,
    rate: f64,
}

impl Spread {
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

fn piece(policy: &Policy, span_ms: u64, candidate: &VariantCounts, control: &VariantCounts) -> Piece {
    let slow = |limit: &Limit| match limit {
        Limit::Latency(ceiling) => ceiling.slow_of(&control.duration),
        Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. } => Tally::default(),
    };
    Piece {
        span_ms,
        candidate: Cells::of(candidate).sum(),
        control: Cells::of(control),
        control_slow: policy.limits.iter().map(slow).collect(),
        begun: candidate.started,
        ended: candidate.results.iter().fold(0, |sum, count| sum.saturating_add(*count)),
    }
}
