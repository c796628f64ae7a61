//! What an operator does with its evaluated arguments.

use std::cmp::Ordering;

use weir_core::document::Hashing;
use weir_core::json::Json;

use super::Stop;
use super::fractional::{User, fractional};
use super::value::{equal, joined, number, order, parse_float, same, text};
use super::version::sem_ver;
use super::walk::{Outcome, Scope};

pub(super) fn eager(name: &str, arguments: &[Json], scope: Scope<'_>) -> Outcome {
    let null = &Json::Null;
    let [a, b, c] = [0, 1, 2].map(|index| arguments.get(index));
    let (x, y) = (a.unwrap_or(null), b.unwrap_or(null));
    let numbers = |index: usize| arguments.get(index).map_or(f64::NAN, number);
    let compared = |fits: fn(Ordering) -> bool| {
        let holds = |a, b| order(a, b).is_some_and(fits);
        Json::Bool(b.is_some() && holds(x, y) && c.is_none_or(|z| holds(y, z)))
    };
    Ok(match name {
        "==" => Json::Bool(equal(x, y)),
        "!=" => Json::Bool(!equal(x, y)),
        "===" => Json::Bool(same(x, y)),
        "!==" => Json::Bool(!same(x, y)),
        "<" => compared(Ordering::is_lt),
        "<=" => compared(Ordering::is_le),
        ">" => compared(Ordering::is_gt),
        ">=" => compared(Ordering::is_ge),
        "!" => Json::Bool(!scope.truthy(x)),
        "!!" => Json::Bool(scope.truthy(x)),
        "+" => Json::Number(arguments.iter().fold(0.0, |sum, n| sum + parse_float(n))),
        "*" if arguments.is_empty() => Json::Number(f64::NAN),
        "*" if arguments.len() == 1 => x.clone(),
        "*" => Json::Number(arguments.iter().fold(1.0, |product, n| product * parse_float(n))),
        "-" if arguments.len() == 1 => Json::Number(-numbers(0)),
        "-" => Json::Number(numbers(0) - numbers(1)),
        "/" => Json::Number(numbers(0) / numbers(1)),
        "%" => Json::Number(numbers(0) % numbers(1)),
        "min" | "max" => Json::Number(extreme(arguments, name == "max")),
        "merge" => Json::Array(arguments.iter().flat_map(items_or_itself).collect()),
        "in" => Json::Bool(contains(x, y)),
        "cat" => Json::String(joined(arguments, "")),
        "substr" => Json::String(substr(arguments)),
        "missing" => match a {
            Some(Json::Array(keys)) => missing(keys, scope),
            _ => missing(arguments, scope),
        },
        "missing_some" => {
            let keys = if let Json::Array(keys) = y { keys.as_slice() } else { &[] };
            let Json::Array(absent) = missing(keys, scope) else { return Ok(Json::Null) };
            let enough = (keys.len() - absent.len()) as f64 >= numbers(0);
            Json::Array(if enough { Vec::new() } else { absent })
        }
        "starts_with" | "ends_with" => match arguments {
            [Json::String(text), Json::String(part)] if name == "starts_with" => {
                Json::Bool(text.starts_with(part.as_str()))
            }
            [Json::String(text), Json::String(part)] => Json::Bool(text.ends_with(part.as_str())),
            _ => Json::Null,
        },
        "sem_ver" => sem_ver(arguments),
        "fractional" => {
            let targeting_key = scope.data.context.field("targetingKey").and_then(Json::as_str);
            let raw = scope.data.terms.hashing == Hashing::FlagdV2;
            fractional(arguments, &User { flag: scope.data.flag, targeting_key, raw })
        }
        _ => return Err(Stop::Code("PARSE_ERROR".to_owned())),
    })
}

/// `Math.min`, `Math.max`.
fn extreme(arguments: &[Json], most: bool) -> f64 {
    let start = if most { f64::NEG_INFINITY } else { f64::INFINITY };
    arguments.iter().map(number).fold(start, |best, n| match (best.is_nan() || n.is_nan(), most) {
        (true, _) => f64::NAN,
        (false, true) => best.max(n),
        (false, false) => best.min(n),
    })
}

fn items_or_itself(json: &Json) -> Vec<Json> {
    if let Json::Array(items) = json { items.clone() } else { vec![json.clone()] }
}

/// `indexOf`, of a text or an array.
fn contains(needle: &Json, list: &Json) -> bool {
    match list {
        Json::String(all) => !all.is_empty() && all.contains(&text(needle)),
        Json::Array(items) => items.iter().any(|item| same(item, needle)),
        _ => false,
    }
}

/// By code points; a length below 0 leaves out so many at the end.
fn substr(arguments: &[Json]) -> String {
    let all: Vec<char> = text(arguments.first().unwrap_or(&Json::Null)).chars().collect();
    let whole = |n: f64| if n.is_nan() { 0.0 } else { n.trunc() };
    let count = all.len() as f64;
    let start = whole(arguments.get(1).map_or(0.0, number));
    let start = if start < 0.0 { (count + start).max(0.0) } else { start.min(count) };
    let end = match arguments.get(2).map(number) {
        None => count,
        // Below 0, be it by less than 1.
        Some(length) if length < 0.0 => count + whole(length),
        Some(length) => (start + whole(length)).min(count),
    };
    all[start as usize..(end as usize).max(start as usize)].iter().collect()
}

fn missing(keys: &[Json], scope: Scope<'_>) -> Json {
    let absent = |key: &&Json| {
        matches!(find(key, scope), None | Some(Json::Null)) || find(key, scope) == Some(Json::String(String::new()))
    };
    Json::Array(keys.iter().filter(absent).cloned().collect())
}

/// What `var` finds under a path; none where there is nothing, so that its default counts.
pub(super) fn find(path: &Json, scope: Scope<'_>) -> Option<Json> {
    let path = if *path == Json::Null { String::new() } else { text(path) };
    let flagd = || {
        let timestamp = Json::Number(scope.data.terms.now_s as f64);
        Json::Object(vec![
            ("flagKey".to_owned(), Json::String(scope.data.flag.to_owned())),
            ("timestamp".to_owned(), timestamp),
        ])
    };
    let mut found = scope.item.unwrap_or(scope.data.context).clone();
    if path.is_empty() {
        return Some(found);
    }
    for (depth, part) in path.split('.').enumerate() {
        found = match (&found, part) {
            (_, "$flagd") if depth == 0 && scope.item.is_none() => flagd(),
            (Json::Object(_), _) => found.field(part)?.clone(),
            (Json::Array(items), "length") => Json::Number(items.len() as f64),
            (Json::Array(items), _) => items.get(index(part)?)?.clone(),
            (Json::String(text), "length") => Json::Number(text.chars().count() as f64),
            (Json::String(text), _) => Json::String(text.chars().nth(index(part)?)?.to_string()),
            _ => return None,
        };
    }
    Some(found)
}

/// An array's own key: digits without a leading zero.
fn index(part: &str) -> Option<usize> {
    let index: usize = part.parse().ok()?;
    (index.to_string() == part).then_some(index)
}
