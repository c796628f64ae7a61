//! Every guardrail by segment: a fault of one segment's users holds the stage and is named with its check, whichever check it is, while
//! the whole hides it; and health in many segments holds nothing.

use weir_controller::judge::analysis::{Analysis, Remark, RemarkState, Scope};
use weir_controller::judge::{Ruling, Transition, Verdict, Why};
use weir_controller::observation::Observation;
use weir_controller::observe::merge::add_variant;
use weir_controller::rollout::{Phase, RolloutState};
use weir_core::document::{Advance, Policy, Rollout};
use weir_core::guardrail::{Counter, Guardrail, Metric};
use weir_core::outcome::Outcome;

use crate::rollouts::{errors, rollout, share, started};
use crate::world::{Behaviour, HEALTHY, World};

/// Worlds by name of the segment; everybody is in one of them.
struct Worlds {
    of: Vec<(&'static str, World)>,
    /// Server errors are seen as these.
    as_outcome: Outcome,
}

impl Worlds {
    fn new(seed: u64, rates: &[(&'static str, f64)]) -> Self {
        let of = rates.iter().zip(seed * 100..).map(|((name, rate), seed)| {
            let mut world = World::new(seed);
            world.rate = *rate;
            (*name, world)
        });
        Self { of: of.collect(), as_outcome: Outcome::ServerError }
    }

    fn tick(&mut self, state: &RolloutState) -> Observation {
        let weight = f64::from(state.weight_ppm) / 1e6;
        let mut sum = Observation::default();
        for (i, (name, world)) in self.of.iter_mut().enumerate() {
            let mut seen = world.tick(weight);
            let mut variants = std::mem::take(&mut seen.flags.get_mut("checkout").unwrap().variants);
            for counts in variants.values_mut() {
                let moved = std::mem::take(&mut counts.results[Outcome::ServerError.index()]);
                counts.results[self.as_outcome.index()] += moved;
            }
            if i == 0 {
                sum = seen;
            }
            let flag = sum.flags.get_mut("checkout").unwrap();
            for (variant, counts) in &variants {
                add_variant(flag.variants.entry(variant.clone()).or_default(), counts);
            }
            flag.segments.insert((*name).to_owned(), variants);
        }
        sum
    }

    /// For so many seconds, or until `over`; states are stored and read back now and then.
    fn run(&mut self, state: &mut RolloutState, seconds: usize, over: impl Fn(&Ruling) -> bool) -> Ruling {
        let mut last = None;
        for second in 0..seconds {
            let seen = self.tick(state);
            let (next, ruling) = state.tick("checkout", &seen);
            *state = next;
            if second % 20 == 0 {
                let again: RolloutState = serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap();
                assert_eq!(*state, again, "stored and read back");
                *state = again;
            }
            let ends = over(&ruling);
            last = Some(ruling);
            if ends {
                break;
            }
        }
        last.unwrap()
    }
}

fn by_segment(guardrails: Vec<Guardrail>) -> RolloutState {
    let rollout = rollout();
    let advance = Advance { power: 0.0, ..rollout.policy.advance };
    let policy = Policy { guardrails, advance, ..rollout.policy };
    let mut state = started(&Rollout { policy, ..rollout });
    let analysis = Analysis::read(r#"{"segments":{}}"#).unwrap();
    state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(analysis));
    state
}

fn counted(counter: Counter, ratio: Option<f64>, max: Option<&str>) -> Guardrail {
    Guardrail::on(Metric::Counted { counter, ratio, max: max.map(share) })
}

fn latency(ratio: Option<f64>, max_ms: Option<u64>) -> Guardrail {
    Guardrail::on(Metric::Latency { quantile: 0.95, ratio, max_us: max_ms.map(|ms| ms * 1_000) })
}

fn said<'a>(ruling: &'a Ruling, name: &str) -> &'a Remark {
    ruling.remarks.iter().find(|remark| remark.name == name).unwrap_or_else(|| panic!("no {name}: {ruling:#?}"))
}

/// A limit, what its check is called, how everybody behaves, and how a candidate that breaks it.
type Fault = (Guardrail, &'static str, Behaviour, Behaviour);

fn faults() -> Vec<Fault> {
    let failing = Behaviour { errors: 0.06, ..HEALTHY };
    let refusing = |client_errors| Behaviour { client_errors, ..HEALTHY };
    let late = |timeouts| Behaviour { timeouts, ..HEALTHY };
    let slow = Behaviour { slow: 0.3, ..HEALTHY };
    vec![
        (errors(Some(2.0), None), "errors-ratio", HEALTHY, failing),
        (errors(None, Some(share("3%"))), "errors-max", HEALTHY, failing),
        (counted(Counter::ServerErrors, Some(2.0), None), "server_errors-ratio", HEALTHY, failing),
        (counted(Counter::ServerErrors, None, Some("3%")), "server_errors-max", HEALTHY, failing),
        (counted(Counter::Timeouts, Some(2.0), None), "timeouts-ratio", late(0.01), late(0.06)),
        (counted(Counter::Timeouts, None, Some("2%")), "timeouts-max", late(0.01), late(0.06)),
        (counted(Counter::Resets, Some(2.0), None), "resets-ratio", HEALTHY, failing),
        (counted(Counter::Resets, None, Some("2%")), "resets-max", HEALTHY, failing),
        (counted(Counter::ClientErrors, Some(2.0), None), "client_errors-ratio", refusing(0.05), refusing(0.4)),
        (counted(Counter::ClientErrors, None, Some("12%")), "client_errors-max", refusing(0.05), refusing(0.4)),
        (latency(Some(1.5), None), "latency-p95-ratio", HEALTHY, slow),
        (latency(None, Some(200)), "latency-p95", HEALTHY, slow),
    ]
}

#[test]
fn each_guardrail_is_held_against_each_segment() {
    for (guardrail, check, usual, breaking) in faults() {
        let mut state = by_segment(vec![guardrail]);
        // A tenth of the users: the whole stays within its limit.
        let mut worlds = Worlds::new(3, &[("beta", 1_000.0), ("others", 9_000.0)]);
        for (_, world) in &mut worlds.of {
            (world.candidate, world.control) = (usual, usual);
        }
        if check.starts_with("resets") {
            worlds.as_outcome = Outcome::Reset;
        }
        worlds.run(&mut state, 60, |ruling| ruling.transition.is_some());
        worlds.of[0].1.candidate = breaking;
        let ruling = worlds.run(&mut state, 600, |ruling| ruling.why == Why::Segments || ruling.transition.is_some());
        println!("{check}: {}", ruling.sentence);
        assert_eq!(
            (ruling.verdict, ruling.why, ruling.asks),
            (Verdict::Hold, Why::Segments, true),
            "{check}: {ruling:#?}"
        );
        let worse = said(&ruling, &format!("segment beta {check}"));
        assert_eq!((worse.state, worse.segment.as_deref()), (RemarkState::Worse, Some("beta")), "{check}");
        assert_eq!(said(&ruling, &format!("segment others {check}")).state, RemarkState::Pass, "{check}");
        assert!(ruling.sentence.contains("worse for beta: segment beta: "), "{}", ruling.sentence);
        let end = "it could be rolled out for others and held for the rest";
        assert!(ruling.sentence.ends_with(end), "{}", ruling.sentence);
        let expected = Scope { good: vec!["others".to_owned()], held: vec!["beta".to_owned()], unknown: Vec::new() };
        assert_eq!(ruling.scope, Some(expected), "{check}");
        assert_eq!(state.phase, Phase::Running { stage: 0 }, "{check}: it is held, and taken back from nobody");
    }
}

/// Ten segments and eight limits in each: what one look would find by chance no look may.
#[test]
fn healthy_segments_hold_nothing() {
    const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let guardrails = vec![
        errors(Some(2.0), Some(share("5%"))),
        counted(Counter::Timeouts, Some(2.0), None),
        counted(Counter::ServerErrors, Some(2.0), None),
        counted(Counter::ClientErrors, Some(2.0), None),
        latency(Some(1.5), Some(500)),
        Guardrail::on(Metric::Latency { quantile: 0.5, ratio: Some(1.2), max_us: None }),
    ];
    let mut alarms = 0;
    for seed in 1..=5 {
        let mut state = by_segment(guardrails.clone());
        let mut worlds = Worlds::new(seed, &NAMES.map(|name| (name, 100.0)));
        let ruling = worlds
            .run(&mut state, 400, |ruling| ruling.why == Why::Segments || ruling.transition == Some(Transition::Done));
        println!("{seed}: {}", ruling.sentence);
        alarms += u32::from(ruling.why == Why::Segments);
    }
    assert_eq!(alarms, 0, "of 5 at alpha 0.05");
}

/// What a segment's control does as well is no fault of the candidate's, however little evidence a segment needs.
#[test]
fn what_breaks_a_ceiling_for_both_in_a_segment_is_not_worse() {
    let mut state = by_segment(vec![errors(None, Some(share("5%"))), latency(None, Some(200))]);
    let mut worlds = Worlds::new(2, &[("beta", 100.0), ("others", 900.0)]);
    worlds.run(&mut state, 60, |ruling| ruling.transition.is_some());
    let sick = Behaviour { errors: 0.09, slow: 0.3, ..HEALTHY };
    (worlds.of[0].1.candidate, worlds.of[0].1.control) = (sick, sick);
    while state.phase != (Phase::Running { stage: 2 }) {
        let ruling = worlds.run(&mut state, 1, |_| false);
        let worse = ruling.remarks.iter().find(|remark| remark.state == RemarkState::Worse);
        assert!(worse.is_none(), "{worse:?}");
        assert!(state.phase.is_under_way());
    }
}

/// One client in a retry loop is in one cell of one segment.
#[test]
fn one_client_s_storm_is_no_fault_of_a_segment() {
    let mut state = by_segment(vec![errors(Some(2.0), Some(share("20%"))), latency(None, Some(200))]);
    let mut worlds = Worlds::new(2, &[("beta", 200.0), ("others", 800.0)]);
    worlds.run(&mut state, 60, |ruling| ruling.transition.is_some());
    (worlds.of[0].1.storm, worlds.of[0].1.storm_times_out) = (10.0, true);
    for _ in 0..120 {
        let ruling = worlds.run(&mut state, 1, |_| false);
        let worse = ruling.remarks.iter().find(|remark| remark.state == RemarkState::Worse);
        assert!(worse.is_none() && ruling.transition != Some(Transition::RolledBack), "{worse:?}");
    }
}

/// Who fails anyway gets control more often: on the whole the candidate fails less, and in each segment more.
#[test]
fn fewer_errors_on_the_whole_and_more_in_every_segment_are_simpson_s_reversal() {
    let mut state = by_segment(vec![errors(Some(4.0), None)]);
    let mut worlds = Worlds::new(2, &[("old", 500.0), ("new", 500.0)]);
    worlds.run(&mut state, 60, |ruling| ruling.transition.is_some());
    let with = |errors| Behaviour { errors, ..HEALTHY };
    (worlds.of[0].1.control, worlds.of[0].1.candidate) = (with(0.06), with(0.08));
    (worlds.of[1].1.control, worlds.of[1].1.candidate) = (with(0.01), with(0.014));
    let seen = |worlds: &mut Worlds, state: &RolloutState| {
        let mut sum: Option<Observation> = None;
        for (i, weight) in [(0, 50_000), (1, 500_000)] {
            let part = RolloutState { weight_ppm: weight, ..state.clone() };
            let mut all = worlds.tick(&part);
            let flag = all.flags.get_mut("checkout").unwrap();
            let name = worlds.of[i].0;
            let variants = flag.segments.remove(name).unwrap();
            flag.segments.clear();
            let into = sum.get_or_insert_with(|| Observation {
                flags: [("checkout".to_owned(), Default::default())].into(),
                ..all.clone()
            });
            let flag = into.flags.get_mut("checkout").unwrap();
            for (variant, counts) in &variants {
                add_variant(flag.variants.entry(variant.clone()).or_default(), counts);
            }
            flag.segments.insert(name.to_owned(), variants);
        }
        sum.unwrap()
    };
    let mut ruling = None;
    for _ in 0..200 {
        let observation = seen(&mut worlds, &state);
        let (next, said) = state.tick("checkout", &observation);
        (state, ruling) = (next, Some(said));
    }
    let ruling = ruling.unwrap();
    let reversal = said(&ruling, "segments errors");
    println!("{}", reversal.sentence);
    assert!(
        reversal.sentence.starts_with("Simpson's reversal in errors: better on the whole (-0.0"),
        "{}",
        reversal.sentence
    );
    assert!(reversal.sentence.contains("worse in each of 2 segments (0.0"), "{}", reversal.sentence);
    assert_eq!(reversal.blocks.map(|blocks| (blocks.verdict, blocks.asks)), Some((Verdict::Hold, true)));
}

/// Ticks leave out a segment to whose users nothing happened.
#[test]
fn the_time_of_a_segment_goes_on_while_nobody_of_it_comes() {
    const TICKS: u64 = 120;
    let mut state = by_segment(vec![errors(Some(2.0), None)]);
    let mut worlds = Worlds::new(5, &[("rare", 0.3), ("others", 200.0)]);
    let (mut first, mut idle) = (None, 0);
    for tick in 0..TICKS {
        let mut seen = worlds.tick(&state);
        let segments = &mut seen.flags.get_mut("checkout").unwrap().segments;
        segments.retain(|_, variants| variants.values().any(|counts| counts.started > 0));
        match (segments.contains_key("rare"), first) {
            (true, None) => first = Some(tick),
            (false, Some(_)) => idle += 1,
            (true, Some(_)) | (false, None) => {}
        }
        state = state.tick("checkout", &seen).0;
    }
    assert!(idle > 50, "{idle} ticks without anybody");
    let elapsed_ms = state.memory.gathered.segments["rare"].memory.elapsed_ms;
    assert_eq!(elapsed_ms, (TICKS - first.unwrap()) * 1_000);
}
