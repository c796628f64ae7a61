//! JSONLogic's own tests (jsonlogic.com/tests.json): `[rule, data, result]`; texts between are headings. The registry's copy is of 2020 and lacks two
//! rows that the site has by now; they are among the tests of `rule`.

use serde_json::Value;
use weir_core::json::Json;
use weir_core::rule::{Question, Rule};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn every_row_of_jsonlogics_own_tests() {
    let rows: Vec<Value> = serde_json::from_str(&super::text("jsonlogic/tests.json")).unwrap();
    let rows: Vec<_> = rows.iter().filter_map(Value::as_array).collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let [rule, data, expected] = [0, 1, 2].map(|i| Json::read(&row[i].to_string()).unwrap());
        let rule = Rule::compile(&rule).unwrap();
        match rule.evaluate(&Question::new("", &data)) {
            Ok(found) if found.owned() == expected => {}
            found => wrong.push(format!("{row:?}: {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(rows.len(), 275);
}
