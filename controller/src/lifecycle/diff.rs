//! What changed between two documents, by JSON path, for people to read before and after they apply.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_core::check::Key;

/// At most so many changes are listed; the rest is counted.
const LISTED: usize = 200;
/// Values are shown up to so many characters.
const SHOWN: usize = 80;

/// One place that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// JSON path, such as `$.weir.rollouts.checkout.stages[0].weight`.
    pub path: String,
    /// What stood there, as shortened JSON; absent if nothing did.
    pub before: Option<String>,
    /// What stands there now; absent if nothing does.
    pub after: Option<String>,
}

/// `+`, `-` or `~`, the path, and what stands there.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {path} {after}"),
            (Some(before), None) => write!(f, "- {path} {before}"),
            (Some(before), Some(after)) => write!(f, "~ {path} {before} -> {after}"),
            (None, None) => f.write_str(path),
        }
    }
}

/// The differences of two JSON texts, in the order of their paths. A text that is not JSON counts as empty.
#[must_use]
pub fn changes(before: Option<&str>, after: &str) -> Vec<Change> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    changes_of(before.and_then(parse).as_ref(), parse(after).as_ref())
}

/// The differences of two values, as of texts.
#[must_use]
pub fn changes_of(before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let mut list = Changes::default();
    list.compare("$", before, after);
    list.finish()
}

#[derive(Default)]
struct Changes {
    list: Vec<Change>,
    more: usize,
}

impl Changes {
    fn compare(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (a, b) if a == b => {}
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                for (name, value) in a {
                    self.compare(&format!("{path}{}", Key(name)), Some(value), b.get(name));
                }
                for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                    self.compare(&format!("{path}{}", Key(name)), None, Some(value));
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                for index in 0..a.len().max(b.len()) {
                    self.compare(&format!("{path}[{index}]"), a.get(index), b.get(index));
                }
            }
            (a, b) => self.add(path, a, b),
        }
    }

    fn add(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        if self.list.len() >= LISTED {
            self.more += 1;
            return;
        }
        self.list.push(Change { path: path.to_owned(), before: before.map(shown), after: after.map(shown) });
    }

    fn finish(mut self) -> Vec<Change> {
        self.list.sort_by(|a, b| a.path.cmp(&b.path));
        if self.more > 0 {
            let after = Some(format!("and {} more changes", self.more));
            self.list.push(Change { path: "$".to_owned(), before: None, after });
        }
        self.list
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
