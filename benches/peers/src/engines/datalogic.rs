//! datalogic-rs: JSONLogic compiled once, the context already in its arena. An engine of rules, not of flags: no static flag; what a flag costs beside
//! its rule (finding it by key, variant and value by name) is a map here.

use std::collections::HashMap;

use anyhow::{Result, anyhow};
use bumpalo::Bump;
use datalogic_rs::{DataValue, Engine as Logics, Logic};
use serde_json::Value;

use super::Engine;

pub(crate) struct Datalogic {
    engine: Logics,
    rules: HashMap<String, Logic>,
    context: &'static DataValue<'static>,
    arena: Bump,
}

impl Engine for Datalogic {
    const NAME: &'static str = "datalogic-rs";
    const NOTE: &'static str = "rules compiled, context in the arena; fractional in v2";

    fn document() -> String {
        weir_cases::document()
    }

    fn big_document() -> String {
        weir_cases::big_document()
    }

    fn load(document: &str) -> Result<Self> {
        let engine = Logics::new();
        let document: Value = serde_json::from_str(document)?;
        let mut rules = HashMap::new();
        for (key, flag) in document["flags"].as_object().into_iter().flatten() {
            if let Some(rule) = flag.get("targeting") {
                rules.insert(key.clone(), engine.compile(&rule.to_string()).map_err(|error| anyhow!("{error:?}"))?);
            }
        }
        Ok(Self { engine, rules, context: context()?, arena: Bump::new() })
    }

    fn knows(&self, flag: &str) -> bool {
        self.rules.contains_key(flag)
    }

    fn ask(&mut self, flag: &str) -> bool {
        self.arena.reset();
        let Some(rule) = self.rules.get(flag) else { return false };
        let found = self.engine.evaluate(rule, self.context, &self.arena);
        found.ok().and_then(|value| value.as_str()) == Some("on")
    }
}

/// For the whole run.
fn context() -> Result<&'static DataValue<'static>> {
    let mut context: Value = serde_json::from_str(&weir_cases::context())?;
    context["$flagd"] = serde_json::json!({ "flagKey": "split", "timestamp": 1_700_000_000 });
    let text: &'static str = Box::leak(context.to_string().into_boxed_str());
    let arena: &'static Bump = Box::leak(Box::new(Bump::new()));
    Ok(arena.alloc(DataValue::from_str(text, arena).map_err(|error| anyhow!("{error:?}"))?))
}
