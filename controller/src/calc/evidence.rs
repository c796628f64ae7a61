//! The method `evidence`: what the judge's own process says of ticks that are given by hand.

use serde_json::{Value, json};

use super::Method;
use super::input::{AMOUNT, INNER, Input, POSITIVE};
use crate::judge::counted::Sample;
use crate::judge::evidence::{Starts, odds};
use crate::judge::guarded::{Guarded, Tick, Tolerated};
use crate::judge::policy::enough;
use crate::judge::{Cells, Tally};
use crate::observation::CELL_COUNT;
use crate::stats::real_to_count;

pub(super) const METHODS: &[Method] = &[Method {
    name: "evidence",
    what: "what decides about errors, of ticks: [seconds, candidate's errors, requests, control's errors, requests]",
    example: r#"{"ratio": 2, "ticks": [[1, 2, 50, 9, 950], [1, 6, 48, 10, 949]], "planned_seconds": 3600, "limits": 4}"#,
    run: evidence,
}];

const TICK: &str =
    "[seconds, candidate's errors, requests, control's errors, requests]: counts whole, errors at most requests";

/// A tick as it is given.
struct Given {
    span_ms: u64,
    candidate: Tally,
    control: Tally,
}

fn evidence(input: &mut Input<'_>) -> Value {
    let tolerated = if input.has("max") {
        Tolerated::Rate(input.number("max", INNER))
    } else {
        Tolerated::Ratio(input.number_or("ratio", 2.0, POSITIVE))
    };
    let (alpha, limits) = (input.number_or("alpha", 0.01, INNER), input.number_or("limits", 1.0, POSITIVE));
    let enough = enough(alpha, limits);
    let starts = Starts::planned(real_to_count(input.number_or("planned_seconds", 0.0, AMOUNT) * 1_000.0));
    let ticks = ticks(input);
    let cells = input.has("cells").then(|| cells(input, &ticks));
    let mut guarded = Guarded::new(starts);
    for (i, Given { span_ms, candidate, control }) in ticks.into_iter().enumerate() {
        let in_one = || {
            let mut cells = Cells::default();
            cells.0[0] = candidate;
            cells
        };
        let cells = cells.as_ref().and_then(|cells| cells.get(i).cloned()).unwrap_or_else(in_one);
        let candidate = &Sample::of_errors(cells);
        guarded.step(&Tick { span_ms, candidate, control, dispersion: 1.0 }, tolerated);
    }
    let all = guarded.ln_evidence_of_all();
    let mut answer = json!({ "ln_evidence": all, "odds": odds(all), "enough": enough, "reached": all >= enough });
    if cells.is_some() {
        let (ln, rests_on) = (guarded.ln_evidence(), guarded.excursion());
        answer["ln_evidence_without_worst"] = json!(ln);
        answer["odds_without_worst"] = json!(odds(ln));
        answer["errors"] = json!(rests_on.sum().errors);
        answer["cells_with_errors"] = json!(rests_on.candidate.with_errors());
        answer["decides"] = json!(ln >= enough && rests_on.is_broad());
    }
    answer
}

fn ticks(input: &mut Input<'_>) -> Vec<Given> {
    let rows = input.rows::<5>("ticks", AMOUNT);
    let fits = |row: &[f64; 5]| {
        let [_, x, e, y, c] = *row;
        x <= e && y <= c && [x, e, y, c].iter().all(|count| count.fract() == 0.0)
    };
    if let Some((i, row)) = rows.iter().enumerate().find(|(_, row)| !fits(row)) {
        input.refuse(&format!("ticks[{i}]"), format!("{row:?}"), TICK);
    }
    let tally = |errors: f64, requests: f64| Tally::new(real_to_count(requests), real_to_count(errors));
    let given = |[seconds, x, e, y, c]: [f64; 5]| Given {
        span_ms: real_to_count((seconds * 1_000.0).round()),
        candidate: tally(x, e),
        control: tally(y, c),
    };
    rows.into_iter().map(given).collect()
}

/// The candidate's errors and requests by cell, for each tick; together they are the tick's.
fn cells(input: &mut Input<'_>, ticks: &[Given]) -> Vec<Cells> {
    let tables = input.tables::<2>("cells", AMOUNT);
    if tables.len() != ticks.len() {
        input.refuse("cells", format!("{} lists", tables.len()), "for each tick a list of cells");
        return Vec::new();
    }
    let mut all = Vec::new();
    for (i, (table, tick)) in tables.iter().zip(ticks).enumerate() {
        let mut cells = Cells::default();
        for (cell, [errors, requests]) in cells.0.iter_mut().zip(table) {
            *cell = Tally::new(real_to_count(*requests), real_to_count(*errors));
        }
        let sum = cells.sum();
        if table.len() > CELL_COUNT || sum != tick.candidate {
            input.refuse(
                &format!("cells[{i}]"),
                format!("{} cells, {} errors of {} requests", table.len(), sum.errors, sum.requests),
                "at most 20 cells of [errors, requests], together the tick's",
            );
        }
        all.push(cells);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::calculate;
    use super::*;
    use crate::judge::Memory;
    use crate::judge::limit::{Bound, Limit};
    use crate::judge::policy::Policy;
    use crate::judge::situation::{Situation, Stage};
    use crate::judge::watch::Evidence;
    use crate::observation::{FlagCounts, Observation, VariantCounts};

    fn policy(bounds: &[Bound]) -> Policy {
        let limit = |bound: &Bound| Limit { bound: bound.clone(), dry_run: false, weight: 1.0 };
        Policy { limits: bounds.iter().map(limit).collect(), stages: 2, planned_ms: 600_000, ..Policy::plain() }
    }

    /// A variant's counts with these errors and requests in each cell.
    fn counted(cells: &[(u64, u64)]) -> VariantCounts {
        let mut counts = VariantCounts::default();
        for (cell, (errors, requests)) in counts.cells.iter_mut().zip(cells) {
            (cell.errors, cell.requests) = (*errors, *requests);
        }
        counts
    }

    /// Errors and requests by cell.
    type ByCell = Vec<(u64, u64)>;

    /// Forty ticks of (candidate, control): health, then a fault, and a storm of one client in between.
    fn history() -> Vec<(ByCell, ByCell)> {
        let mut rng = fastrand::Rng::with_seed(7);
        let of_tick = |tick: u64| {
            let mut cells = |share: f64| {
                let cell = |_| (0..5).fold((0, 5), |(x, n), _| (x + u64::from(rng.f64() < share), n));
                (0..CELL_COUNT).map(cell).collect::<ByCell>()
            };
            let mut candidate = cells(if tick > 25 { 0.4 } else { 0.02 });
            if tick == 15 {
                candidate[4] = (30, 30);
            }
            (candidate, cells(0.02))
        };
        (0..40).map(of_tick).collect()
    }

    #[test]
    fn it_is_what_the_judge_says_after_the_same_ticks() {
        let errors = weir_core::guardrail::Counter::Errors;
        let bounds = [Bound::Ratio { counter: errors.clone(), ratio: 2.0 }, Bound::Max { counter: errors, max: 0.05 }];
        let policy = policy(&bounds);
        let mut memory = Memory::new(&policy);
        let stage = Stage { weight_ppm: 500_000, lasts_ms: 60_000, longest_ms: None };
        let situation = Situation {
            flag: "flag",
            control: "old",
            candidate: "new",
            policy: &policy,
            stage: Some(stage),
            next_ppm: None,
            enough: None,
        };
        let (mut ticks, mut cells, mut decided) = (Vec::new(), Vec::new(), 0);
        for (candidate, control) in history() {
            let sum = |cells: &[(u64, u64)]| cells.iter().fold((0, 0), |(x, n), cell| (x + cell.0, n + cell.1));
            let ((x, e), (y, c)) = (sum(&candidate), sum(&control));
            ticks.push(json!([1.5, x, e, y, c]));
            cells.push(json!(candidate));
            let variants = [("new".to_owned(), counted(&candidate)), ("old".to_owned(), counted(&control))];
            let flag = FlagCounts { variants: variants.into(), ..FlagCounts::default() };
            let flags = [("flag".to_owned(), flag)].into();
            let observation = Observation { span_ms: 1_500, expected: 1, seen: 1, flags, ..Observation::default() };
            memory.absorb(&situation, &observation);
            for (i, (key, tolerated)) in [("ratio", 2.0), ("max", 0.05)].into_iter().enumerate() {
                let text =
                    json!({ key: tolerated, "planned_seconds": 600, "limits": 2, "ticks": ticks, "cells": cells });
                let found = calculate("evidence", &text.to_string()).unwrap();
                let watch = &memory.watches[i];
                let Evidence::Errors(guarded) = &watch.evidence else { panic!("evidence on errors") };
                let limit = &policy.limits[i];
                assert_eq!(found["ln_evidence"], guarded.ln_evidence_of_all());
                assert_eq!(found["ln_evidence_without_worst"], guarded.ln_evidence());
                assert_eq!(found["enough"], policy.evidence_limit(limit));
                let decides = watch.is_broken(limit, policy.evidence_limit(limit), false, memory.around());
                assert_eq!(found["decides"], decides, "{found}");
                decided += usize::from(decides);
            }
        }
        assert!((1..60).contains(&decided), "the history has ticks of both kinds: {decided}");
    }

    #[test]
    fn without_cells_it_says_what_all_of_them_say_together() {
        let whole = calculate("evidence", r#"{"ticks": [[1, 9, 50, 9, 950]]}"#).unwrap();
        let cells = r#"{"ticks": [[1, 9, 50, 9, 950]], "cells": [[[8, 20], [1, 30]]]}"#;
        let cells = calculate("evidence", cells).unwrap();
        assert_eq!(whole["ln_evidence"], cells["ln_evidence"]);
        assert_eq!((&whole["reached"], &cells["decides"]), (&json!(true), &json!(false)));
        assert!(whole.get("decides").is_none());
        for (text, start) in [
            (r#"{"ticks": [[1, 9, 5, 9, 950]]}"#, "$.ticks[0]: found [1.0, 9.0, 5.0, 9.0, 950.0]"),
            (r#"{"ticks": [[1, 1.5, 5, 9, 950]]}"#, "$.ticks[0]: found [1.0, 1.5"),
            (r#"{"ticks": [[1, 1, 5, 9, 950]], "cells": [[[1, 4]]]}"#, "$.cells[0]: found 1 cells, 1 errors of 4"),
            (r#"{"ticks": [[1, 1, 5, 9, 950]], "cells": [[], []]}"#, "$.cells: found 2 lists"),
            (r#"{"ticks": [[1, 1, 5, 9, 950]], "cells": [[[1]]]}"#, "$.cells[0][0]: found [1], allowed a list of 2"),
        ] {
            let findings = calculate("evidence", text).unwrap_err();
            assert!(findings.iter().any(|finding| finding.to_string().starts_with(start)), "{text}: {findings:?}");
        }
    }
}
