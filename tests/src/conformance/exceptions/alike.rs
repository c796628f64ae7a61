//! What more than one peer does.

use weir_core::json::Json;

use crate::conformance::exception::{At, Exception};
use crate::conformance::plain::{Instead, Step};

pub(super) const DEFAULT_FOR_NULL: Exception = Exception {
    name: "default-for-null",
    why: "var gives its default for what is there and null; JSONLogic for what is not there",
    always: true,
    at: At::Step(default_for_null),
};

/// The default, where it is one that need not be computed.
pub(super) fn default_for_null(step: &Step<'_>) -> Option<Instead> {
    let (Some(Json::String(path)), Some(default)) = (step.arguments.first(), step.operands.get(1)) else { return None };
    if step.name != "var" || found(step, path) != Found::There(&Json::Null) {
        return None;
    }
    Some(match default {
        Json::Array(_) | Json::Object(_) => Instead::Anything,
        scalar => Instead::Value(scalar.clone()),
    })
}

/// An object without keys counts as false.
pub(super) const EMPTY_OBJECT_IS_FALSE: At =
    At::Truth(|json| matches!(json, Json::Object(fields) if fields.is_empty()).then_some(false));

/// `missing` and `missing_some` where what is missing is something else. Keys that are no texts, or lead through a list or a text, are not looked at.
pub(super) fn missing(step: &Step<'_>, is_missing: fn(Option<&Json>) -> bool) -> Option<Instead> {
    let (needed, keys) = match (step.name, step.arguments) {
        ("missing", [Json::Array(keys), ..]) => (None, keys.as_slice()),
        ("missing", keys) => (None, keys),
        ("missing_some", [Json::Number(needed), Json::Array(keys)]) => (Some(*needed), keys.as_slice()),
        ("missing_some", _) => return Some(Instead::Anything),
        _ => return None,
    };
    let mut absent = Vec::new();
    for key in keys {
        let Json::String(path) = key else { return Some(Instead::Anything) };
        let value = match found(step, path) {
            Found::There(value) => Some(value),
            Found::Nowhere => None,
            Found::Elsewhere => return Some(Instead::Anything),
        };
        if is_missing(value) {
            absent.push(key.clone());
        }
    }
    let enough = needed.is_some_and(|needed| (keys.len() - absent.len()) as f64 >= needed);
    Some(Instead::Value(Json::Array(if enough { Vec::new() } else { absent })))
}

/// Where a path leads.
#[derive(PartialEq)]
enum Found<'a> {
    There(&'a Json),
    Nowhere,
    /// Through a list or a text, or to all there is: where peers have ways of their own.
    Elsewhere,
}

fn found<'a>(step: &Step<'a>, path: &str) -> Found<'a> {
    let mut json = step.item.unwrap_or(step.context);
    if path.is_empty() || path.starts_with('$') {
        return Found::Elsewhere;
    }
    for part in path.split('.') {
        if !matches!(json, Json::Object(_) | Json::Null) {
            return Found::Elsewhere;
        }
        match json.field(part) {
            Some(child) => json = child,
            None => return Found::Nowhere,
        }
    }
    Found::There(json)
}

/// An operator over the items of a list.
pub(super) fn is_list(name: &str) -> bool {
    matches!(name, "map" | "filter" | "reduce" | "all" | "some" | "none")
}
