//! How long a tick takes: what is new at 1,000 proxies is added up, and 10 rollouts with the default guardrails are judged, on one core.
//! The goal is 200 ms, a fifth of a tick. `cargo xtask bench judge-speed`.

use std::collections::BTreeMap;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde_json::json;
use weir_controller::observation::{Bin, Bins, CellCounts, FlagCounts, Observation, VariantCounts};
use weir_controller::observe::merge;
use weir_controller::rollout::{Command, Phase, RolloutState};
use weir_core::document::Document;

const PROXIES: u32 = 1_000;
const ROLLOUTS: usize = 10;
/// Seconds before what is measured: control's data are in, a stage runs, and it has settled.
const WARM: u64 = 60;

type Rollouts = Vec<(String, RolloutState)>;
type Counts = BTreeMap<String, FlagCounts>;

fn tick(criterion: &mut Criterion) {
    let mut rollouts = started(&document());
    let counts: Counts = rollouts.iter().map(|(flag, _)| (flag.clone(), of_proxy())).collect();
    for second in 1..=WARM {
        let observation = added((0..PROXIES).map(|_| counts.clone()).collect(), second);
        judge(&mut rollouts, &observation);
    }
    assert!(rollouts.iter().all(|(_, state)| state.phase == Phase::Running { stage: 0 }), "{rollouts:?}");
    // What was parsed is owned already: the copies are not the judge's.
    let ready = || (0..PROXIES).map(|_| counts.clone()).collect::<Vec<_>>();

    let mut group = criterion.benchmark_group("tick");
    group.sample_size(30);
    group.bench_function("1,000 proxies x 10 rollouts: add up and judge", |bencher| {
        let both = || (ready(), rollouts.clone());
        bencher.iter_batched(
            both,
            |(proxies, mut rollouts)| {
                judge(&mut rollouts, &added(proxies, WARM + 1));
                rollouts
            },
            BatchSize::PerIteration,
        );
    });
    let observation = added(ready(), WARM + 1);
    group.bench_function("10 rollouts: judge alone", |bencher| {
        bencher.iter_batched(
            || rollouts.clone(),
            |mut rollouts| {
                judge(&mut rollouts, &observation);
                rollouts
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn judge(rollouts: &mut Rollouts, observation: &Observation) {
    for (flag, state) in rollouts {
        *state = state.tick(flag, observation).0;
    }
}

fn added(proxies: Vec<Counts>, second: u64) -> Observation {
    let (at_ms, span_ms) = (1_000 * second, 1_000);
    let mut observation = Observation { at_ms, span_ms, expected: PROXIES, seen: PROXIES, ..Observation::default() };
    proxies.into_iter().for_each(|counts| merge::add(&mut observation, counts));
    observation
}

fn started(document: &Document) -> Rollouts {
    let rollouts = document.flags.iter().filter_map(|flag| Some((flag, flag.rollout.as_ref()?)));
    rollouts
        .map(|(flag, rollout)| {
            let start = Command::Start { force: false };
            let state = RolloutState::default().command(&start, rollout, Some(&rollout.control), 0);
            (flag.key.clone(), state.expect("it starts"))
        })
        .collect()
}

fn document() -> Document {
    let (mut flags, mut outputs, mut rollouts) = (json!({}), json!({}), json!({}));
    for i in 0..ROLLOUTS {
        let flag = format!("flag-{i}");
        flags[&flag] =
            json!({ "state": "ENABLED", "variants": { "stable": 1, "next": 2 }, "defaultVariant": "stable" });
        outputs[&flag] = json!({ "requestHeader": format!("x-weir-{i}") });
        let stages = json!([{ "weight": "5%", "for": "1h" }, { "weight": "100%" }]);
        rollouts[&flag] = json!({ "control": "stable", "candidate": "next", "stages": stages });
    }
    let weir = json!({ "version": 1, "identity": [{ "header": "x-user" }], "outputs": outputs, "rollouts": rollouts });
    weir_core::check::check(&json!({ "flags": flags, "weir": weir }).to_string()).expect("a document")
}

/// One proxy's second of one flag: both variants in 20 cells, a few errors, durations over 60 bins.
fn of_proxy() -> FlagCounts {
    let variant = |requests: u64| {
        let mut counts = VariantCounts { started: requests * 20, ..VariantCounts::default() };
        counts.results[0] = requests * 20 - 1;
        counts.results[2] = 1;
        counts.cells = [CellCounts { requests, errors: 0 }; 20];
        counts.cells[3].errors = 1;
        let bin = |ms: u64| (ms * 1_000, Bin { width: 1_000, count: requests / 3 + 1 });
        counts.duration = Bins((20..80).map(bin).collect());
        counts
    };
    let variants = [("stable".to_owned(), variant(95)), ("next".to_owned(), variant(5))].into();
    FlagCounts { variants, ..FlagCounts::default() }
}

criterion_group!(benches, tick);
criterion_main!(benches);
