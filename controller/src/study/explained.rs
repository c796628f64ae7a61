//! An explanation as JSON and as a tree for people.

use serde_json::{Value, json};
use weir_core::explain::fate::{Fate, Hashed};
use weir_core::explain::{Explanation, Outcome, Step};

/// For programs.
#[must_use]
pub fn value(explanation: &Explanation) -> Value {
    let mut object = json!({});
    if !explanation.notes.is_empty() {
        object["notes"] = json!(explanation.notes);
    }
    if let Some(step) = &explanation.rule {
        object["rule"] = node(step);
    }
    if let Some(fate) = &explanation.split {
        object["split"] = split(fate);
    }
    object
}

fn node(step: &Step) -> Value {
    let mut object = json!({ "rule": step.rule });
    if !step.role.is_empty() {
        object["role"] = json!(step.role);
    }
    match &step.outcome {
        Outcome::Value(value) => object["value"] = json!(value),
        Outcome::Error(message) => object["error"] = json!(message),
        Outcome::NotReached => object["reached"] = json!(false),
    }
    if let Some(fate) = &step.fate {
        object["fractional"] = split(fate);
    }
    if !step.steps.is_empty() {
        object["steps"] = step.steps.iter().map(node).collect();
    }
    object
}

fn split(fate: &Fate) -> Value {
    match fate {
        Fate::Null(why) => json!({ "null": why }),
        Fate::Bucket(hashed) => {
            let mut object = json!({
                "hashed": hashed.value, "bytes_hex": hashed.hex(), "hash": hashed.hash, "total": hashed.total, "bucket": hashed.place,
                "ranges": hashed.buckets.iter().map(|bucket| json!({ "from": bucket.from, "to": bucket.to, "variant": bucket.variant })).collect::<Value>(),
            });
            if let Ok(text) = std::str::from_utf8(&hashed.bytes) {
                object["bytes_text"] = json!(text);
            }
            if let Some(bucket) = hashed.bucket() {
                object["variant"] = json!(bucket.variant);
                object["range"] = json!([bucket.from, bucket.to]);
            }
            object
        }
    }
}

/// For people.
#[must_use]
pub fn text(explanation: &Explanation) -> String {
    let mut text = String::new();
    if let Some(step) = &explanation.rule {
        text.push_str("targeting\n");
        tree(step, &Lead { first: "  ".to_owned(), rest: "  ".to_owned() }, &mut text);
    }
    if let Some(fate) = &explanation.split {
        text.push_str("rollout's split\n");
        fated(fate, "  ", &mut text);
    }
    for note in &explanation.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

/// What stands before a node's first line, and before those below it.
struct Lead {
    first: String,
    rest: String,
}

fn tree(step: &Step, lead: &Lead, text: &mut String) {
    let role = if step.role.is_empty() { String::new() } else { format!("{}: ", step.role) };
    let outcome = match &step.outcome {
        // A constant is its own value.
        Outcome::Value(value) if value.compact() == step.rule => String::new(),
        Outcome::Value(value) => format!(" → {}", value.compact()),
        Outcome::Error(message) => format!(" → ERROR: {message}"),
        Outcome::NotReached => " (not asked)".to_owned(),
    };
    text.push_str(&format!("{}{role}{}{outcome}\n", lead.first, step.rule));
    if let Some(fate) = &step.fate {
        let bar = if step.steps.is_empty() { "   " } else { "│  " };
        fated(fate, &format!("{}{bar}", lead.rest), text);
    }
    let last = step.steps.len().saturating_sub(1);
    for (index, below) in step.steps.iter().enumerate() {
        let (branch, bar) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let lead = Lead { first: format!("{}{branch}", lead.rest), rest: format!("{}{bar}", lead.rest) };
        tree(below, &lead, text);
    }
}

fn fated(fate: &Fate, lead: &str, text: &mut String) {
    match fate {
        Fate::Null(why) => text.push_str(&format!("{lead}null: {why}\n")),
        Fate::Bucket(hashed) => hash(hashed, lead, text),
    }
}

fn hash(hashed: &Hashed, lead: &str, text: &mut String) {
    text.push_str(&format!("{lead}hashed  {}\n", hashed.value.compact()));
    text.push_str(&format!("{lead}bytes   {}\n", hashed.hex()));
    text.push_str(&format!("{lead}hash    {}, bucket {} of {}\n", hashed.hash, hashed.place, hashed.total));
    for (index, bucket) in hashed.buckets.iter().enumerate() {
        let (head, mark) =
            (if index == 0 { "ranges" } else { "" }, if index == hashed.chosen { "  <- here" } else { "" });
        text.push_str(&format!("{lead}{head:6}  {}..{} {}{mark}\n", bucket.from, bucket.to, bucket.variant.compact()));
    }
}
