//! flagd's testbed: its gherkin rows on evaluation, in both dialects of `fractional`. Every row of the testbed is run or left out for one named reason, and
//! the counts of both are held; the tables are printed (`cargo xtask test --only conformance -- --nocapture`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use weir_core::check::check;
use weir_core::evaluate::{FlagSet, Kind, Resolution};
use weir_core::json::Json;

use super::gherkin::{Case, cases};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Some rows say that 1 is in the past and 4 133 980 802 in the future.
const NOW_MS: u64 = 1_790_000_000_000;

const MAIN: [&str; 4] = ["targeting", "evaluation", "disabled", "metadata"];

/// Files that are not run, how many rows each has, and what they are about: how a provider is set up, gets its flags and keeps them.
const FILES: [(&str, usize, &str); 7] = [
    ("config", 96, "the options of a provider"),
    ("connection", 11, "a provider's connection to its daemon"),
    ("contextEnrichment", 4, "what a provider adds to the context of its daemon's sync"),
    ("events", 4, "the events of a provider"),
    ("rpc-caching", 7, "a provider's cache in front of a daemon that evaluates"),
    ("selector", 5, "which flags a provider asks its daemon for"),
    ("sync-payload", 3, "what a provider does with the metadata of a sync"),
];

const V1: (&str, &str) = ("@fractional-v1", "dialect v1 of fractional, which is refused by name");
const OTHER_V2: (&str, &str) = ("@fractional-v2", "dialect v2 of fractional, where v3 is run");
const OTHER_V3: (&str, &str) = ("@fractional-v3", "dialect v3 of fractional, where v2 is run");
const DEPRECATED: (&str, &str) =
    ("@deprecated", "a flag without defaultVariant is FLAG_NOT_FOUND, which flagd gave up in its core 0.14");

#[test]
fn every_row_of_dialect_v3() {
    run("flagd-v3", &[(V1, 30), (OTHER_V2, 42), (DEPRECATED, 7)], 347);
}

#[test]
fn every_row_of_dialect_v2() {
    run("flagd-v2", &[(V1, 30), (OTHER_V3, 132), (DEPRECATED, 7)], 257);
}

/// The files that are not run, each with its rows: all others are run.
#[test]
fn every_file_is_run_or_left_out_for_a_reason() {
    let (mut run, mut left_out) = (Vec::new(), BTreeMap::new());
    for (name, text) in super::bundle() {
        let Some(name) = name.strip_prefix("testbed/").and_then(|name| name.strip_suffix(".feature")) else { continue };
        let main = name.strip_prefix("gherkin/");
        match main.and_then(|main| FILES.iter().find(|(file, ..)| *file == main)) {
            Some((file, rows, reason)) => {
                println!("testbed: {rows} rows of {file}.feature left out: {reason}");
                assert_eq!(cases(&text).len(), *rows, "{file}");
                left_out.insert(*file, reason);
            }
            None if main.is_some_and(|main| !MAIN.contains(&main)) => panic!("{name} is neither run nor left out"),
            None => run.push(name.to_owned()),
        }
    }
    assert_eq!(left_out.len(), FILES.len(), "a reason without a file: {left_out:?}");
    assert_eq!(run.len(), 15, "{run:?}");
}

/// Which of the reasons a row is left out for; a row has at most one.
fn reason<'r>(case: &Case, reasons: &'r [((&str, &str), usize)]) -> Option<&'r str> {
    let mut all = reasons.iter().map(|((tag, _), _)| *tag).filter(|tag| case.tags.iter().any(|own| own == tag));
    let first = all.next();
    assert_eq!(all.next(), None, "left out for two reasons: {case:?}");
    first
}

/// All rows that are not left out pass, and as many are left out for each reason as is said.
fn run(hashing: &str, left_out: &[((&str, &str), usize)], expected: usize) {
    let bundle = super::bundle();
    let evaluator = flags([&bundle["testbed/evaluator/flags/testkit-flags.json"]], hashing);
    let files = bundle.iter().filter(|(name, _)| name.starts_with("testbed/flags/") && !name.contains("selector-"));
    let all = flags(files.map(|(_, text)| text), hashing);
    let selected = |name: &str| flags([&bundle[&format!("testbed/flags/{name}")]], hashing);
    let (mut ran, mut without, mut wrong) = (0, BTreeMap::new(), Vec::new());
    for (name, text) in &bundle {
        let main = MAIN.iter().any(|file| *name == format!("testbed/gherkin/{file}.feature"));
        if !main && !name.starts_with("testbed/evaluator/gherkin/") {
            continue;
        }
        for case in cases(text) {
            if let Some(tag) = reason(&case, left_out) {
                *without.entry(tag).or_default() += 1;
                continue;
            }
            ran += 1;
            let outcome = match (main, selector(&case)) {
                (false, _) => expect(&case, &evaluator),
                (true, Some(file)) => expect(&case, &selected(&file)),
                (true, None) => expect(&case, &all),
            };
            if let Err(difference) = outcome {
                wrong.push(format!("{name}: {}: {difference}\n    {:?}", case.scenario, case.steps));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {ran}:\n{}", wrong.len(), wrong.join("\n"));
    println!("testbed, {hashing}: {ran} of {ran} rows passed");
    for ((tag, reason), _) in left_out {
        println!("testbed, {hashing}: {} rows left out, {tag}: {reason}", without.get(tag).copied().unwrap_or(0));
    }
    assert_eq!(without, left_out.iter().map(|((tag, _), rows)| (*tag, *rows)).collect::<BTreeMap<_, usize>>());
    assert_eq!(ran, expected);
    assert_eq!(ran + without.values().sum::<usize>(), 426, "rows on evaluation in all");
}

/// One flag set of several files, as the testbed's own server merges them.
fn flags<'a>(texts: impl IntoIterator<Item = &'a String>, hashing: &str) -> FlagSet {
    let mut merged = Map::new();
    for text in texts {
        let Value::Object(file) = serde_json::from_str(text).unwrap() else { panic!("no object: {text}") };
        for (key, value) in file {
            match (merged.get_mut(&key), value) {
                (Some(Value::Object(into)), Value::Object(more)) => into.extend(more),
                (_, value) => {
                    merged.insert(key, value);
                }
            }
        }
    }
    merged.insert("weir".to_owned(), serde_json::json!({ "version": 1, "hashing": hashing }));
    FlagSet::new(check(&Value::Object(merged).to_string()).unwrap())
}

/// The file that a row selects; the one of all files is none.
fn selector(case: &Case) -> Option<String> {
    let step = case.steps.iter().find(|step| step.text.starts_with("an option \"selector\""))?;
    step.quoted().last()?.strip_prefix("rawflags/").map(str::to_owned)
}

/// What a row has said so far.
#[derive(Default)]
struct Row {
    kind: String,
    key: String,
    default: String,
    context: Map<String, Value>,
}

fn expect(case: &Case, flags: &FlagSet) -> Result<(), String> {
    let mut row = Row::default();
    for step in &case.steps {
        let quoted = step.quoted();
        let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
        match (step.text.as_str(), quoted.as_slice()) {
            (text, [key, default]) if text.contains("-flag with key ") => {
                let kind = text.trim_start_matches("a ").split_once("-flag").unwrap().0;
                (row.kind, row.key, row.default) = (kind.to_owned(), (*key).to_owned(), (*default).to_owned());
            }
            (text, [outer, inner, value]) if text.starts_with("a context containing a nested property") => {
                row.context.insert((*outer).to_owned(), serde_json::json!({ *inner: value }));
            }
            (text, [value]) if text.starts_with("a context containing a targeting key") => {
                row.context.insert("targetingKey".to_owned(), Value::from(*value));
            }
            (text, [key, kind, ..]) if text.starts_with("a context containing a key") => {
                // An object has quotes of its own, escaped or not.
                let value = text.split_once("with value \"").and_then(|(_, rest)| rest.strip_suffix('"')).unwrap();
                row.context.insert((*key).to_owned(), typed(kind, &value.replace("\\\"", "\"")));
            }
            (text, _) if text.starts_with("an option ") || text.ends_with(" provider") || text == "an evaluator" => {}
            ("the flag was evaluated with details", []) => {}
            (text, quoted) => {
                let found = row.resolve(flags, |resolution| row.differs(text, quoted, &step.table, resolution));
                found.map_or(Ok(()), Err)?;
            }
        }
    }
    Ok(())
}

impl Row {
    fn resolve<T>(&self, flags: &FlagSet, each: impl FnOnce(&Resolution<'_>) -> T) -> T {
        let kind = match self.kind.as_str() {
            "Boolean" => Kind::Boolean,
            "String" => Kind::String,
            "Integer" => Kind::Integer,
            "Float" => Kind::Float,
            "Object" => Kind::Object,
            other => panic!("no kind of flag is called {other:?}"),
        };
        let context = Json::read(&Value::Object(self.context.clone()).to_string()).unwrap();
        each(&flags.evaluate(&self.key, &context, NOW_MS).expect(kind))
    }

    /// How the resolution differs from what the step says.
    fn differs(&self, text: &str, quoted: &[&str], table: &[Vec<String>], found: &Resolution<'_>) -> Option<String> {
        match quoted {
            [value] if text.starts_with("the resolved details value should be") => {
                let expected = json(&typed(&self.kind, value));
                let default = json(&typed(&self.kind, &self.default));
                let got = found.value.unwrap_or(&default);
                (!same(got, &expected)).then(|| format!("{got:?}, not {expected:?}, from {found:?}"))
            }
            [reason] if text.starts_with("the reason should be") => {
                (found.reason.name() != *reason).then(|| format!("{found:?}, not {reason}"))
            }
            [code] if text.starts_with("the error-code should be") => {
                let got = found.error.as_ref().map_or("", |error| error.code.name());
                (got != *code).then(|| format!("{found:?}, not {code}"))
            }
            [] if text == "the resolved metadata is empty" => {
                (found.metadata().count() > 0).then(|| format!("metadata of {found:?}"))
            }
            [] if text == "the resolved metadata should contain" => table.iter().skip(1).find_map(|entry| {
                let expected = json(&typed(&entry[1], &entry[2]));
                let got = found.metadata().find(|(key, _)| *key == entry[0]).map(|(_, json)| json);
                (got != Some(&expected)).then(|| format!("{}: {got:?}, not {expected:?}", entry[0]))
            }),
            _ => panic!("a step that nobody knows: {text}"),
        }
    }
}

fn typed(kind: &str, text: &str) -> Value {
    match kind {
        "String" => Value::from(text),
        "Boolean" | "Integer" | "Float" | "Object" => {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{kind} {text:?}: {error}"))
        }
        other => panic!("no kind is called {other:?}"),
    }
}

fn json(value: &Value) -> Json {
    Json::read(&value.to_string()).unwrap()
}

/// Objects are the same in any order of their keys.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, json)| b.field(key).is_some_and(|other| same(json, other)))
        }
        _ => a == b,
    }
}
