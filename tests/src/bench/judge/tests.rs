use super::rows::rows;
use super::table::{Cell, Told};
use super::{Effort, all, measure};

const SMALL: Effort = Effort { runs: 4, seconds: 600, tick: 1 };

/// The medians of four runs lie between the published ones of 300 divided by this and times this.
const NEAR: u64 = 2;

/// What was published, by a run of `cargo xtask bench judge`.
const PUBLISHED: &str = include_str!("../../../../docs/statistics.md");

fn rule<'a>(told: &'a Told, name: &str) -> &'a Cell {
    told.rules.iter().find_map(|(of, cell)| (*of == name).then_some(cell)).expect("a rule")
}

/// Weir's published median of a row; of one after half an hour that after an hour.
fn published(row: &str) -> u64 {
    let line = format!("| {} | ", row.replace("after 30 min", "after 1 h"));
    let median = PUBLISHED.lines().find_map(|published| published.strip_prefix(&line)?.split(' ').next());
    median.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| panic!("docs/statistics.md has no {line}"))
}

#[test]
fn a_healthy_candidate_stays_and_a_fault_is_found_about_as_soon_as_published() {
    let table = measure(SMALL, "").expect("a table");
    assert!(table.rows.len() >= 60);
    for told in &table.rows {
        let weir = rule(told, "weir");
        assert_eq!((weir.runs, weir.false_alarms), (4, 0), "{}", told.row);
        if weir.fault {
            let (median, published) = (weir.median_s.expect("found"), published(&told.row));
            println!("{}: {median} s, published {published} s", told.row);
            assert!((published.div_ceil(NEAR)..=published * NEAR).contains(&median), "{}: {median} s", told.row);
        }
    }
    let text = table.to_string();
    assert!(text.contains("| fault 1 -> 20 % at 5 %, ratio 2, after no time |"), "{text}");
    let value = serde_json::to_value(&table).expect("JSON");
    assert_eq!(value["rows"][0]["rules"][0][0], "weir");
}

/// A row that no rule fails shows nothing.
#[test]
fn storms_and_waves_take_in_the_rules_that_have_no_guard_against_them() {
    let storms = measure(SMALL, "retry storm").expect("rows");
    assert_eq!(storms.rows.len(), 2);
    for told in &storms.rows {
        for name in ["weir without guards", "repeated z", "one e-process"] {
            assert_eq!(rule(told, name).false_alarms, 4, "{name}, {}", told.row);
        }
    }
    let waves = measure(SMALL, "both slow by turns").expect("a row");
    assert_eq!(rule(&waves.rows[0], "threshold").false_alarms, 4);
}

#[test]
fn only_the_rows_with_a_text_in_their_name_are_run() {
    let least = Effort { runs: 1, seconds: 1, tick: 1 };
    let names: Vec<String> = measure(least, "heavy-tailed").expect("rows").rows.into_iter().map(|r| r.row).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("heavy-tailed users at 5 %")), "{names:?}");
    let error = measure(least, "no such").expect_err("no row").to_string();
    assert_eq!(error, "no row has a name that contains \"no such\"");
}

#[test]
fn the_same_seeds_give_the_same_table() {
    let row = rows(SMALL).expect("rows").into_iter().next_back().expect("a row");
    assert_eq!(all(&row, 5), all(&row, 5));
}
