//! [`Custom`]: a limit whose numbers come from elsewhere, and [`Answers`]: what is remembered of them. Owns when answers in a row decide;
//! knows neither who was asked nor how, and no verdict.
//!
//! There is no distribution to such an answer, so there is no evidence and no part of alpha: what keeps one odd scrape from deciding is that
//! so many answers in a row must be beyond the limit. What is not known neither decides nor lets a stage go on.

use serde::{Deserialize, Serialize};
use weir_core::custom;

use super::ruling::CheckState;
use crate::observation::{CustomAnswer, Said};

/// A limit on what somebody else answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Custom {
    /// Its name in the document, by which answers come in.
    pub name: String,
    /// Who is asked.
    pub source: Source,
    /// What must hold of the answer.
    pub keep: Keep,
    /// How often it is asked, milliseconds.
    pub every_ms: u64,
    /// So many answers in a row beyond the limit decide, at least 1.
    pub failures: u32,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Prometheus, in PromQL with placeholders.
    Query(String),
    /// The webhook of that name.
    Webhook(String),
}

/// What must hold of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The candidate's value is at most this.
    Max(f64),
    /// It is at least this.
    Min(f64),
    /// It is at most so many times control's.
    Ratio(f64),
    /// It is at most so much more than control's.
    Difference(f64),
    /// The answer is yes.
    Yes,
}

/// What is remembered of the answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Answers {
    last: Option<Last>,
    /// How long ago the last answer was asked that said something, milliseconds.
    known_ms: u64,
    /// Answers in a row that were beyond the limit; those that say nothing are left out.
    row: u32,
    /// The last of these, as far as control kept the limit.
    alone: u32,
    /// Control's last value while it had requests.
    reference: Option<f64>,
}

/// The last answer of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Last {
    /// How long ago it was asked, milliseconds.
    pub age_ms: u64,
    /// The candidate's value.
    pub candidate: Option<f64>,
    /// What it is held against: control's value; at 100 % the last that control had before.
    pub control: Option<f64>,
    /// What the limit makes of it.
    pub standing: Standing,
    /// The words that came with it, or why it says nothing.
    #[serde(default)]
    pub why: String,
}

/// What a limit makes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The limit is kept.
    Kept,
    /// The candidate is beyond it.
    Beyond,
    /// The candidate is, and so is control.
    Both,
    /// Nothing can be said.
    Unknown,
}

/// What a tick brought.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// Its length, milliseconds.
    pub span_ms: u64,
    /// How long ago the stage (before the first: the attempt) began, milliseconds. What was asked before does not count.
    pub since_ms: u64,
    /// An answer, if one came in.
    pub answer: Option<&'a CustomAnswer>,
    /// In which part of the attempt.
    pub part: Part,
}

/// Which part of an attempt a tick belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the first stage: there is no candidate yet.
    Baseline,
    /// Candidate and control have requests.
    Both,
    /// Everybody has the candidate.
    Whole,
}

/// Shorter intervals still leave an answer so long, milliseconds.
const LEAST_FRESH_MS: u64 = 10_000;

impl Custom {
    /// Those of a document's custom check: one for each of its limits.
    #[must_use]
    pub fn of(custom: &custom::Custom) -> Vec<Self> {
        let (source, keeps) = match &custom.source {
            custom::Source::Query { query, max, min, ratio, difference } => {
                let keeps =
                    [max.map(Keep::Max), min.map(Keep::Min), ratio.map(Keep::Ratio), difference.map(Keep::Difference)];
                (Source::Query(query.clone()), keeps.into_iter().flatten().collect())
            }
            custom::Source::Webhook(webhook) => (Source::Webhook(webhook.clone()), vec![Keep::Yes]),
        };
        let with = |keep: Keep| Self {
            name: custom.name.clone(),
            source: source.clone(),
            keep,
            every_ms: custom.every.ms(),
            failures: custom.failures,
        };
        keeps.into_iter().map(with).collect()
    }

    /// Its name in checks. No other kind of check has a `/` in its name.
    #[must_use]
    pub fn check_name(&self) -> String {
        let of = match self.keep {
            Keep::Max(_) => "max",
            Keep::Min(_) => "min",
            Keep::Ratio(_) => "ratio",
            Keep::Difference(_) => "difference",
            Keep::Yes => "answer",
        };
        format!("{}/{of}", self.name)
    }

    /// An answer that is older says nothing any more: three times the interval.
    #[must_use]
    pub fn fresh_ms(&self) -> u64 {
        self.every_ms.saturating_mul(3).max(LEAST_FRESH_MS)
    }

    fn standing(&self, answer: &CustomAnswer, control: Option<f64>, part: Part) -> (Standing, String) {
        let nobody = |what: &str| (Standing::Unknown, format!("no data for {what}"));
        let beyond = |beyond: bool, control: bool| match (beyond, control && part == Part::Both) {
            (false, _) => Standing::Kept,
            (true, false) => Standing::Beyond,
            (true, true) => Standing::Both,
        };
        let why = answer.why.clone();
        match (self.keep, answer.answer, answer.candidate) {
            (_, Some(Said::Unknown), _) | (Keep::Yes, None, _) => (Standing::Unknown, why),
            (Keep::Yes, Some(Said::Yes), _) => (Standing::Kept, why),
            (Keep::Yes, Some(Said::No), _) => (Standing::Beyond, why),
            (_, _, None) => nobody("the candidate"),
            (Keep::Max(max), _, Some(value)) => (beyond(value > max, control.is_some_and(|c| c > max)), why),
            (Keep::Min(min), _, Some(value)) => (beyond(value < min, control.is_some_and(|c| c < min)), why),
            (Keep::Ratio(ratio), _, Some(value)) => match control {
                None => nobody("control"),
                Some(control) if control < 0.0 => {
                    (Standing::Unknown, "control's value is below 0, so that a ratio says nothing".into())
                }
                Some(control) => (beyond(value > ratio * control, false), why),
            },
            (Keep::Difference(difference), _, Some(value)) => match control {
                None => nobody("control"),
                Some(control) => (beyond(value - control > difference, false), why),
            },
        }
    }
}

impl Answers {
    /// A stage begins: what was answered before is of another weight. Control's last value stays, for a stage without control.
    pub fn begin_stage(&mut self) {
        *self = Self { reference: self.reference, ..Self::default() };
    }

    /// Takes in a tick.
    pub fn step(&mut self, limit: &Custom, tick: &Tick<'_>) {
        if let Some(last) = &mut self.last {
            last.age_ms = last.age_ms.saturating_add(tick.span_ms);
        }
        self.known_ms = self.known_ms.saturating_add(tick.span_ms);
        if self.known_ms > limit.fresh_ms() {
            (self.row, self.alone) = (0, 0);
        }
        if let Some(answer) = tick.answer.filter(|answer| answer.age_ms <= tick.since_ms) {
            self.take(limit, answer, tick.part);
        }
    }

    fn take(&mut self, limit: &Custom, answer: &CustomAnswer, part: Part) {
        if part != Part::Whole && answer.answer != Some(Said::Unknown) {
            self.reference = answer.control.or(self.reference);
        }
        if part == Part::Baseline {
            return;
        }
        let control = if part == Part::Whole { self.reference } else { answer.control };
        let (standing, why) = limit.standing(answer, control, part);
        match standing {
            Standing::Kept => (self.row, self.alone) = (0, 0),
            Standing::Beyond => (self.row, self.alone) = (self.row.saturating_add(1), self.alone.saturating_add(1)),
            Standing::Both => (self.row, self.alone) = (self.row.saturating_add(1), 0),
            Standing::Unknown => {}
        }
        if standing != Standing::Unknown {
            self.known_ms = answer.age_ms;
        }
        let CustomAnswer { age_ms, candidate, .. } = *answer;
        self.last = Some(Last { age_ms, candidate, control, standing, why });
    }

    /// How the candidate stands.
    #[must_use]
    pub fn state(&self, limit: &Custom) -> CheckState {
        match self.fresh(limit).map(|last| last.standing) {
            None | Some(Standing::Unknown) => CheckState::NoData,
            Some(Standing::Kept) => CheckState::Pass,
            Some(Standing::Beyond | Standing::Both) if self.alone >= limit.failures => CheckState::Fail,
            Some(Standing::Beyond | Standing::Both) if self.row >= limit.failures => CheckState::Shared,
            Some(Standing::Beyond | Standing::Both) => CheckState::Unclear,
        }
    }

    /// The last answer, if it is not too old.
    #[must_use]
    pub fn fresh(&self, limit: &Custom) -> Option<&Last> {
        self.last().filter(|last| last.age_ms <= limit.fresh_ms())
    }

    /// The last answer, however old.
    #[must_use]
    pub fn last(&self) -> Option<&Last> {
        self.last.as_ref()
    }

    /// Answers in a row that were beyond the limit.
    #[must_use]
    pub fn row(&self) -> u32 {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_MS: u64 = 5_000;

    fn limit(keep: Keep) -> Custom {
        let source = match keep {
            Keep::Yes => Source::Webhook("w".to_owned()),
            Keep::Max(_) | Keep::Min(_) | Keep::Ratio(_) | Keep::Difference(_) => Source::Query("q".to_owned()),
        };
        Custom { name: "n".to_owned(), source, keep, every_ms: EVERY_MS, failures: 3 }
    }

    fn value(candidate: Option<f64>, control: Option<f64>) -> CustomAnswer {
        CustomAnswer { candidate, control, ..CustomAnswer::default() }
    }

    fn said(answer: Said) -> CustomAnswer {
        CustomAnswer { answer: Some(answer), why: "because".to_owned(), ..CustomAnswer::default() }
    }

    /// Answers come every five seconds, each asked when its tick ended.
    fn told(limit: &Custom, part: Part, answers: &[CustomAnswer]) -> Answers {
        let mut memory = Answers::default();
        for answer in answers {
            memory.step(limit, &Tick { span_ms: EVERY_MS, since_ms: 60_000, answer: Some(answer), part });
        }
        memory
    }

    #[test]
    fn so_many_answers_in_a_row_decide_and_none_alone() {
        use CheckState::{Fail, NoData, Pass, Shared, Unclear};
        let (good, bad, both, none) = (
            value(Some(1.0), Some(1.0)),
            value(Some(3.0), Some(1.0)),
            value(Some(3.0), Some(3.0)),
            value(None, Some(1.0)),
        );
        let unknown = said(Said::Unknown);
        for (answers, state) in [
            (vec![], NoData),
            (vec![&good], Pass),
            (vec![&bad], Unclear),
            (vec![&bad, &bad], Unclear),
            (vec![&bad, &bad, &bad], Fail),
            (vec![&bad, &bad, &good, &bad, &bad], Unclear),
            (vec![&bad, &bad, &bad, &good], Pass),
            // What says nothing is neither for nor against the candidate.
            (vec![&bad, &bad, &unknown], NoData),
            (vec![&bad, &bad, &none, &bad], Fail),
            (vec![&bad, &bad, &bad, &unknown], NoData),
            (vec![&good, &none], NoData),
            // Control breaks the limit too.
            (vec![&both, &both], Unclear),
            (vec![&both, &both, &both], Shared),
            (vec![&bad, &bad, &both], Shared),
            (vec![&both, &both, &bad], Shared),
            (vec![&both, &bad, &bad, &bad], Fail),
        ] {
            let limit = limit(Keep::Max(2.0));
            let answers: Vec<CustomAnswer> = answers.into_iter().cloned().collect();
            assert_eq!(told(&limit, Part::Both, &answers).state(&limit), state, "{answers:?}");
        }
    }

    #[test]
    fn each_limit_is_held_against_what_it_says() {
        use Standing::{Beyond, Both, Kept, Unknown};
        for (keep, candidate, control, part, standing) in [
            (Keep::Max(2.0), 2.0, Some(9.0), Part::Both, Kept),
            (Keep::Max(2.0), 2.1, Some(2.0), Part::Both, Beyond),
            (Keep::Max(2.0), 2.1, None, Part::Both, Beyond),
            (Keep::Max(2.0), 2.1, Some(2.1), Part::Both, Both),
            (Keep::Max(2.0), 2.1, Some(2.1), Part::Whole, Beyond),
            (Keep::Min(0.9), 0.9, None, Part::Both, Kept),
            (Keep::Min(0.9), 0.8, Some(0.95), Part::Both, Beyond),
            (Keep::Min(0.9), 0.8, Some(0.8), Part::Both, Both),
            (Keep::Ratio(2.0), 4.0, Some(2.0), Part::Both, Kept),
            (Keep::Ratio(2.0), 4.1, Some(2.0), Part::Both, Beyond),
            (Keep::Ratio(2.0), 0.0, Some(0.0), Part::Both, Kept),
            (Keep::Ratio(2.0), 0.1, Some(0.0), Part::Both, Beyond),
            (Keep::Ratio(2.0), 1.0, None, Part::Both, Unknown),
            (Keep::Ratio(2.0), 1.0, Some(-1.0), Part::Both, Unknown),
            (Keep::Difference(0.5), -1.0, Some(-1.5), Part::Both, Kept),
            (Keep::Difference(0.5), 1.0, Some(0.4), Part::Both, Beyond),
            (Keep::Difference(0.5), 1.0, None, Part::Both, Unknown),
        ] {
            let limit = limit(keep);
            let got = limit.standing(&value(Some(candidate), control), control, part).0;
            assert_eq!(got, standing, "{keep:?} {candidate} {control:?} {part:?}");
        }
        for (answer, standing) in [(Said::Yes, Kept), (Said::No, Beyond), (Said::Unknown, Unknown)] {
            assert_eq!(limit(Keep::Yes).standing(&said(answer), None, Part::Both).0, standing);
        }
        assert_eq!(limit(Keep::Yes).standing(&value(Some(1.0), None), None, Part::Both).0, Unknown);
    }

    #[test]
    fn an_answer_from_before_the_stage_does_not_count() {
        let limit = limit(Keep::Yes);
        let mut memory = told(&limit, Part::Both, &[said(Said::No), said(Said::No)]);
        memory.begin_stage();
        assert_eq!((memory.state(&limit), memory.row()), (CheckState::NoData, 0));
        let late = CustomAnswer { age_ms: 1_001, ..said(Said::No) };
        memory.step(&limit, &Tick { span_ms: 1_000, since_ms: 1_000, answer: Some(&late), part: Part::Both });
        assert_eq!(memory.last(), None);
        memory.step(&limit, &Tick { span_ms: 1_000, since_ms: 2_000, answer: Some(&late), part: Part::Both });
        assert_eq!((memory.state(&limit), memory.row()), (CheckState::Unclear, 1));
    }

    #[test]
    fn an_old_answer_says_nothing_and_a_row_does_not_bridge_the_gap() {
        let limit = limit(Keep::Max(2.0));
        let bad = value(Some(3.0), None);
        let mut memory = told(&limit, Part::Both, &[bad.clone(), bad.clone()]);
        let quiet = |span_ms| Tick { span_ms, since_ms: 90_000, answer: None, part: Part::Both };
        memory.step(&limit, &quiet(15_000));
        assert_eq!((memory.state(&limit), memory.row()), (CheckState::Unclear, 2), "three intervals are not too old");
        memory.step(&limit, &quiet(1));
        assert_eq!((memory.state(&limit), memory.row()), (CheckState::NoData, 0));
        memory.step(&limit, &Tick { answer: Some(&bad), ..quiet(1) });
        assert_eq!((memory.state(&limit), memory.row()), (CheckState::Unclear, 1));
        // Answers that say nothing come in all the time, and make nothing fresh.
        for _ in 0..4 {
            memory.step(&limit, &Tick { answer: Some(&said(Said::Unknown)), ..quiet(EVERY_MS) });
        }
        assert_eq!(memory.row(), 0);
        assert_eq!(Custom { every_ms: 1_000, ..limit }.fresh_ms(), 10_000);
    }

    #[test]
    fn at_100_percent_control_is_what_it_was_before() {
        let limit = limit(Keep::Ratio(2.0));
        let mut memory = told(&limit, Part::Baseline, &[value(None, Some(1.0)), value(None, None)]);
        assert_eq!(memory.state(&limit), CheckState::NoData, "there is no candidate before the first stage");
        let step = |memory: &mut Answers, candidate: f64, control: Option<f64>, part| {
            let answer = &value(Some(candidate), control);
            memory.step(&limit, &Tick { span_ms: EVERY_MS, since_ms: 60_000, answer: Some(answer), part });
        };
        memory.begin_stage();
        step(&mut memory, 3.0, Some(2.0), Part::Both);
        memory.begin_stage();
        step(&mut memory, 3.0, None, Part::Whole);
        assert_eq!(memory.state(&limit), CheckState::Pass);
        step(&mut memory, 4.5, Some(9.0), Part::Whole);
        assert_eq!((memory.row(), memory.last().unwrap().control), (1, Some(2.0)));
        let without = told(&limit, Part::Whole, &[value(Some(1.0), Some(1.0))]);
        assert_eq!(without.state(&limit), CheckState::NoData, "control was never asked for");
    }

    #[test]
    fn what_is_remembered_is_restored_exactly() {
        let limit = limit(Keep::Difference(0.1));
        let memory = told(&limit, Part::Both, &[value(Some(0.3), Some(0.1)), said(Said::Unknown)]);
        let text = serde_json::to_string(&(&memory, &limit)).unwrap();
        assert_eq!(serde_json::from_str::<(Answers, Custom)>(&text).unwrap(), (memory, limit), "{text}");
    }
}
