//! Unleash's engine: constraints and strategies. The list and the 20 conditions are constraints; the split is a gradual rollout of its own hash.

use anyhow::Result;
use serde_json::{Value, json};
use unleash_types::client_features::ClientFeatures;
use unleash_yggdrasil::{Context, EngineState};
use weir_cases::{CASES, Condition, TARGETING_KEY, attributes, condition, users};

use super::Engine;

pub(crate) struct Unleash {
    engine: EngineState,
    context: Context,
}

impl Engine for Unleash {
    const NAME: &'static str = "unleash-yggdrasil";
    const NOTE: &'static str = "is_enabled; a list is a constraint, the split a flexibleRollout";

    fn document() -> String {
        features(CASES.iter().map(|case| feature(case.flag, strategies(case.flag))).collect())
    }

    fn big_document() -> String {
        let list = |i| in_list_or_split(&users(if i == 0 { 100_000 } else { 3 }));
        features((0..1_000).map(|i| feature(&format!("flag-{i}"), list(i))).collect())
    }

    fn load(document: &str) -> Result<Self> {
        let features: ClientFeatures = serde_json::from_str(document)?;
        let engine = EngineState::default();
        engine.apply_client_features(features);
        let properties = attributes().into_iter().map(|(name, value)| (name, value.unwrap_or_else(|n| n.to_string())));
        let context = Context {
            user_id: Some(TARGETING_KEY.to_owned()),
            properties: Some(properties.collect()),
            ..Context::default()
        };
        Ok(Self { engine, context })
    }

    fn ask(&mut self, flag: &str) -> bool {
        self.engine.is_enabled(flag, &self.context, &None)
    }
}

fn features(features: Vec<Value>) -> String {
    json!({ "version": 2, "features": features }).to_string()
}

fn feature(name: &str, strategies: Vec<Value>) -> Value {
    json!({ "name": name, "type": "release", "enabled": true, "strategies": strategies })
}

fn strategies(flag: &str) -> Vec<Value> {
    match flag {
        "split" => in_list_or_split(&users(100)),
        "twenty" => vec![strategy((0..20).map(of_condition).collect())],
        "version" => vec![strategy(vec![constraint("version", "SEMVER_GT", json!("1.8.0"))])],
        "texts" => vec![strategy(vec![
            constraint("a2", "STR_STARTS_WITH", json!(["val"])),
            constraint("email", "STR_ENDS_WITH", json!(["@example.org"])),
            constraint("email", "STR_CONTAINS", json!(["stranger"])),
        ])],
        _ => vec![strategy(vec![])],
    }
}

fn in_list_or_split(users: &[String]) -> Vec<Value> {
    let parameters = json!({ "rollout": "50", "stickiness": "userId", "groupId": "split" });
    vec![
        strategy(vec![constraint("email", "IN", json!(users))]),
        json!({ "name": "flexibleRollout", "parameters": parameters, "constraints": [] }),
    ]
}

fn strategy(constraints: Vec<Value>) -> Value {
    json!({ "name": "default", "parameters": {}, "constraints": constraints })
}

fn constraint(name: &str, operator: &str, operand: Value) -> Value {
    let field = if operand.is_array() { "values" } else { "value" };
    json!({ "contextName": name, "operator": operator, field: operand, "inverted": false, "caseInsensitive": false })
}

fn of_condition(n: usize) -> Value {
    let name = format!("a{n}");
    match condition(n) {
        Condition::Is(text) => constraint(&name, "IN", json!([text])),
        Condition::AtLeast(least) => constraint(&name, "NUM_GTE", json!(least.to_string())),
        Condition::StartsWith(text) => constraint(&name, "STR_STARTS_WITH", json!([text])),
        Condition::OneOf(texts) => constraint(&name, "IN", json!(texts)),
    }
}
