//! `fractional`: buckets that are none, weights that no engine takes, sums that overflow, and weights that leave nobody a bucket.

use super::walk::Operation;
use crate::code::Code;
use crate::finding::Findings;
use crate::json::Json;
use crate::rule::operation;

/// The greatest sum of weights: 2^31 - 1.
const MOST: f64 = 2_147_483_647.0;

pub(super) fn check(operation: &Operation<'_>, findings: &mut Findings) {
    if operation.name != "fractional" || crate::rule::operation(operation.operand).is_some() {
        return;
    }
    let operands = operation.operands();
    let explicit = !matches!(operands.first(), Some(Json::Array(_)));
    let first = usize::from(explicit);
    let buckets = operands.get(first..).unwrap_or_default();
    if buckets.is_empty() {
        let allowed = "at least one bucket: [VARIANT, WEIGHT]";
        findings.add(Code::Weight, operation.path, "fractional without a bucket", allowed);
        return;
    }
    // One that is computed may be anything.
    let mut sum = Some(0.0);
    for (i, json) in buckets.iter().enumerate() {
        let weight = bucket(operation, i.saturating_add(first), json, findings);
        sum = sum.zip(weight).map(|(sum, weight): (f64, f64)| sum + weight);
    }
    match sum {
        Some(0.0) => {
            findings.add(
                Code::ZeroWeights,
                operation.path,
                "weights that are all 0",
                "a weight above 0, or nobody has a bucket",
            );
        }
        Some(sum) if sum > MOST => {
            findings.add(
                Code::Weight,
                operation.path,
                format_args!("weights of {sum} in all"),
                "a sum of at most 2147483647",
            );
        }
        _ => {}
    }
}

/// The weight of a bucket, if it is constant and sound.
fn bucket(operation_of: &Operation<'_>, index: usize, json: &Json, findings: &mut Findings) -> Option<f64> {
    let path = operation_of.at(index);
    if operation(json).is_some() {
        return None;
    }
    let (variant, weight) = match json {
        Json::Array(items) => match items.as_slice() {
            [variant] => (variant, None),
            [variant, weight] => (variant, Some(weight)),
            _ => {
                let found = format_args!("a bucket of {} items", items.len());
                findings.add(Code::Weight, &path, found, "[VARIANT] or [VARIANT, WEIGHT]");
                return None;
            }
        },
        other => {
            findings.add(Code::Weight, &path, other, "a bucket: [VARIANT, WEIGHT]");
            return None;
        }
    };
    if operation(variant).is_none() && matches!(variant, Json::Array(_) | Json::Object(_)) {
        findings.add(Code::Weight, &path.index(0), variant, "the name of a variant");
        return None;
    }
    match weight {
        None => Some(1.0),
        Some(weight) if operation(weight).is_some() => None,
        Some(Json::Number(weight)) if weight.fract() == 0.0 && (0.0..=MOST).contains(weight) => Some(*weight),
        Some(other) => {
            findings.add(Code::Weight, &path.index(1), other, "a whole number from 0 to 2147483647");
            None
        }
    }
}
