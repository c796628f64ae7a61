//! Custom checks in a rollout: what answers of others make of it, and what their absence does.

use serde_json::{Value, json};
use weir_core::check::check;
use weir_core::document::{Document, Rollout};
use weir_core::outcome::Outcome;

use super::{Command, Phase, RolloutState};
use crate::judge::{CheckState, Policy, Ruling, Verdict, Why};
use crate::observation::{CellCounts, CustomAnswer, FlagCounts, Observation, Said, VariantCounts};
use crate::replay::replay;

/// Stages of ten seconds that need few requests, with errors watched beside the custom checks.
fn document(custom: &Value) -> Document {
    let mut guardrails = vec![json!({ "metric": "errors", "ratio": 2.0 })];
    guardrails.extend(custom.as_array().unwrap().iter().cloned());
    let text = json!({
        "flags": { "checkout": { "state": "ENABLED", "variants": { "stable": "v1", "next": "v2" }, "defaultVariant": "stable" } },
        "weir": {
            "version": 1,
            "identity": [{ "header": "x-user-id" }],
            "outputs": { "checkout": { "requestHeader": "x-weir-checkout" } },
            "rollouts": { "checkout": {
                "control": "stable", "candidate": "next",
                "stages": [{ "weight": "50%", "for": "10s" }, { "weight": "100%", "for": "10s" }],
                "baseline": { "requests": 100 }, "advance": { "requests": 100, "power": 0 }, "settle": "0s",
                "guardrails": guardrails
            } }
        }
    });
    check(&text.to_string()).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

fn rollout(document: &Document) -> &Rollout {
    document.flags[0].rollout.as_ref().unwrap()
}

fn oom() -> Value {
    json!([{ "query": "oom{v=\"$variant\"}", "name": "gpu-oom", "max": 0.02, "every": "1s" }])
}

fn smoke() -> Value {
    json!([{ "webhook": "smoke", "every": "1s", "failures": 2 }])
}

fn counts(errors: u64) -> VariantCounts {
    let mut counts = VariantCounts { started: 1_000, ..VariantCounts::default() };
    counts.results[Outcome::Ok.index()] = 20 * (50 - errors);
    counts.results[Outcome::ServerError.index()] = 20 * errors;
    counts.cells.fill(CellCounts { requests: 50, errors });
    counts
}

/// A healthy second in which this was answered.
fn second(at: u64, answer: Option<(&str, CustomAnswer)>) -> Observation {
    let variants = [("next".to_owned(), counts(0)), ("stable".to_owned(), counts(0))].into();
    let custom = answer.into_iter().map(|(name, answer)| (name.to_owned(), answer)).collect();
    let flags = [("checkout".to_owned(), FlagCounts { variants, custom, ..FlagCounts::default() })].into();
    Observation { at_ms: 1_000 * (at + 1), span_ms: 1_000, expected: 1, seen: 1, flags }
}

fn value(candidate: f64, control: f64) -> CustomAnswer {
    CustomAnswer { candidate: Some(candidate), control: Some(control), ..CustomAnswer::default() }
}

fn said(answer: Said) -> CustomAnswer {
    CustomAnswer { answer: Some(answer), why: "so it is".to_owned(), ..CustomAnswer::default() }
}

/// Begins in the first stage and lets a second pass with each answer.
fn run(document: &Document, name: &str, answers: &[Option<CustomAnswer>]) -> (RolloutState, Ruling) {
    let begun = RolloutState::default().command(&Command::Start { force: true }, rollout(document), Some("stable"), 0);
    let mut state = begun.unwrap();
    let mut last = None;
    for (at, answer) in (0..).zip(answers) {
        let (next, ruling) = state.tick("checkout", &second(at, answer.clone().map(|answer| (name, answer))));
        state = next;
        last = Some(ruling);
    }
    (state, last.unwrap())
}

fn times(count: usize, answer: &CustomAnswer) -> Vec<Option<CustomAnswer>> {
    vec![Some(answer.clone()); count]
}

fn custom_check(ruling: &Ruling) -> &crate::judge::Check {
    ruling.checks.iter().find(|check| check.is_custom()).unwrap()
}

#[test]
fn good_answers_let_a_stage_go_on() {
    let (state, ruling) = run(&document(&oom()), "gpu-oom", &times(10, &value(0.01, 0.01)));
    assert_eq!((state.phase, ruling.verdict), (Phase::Running { stage: 1 }, Verdict::Advance));
    let check = custom_check(&ruling);
    assert_eq!((check.name.as_str(), check.state, check.limit), ("gpu-oom/max", CheckState::Pass, 0.02));
    assert_eq!((check.value, check.control, check.odds.as_str()), (Some(0.01), Some(0.01), "-"));
    assert_eq!(check.sentence, "gpu-oom 0.01 against a limit of 0.02 (0.01 in control)");
}

#[test]
fn one_bad_scrape_never_decides() {
    let bad = value(5.0, 0.0);
    let mut answers = times(1, &bad);
    answers.extend(times(9, &value(0.0, 0.0)));
    assert_eq!(run(&document(&oom()), "gpu-oom", &answers).1.verdict, Verdict::Advance);
    let (state, ruling) = run(&document(&oom()), "gpu-oom", &times(2, &bad));
    assert_eq!((state.phase, ruling.verdict), (Phase::Running { stage: 0 }, Verdict::Hold));
    assert_eq!(custom_check(&ruling).state, CheckState::Unclear);
    // At the stage's end it is held for it.
    let mut answers = times(9, &value(0.0, 0.0));
    answers.extend(times(2, &bad));
    let (state, ruling) = run(&document(&oom()), "gpu-oom", &answers[1..]);
    assert_eq!((state.phase, ruling.why), (Phase::Running { stage: 0 }, Why::Unclear));
    assert!(
        ruling.sentence.ends_with("gpu-oom 5 against a limit of 0.02 (0 in control), 2 of 3 in a row"),
        "{}",
        ruling.sentence
    );
}

#[test]
fn three_in_a_row_roll_back() {
    let (state, ruling) = run(&document(&oom()), "gpu-oom", &times(3, &value(0.031, 0.004)));
    assert_eq!((state.phase, ruling.verdict, ruling.why), (Phase::RolledBack, Verdict::RollBack, Why::GuardrailBroken));
    let sentence =
        "checkout: rolled back at 50 %: gpu-oom 0.031 against a limit of 0.02 (0.004 in control), 3 of 3 in a row";
    assert_eq!(ruling.sentence, sentence);
}

#[test]
fn without_an_answer_a_stage_holds() {
    let document = document(&oom());
    let nothing = CustomAnswer { control: Some(0.0), ..CustomAnswer::default() };
    let held = "checkout: holds at 50 %: gpu-oom:";
    for (answers, why) in [
        (vec![None; 30], "no answer yet"),
        (times(30, &nothing), "unknown (no data for the candidate)"),
        (times(30, &said(Said::Unknown)), "unknown (so it is)"),
    ] {
        let (state, ruling) = run(&document, "gpu-oom", &answers);
        assert_eq!(
            (state.phase, ruling.verdict, ruling.why),
            (Phase::Running { stage: 0 }, Verdict::Hold, Why::NoAnswer)
        );
        assert_eq!(ruling.sentence, format!("{held} {why}"));
        assert_eq!(custom_check(&ruling).state, CheckState::NoData);
    }
}

#[test]
fn an_old_answer_is_none() {
    let document = document(&json!([{ "query": "oom", "name": "gpu-oom", "max": 0.02, "every": "5s" }]));
    let mut answers = times(1, &value(0.0, 0.0));
    answers.extend(vec![None; 8]);
    let (_, ruling) = run(&document, "gpu-oom", &answers);
    assert_eq!(custom_check(&ruling).state, CheckState::Pass);
    answers[0] = None;
    answers[1] = Some(value(0.0, 0.0));
    let since = answers.iter().position(Option::is_some).unwrap();
    // The stage can't end before its time, and by then the answer is too old.
    answers.extend(vec![None; 20]);
    answers.truncate(since + 17);
    let slow = rollout_of_20_seconds(&document);
    let (state, ruling) = run(&slow, "gpu-oom", &answers);
    assert_eq!((state.phase, ruling.why), (Phase::Running { stage: 0 }, Why::NoAnswer));
    assert_eq!(ruling.sentence, "checkout: holds at 50 %: gpu-oom: the last answer is 16 s old");
}

fn rollout_of_20_seconds(document: &Document) -> Document {
    let mut document = document.clone();
    document.flags[0].rollout.as_mut().unwrap().stages[0].lasts = weir_core::span::Span::from_ms(20_000);
    document
}

#[test]
fn an_unknown_webhook_neither_goes_on_nor_back_and_a_no_goes_back_as_configured() {
    let document = document(&smoke());
    let (state, ruling) = run(&document, "smoke", &times(60, &said(Said::Unknown)));
    assert_eq!((state.phase, ruling.why), (Phase::Running { stage: 0 }, Why::NoAnswer));
    let (state, ruling) = run(&document, "smoke", &times(1, &said(Said::No)));
    assert_eq!((state.phase, custom_check(&ruling).state), (Phase::Running { stage: 0 }, CheckState::Unclear));
    let (state, ruling) = run(&document, "smoke", &times(2, &said(Said::No)));
    assert_eq!(state.phase, Phase::RolledBack);
    assert_eq!(ruling.sentence, "checkout: rolled back at 50 %: smoke says no (so it is), 2 of 2 in a row");
    let (state, _) = run(&document, "smoke", &times(20, &said(Said::Yes)));
    assert_eq!(state.phase, Phase::Done);
}

#[test]
fn what_control_breaks_too_is_held_for_a_person() {
    let (state, ruling) = run(&document(&oom()), "gpu-oom", &times(20, &value(0.5, 0.4)));
    assert_eq!((state.phase, ruling.why, ruling.asks), (Phase::Running { stage: 0 }, Why::BothFail, true));
    assert!(ruling.sentence.contains("candidate and control both fail: gpu-oom 0.5"), "{}", ruling.sentence);
}

#[test]
fn a_rollback_never_goes_onto_a_control_that_is_sick() {
    let document = document(&oom());
    let begun = RolloutState::default().command(&Command::Start { force: true }, rollout(&document), Some("stable"), 0);
    let mut state = begun.unwrap();
    for at in 0..5 {
        let mut tick = second(at, Some(("gpu-oom", value(0.5, 0.0))));
        tick.flags.get_mut("checkout").unwrap().variants.insert("stable".to_owned(), counts(25));
        let (next, ruling) = state.tick("checkout", &tick);
        state = next;
        if at >= 2 {
            assert_eq!((ruling.why, ruling.asks), (Why::ControlSick, true), "{ruling:?}");
        }
    }
    assert_eq!(state.phase, Phase::Running { stage: 0 });
}

#[test]
fn each_stage_begins_afresh_and_at_100_percent_control_is_what_it_was() {
    let ratio = json!([{ "query": "oom{v=\"$variant\"}", "name": "gpu-oom", "ratio": 2.0, "every": "1s" }]);
    let document = document(&ratio);
    let mut answers = times(8, &value(1.0, 1.0));
    answers.extend(times(1, &value(3.0, 1.0)));
    answers.extend(times(1, &value(1.5, 1.0)));
    let only = |candidate| CustomAnswer { candidate: Some(candidate), ..CustomAnswer::default() };
    answers.extend(times(2, &only(2.5)));
    let (state, ruling) = run(&document, "gpu-oom", &answers);
    assert_eq!((state.phase, custom_check(&ruling).state), (Phase::Running { stage: 1 }, CheckState::Unclear));
    answers.extend(times(1, &only(2.5)));
    let (state, ruling) = run(&document, "gpu-oom", &answers);
    assert_eq!(state.phase, Phase::RolledBack);
    let sentence = "gpu-oom 2.5 against 1 in control (2 times tolerated), 3 of 3 in a row";
    assert!(ruling.sentence.ends_with(sentence), "{}", ruling.sentence);
}

#[test]
fn a_dry_run_neither_decides_nor_waits() {
    let mut dry = oom();
    dry[0]["dryRun"] = true.into();
    let document = document(&dry);
    let (state, ruling) = run(&document, "gpu-oom", &times(5, &value(9.0, 0.0)));
    assert_eq!((state.phase, custom_check(&ruling).state), (Phase::Running { stage: 0 }, CheckState::Fail));
    assert_eq!(run(&document, "gpu-oom", &vec![None; 20]).0.phase, Phase::Done);
}

#[test]
fn custom_checks_take_no_part_of_alpha() {
    let limit = |custom: &Value| {
        let policy = Policy::of(rollout(&document(custom)));
        policy.evidence_limit(&policy.limits[0])
    };
    assert_eq!(limit(&json!([])), limit(&json!([oom()[0], smoke()[0]])));
}

#[test]
fn a_recorded_history_gives_the_same_verdict() {
    let document = document(&oom());
    let history = |bad_from: u64| -> Vec<Observation> {
        let answer = |at| if at >= bad_from { value(0.5, 0.0) } else { value(0.0, 0.0) };
        let lines = (0..60).map(|at| serde_json::to_string(&second(at, Some(("gpu-oom", answer(at))))).unwrap());
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    };
    assert_eq!(replay(&document, None, None, &history(u64::MAX)).unwrap().ends, "done");
    let story = replay(&document, None, None, &history(5)).unwrap();
    assert_eq!(story.ends, "rolled back");
    let last = story.events.last().unwrap();
    assert_eq!((last.at_ms, last.verdict), (8_000, Verdict::RollBack));
    assert!(last.sentence.contains("gpu-oom 0.5 against a limit of 0.02"), "{}", last.sentence);
    // What was recorded before there were custom checks has no answers: it holds.
    let old: Vec<Observation> = (0..60).map(|at| second(at, None)).collect();
    assert!(!serde_json::to_string(&old[0]).unwrap().contains("custom"));
    assert_eq!(replay(&document, None, None, &old).unwrap().ends, "running, stage 1 of 2");
}
