//! What a policy would have done: a recorded history run through the same judge and the same state machine as live observations. Pure.
//! Owns what is worth telling of it.

use serde::Serialize;
use weir_core::document::{Document, Rollout};

use crate::judge::analysis::{Analysis, Remark, Scope};
use crate::judge::{Check, Ruling, Transition, Verdict, Why};
use crate::observation::Observation;
use crate::rollout::{Command, Phase, Refusal, RolloutState};

/// Something that would have happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long after the first tick, milliseconds.
    pub after_ms: u64,
    /// The candidate's weight from here on, parts per million. The history's own is what was recorded, and may be another.
    pub weight_ppm: u32,
    /// What the judge says.
    pub verdict: Verdict,
    /// Why, as one word.
    pub why: Why,
    /// Why, with numbers.
    pub sentence: String,
    /// A person would have been asked.
    pub asks: bool,
    /// What it changed.
    pub transition: Option<Transition>,
    /// Each limit.
    pub checks: Vec<Check>,
    /// What was looked at beside the limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// For which segments the candidate can go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// The whole of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// Flag of the rollout.
    pub flag: String,
    /// Ticks of the history.
    pub ticks: usize,
    /// How the rollout stands after the last tick, in words.
    pub ends: String,
    /// When the attempt was taken back before its goals were decided; their counts are in the last event's remarks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at_ms: Option<u64>,
    /// Its events.
    pub events: Vec<Event>,
}

/// Why nothing could be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No flag was named, and the document has not exactly one rollout.
    #[error("the policy has {0} rollouts: name one with --flag")]
    WhichFlag(usize),
    /// The document has no rollout of this flag.
    #[error("the policy has no rollout of flag {0:?}")]
    NoRollout(String),
    /// The rollout could not be started.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No tick of the history has the rollout's variants.
    #[error("no tick of the history counts a request of {control:?} or {candidate:?} of flag {flag:?}")]
    NothingCounted {
        /// The flag.
        flag: String,
        /// Its rollout's control.
        control: String,
        /// Its rollout's candidate.
        candidate: String,
    },
}

/// Starts the rollout of `flag` (or the only one) as the history begins, and lets the judge see every tick, with what `analysis` asks for
/// beside the guardrails, or else the document. Told are transitions, and every change of the reason to wait.
///
/// # Errors
/// [`Unfit`].
pub fn replay(
    document: &Document,
    flag: Option<&str>,
    analysis: Option<Analysis>,
    history: &[Observation],
) -> Result<Story, Unfit> {
    let mut replay = Replay::new(document, flag, analysis)?;
    history.iter().try_for_each(|observation| replay.tick(observation))?;
    replay.story()
}

/// The same, tick by tick: a history need not be in memory as a whole.
#[derive(Debug)]
pub struct Replay<'a> {
    flag: &'a str,
    rollout: &'a Rollout,
    analysis: Option<Analysis>,
    force: bool,
    begin_ms: u64,
    ticks: usize,
    /// A tick counted something of the rollout's variants.
    counted: bool,
    /// `None` before the first tick.
    state: Option<RolloutState>,
    events: Vec<Event>,
}

impl<'a> Replay<'a> {
    /// Before the first tick.
    ///
    /// # Errors
    /// [`Unfit`], if it is not clear which rollout is meant.
    pub fn new(document: &'a Document, flag: Option<&str>, analysis: Option<Analysis>) -> Result<Self, Unfit> {
        let (flag, rollout) = chosen(document, flag)?;
        let replay = Self {
            flag,
            rollout,
            analysis,
            force: false,
            begin_ms: 0,
            ticks: 0,
            counted: false,
            state: None,
            events: Vec::new(),
        };
        Ok(replay)
    }

    /// The attempt was started with `force`, or is to be: it does not wait for control's data.
    #[must_use]
    pub const fn forced(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// The next tick; the first one starts the rollout.
    ///
    /// # Errors
    /// [`Unfit`], if the rollout can't be started.
    pub fn tick(&mut self, observation: &Observation) -> Result<(), Unfit> {
        let state = match self.state.take() {
            Some(state) => state,
            None => self.start(observation)?,
        };
        let rollout = self.rollout;
        let variants = observation.flags.get(self.flag).map(|counts| &counts.variants);
        self.counted |=
            variants.is_some_and(|v| v.contains_key(&rollout.control) || v.contains_key(&rollout.candidate));
        let (next, ruling) = state.tick(self.flag, observation);
        let judged = state.phase.is_under_way() || ruling.why == Why::Drift || ruling.alarm().is_some();
        if judged && is_news(self.events.last(), &ruling) {
            self.events.push(event(observation.at_ms, self.begin_ms, &next, ruling));
        }
        self.state = Some(next);
        self.ticks += 1;
        Ok(())
    }

    /// What there is to tell after the last tick.
    ///
    /// # Errors
    /// [`Unfit`], if no tick has counted anything of the rollout.
    pub fn story(self) -> Result<Story, Unfit> {
        let flag = self.flag.to_owned();
        let Some(state) = self.state.filter(|_| self.counted) else {
            let (control, candidate) = (self.rollout.control.clone(), self.rollout.candidate.clone());
            return Err(Unfit::NothingCounted { flag, control, candidate });
        };
        let stopped_at_ms = state.memory.gathered.stopped_at_ms;
        Ok(Story { flag, ticks: self.ticks, ends: ends(&state), stopped_at_ms, events: self.events })
    }

    fn start(&mut self, first: &Observation) -> Result<RolloutState, Unfit> {
        self.begin_ms = first.at_ms.saturating_sub(first.span_ms);
        let start = Command::Start { force: self.force };
        // What the document's defaultVariant is now says nothing of the time that was recorded.
        let control = Some(self.rollout.control.as_str());
        let mut state = RolloutState::default().command(&start, self.rollout, control, self.begin_ms)?;
        if let (Some(plan), Some(analysis)) = (&mut state.plan, self.analysis.take()) {
            plan.policy.analysis = Some(Box::new(analysis));
        }
        Ok(state)
    }
}

fn chosen<'a>(document: &'a Document, flag: Option<&str>) -> Result<(&'a str, &'a Rollout), Unfit> {
    let mut rollouts = document.flags.iter().filter_map(|f| Some((f.key.as_str(), f.rollout.as_ref()?)));
    match flag {
        Some(flag) => rollouts.find(|(key, _)| *key == flag).ok_or_else(|| Unfit::NoRollout(flag.to_owned())),
        None => match (rollouts.next(), rollouts.count()) {
            (Some(only), 0) => Ok(only),
            (first, others) => Err(Unfit::WhichFlag(others + usize::from(first.is_some()))),
        },
    }
}

fn is_news(last: Option<&Event>, ruling: &Ruling) -> bool {
    let same = |last: &Event| (last.verdict, last.why, last.asks) == (ruling.verdict, ruling.why, ruling.asks);
    ruling.transition.is_some()
        || ruling.alarm().is_some()
        || !last.is_some_and(|last| last.transition.is_none() && same(last))
}

fn event(at_ms: u64, begin_ms: u64, next: &RolloutState, ruling: Ruling) -> Event {
    let Ruling { verdict, why, sentence, asks, checks, remarks, scope, transition, .. } = ruling;
    let after_ms = at_ms.saturating_sub(begin_ms);
    Event {
        at_ms,
        after_ms,
        weight_ppm: next.weight_ppm,
        verdict,
        why,
        sentence,
        asks,
        transition,
        checks,
        remarks,
        scope,
    }
}

fn ends(state: &RolloutState) -> String {
    match (state.phase, state.stage()) {
        (Phase::Running { .. }, Some((stage, stages))) => format!("running, stage {} of {stages}", stage + 1),
        (phase, _) => phase.word().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use weir_core::outcome::Outcome;

    use super::*;
    use crate::observation::{Bin, Bins, CellCounts, FlagCounts, VariantCounts};

    const POLICY: &str = r#"{"flags":{"checkout":{"state":"ENABLED","variants":{"stable":"v1","next":"v2"},"defaultVariant":"stable"}},
      "weir":{"version":1,"identity":[{"header":"x-user-id"}],"outputs":{"checkout":{"requestHeader":"x-weir-checkout"}},
      "rollouts":{"checkout":{"control":"stable","candidate":"next","stages":[{"weight":"50%","for":"10s"},{"weight":"100%","for":"10s"}],
      "baseline":{"requests":1000},"advance":{"requests":300,"power":0},
      "guardrails":[{"metric":"errors","ratio":2.0}]}}}}"#;

    fn counts(requests: u64, errors: u64) -> VariantCounts {
        let mut counts = VariantCounts { started: 20 * requests, ..VariantCounts::default() };
        counts.results[Outcome::Ok.index()] = 20 * (requests - errors);
        counts.results[Outcome::ServerError.index()] = 20 * errors;
        counts.cells = [CellCounts { requests, errors }; 20];
        counts
    }

    fn history(seconds: u64, broken_from: u64) -> Vec<Observation> {
        let tick = |second: u64| {
            let bad = if second >= broken_from { 4 } else { 0 };
            let variants = [("stable".to_owned(), counts(10, 0)), ("next".to_owned(), counts(10, bad))];
            let flags = [("checkout".to_owned(), FlagCounts { variants: variants.into(), ..FlagCounts::default() })];
            let at_ms = 1_000_000 + 1_000 * (second + 1);
            Observation { at_ms, span_ms: 1_000, expected: 3, seen: 3, flags: flags.into() }
        };
        (0..seconds).map(tick).collect()
    }

    fn told(seconds: u64, broken_from: u64) -> (Story, Vec<(u64, Verdict)>) {
        let document = weir_core::check::check(POLICY).unwrap();
        let story = replay(&document, None, None, &history(seconds, broken_from)).unwrap();
        let moves = story.events.iter().filter(|e| e.transition.is_some());
        let moves = moves.map(|e| (e.after_ms, e.verdict)).collect();
        (story, moves)
    }

    #[test]
    fn a_healthy_history_goes_through_and_a_broken_one_is_taken_back() {
        let (story, moves) = told(60, u64::MAX);
        assert_eq!(story.ends, "done");
        assert_eq!(moves.iter().map(|m| m.1).collect::<Vec<_>>(), [Verdict::Advance; 3]);
        assert!(story.events.len() < 12, "only what changes is told: {}", story.events.len());

        let (story, moves) = told(60, 10);
        assert_eq!(story.ends, "rolled back");
        let (after_ms, verdict) = moves[1];
        assert_eq!(verdict, Verdict::RollBack);
        assert!((10_000..=13_000).contains(&after_ms), "{after_ms}");
        assert!(story.events.last().unwrap().sentence.contains("rolled back at 50 %"));
        assert_eq!(story.ticks, 60);
    }

    #[test]
    fn an_analysis_in_the_document_says_what_the_same_in_a_file_does_and_the_file_comes_first() {
        let drift = |distance| {
            format!(
                r#"{{"drift":{{"distance":{distance},"window":"10s","values":50,"cooldown":"30s","action":"hold",
                "reference":{{"1000":[100,500]}}}}}}"#
            )
        };
        let with = |form: &str| POLICY.replacen(r#""control":"#, &format!(r#""analysis":{form},"control":"#), 1);
        let mut ticks = history(90, u64::MAX);
        for (second, observation) in (0u64..).zip(&mut ticks) {
            let lower = if second < 50 { 1_000 } else { 9_000 };
            for counts in observation.flags.get_mut("checkout").unwrap().variants.values_mut() {
                counts.duration = Bins([(lower, Bin { width: 100, count: 200 })].into());
            }
        }
        let story = |policy: &str, file: Option<&str>| {
            let document = weir_core::check::check(policy).unwrap();
            replay(&document, None, file.map(|text| Analysis::read(text).unwrap()), &ticks).unwrap()
        };
        let of_document = story(&with(&drift("0.3")), None);
        assert_eq!(of_document, story(POLICY, Some(&drift("0.3"))));
        let alarms = |story: &Story| story.events.iter().filter(|e| e.remarks.iter().any(|r| r.alarm)).count();
        assert_eq!((of_document.ends.as_str(), alarms(&of_document)), ("done", 2), "{of_document:?}");
        // A distance of 1 is never exceeded.
        assert_eq!(alarms(&story(&with(&drift("0.3")), Some(&drift("1")))), 0);
        assert_eq!(alarms(&story(&with(&drift("1")), Some(&drift("0.3")))), 2);
    }

    #[test]
    fn what_ends_early_says_where() {
        assert_eq!(told(3, u64::MAX).0.ends, "waiting for control's data");
        assert_eq!(told(8, u64::MAX).0.ends, "running, stage 1 of 2");
    }

    #[test]
    fn what_can_not_be_run_is_refused() {
        let document = weir_core::check::check(POLICY).unwrap();
        for (flag, history, start) in [
            (Some("banner"), history(1, 9), "the policy has no rollout of flag \"banner\""),
            (None, vec![], "no tick of the history counts a request of \"stable\" or \"next\""),
            (None, vec![Observation::default()], "no tick of the history counts"),
        ] {
            let error = replay(&document, flag, None, &history).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
