//! Ten situations that people get wrong (and Simpson's reversal), each as a test of what Weir does in it: on the real state machine, judge and engine.

use std::collections::BTreeMap;

use weir_core::document::Document;
use weir_core::outcome::Outcome;

use crate::judge::analysis::{Analysis, RemarkState};
use crate::judge::{Ruling, Transition, Verdict, Why};
use crate::observation::{
    Bin, Bins, CELL_COUNT, CellCounts, FieldCounts, FlagCounts, Observation, ShadowCounts, VariantCounts,
};
use crate::observe::merge::add_variant;
use crate::rollout::{Command, Phase, Refusal, RolloutState};
use crate::run::tests::Bench;
use crate::stale::Kind;

/// Stages as JSON.
const LADDER: &str = r#"[{"weight":"5%","for":"2m"},{"weight":"50%","for":"2m"},{"weight":"100%","for":"2m"}]"#;

fn document(stages: &str) -> Document {
    let text = format!(
        r#"{{"flags":{{"checkout":{{"state":"ENABLED","variants":{{"stable":"v1","next":"v2"}},"defaultVariant":"stable"}}}},
        "weir":{{"version":1,"identity":[{{"header":"x-user-id"}}],"outputs":{{"checkout":{{"requestHeader":"x-weir-checkout"}}}},
        "rollouts":{{"checkout":{{"control":"stable","candidate":"next","stages":{stages},"baseline":{{"requests":1000}},
        "guardrails":[{{"metric":"errors","ratio":2.0,"max":"5%"}},{{"metric":"latency","quantile":0.95,"max":"200ms"}}]}}}}}}}}"#
    );
    weir_core::check::check(&text).unwrap()
}

fn start(stages: &str, force: bool) -> Result<RolloutState, Refusal> {
    let document = document(stages);
    let rollout = document.flags[0].rollout.as_ref().unwrap();
    RolloutState::default().command(&Command::Start { force }, rollout, Some("stable"), 0)
}

fn started(stages: &str, analysis: &str) -> RolloutState {
    let mut state = start(stages, false).unwrap();
    state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(Analysis::read(analysis).unwrap()));
    state
}

/// How requests of one variant end.
#[derive(Clone, Copy, Debug)]
struct Side {
    errors: f64,
    goal: f64,
    /// Median of the durations, microseconds.
    us: u64,
}

const GOOD: Side = Side { errors: 0.01, goal: 0.1, us: 40_000 };

struct World {
    rng: fastrand::Rng,
    now_ms: u64,
    span_ms: u64,
    rate: f64,
    candidate: Side,
    control: Side,
    /// By name: part of the requests, candidate, control. Empty: the two above.
    segments: Vec<(&'static str, f64, Side, Side)>,
    shadow: Option<ShadowCounts>,
    /// So much more of every other segment gets the candidate, and less of the others.
    apart: f64,
}

impl World {
    fn new(span_ms: u64, rate: f64) -> Self {
        let rng = fastrand::Rng::with_seed(4);
        let segments = Vec::new();
        Self {
            rng,
            now_ms: 1_000_000_000,
            span_ms,
            rate,
            candidate: GOOD,
            control: GOOD,
            segments,
            shadow: None,
            apart: 0.0,
        }
    }

    /// A Poisson number; from a mean of 50 on a rounded normal one.
    fn drawn(&mut self, mean: f64) -> u64 {
        if mean < 50.0 {
            let (limit, mut product, mut number) = ((-mean).exp(), self.rng.f64(), 0);
            while product > limit {
                product *= self.rng.f64();
                number += 1;
            }
            return number;
        }
        let normal = (-2.0 * (1.0 - self.rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * self.rng.f64()).cos();
        crate::stats::real_to_count((mean + mean.sqrt() * normal).round())
    }

    fn variant(&mut self, requests: f64, side: Side) -> VariantCounts {
        let mut counts = VariantCounts::default();
        let (mut goals, mut all, mut bad) = ([0; CELL_COUNT], 0, 0);
        for (cell, goal) in counts.cells.iter_mut().zip(&mut goals) {
            let n = self.drawn(requests / 20.0);
            let errors = self.drawn(requests / 20.0 * side.errors).min(n);
            *goal = self.drawn(requests / 20.0 * side.goal).min(n);
            *cell = CellCounts { requests: n, errors };
            all += n;
            bad += errors;
        }
        counts.started = all;
        counts.results[Outcome::Ok.index()] = all - bad;
        counts.results[Outcome::ServerError.index()] = bad;
        counts.goals.insert("purchase".to_owned(), goals);
        // One in ten takes twice as long.
        let slow = all / 10;
        let bin = |lower: u64, count| (lower, Bin { width: lower / 10, count });
        counts.duration = Bins([bin(side.us, all - slow), bin(2 * side.us, slow)].into());
        counts
    }

    fn tick(&mut self, state: &RolloutState) -> Observation {
        self.now_ms += self.span_ms;
        let share = f64::from(state.weight_ppm) / 1e6;
        let requests = self.rate * self.span_ms as f64 / 1_000.0;
        let mut flag = FlagCounts { shadow: self.shadow.clone().map(Box::new), ..FlagCounts::default() };
        let both =
            |world: &mut Self, (part, share): (f64, f64), candidate, control| -> BTreeMap<String, VariantCounts> {
                let of_candidate = world.variant(requests * part * share, candidate);
                let of_control = world.variant(requests * part * (1.0 - share), control);
                [("next".to_owned(), of_candidate), ("stable".to_owned(), of_control)].into()
            };
        if self.segments.is_empty() {
            let (candidate, control) = (self.candidate, self.control);
            flag.variants = both(self, (1.0, share), candidate, control);
        }
        let mut apart = self.apart;
        for (name, part, candidate, control) in self.segments.clone() {
            let variants = both(self, (part, share + apart), candidate, control);
            apart = -apart;
            for (variant, counts) in &variants {
                add_variant(flag.variants.entry(variant.clone()).or_default(), counts);
            }
            flag.segments.insert(name.to_owned(), variants);
        }
        let flags = [("checkout".to_owned(), flag)].into();
        Observation { at_ms: self.now_ms, span_ms: self.span_ms, expected: 3, seen: 3, flags }
    }

    /// Runs until `over` says so of a ruling, or so many ticks; every state is stored and read back.
    fn run(&mut self, state: &mut RolloutState, ticks: usize, over: impl Fn(&Ruling) -> bool) -> Vec<Ruling> {
        let mut rulings = Vec::new();
        for _ in 0..ticks {
            let observation = self.tick(state);
            let observation = serde_json::from_str(&serde_json::to_string(&observation).unwrap()).unwrap();
            let (next, ruling) = state.tick("checkout", &observation);
            *state = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
            assert_eq!(*state, next, "stored and read back");
            rulings.push(ruling);
            if over(rulings.last().unwrap()) {
                break;
            }
        }
        rulings
    }
}

fn never(_: &Ruling) -> bool {
    false
}

#[test]
fn start_without_baseline_is_refused_a_stage_with_what_is_missing() {
    let (mut state, mut world) = (started(LADDER, "{}"), World::new(1_000, 0.0));
    let rulings = world.run(&mut state, 600, never);
    assert_eq!((state.phase, state.weight_ppm), (Phase::Baseline, 0));
    assert!(rulings.iter().all(|ruling| (ruling.verdict, ruling.why) == (Verdict::Hold, Why::Baseline)));
    assert_eq!(rulings[0].sentence, "checkout: control has had 0 of 1,000 requests");
    world.rate = 10.0;
    let sentence = world.run(&mut state, 30, never).pop().unwrap().sentence;
    assert!(
        sentence.starts_with("checkout: control has had 2") && sentence.ends_with("of 1,000 requests"),
        "{sentence}"
    );
}

#[test]
fn an_ab_verdict_on_50_samples_is_refused_with_the_number_needed() {
    let test = r#"[{"weight":"50%","for":"10s"},{"weight":"100%"}]"#;
    let (mut state, mut world) =
        (started(test, r#"{"goals":{"purchase":{"minimumEffect":0.02}}}"#), World::new(1_000, 1_100.0));
    world.run(&mut state, 9, |ruling| ruling.transition.is_some());
    assert_eq!(state.phase, Phase::Running { stage: 0 });
    world.rate = 50.0;
    // Twice as good, on 50 requests: tempting, and nothing.
    world.candidate.goal = 0.2;
    let ruling = world.run(&mut state, 1, never).pop().unwrap();
    let remark = ruling.remarks.iter().find(|remark| remark.name == "goal purchase").unwrap();
    println!("{}", remark.sentence);
    assert_eq!(remark.state, RemarkState::NotEnough);
    assert!(remark.seen < 50 && remark.needed > 3_000, "{remark:?}");
    assert!(remark.sentence.contains("no verdict on ") && remark.sentence.contains("that a difference of 0.02 needs"));
    assert_eq!((ruling.verdict, state.phase), (Verdict::Hold, Phase::Running { stage: 0 }));
    // With the number that was named it is said.
    world.rate = 2_000.0;
    let rulings = world.run(&mut state, 120, |ruling| ruling.transition.is_some());
    let last = rulings.last().unwrap();
    assert_eq!(last.transition, Some(Transition::Stage { stage: 1 }), "{}", last.sentence);
    let remark = last.remarks.iter().find(|remark| remark.name == "goal purchase").unwrap();
    println!("{}", remark.sentence);
    assert_eq!(remark.state, RemarkState::Better);
}

#[test]
fn an_error_rate_that_is_fine_with_a_p95_of_three_times_is_rolled_back() {
    let (mut state, mut world) = (started(LADDER, "{}"), World::new(1_000, 1_000.0));
    world.run(&mut state, 60, |ruling| ruling.transition.is_some());
    world.run(&mut state, 40, never);
    world.candidate.us = 3 * GOOD.us;
    let rulings = world.run(&mut state, 60, |ruling| ruling.transition.is_some());
    let last = rulings.last().unwrap();
    println!("{}", last.sentence);
    assert_eq!((last.verdict, last.transition), (Verdict::RollBack, Some(Transition::RolledBack)));
    assert!(last.sentence.contains("p95 2") && rulings.len() <= 20, "{} after {}", last.sentence, rulings.len());
    let errors = last.checks.iter().filter(|check| check.metric == "errors");
    assert!(errors.clone().count() > 0 && errors.clone().all(|check| !check.state.is_broken()));
}

fn answers(agreements: u64) -> ShadowCounts {
    let field = |differs, noise, from: &str, to: &str| FieldCounts {
        differs,
        noise,
        examples: vec![(from.to_owned(), to.to_owned())],
    };
    let duration = || Bins([(40_000, Bin { width: 4_000, count: 100 })].into());
    ShadowCounts {
        comparisons: 100,
        agreements,
        noise_comparisons: 100,
        noise_agreements: 99,
        candidate_duration: duration(),
        control_duration: duration(),
        candidate_errors: 1,
        control_errors: 1,
        fields: [
            ("/price".to_owned(), field(100 - agreements, 0, "9.99", "999")),
            ("/served_at".to_owned(), field(100, 100, "12:00", "12:01")),
        ]
        .into(),
    }
}

#[test]
fn a_shadow_that_agrees_in_70_percent_is_held_and_its_disagreements_are_shown() {
    let (mut state, mut world) = (started(LADDER, r#"{"shadow":{}}"#), World::new(1_000, 1_000.0));
    world.shadow = Some(answers(70));
    let ruling = world.run(&mut state, 120, never).pop().unwrap();
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::Shadow, true));
    assert_eq!((state.phase, state.weight_ppm), (Phase::Baseline, 0));
    assert!(
        ruling.sentence.contains("investigate the disagreement: 71 % of 12,000 answers agree"),
        "{}",
        ruling.sentence
    );
    assert!(ruling.sentence.contains(r#"/price 3,600 times, such as "9.99" -> "999""#), "{}", ruling.sentence);
    assert!(!ruling.sentence.contains("served_at"), "what differs between control and control is noise");

    for (change, word) in [
        (ShadowCounts { candidate_errors: 3, ..answers(97) }, "fix errors first: 180 against 60 in control"),
        (
            ShadowCounts {
                candidate_duration: Bins([(90_000, Bin { width: 9_000, count: 100 })].into()),
                ..answers(97)
            },
            "optimise latency first: p95 98.5 ms against 43.8 ms",
        ),
    ] {
        let (mut state, mut world) = (started(LADDER, r#"{"shadow":{}}"#), World::new(1_000, 1_000.0));
        world.shadow = Some(change);
        let ruling = world.run(&mut state, 60, never).pop().unwrap();
        assert!(ruling.asks && ruling.sentence.contains(word), "{}", ruling.sentence);
        assert_eq!(state.weight_ppm, 0);
    }
    let (mut state, mut world) = (started(LADDER, r#"{"shadow":{}}"#), World::new(1_000, 1_000.0));
    world.shadow = Some(answers(97));
    let rulings = world.run(&mut state, 60, |ruling| ruling.transition.is_some());
    assert_eq!(rulings.len(), 10, "a thousand comparisons");
    assert_eq!(rulings[9].transition, Some(Transition::Stage { stage: 0 }));
    assert!(rulings[8].sentence.contains("900 of 1,000 comparisons"), "{}", rulings[8].sentence);
}

#[test]
fn a_candidate_that_degrades_on_day_3_of_an_ab_test_is_rolled_back_and_the_test_is_marked_stopped_with_its_data_kept() {
    let test = r#"[{"weight":"50%","for":"7d"},{"weight":"100%"}]"#;
    let analysis = r#"{"goals":{"purchase":{"minimumEffect":0.01}}}"#;
    let (mut state, mut world) = (started(test, analysis), World::new(60_000, 20.0));
    let rulings = world.run(&mut state, 3 * 1_440, never);
    assert_eq!(state.phase, Phase::Running { stage: 0 }, "{}", rulings.last().unwrap().sentence);
    let kept = state.memory.gathered.goals["purchase"].candidate.sum();
    world.candidate.errors = 0.1;
    let rulings = world.run(&mut state, 60, |ruling| ruling.transition.is_some());
    let last = rulings.last().unwrap();
    println!("{} after {} min", last.sentence, rulings.len());
    assert_eq!((last.verdict, state.phase, state.weight_ppm), (Verdict::RollBack, Phase::RolledBack, 0));
    assert!(rulings.len() <= 5);
    assert_eq!(state.memory.gathered.stopped_at_ms, Some(world.now_ms));
    assert!(last.sentence.contains("the test of purchase is stopped; its counts are kept"), "{}", last.sentence);
    let after = state.memory.gathered.goals["purchase"].candidate.sum();
    assert!(after.1 > kept.1 && kept.1 > 2_000_000.0, "{kept:?} {after:?}");
    world.run(&mut state, 100, never);
    assert_eq!(state.memory.gathered.goals["purchase"].candidate.sum(), after, "and stay as they were");
}

#[test]
fn a_shadow_straight_to_100_percent_is_refused_without_force_and_a_reason() {
    let whole = r#"[{"weight":"100%","for":"10m"}]"#;
    let refusal = start(whole, false).unwrap_err();
    assert_eq!(refusal, Refusal::StraightToAll);
    assert!(refusal.to_string().contains("everybody at once"), "{refusal}");
    assert_eq!(start(whole, true).unwrap().weight_ppm, 1_000_000);
    start(LADDER, false).unwrap();
}

#[test]
fn a_flag_that_is_one_sided_for_48_hours_is_reported_stale_with_the_clean_up() {
    let now_ms = crate::clock::Clock::system().now_ms();
    let ago = |hours: u64| now_ms - hours * 3_600_000;
    let mut bench = Bench::with_document();
    bench.tick(ago(49), 10);
    bench.tick(ago(40), 10);
    assert_eq!(bench.status().stale.len(), 2);
    let stale = bench.status().stale;
    assert_eq!(
        (stale[0].flag.as_str(), stale[0].kind, stale[0].variant.as_deref()),
        ("checkout", Kind::OneSided, Some("stable"))
    );
    assert!(stale[0].sentence.contains("go on with the rollout, or remove it with the variant next"), "{:?}", stale[0]);
    assert_eq!(
        (stale[1].flag.as_str(), stale[1].kind, stale[1].variant.as_deref()),
        ("banner", Kind::OneOutcome, Some("off"))
    );
    assert!(stale[1].sentence.contains("put that into the code and remove the flag"), "{:?}", stale[1]);
    let mut young = Bench::with_document();
    young.tick(ago(47), 10);
    young.tick(now_ms, 10);
    assert_eq!(young.status().stale, []);
}

#[test]
fn a_rollback_that_was_never_rehearsed_is_warned_of_before_the_start() {
    let mut bench = Bench::with_document();
    bench.all_apply();
    let start = Command::Start { force: false };
    let answer = bench.order("checkout", start).unwrap();
    assert!(answer.warnings[0].contains("a rollback has never been rehearsed here"), "{:?}", answer.warnings);
    assert!(bench.order("checkout", Command::Rollback).unwrap().warnings.is_empty());
    // Ordered is not applied.
    let answer = bench.order("checkout", start).unwrap();
    assert_eq!(answer.warnings.len(), 1);
    bench.order("checkout", Command::Rollback).unwrap();
    bench.all_apply();
    assert_eq!(bench.order("checkout", start).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn overall_better_but_worse_in_the_largest_segment_is_held_and_named() {
    let analysis = r#"{"goals":{"purchase":{"minimumEffect":0.01}},"segments":{}}"#;
    let test = r#"[{"weight":"50%","for":"10m"},{"weight":"100%"}]"#;
    let (mut state, mut world) = (started(test, analysis), World::new(1_000, 1_000.0));
    let with = |goal| Side { goal, ..GOOD };
    world.segments = vec![
        ("mobile", 0.45, with(0.08), with(0.10)),
        ("desktop", 0.35, with(0.16), with(0.10)),
        ("beta", 0.20, with(0.14), with(0.10)),
    ];
    let ruling = world.run(&mut state, 900, never).pop().unwrap();
    println!("{}", ruling.sentence);
    let whole = ruling.remarks.iter().find(|remark| remark.name == "goal purchase").unwrap();
    assert_eq!(whole.state, RemarkState::Better, "{}", whole.sentence);
    assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::Segments, true));
    assert_eq!(state.phase, Phase::Running { stage: 0 });
    assert!(ruling.sentence.contains("worse for mobile (the largest segment is among them)"), "{}", ruling.sentence);
    assert!(ruling.sentence.contains("it could be rolled out for beta, desktop and held for the rest"));
    let scope = ruling.scope.unwrap();
    assert_eq!((scope.good, scope.held), (vec!["beta".to_owned(), "desktop".to_owned()], vec!["mobile".to_owned()]));

    // Errors alike: too few of them to show on the whole.
    let (mut state, mut world) = (started(test, r#"{"segments":{}}"#), World::new(1_000, 1_000.0));
    let failing = Side { errors: 0.04, ..GOOD };
    world.segments = vec![("beta", 0.1, failing, GOOD), ("others", 0.9, GOOD, GOOD)];
    let ruling = world.run(&mut state, 900, never).pop().unwrap();
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why, state.phase), (Verdict::Hold, Why::Segments, Phase::Running { stage: 0 }));
    assert!(ruling.sentence.contains("worse for beta: segment beta: errors "), "{}", ruling.sentence);
    assert!(ruling.sentence.contains("rolled out for others"), "{}", ruling.sentence);
}

#[test]
fn better_on_the_whole_and_worse_in_every_segment_is_named_simpson_s_reversal() {
    let analysis = r#"{"goals":{"purchase":{"minimumEffect":0.01}},"segments":{}}"#;
    let test = r#"[{"weight":"50%","for":"5m"},{"weight":"100%"}]"#;
    let (mut state, mut world) = (started(test, analysis), World::new(1_000, 1_000.0));
    let with = |goal| Side { goal, ..GOOD };
    world.run(&mut state, 20, |ruling| ruling.transition.is_some());
    // Who buys anyway gets the candidate more often: it looks better, and is worse for everybody.
    world.segments = vec![("members", 0.5, with(0.28), with(0.30)), ("guests", 0.5, with(0.08), with(0.10))];
    world.apart = 0.3;
    let ruling = world.run(&mut state, 400, never).pop().unwrap();
    let reversal = ruling.remarks.iter().find(|remark| remark.name == "segments purchase").unwrap();
    println!("{}", reversal.sentence);
    let expected = "Simpson's reversal in purchase: better on the whole (0.";
    assert!(reversal.sentence.starts_with(expected) && reversal.sentence.contains("worse in each of 2 segments (-0.0"));
    assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::Segments, true));
    assert_eq!(state.phase, Phase::Running { stage: 0 });
    // Without the unlike shares there is none to name.
    let (mut state, mut world) = (started(test, analysis), World::new(1_000, 1_000.0));
    world.segments = vec![("members", 0.5, with(0.28), with(0.30)), ("guests", 0.5, with(0.08), with(0.10))];
    let ruling = world.run(&mut state, 400, never).pop().unwrap();
    assert!(ruling.remarks.iter().all(|remark| remark.name != "segments purchase"));
}

#[test]
fn slow_drift_after_the_full_rollout_alarms_and_acts_with_a_cooldown() {
    for (action, moved) in [("hold", None), ("rollback", Some(Transition::RolledBack))] {
        let analysis = format!(r#"{{"drift":{{"action":"{action}","cooldown":"30m","window":"5m"}}}}"#);
        let (mut state, mut world) = (started(LADDER, &analysis), World::new(10_000, 100.0));
        world.run(&mut state, 200, |ruling| ruling.transition == Some(Transition::Done));
        assert_eq!(state.phase, Phase::Done);
        // Hours at the same: nothing.
        let rulings = world.run(&mut state, 720, |ruling| ruling.why == Why::Drift);
        assert_eq!(rulings.len(), 720, "{}", rulings.last().unwrap().sentence);
        // A percent slower every two minutes; no limit on latency is near.
        let mut acted = Vec::new();
        for _ in 0..120 {
            world.candidate.us += world.candidate.us / 100;
            let rulings = world.run(&mut state, 12, |ruling| ruling.transition.is_some());
            assert!(rulings.iter().all(|r| r.why != Why::Drift || r.asks || r.transition.is_some()), "asked all along");
            let acts = rulings.iter().filter(|ruling| ruling.alarm().is_some());
            acted.extend(acts.map(|ruling| (world.now_ms / 60_000, ruling.clone())));
            if state.phase != Phase::Done {
                break;
            }
        }
        let (_, first) = &acted[0];
        println!("{}", first.sentence);
        assert!(first.sentence.contains("drift latency: distance ") && first.sentence.contains("limit 0.2"));
        assert_eq!(first.transition, moved);
        if moved.is_some() {
            assert_eq!((state.phase, state.weight_ppm), (Phase::RolledBack, 0));
            assert_eq!(acted.len(), 1);
        } else {
            assert!(acted.len() >= 3, "it goes on being asked");
            let apart = acted.windows(2).map(|pair| pair[1].0 - pair[0].0);
            assert!(apart.clone().all(|minutes| minutes >= 29), "{:?}", apart.collect::<Vec<_>>());
        }
    }
}
