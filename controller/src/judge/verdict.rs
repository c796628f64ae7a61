//! The verdict: from what is remembered and the tick at hand to a [`Ruling`]. Owns the order of the reasons; computes no evidence.
//!
//! A broken guardrail comes first, and whether going back would help; then what is missing to go on, from the plainest to the finest.

use weir_core::guardrail::Counter;
use weir_core::share::WHOLE;

use super::analysis::{Blocks, Remark, RemarkState, after, of_shadow, remarks};
use super::check::{checks, unanswered};
use super::limit::Limit;
use super::memory::Memory;
use super::recent::{Piece, REACH_MS, Sickness};
use super::ruling::{Check, CheckState, Numbers, Ruling, Verdict, Why};
use super::score::score;
use super::silence::Silent;
use super::situation::{Situation, Stage};
use super::time_up::{Standing, time_up};
use super::words::{count, passed, percent, time, weight};
use crate::observation::Observation;

/// Rules on a rollout that is under way, after the memory has taken in the tick.
#[must_use]
pub fn rule(situation: &Situation<'_>, memory: &Memory, observation: &Observation) -> Ruling {
    match situation.stage {
        Some(stage) => {
            let (remarks, scope) = remarks(situation, memory);
            let checks = checks(situation, memory);
            Ruling { scope, ..Case { situation, memory, observation, stage, checks, remarks }.rule() }
        }
        None => time_up(&Standing { situation, memory, no_way_back: None }, baseline(situation, memory, observation)),
    }
}

/// Before the first stage: control must have had enough requests since the attempt began (or was resumed) and must not be sick.
fn baseline(situation: &Situation<'_>, memory: &Memory, observation: &Observation) -> Ruling {
    let (policy, flag) = (situation.policy, situation.flag);
    let control = memory.control.sum();
    let numbers = Numbers { control, seen: observation.seen, expected: observation.expected, ..Numbers::default() };
    let (requests, observed_ms) = (memory.baseline.requests(), memory.baseline.observed_ms());
    let missing = policy.baseline_requests.saturating_sub(requests);
    let say = |verdict, why, asks, sentence| Ruling { asks, numbers, ..Ruling::new(verdict, why, sentence) };
    if !policy.is_observed(observation) {
        return say(Verdict::Hold, Why::ProxiesMissing, false, format!("{flag}: waits: {}", proxies(observation)));
    }
    if let Some(sick) = memory.recent.control_above(&Counter::Errors, policy.sick_above()) {
        let sentence = format!("{flag}: does not begin: control is sick: {}", sickness(sick, policy.sick_above()));
        return say(Verdict::Hold, Why::ControlSick, true, sentence);
    }
    if missing > 0 || observed_ms < policy.baseline_ms {
        let mut sentence =
            format!("{flag}: control has had {} of {} requests", count(requests), count(policy.baseline_requests));
        if policy.baseline_ms > 0 {
            sentence.push_str(&format!(" in {} of {}", passed(observed_ms), time(policy.baseline_ms)));
        }
        let ruling = say(Verdict::Hold, Why::Baseline, false, sentence);
        let longest = |ms: u64| ms.max(policy.baseline_ms.saturating_sub(observed_ms));
        let decides_in_ms = memory.recent.time_for(missing, |piece| piece.control.sum()).map(longest);
        return Ruling { decides_in_ms, ..ruling };
    }
    let shadow = of_shadow(situation, &memory.gathered);
    let remarks: Vec<Remark> = shadow.into_iter().collect();
    if let Some((remark, blocks)) = remarks.iter().find_map(|remark| Some((remark, remark.blocks?))) {
        let sentence = format!("{flag}: does not begin: {}", remark.sentence);
        return Ruling { remarks: remarks.clone(), ..say(blocks.verdict, blocks.why, blocks.asks, sentence) };
    }
    let sentence = format!("{flag}: control has had {} requests; {}", count(requests), going_on(situation));
    Ruling { remarks, ..say(Verdict::Advance, Why::AllMet, false, sentence) }
}

/// Rules on what everybody has had since the last stage: only drift is looked for.
#[must_use]
pub fn rule_after(situation: &Situation<'_>, memory: &Memory, ended: String) -> Ruling {
    let Some(remark) = after(situation, memory) else { return Ruling::not_under_way(ended) };
    let ruling = match remark.blocks {
        Some(blocks) => drifted(situation, WHOLE, &remark, blocks),
        None if remark.state == RemarkState::Fail => Ruling::not_under_way(format!("{ended}; but {}", remark.sentence)),
        None => Ruling::not_under_way(ended),
    };
    Ruling { remarks: vec![remark], ..ruling }
}

fn drifted(situation: &Situation<'_>, weight_ppm: u32, remark: &Remark, blocks: Blocks) -> Ruling {
    let what = if blocks.verdict == Verdict::RollBack { "rolled back" } else { "holds" };
    let sentence = format!("{}: {what} at {}: {}", situation.flag, weight(weight_ppm), remark.sentence);
    Ruling { asks: blocks.asks, ..Ruling::new(blocks.verdict, blocks.why, sentence) }
}

struct Case<'a> {
    situation: &'a Situation<'a>,
    memory: &'a Memory,
    observation: &'a Observation,
    stage: Stage,
    checks: Vec<Check>,
    remarks: Vec<Remark>,
}

impl Case<'_> {
    fn rule(self) -> Ruling {
        let ruling = self.broken().or_else(|| self.drift()).or_else(|| self.unseen()).or_else(|| self.missing());
        let ruling = ruling.or_else(|| self.mismatch()).or_else(|| self.unanswered()).or_else(|| self.waiting());
        let ruling = ruling.or_else(|| self.remarked());
        let ruling = ruling.unwrap_or_else(|| self.all_met());
        let standing = Standing { situation: self.situation, memory: self.memory, no_way_back: self.no_way_back() };
        let ruling = time_up(&standing, ruling);
        let stage = &self.memory.stage;
        let numbers = Numbers {
            candidate: stage.candidate.sum(),
            control: stage.control.sum(),
            observed_ms: stage.observed_ms,
            lasts_ms: self.stage.lasts_ms,
            seen: self.observation.seen,
            expected: self.observation.expected,
        };
        Ruling { score: score(&self.checks), checks: self.checks, remarks: self.remarks, numbers, ..ruling }
    }

    /// Dry runs are reported only.
    fn deciding(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.decides())
    }

    /// A limit is broken: back, unless control is no better or no more.
    fn broken(&self) -> Option<Ruling> {
        let fails = self.deciding().find(|check| check.state == CheckState::Fail);
        let Some(check) = fails else { return self.both_fail() };
        let place = weight(self.stage.weight_ppm);
        let flag = self.situation.flag;
        let Some(why_not) = self.no_way_back() else {
            let sentence = format!("{flag}: rolled back at {place}: {}", check.sentence);
            return Some(Ruling::new(Verdict::RollBack, Why::GuardrailBroken, sentence));
        };
        let sentence = format!("{flag}: holds at {place} for a person to decide: {}; but {why_not}", check.sentence);
        Some(Ruling { asks: true, ..Ruling::new(Verdict::Hold, Why::ControlSick, sentence) })
    }

    /// At 100 % nobody is left on control, so that nothing is known of it; back is then the way.
    fn no_way_back(&self) -> Option<String> {
        if self.stage.is_whole() {
            return None;
        }
        let limit = self.situation.policy.unfit_above();
        if let Some(sick) = self.memory.recent.control_above(&Counter::Errors, limit) {
            return Some(format!("control is sick too: {}", sickness(sick, limit)));
        }
        let share = f64::from(self.stage.weight_ppm) / f64::from(weir_core::share::WHOLE);
        let gone = self.memory.recent.control_gone(share);
        gone.then(|| format!("control has had no request in the last {}", time(REACH_MS)))
    }

    fn both_fail(&self) -> Option<Ruling> {
        let limit = self.situation.policy.sick_above();
        let recent = &self.memory.recent;
        let shared =
            self.deciding().find(|check| check.state == CheckState::Shared).map(|check| check.sentence.clone());
        let both = || {
            let (candidate, control) = (recent.candidate_above(limit)?, recent.control_above(&Counter::Errors, limit)?);
            (!self.stage.is_whole()).then(|| {
                let rate = |sickness: Sickness| percent(sickness.tally.rate().unwrap_or(0.0));
                format!("errors {} and {} in control, both above {}", rate(candidate), rate(control), percent(limit))
            })
        };
        let sentence = self.holds(&format!("candidate and control both fail: {}", shared.or_else(both)?));
        Some(Ruling { asks: true, ..Ruling::new(Verdict::Hold, Why::BothFail, sentence) })
    }

    /// Drift does not wait for the stage's end.
    fn drift(&self) -> Option<Ruling> {
        let (remark, blocks) = self.blocking().find(|(_, blocks)| blocks.why == Why::Drift)?;
        let Some(why_not) = self.no_way_back().filter(|_| blocks.verdict == Verdict::RollBack) else {
            return Some(drifted(self.situation, self.stage.weight_ppm, remark, blocks));
        };
        let held = Blocks { verdict: Verdict::Hold, why: Why::ControlSick, asks: true };
        let ruling = drifted(self.situation, self.stage.weight_ppm, remark, held);
        Some(Ruling { sentence: format!("{}; but {why_not}", ruling.sentence), ..ruling })
    }

    /// The stage has all that the limits ask for, and something else is not as it should be.
    fn remarked(&self) -> Option<Ruling> {
        let (remark, blocks) = self.blocking().next()?;
        let sentence = self.holds(&remark.sentence);
        Some(Ruling { asks: blocks.asks, ..Ruling::new(blocks.verdict, blocks.why, sentence) })
    }

    fn blocking(&self) -> impl Iterator<Item = (&Remark, Blocks)> {
        self.remarks.iter().filter_map(|remark| Some((remark, remark.blocks?)))
    }

    /// Too little is seen to count time or to go on.
    fn unseen(&self) -> Option<Ruling> {
        if !self.situation.policy.is_observed(self.observation) {
            let sentence = self.holds(&format!("{}; this time does not count", proxies(self.observation)));
            return Some(Ruling::new(Verdict::Hold, Why::ProxiesMissing, sentence));
        }
        let limit = self.situation.policy.unfit_above();
        if let Some(sick) = self.memory.recent.control_above(&Counter::Errors, limit).filter(|_| !self.stage.is_whole())
        {
            let what =
                format!("control is sick, and nothing says how a candidate should be: {}", sickness(sick, limit));
            return Some(Ruling { asks: true, ..Ruling::new(Verdict::Hold, Why::ControlSick, self.holds(&what)) });
        }
        if let Some(pending) = self.memory.recent.hanging() {
            let what = format!("{} requests of {} begun and not ended", count(pending), self.situation.candidate);
            return Some(Ruling::new(Verdict::Hold, Why::Hanging, self.holds(&what)));
        }
        let silence = &self.memory.stage.silence;
        let what = match silence.who(self.stage.is_whole())? {
            Silent::Candidate(ms) if silence.cancelled() > 0 => {
                format!("every request of {} in the last {} was cancelled", self.situation.candidate, time(ms))
            }
            Silent::Candidate(ms) => format!("no request of {} in the last {}", self.situation.candidate, time(ms)),
            Silent::Control(ms) => format!("no request of {} in the last {}", self.situation.control, time(ms)),
        };
        let sentence = self.holds(&format!("{what}; this time does not count"));
        Some(Ruling::new(Verdict::Hold, Why::NoTraffic, sentence))
    }

    /// Requests are missing.
    fn missing(&self) -> Option<Ruling> {
        let situation = self.situation;
        let unsettled = |check: &Check| check.metric == "latency" && !self.memory.is_settled(situation.policy);
        let short =
            |check: &&Check| matches!(check.state, CheckState::NotEnough | CheckState::NoData) && !unsettled(check);
        let neediest = self.deciding().filter(short).max_by_key(|check| (lacks(check), check.control_missing));
        let what = match neediest {
            Some(check) if lacks(check) > 0 && self.lacks_durations(check) => {
                let what =
                    format!("no duration of {} has come yet, and {} needs them", situation.candidate, check.name);
                return Some(Ruling::new(Verdict::Hold, Why::NotEnoughRequests, self.holds(&what)));
            }
            Some(check) if lacks(check) > 0 => {
                let (had, needed) = (count(check.requests), count(check.requests_needed));
                format!("{} has had {had} of {needed} requests that {} needs", situation.candidate, check.name)
            }
            Some(check) if check.control_missing > 0 => return Some(self.without_quantile(check)),
            _ => match self.counted().into_iter().find(|(_, had, needed)| had < needed) {
                Some((name, had, needed)) => format!("{name} has had {} of {} requests", count(had), count(needed)),
                None => return self.settling(),
            },
        };
        Some(self.later(Why::NotEnoughRequests, &what))
    }

    /// Requests that the stage has had of the candidate and of control, and how many the policy asks for.
    fn counted(&self) -> [(&str, u64, u64); 2] {
        let (stage, situation) = (&self.memory.stage, self.situation);
        let needed = situation.policy.requests;
        [
            (situation.candidate, stage.candidate.sum().requests, needed),
            (situation.control, stage.control.sum().requests, if self.stage.is_whole() { 0 } else { needed }),
        ]
    }

    /// Requests come, and their durations don't.
    fn lacks_durations(&self, check: &Check) -> bool {
        check.metric == "latency" && check.requests == 0 && self.memory.stage.candidate.sum().requests > 0
    }

    /// Control's quantile is not known well enough for anything to be slower than that.
    fn without_quantile(&self, check: &Check) -> Ruling {
        let (control, name) = (self.situation.control, &check.name);
        if self.stage.is_whole() {
            let what = format!("{control} had too few requests before to tell what {name} is held against");
            return Ruling { asks: true, ..Ruling::new(Verdict::Hold, Why::NotEnoughRequests, self.holds(&what)) };
        }
        let missing = count(check.control_missing);
        self.later(Why::NotEnoughRequests, &format!("{name} needs {missing} more requests of {control}"))
    }

    fn settling(&self) -> Option<Ruling> {
        let policy = self.situation.policy;
        let latency = policy.limits.iter().filter(|limit| !limit.dry_run).any(Limit::settles);
        if !latency || self.memory.is_settled(policy) {
            return None;
        }
        let left = policy.settle_ms.saturating_sub(self.memory.stage.elapsed_ms);
        Some(self.later(Why::Settling, &format!("latency is not judged for another {}", time(left))))
    }

    /// The requests are not split by the weight: what was counted is not what was meant to be compared.
    fn mismatch(&self) -> Option<Ruling> {
        let look = self.memory.stage.split.last().filter(|look| look.is_mismatch())?;
        let place = weight(self.stage.weight_ppm);
        let sentence = format!("{}: holds at {place} for a person to decide: {}", self.situation.flag, look.sentence());
        Some(Ruling { asks: true, ..Ruling::new(Verdict::Hold, Why::Mismatch, sentence) })
    }

    /// A stage goes on by evidence of safety, not by the absence of alarm.
    fn unanswered(&self) -> Option<Ruling> {
        let check = unanswered(self.deciding())?;
        Some(Ruling::new(Verdict::Hold, Why::NoAnswer, self.holds(&check.sentence)))
    }

    /// The stage's time is not over, or it is and the counts are beyond a limit without evidence enough.
    fn waiting(&self) -> Option<Ruling> {
        let observed = self.memory.stage.observed_ms;
        if observed < self.stage.lasts_ms {
            let unclear = self.deciding().find(|check| check.state == CheckState::Unclear);
            let kept = unclear.map_or_else(|| "all limits kept".to_owned(), |check| format!("{} unclear", check.name));
            let what = format!("{} of {} observed, {kept}", passed(observed), time(self.stage.lasts_ms));
            return Some(self.later(Why::StageTime, &what));
        }
        let check = self.deciding().find(|check| check.state == CheckState::Unclear)?;
        let reached = check.evidence >= check.evidence_limit;
        let lacks = if reached {
            "and the evidence rests on too few errors or cells"
        } else {
            "but not yet with evidence enough"
        };
        let sentence = self.holds(&format!("beyond its limit, {lacks}: {}", check.sentence));
        Some(Ruling { asks: reached, ..Ruling::new(Verdict::Inconclusive, Why::Unclear, sentence) })
    }

    fn all_met(&self) -> Ruling {
        let situation = self.situation;
        let place = weight(self.stage.weight_ppm);
        let requests = count(self.memory.stage.candidate.sum().requests);
        let rate = percent(self.memory.stage.candidate.sum().rate().unwrap_or(0.0));
        let sentence = format!(
            "{}: all limits kept at {place} for {}, {requests} requests with {rate} errors; {}",
            situation.flag,
            passed(self.memory.stage.observed_ms),
            going_on(situation)
        );
        Ruling::new(Verdict::Advance, Why::AllMet, sentence)
    }

    fn holds(&self, what: &str) -> String {
        format!("{}: holds at {}: {what}", self.situation.flag, weight(self.stage.weight_ppm))
    }

    fn later(&self, why: Why, what: &str) -> Ruling {
        let decides_in_ms = self.decides_in();
        let forecast = decides_in_ms.map_or_else(String::new, |ms| format!("; decides in ~{}", time(ms)));
        let sentence = format!("{}: at {}: {what}{forecast}", self.situation.flag, weight(self.stage.weight_ppm));
        Ruling { decides_in_ms, ..Ruling::new(Verdict::Hold, why, sentence) }
    }

    /// When all that is missing will be there, if traffic goes on as it does: the longest of the waits.
    fn decides_in(&self) -> Option<u64> {
        let (policy, stage, recent) = (self.situation.policy, &self.memory.stage, &self.memory.recent);
        let settle = policy.settle_ms.saturating_sub(stage.elapsed_ms);
        let mut longest = self.stage.lasts_ms.saturating_sub(stage.observed_ms);
        for check in self.deciding() {
            let requests = recent.time_for(lacks(check), |piece: &Piece| piece.candidate)?;
            let wait = if check.metric == "latency" { settle.saturating_add(requests) } else { requests };
            longest = longest.max(wait);
            longest = longest.max(recent.time_for(check.control_missing, |piece| piece.control.sum())?);
        }
        let [candidate, control] = self.counted().map(|(_, had, needed)| needed.saturating_sub(had));
        longest = longest.max(recent.time_for(candidate, |piece| piece.candidate)?);
        Some(longest.max(recent.time_for(control, |piece| piece.control.sum())?))
    }
}

fn lacks(check: &Check) -> u64 {
    check.requests_needed.saturating_sub(check.requests)
}

fn proxies(observation: &Observation) -> String {
    format!("only {} of {} proxies seen", observation.seen, observation.expected)
}

fn sickness(sick: Sickness, limit: f64) -> String {
    let rate = percent(sick.tally.rate().unwrap_or(0.0));
    format!("{rate} errors in the last {}, its worst cell left out, above {}", time(sick.span_ms), percent(limit))
}

fn going_on(situation: &Situation<'_>) -> String {
    situation.next_ppm.map_or_else(|| "done".to_owned(), |ppm| format!("goes on to {}", weight(ppm)))
}
