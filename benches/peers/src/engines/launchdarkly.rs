//! LaunchDarkly's evaluator: one rule of clauses, else the fallthrough, which is where a split stands.

use std::collections::HashMap;

use anyhow::{Result, anyhow};
use launchdarkly_server_sdk_evaluation::{
    AttributeValue, Context, ContextBuilder, Flag, FlagValue, Segment, Store, evaluate,
};
use serde_json::{Value, json};
use weir_cases::{CASES, Condition, TARGETING_KEY, attributes, condition, users};

use super::Engine;

pub(crate) struct LaunchDarkly {
    flags: HashMap<String, Flag>,
    context: Context,
}

/// No flag refers to another.
struct Nothing;

impl Store for Nothing {
    fn flag(&self, _flag_key: &str) -> Option<Flag> {
        None
    }

    fn segment(&self, _segment_key: &str) -> Option<Segment> {
        None
    }
}

impl Engine for LaunchDarkly {
    const NAME: &'static str = "launchdarkly-server-sdk-evaluation";
    const NOTE: &'static str = "evaluate, the flag found in a map; the split is a rollout of its own hash";

    fn document() -> String {
        json!(CASES.map(|case| flag(case.flag, clauses(case.flag)))).to_string()
    }

    fn big_document() -> String {
        let list = |i| json!([clause("email", "in", json!(users(if i == 0 { 100_000 } else { 3 })))]);
        json!((0..1_000).map(|i| flag(&format!("flag-{i}"), list(i))).collect::<Vec<_>>()).to_string()
    }

    fn load(document: &str) -> Result<Self> {
        let flags: Vec<Flag> = serde_json::from_str(document)?;
        let mut context = ContextBuilder::new(TARGETING_KEY);
        for (name, value) in attributes() {
            let value = match value {
                Ok(text) => AttributeValue::String(text),
                Err(number) => AttributeValue::Number(f64::from(u32::try_from(number)?)),
            };
            context.set_value(&name, value);
        }
        let flags = flags.into_iter().map(|flag| (flag.key.clone(), flag)).collect();
        Ok(Self { flags, context: context.build().map_err(|error| anyhow!(error))? })
    }

    fn ask(&mut self, flag: &str) -> bool {
        let Some(flag) = self.flags.get(flag) else { return false };
        matches!(evaluate(&Nothing, flag, &self.context, None).value, Some(FlagValue::Bool(true)))
    }
}

fn flag(key: &str, clauses: Value) -> Value {
    let split = json!({ "rollout": { "contextKind": "user", "variations": [{ "variation": 0, "weight": 50_000 }, { "variation": 1, "weight": 50_000 }] } });
    let fallthrough = match key {
        "static" => json!({ "variation": 0 }),
        "twenty" | "version" | "texts" => json!({ "variation": 1 }),
        _ => split,
    };
    let rules = match clauses.as_array().is_none_or(Vec::is_empty) {
        true => json!([]),
        false => json!([{ "variation": 0, "id": "rule", "clauses": clauses, "trackEvents": false }]),
    };
    json!({
        "key": key, "version": 1, "on": true, "targets": [], "contextTargets": [], "rules": rules, "prerequisites": [],
        "fallthrough": fallthrough, "offVariation": 1, "variations": [true, false], "salt": "salt",
        "clientSideAvailability": { "usingEnvironmentId": false, "usingMobileKey": false },
    })
}

fn clauses(flag: &str) -> Value {
    match flag {
        "split" => json!([clause("email", "in", json!(users(100)))]),
        "twenty" => (0..20).map(of_condition).collect(),
        "version" => json!([clause("version", "semVerGreaterThan", json!(["1.8.0"]))]),
        "texts" => json!([
            clause("a2", "startsWith", json!(["val"])),
            clause("email", "endsWith", json!(["@example.org"])),
            clause("email", "contains", json!(["stranger"])),
        ]),
        _ => json!([]),
    }
}

fn clause(attribute: &str, operator: &str, values: Value) -> Value {
    json!({ "contextKind": "user", "attribute": attribute, "op": operator, "values": values, "negate": false })
}

fn of_condition(n: usize) -> Value {
    let name = format!("a{n}");
    match condition(n) {
        Condition::Is(text) => clause(&name, "in", json!([text])),
        Condition::AtLeast(least) => clause(&name, "greaterThanOrEqual", json!([least])),
        Condition::StartsWith(text) => clause(&name, "startsWith", json!([text])),
        Condition::OneOf(texts) => clause(&name, "in", json!(texts)),
    }
}
