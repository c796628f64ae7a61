//! Statistics by hand: JSON in, JSON out, for `weir calc`. Owns names, fields, ranges and examples; the formulas are in `stats`.
//!
//! - `input`: fields of a JSON object, each finding with its path
//! - `evidence`, `shares`, `sequences`, `samples`, `boundaries`: the methods

mod boundaries;
mod evidence;
mod input;
mod samples;
mod sequences;
mod shares;

use serde_json::{Value, json};
use weir_core::check::{Code, Finding};

use input::Input;

/// A method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// As it is typed.
    pub name: &'static str,
    /// What it answers, in a line.
    pub what: &'static str,
    /// An input that works.
    pub example: &'static str,
    run: fn(&mut Input<'_>) -> Value,
}

/// All methods, in the order of the help.
pub fn methods() -> impl Iterator<Item = &'static Method> {
    [shares::METHODS, evidence::METHODS, sequences::METHODS, samples::METHODS, boundaries::METHODS]
        .into_iter()
        .flatten()
}

/// Computes; the answer is an object whose numbers are all finite.
///
/// # Errors
/// Every finding of the input, or that no method has this name.
pub fn calculate(name: &str, text: &str) -> Result<Value, Vec<Finding>> {
    let finding = |path: &str, found: String, allowed: String| vec![Finding::new(Code::Input, path, found, allowed)];
    let Some(method) = methods().find(|method| method.name == name) else {
        let names: Vec<_> = methods().map(|method| method.name).collect();
        return Err(finding("METHOD", format!("{name:?}"), names.join(", ")));
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| finding("$", format!("no JSON ({error})"), format!("an object such as {}", method.example)))?;
    let Value::Object(fields) = &value else {
        return Err(finding("$", input::kind(&value).to_owned(), format!("an object such as {}", method.example)));
    };
    let mut input = Input::new(fields);
    let mut answer = (method.run)(&mut input);
    let findings = input.finish();
    if !findings.is_empty() {
        return Err(findings);
    }
    // Each method states its ranges; an answer beyond numbers for inputs within them is refused by its name.
    if let Some(name) = no_number(&answer) {
        let found = format!("numbers so far apart that {name} is no number");
        return Err(finding("$", found, "numbers less far apart".to_owned()));
    }
    if let Value::Object(answer) = &mut answer {
        answer.insert("method".to_owned(), json!(method.name));
    }
    Ok(answer)
}

/// The first field with a null, which is what JSON makes of a number without end.
fn no_number(answer: &Value) -> Option<&str> {
    match answer {
        Value::Null => Some("the answer"),
        Value::Array(list) => list.iter().find_map(no_number),
        Value::Object(map) => map.iter().find(|(_, value)| no_number(value).is_some()).map(|(name, _)| name.as_str()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod extremes;
#[cfg(test)]
mod tests;
