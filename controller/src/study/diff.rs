//! What two documents make different: which flags change in what, which share of users changes variant, and who of a list of users.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use weir_core::document::Document;
use weir_core::evaluate::FlagSet;
use weir_core::json::Json;
use weir_core::moves::{Case, Comparison, Side};
use weir_core::served::Served;
use weir_core::snapshot::State;

use super::moved::{outcome, sentence};
use crate::lifecycle::{Change, changes_of};

/// A document to compare.
#[derive(Debug)]
pub struct Compared {
    json: Json,
    document: Document,
    state: State,
    /// What is written of each flag, and of its rollout and output.
    written: BTreeMap<String, Value>,
    /// Everything else.
    around: Value,
}

impl Compared {
    /// A checked document, its text, and what a proxy has for it.
    ///
    /// # Errors
    /// The text is no JSON, which the text of a checked document is.
    pub fn new(text: &str, document: Document, state: State) -> Result<Self, serde_json::Error> {
        let json = Json::read(text)?;
        let mut around: Value = serde_json::from_str(text)?;
        let written = taken_out(&mut around);
        Ok(Self { json, document, state, written, around })
    }

    const fn side(&self) -> Side<'_> {
        Side { text: &self.json, document: &self.document, state: &self.state }
    }
}

/// Takes the flags out of a document, each with its rollout and output; of a key that stands twice in a list, the last.
fn taken_out(document: &mut Value) -> BTreeMap<String, Value> {
    let mut flags: BTreeMap<String, Value> = match document["flags"].take() {
        Value::Array(flags) => {
            flags.into_iter().filter_map(|flag| Some((flag["key"].as_str()?.to_owned(), flag))).collect()
        }
        Value::Object(flags) => flags.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    for (name, part) in [("rollout", "rollouts"), ("output", "outputs")] {
        let Some(part) = document.get_mut("weir").and_then(|weir| weir.get_mut(part)) else { continue };
        let Value::Object(entries) = part.take() else { continue };
        for (key, entry) in entries {
            if let Some(flag @ Value::Object(_)) = flags.get_mut(&key) {
                flag[name] = entry;
            }
        }
    }
    flags
}

/// What is different.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// Outside of the flags, by JSON path: hashing, identity, evaluators, metadata.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub document: Vec<Change>,
    /// The flags that differ, or whose users move.
    pub flags: Vec<FlagDiff>,
    /// How many users were asked for by name, if a list was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<usize>,
}

/// What is different about a flag.
#[derive(Debug, Serialize)]
pub struct FlagDiff {
    /// Its key.
    pub flag: String,
    /// added, removed, changed, or same (its own words are, but not what its users get).
    pub status: &'static str,
    /// What, by JSON path from the flag on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Who moves, in a sentence.
    pub sentence: String,
    /// Who moves: by case, exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Value>,
    /// Who of the list moves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub movers: Vec<Mover>,
}

/// A user who moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mover {
    /// The line of the list.
    pub user: String,
    /// What it had; none is the code's own default.
    pub from: Option<String>,
    /// What it gets.
    pub to: Option<String>,
}

/// Compares.
#[must_use]
pub fn diff(old: &Compared, new: &Compared, users: Option<&Users>) -> Diff {
    let keys =
        |side: &Compared| side.document.flags.iter().map(|flag| (flag.key.clone(), ())).collect::<BTreeMap<_, _>>();
    let (before, after) = (keys(old), keys(new));
    let mut all: Vec<&String> = before.keys().chain(after.keys()).collect();
    all.sort();
    all.dedup();
    let comparison = Comparison::new(old.side(), new.side());
    let sets = [old, new].map(|side| (FlagSet::new(side.document.clone()), &side.state));
    let flags = all.into_iter().filter_map(|key| {
        let mut found = match (before.contains_key(key), after.contains_key(key)) {
            (false, _) => alone(key, "added", "added: it was not there before"),
            (_, false) => alone(key, "removed", "removed: applications get their own default"),
            (true, true) => both(old, new, &comparison, key),
        };
        found.movers = users.map(|users| users.movers(key, &sets)).unwrap_or_default();
        (found.status != "same" || !found.cases.is_empty() || !found.movers.is_empty()).then_some(found)
    });
    Diff {
        flags: flags.collect(),
        document: changes_of(Some(&old.around), Some(&new.around)),
        users: users.map(|users| users.list.len()),
    }
}

fn alone(key: &str, status: &'static str, sentence: &str) -> FlagDiff {
    let sentence = format!("{key}: {sentence}.");
    FlagDiff { flag: key.to_owned(), status, changes: Vec::new(), sentence, cases: Vec::new(), movers: Vec::new() }
}

fn both(old: &Compared, new: &Compared, comparison: &Comparison<'_>, key: &str) -> FlagDiff {
    let written = changes_of(old.written.get(key), new.written.get(key));
    let cases = comparison.moves(key);
    FlagDiff {
        flag: key.to_owned(),
        status: if written.is_empty() { "same" } else { "changed" },
        changes: written,
        sentence: format!("{key}: {}.", sentence(&cases)),
        cases: cases.iter().map(case).collect(),
        movers: Vec::new(),
    }
}

fn case(case: &Case) -> Value {
    let flows = case.flows.iter().map(|flow| {
        let (numerator, bits) = flow.share.fraction();
        json!({
            "from": outcome(&flow.from), "to": outcome(&flow.to), "percent": flow.share.percent().trim_end_matches(" %"),
            "share": { "numerator": numerator.to_string(), "denominator": (1_u128 << bits).to_string() },
        })
    });
    let conditions = case.conditions.iter().map(|(words, holds)| json!({ "rule": words, "holds": holds }));
    let mut object = json!({ "targeting_key": !case.keyless, "moves": flows.collect::<Value>() });
    if !case.conditions.is_empty() {
        object["conditions"] = conditions.collect();
    }
    if case.independent {
        object["independent"] = json!(true);
    }
    if let Some(why) = &case.unknown {
        object["unknown"] = json!(why);
    }
    object
}

/// Users by name.
#[derive(Debug)]
pub struct Users {
    list: Vec<(String, Json)>,
    now_ms: u64,
}

impl Users {
    /// A user a line: a targetingKey, or a context as a JSON object. Empty lines are left out.
    ///
    /// # Errors
    /// The number of a line that begins like a context and is none, and why.
    pub fn read(lines: &str, now_ms: u64) -> Result<Self, (usize, String)> {
        let mut list = Vec::new();
        for (number, line) in (1..).zip(lines.lines().map(str::trim)).filter(|(_, line)| !line.is_empty()) {
            let context = if line.starts_with('{') {
                Json::read(line).map_err(|error| (number, error.to_string()))?
            } else {
                of_key(line)
            };
            list.push((line.to_owned(), context));
        }
        Ok(Self { list, now_ms })
    }

    /// A user an item: a targetingKey, or a context.
    ///
    /// # Errors
    /// The index of an item that is neither.
    pub fn of(items: &[Json], now_ms: u64) -> Result<Self, usize> {
        let user = |(index, item): (usize, &Json)| match item {
            Json::String(key) => Ok((key.clone(), of_key(key))),
            Json::Object(_) => Ok((item.compact(), item.clone())),
            _ => Err(index),
        };
        Ok(Self { list: items.iter().enumerate().map(user).collect::<Result<_, _>>()?, now_ms })
    }

    fn movers(&self, key: &str, sets: &[(FlagSet, &State); 2]) -> Vec<Mover> {
        let moved = self.list.iter().filter_map(|(user, context)| {
            let [from, to] = sets.each_ref().map(|(flags, state)| {
                Served { flags, state }.resolve(key, context, self.now_ms).variant.map(str::to_owned)
            });
            (from != to).then(|| Mover { user: user.clone(), from, to })
        });
        moved.collect()
    }
}

fn of_key(key: &str) -> Json {
    Json::Object(vec![("targetingKey".to_owned(), Json::String(key.to_owned()))])
}
