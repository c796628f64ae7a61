//! What more than one peer does.

use weir_core::json::Json;

use crate::conformance::exception::{At, Exception};
use crate::conformance::plain::Instead;

pub(super) const DEFAULT_FOR_NULL: Exception = Exception {
    name: "default-for-null",
    why: "var gives its default for what is there and null; JSONLogic for what is not there",
    always: true,
    at: At::Step(|step| (step.name == "var" && step.operands.len() > 1).then_some(Instead::Anything)),
};

/// An object without keys counts as false.
pub(super) const EMPTY_OBJECT_IS_FALSE: At =
    At::Truth(|json| matches!(json, Json::Object(fields) if fields.is_empty()).then_some(false));

/// `missing` and `missing_some` count something else as there.
pub(super) const ANY_MISSING: At = At::Step(|step| step.name.starts_with("missing").then_some(Instead::Anything));

/// An operator over the items of a list.
pub(super) fn is_list(name: &str) -> bool {
    matches!(name, "map" | "filter" | "reduce" | "all" | "some" | "none")
}
