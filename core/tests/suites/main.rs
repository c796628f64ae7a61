//! What others say a flag file and a rule mean: flagd's testbed, its schemas' test documents, JSONLogic's own tests. Natively and in wasm32. The rows come
//! from the registry, in one bundle that `cargo xtask test` makes and names in `WEIR_SUITES`.

mod found;
mod gherkin;
mod jsonlogic;
mod schemas;
mod testbed;

use std::collections::BTreeMap;

/// All texts of the bundle by their names.
fn bundle() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!(env!("WEIR_SUITES"))).unwrap()
}

fn text(name: &str) -> String {
    bundle().remove(name).unwrap_or_else(|| panic!("the suites have no {name}"))
}
