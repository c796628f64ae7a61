//! flagd's testbed: its gherkin rows on evaluation, in both dialects of `fractional`.
//!
//! Left out of 426 rows, by tag: the other dialects' (`@fractional-v1` 30, `@fractional-v2` 42, `@fractional-v3` 132) and `@deprecated` (7 rows in which a flag
//! without a defaultVariant is FLAG_NOT_FOUND, which flagd gave up in core 0.14). Left out of the files: connection, events, selector, sync-payload
//! and contextEnrichment, which are about how a provider gets its flags.

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

#[test]
fn every_row_of_dialect_v3() {
    assert_eq!(run("flagd-v3", &["@fractional-v1", "@fractional-v2", "@deprecated"]), 347);
}

#[test]
fn every_row_of_dialect_v2() {
    assert_eq!(run("flagd-v2", &["@fractional-v1", "@fractional-v3", "@deprecated"]), 257);
}

/// How many rows were run; all of them passed.
fn run(hashing: &str, left_out: &[&str]) -> usize {
    let bundle = super::bundle();
    let evaluator = flags([&bundle["testbed/evaluator/flags/testkit-flags.json"]], hashing);
    let files = bundle.iter().filter(|(name, _)| name.starts_with("testbed/flags/") && !name.contains("selector-"));
    let all = flags(files.map(|(_, text)| text), hashing);
    let selected = |name: &str| flags([&bundle[&format!("testbed/flags/{name}")]], hashing);
    let (mut ran, mut all_rows, mut wrong) = (0, 0, Vec::new());
    for (name, text) in &bundle {
        let main = MAIN.iter().any(|file| *name == format!("testbed/gherkin/{file}.feature"));
        if !main && !name.starts_with("testbed/evaluator/gherkin/") {
            continue;
        }
        for case in cases(text) {
            all_rows += 1;
            if case.tags.iter().any(|tag| left_out.contains(&tag.as_str())) {
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
    assert_eq!(all_rows, 426);
    ran
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
