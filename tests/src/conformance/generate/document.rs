//! Documents: flags of every kind of value, with evaluators, metadata, and all that may be absent.

use serde_json::{Map, Value, json};

use super::rule::{Names, Writer};
use super::{Dice, context, value};
use crate::conformance::case::{Ask, Case, KINDS};

/// Questions about one document, per flag.
const CONTEXTS: usize = 4;

/// One case.
#[must_use]
pub fn case(seed: u64) -> Case {
    let dice = &mut Dice::new(seed);
    let evaluators = evaluators(dice);
    let mut flags = Vec::new();
    for index in 0..=dice.below(3) {
        // Keys that run into each other when they are joined without a mark between, and one that is not ASCII.
        let key = dice.pick(&[["ab", "a"], ["banner", "größe"], ["checkout", "b"]][index % 3]);
        flags.push((key, flag(dice, &evaluators)));
    }
    let asks = asks(dice, &flags);
    let mut document = Map::new();
    document.insert("flags".to_owned(), form(dice, flags));
    let evaluators: Map<String, Value> = evaluators.into_iter().map(|(_, name, rule)| (name, rule)).collect();
    if !evaluators.is_empty() {
        document.insert("$evaluators".to_owned(), Value::Object(evaluators));
    }
    if dice.one_in(3) {
        document.insert("metadata".to_owned(), metadata(dice));
    }
    if dice.one_in(8) {
        document.insert("$schema".to_owned(), json!("https://flagd.dev/schema/v0/flags.json"));
    }
    Case { document: Value::Object(document), asks }
}

/// One document in ten is in the daemon's form.
fn form(dice: &mut Dice, flags: Vec<(&str, Value)>) -> Value {
    if !dice.one_in(10) {
        return Value::Object(flags.into_iter().map(|(key, flag)| (key.to_owned(), flag)).collect());
    }
    let with_key = |(key, mut flag): (&str, Value)| {
        flag["key"] = json!(key);
        flag
    };
    flags.into_iter().map(with_key).collect()
}

/// What an evaluator gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    Truth,
    List,
    Choice,
}

/// Evaluators, each of which may refer to those after it.
fn evaluators(dice: &mut Dice) -> Vec<(Gives, String, Value)> {
    let mut written: Vec<(Gives, String, Value)> = Vec::new();
    // PyPI's engine refuses a whole document for one other letter in an evaluator: that is asked often enough.
    dice.plain_texts = !dice.one_in(16);
    for index in (0..dice.below(4)).rev() {
        let gives = dice.pick(&[Gives::Truth, Gives::Truth, Gives::List, Gives::Choice]);
        let names =
            names(&written, VARIANTS.iter().filter(|name| name.is_ascii()).map(|name| (*name).to_owned()).collect());
        let mut writer = Writer { dice, names: &names, item: None };
        let rule = match gives {
            Gives::Truth => writer.truth(2),
            Gives::Choice => writer.choice(2),
            Gives::List => json!(["gold", "a", "NZ", 1, null]),
        };
        written.push((gives, format!("e{index}"), rule));
    }
    dice.plain_texts = false;
    written
}

fn names(evaluators: &[(Gives, String, Value)], variants: Vec<String>) -> Names {
    let of = |wanted| {
        evaluators.iter().filter(|(gives, ..)| *gives == wanted).map(|(_, name, _)| name.clone()).collect::<Vec<_>>()
    };
    Names { variants, truths: of(Gives::Truth), lists: of(Gives::List), choices: of(Gives::Choice) }
}

/// Names that rules give by their value too.
const VARIANTS: [&str; 12] = ["on", "off", "red", "größe", "true", "false", "1", "2", "0", "2.5", "a", "gold"];

fn flag(dice: &mut Dice, evaluators: &[(Gives, String, Value)]) -> Value {
    let kind = dice.below(KINDS.len());
    let mut variants = Map::new();
    for _ in 0..=dice.below(4) {
        variants.insert(dice.pick(&VARIANTS).to_owned(), of_kind(dice, kind));
    }
    let known: Vec<String> = variants.keys().cloned().collect();
    let mut flag = Map::new();
    flag.insert("state".to_owned(), json!(if dice.one_in(16) { "DISABLED" } else { "ENABLED" }));
    match dice.below(8) {
        0 => {}
        1 => drop(flag.insert("defaultVariant".to_owned(), Value::Null)),
        _ => drop(flag.insert("defaultVariant".to_owned(), json!(dice.name(&known)))),
    }
    let mut names = names(evaluators, known);
    if dice.one_in(8) {
        names.variants.push("no such variant".to_owned());
    }
    match dice.below(16) {
        0 => {}
        1 => drop(flag.insert("targeting".to_owned(), json!({}))),
        2 => drop(flag.insert("targeting".to_owned(), Value::Null)),
        _ => {
            let depth = 2 + dice.below(3) as u32;
            let rule = loop {
                // A rule is an object, by the schema and in PyPI's engine.
                let rule = Writer { dice, names: &names, item: None }.choice(depth);
                if rule.is_object() {
                    break rule;
                }
            };
            flag.insert("targeting".to_owned(), rule);
        }
    }
    if dice.one_in(3) {
        flag.insert("metadata".to_owned(), metadata(dice));
    }
    flag.insert("variants".to_owned(), Value::Object(variants));
    Value::Object(flag)
}

fn of_kind(dice: &mut Dice, kind: usize) -> Value {
    match kind {
        0 => json!(dice.one_in(2)),
        1 => value::text(dice),
        2 => json!(dice.below(1_000)),
        3 => value::number(dice),
        _ if dice.one_in(4) => json!([value::text(dice), value::number(dice)]),
        _ => json!({ "text": value::text(dice), "number": value::number(dice), "nested": { "yes": true } }),
    }
}

fn metadata(dice: &mut Dice) -> Value {
    let mut fields = Map::new();
    for name in ["team", "version", "beta", "größe"] {
        if dice.one_in(2) {
            let value = match dice.below(3) {
                0 => json!("weir"),
                1 => json!(1.5),
                _ => json!(true),
            };
            fields.insert(name.to_owned(), value);
        }
    }
    Value::Object(fields)
}

fn asks(dice: &mut Dice, flags: &[(&str, Value)]) -> Vec<Ask> {
    let mut asks = Vec::new();
    for (key, flag) in flags {
        let fitting =
            flag["variants"].as_object().and_then(|variants| variants.values().next()).map_or("object", name_of);
        for _ in 0..CONTEXTS {
            let kind = if dice.one_in(10) { dice.pick(&KINDS).0 } else { fitting };
            let flag = if dice.one_in(60) { "gone" } else { key };
            asks.push(Ask { flag: flag.to_owned(), kind, context: context::context(dice) });
        }
    }
    asks
}

/// The accessor for such a value.
fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "float",
        _ => "object",
    }
}
