use super::rows::rows;
use super::{Effort, all, measure};

const SMALL: Effort = Effort { runs: 4, seconds: 600, tick: 1 };

#[test]
fn a_healthy_candidate_stays_and_a_fault_is_found() {
    let table = measure(SMALL).expect("a table");
    assert!(table.rows.len() >= 60);
    for told in &table.rows {
        let (name, weir) = &told.rules[0];
        assert_eq!((*name, weir.runs), ("weir", 4));
        assert_eq!(weir.false_alarms, 0, "{}", told.row);
        assert!(weir.fault == weir.median_s.is_some(), "{}", told.row);
    }
    let text = table.to_string();
    assert!(text.contains("| fault 1 -> 20 % at 5 %, ratio 2, after no time |"), "{text}");
    let value = serde_json::to_value(&table).expect("JSON");
    assert_eq!(value["rows"][0]["rules"][0][0], "weir");
}

#[test]
fn the_same_seeds_give_the_same_table() {
    let row = rows(SMALL).into_iter().next_back().expect("a row");
    assert_eq!(all(&row, 5), all(&row, 5));
}
