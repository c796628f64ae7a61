//! JSONLogic as its reference reads: no compiling, no sets, no folding; everything owned.

use super::super::fractional;
use super::super::number::Digits;
use super::super::operators;
use super::super::semver::{Operator, Version};
use super::*;

type Outcome = Result<Json, RuleError>;

struct Data<'a> {
    root: &'a Json,
    datum: Option<Json>,
    hashing: Hashing,
}

pub(super) fn evaluate(rule: &Json, context: &Json, hashing: Hashing) -> Outcome {
    apply(rule, &Data { root: context, datum: None, hashing })
}

fn value(json: &Json) -> Value<'_> {
    Value::from(json)
}

fn truthy(json: &Json) -> bool {
    value(json).truthy()
}

fn apply(rule: &Json, data: &Data<'_>) -> Outcome {
    let fields = match rule {
        Json::Array(items) => {
            return items.iter().map(|item| apply(item, data)).collect::<Result<_, _>>().map(Json::Array);
        }
        Json::Object(fields) if fields.len() == 1 => fields,
        other => return Ok(other.clone()),
    };
    let (name, operand) = &fields[0];
    let operands = match operand {
        Json::Array(items) => items.clone(),
        single => vec![single.clone()],
    };
    // Operands that an operator does not look at are not evaluated: what is wrong in them is not met.
    let looked_at = match name.as_str() {
        "!" | "!!" => 1,
        "<" | "<=" | ">" | ">=" if operands.len() < 2 => 0,
        "==" | "!=" | "===" | "!==" | ">" | ">=" | "in" => 2,
        "<" | "<=" => 3,
        _ => usize::MAX,
    };
    let operands = &operands[..operands.len().min(looked_at)];
    lazy(name, operands, data).unwrap_or_else(|| {
        let arguments = operands.iter().map(|operand| apply(operand, data)).collect::<Result<Vec<_>, _>>()?;
        eager(name, &arguments, data)
    })
}

fn lazy(name: &str, operands: &[Json], data: &Data<'_>) -> Option<Outcome> {
    Some(match name {
        "if" | "?:" => branch(operands, data),
        "and" | "or" => {
            let mut last = Json::Null;
            for operand in operands {
                last = match apply(operand, data) {
                    Ok(json) => json,
                    error => return Some(error),
                };
                if truthy(&last) == (name == "or") {
                    break;
                }
            }
            Ok(last)
        }
        "map" | "filter" | "reduce" | "all" | "none" | "some" => over(name, operands, data),
        // Its default is not needed where something is found, and an error there not met.
        "var" => {
            let path = match operands.first().map(|path| apply(path, data)) {
                Some(Ok(path)) => path,
                Some(error) => return Some(error),
                None => Json::Null,
            };
            let constant = !matches!(operands.first(), Some(Json::Array(_) | Json::Object(_)));
            let default = |data| operands.get(1).map_or(Ok(Json::Null), |default| apply(default, data));
            let eager = if constant { Ok(Json::Null) } else { default(data) };
            eager.and_then(|_| look_up(&path, data).map_or_else(|| default(data), Ok))
        }
        _ => return None,
    })
}

fn branch(operands: &[Json], data: &Data<'_>) -> Outcome {
    match operands {
        [] => Ok(Json::Null),
        [otherwise] => apply(otherwise, data),
        [condition, then, rest @ ..] => {
            if truthy(&apply(condition, data)?) {
                apply(then, data)
            } else {
                branch(rest, data)
            }
        }
    }
}

fn over(name: &str, operands: &[Json], data: &Data<'_>) -> Outcome {
    let list = operands.first().map_or(Ok(Json::Null), |list| apply(list, data))?;
    let body = |datum: Json| {
        let data = Data { root: data.root, datum: Some(datum), hashing: data.hashing };
        operands.get(1).map_or(Ok(Json::Null), |body| apply(body, &data))
    };
    let items = if let Json::Array(items) = list { items } else { Vec::new() };
    if name == "reduce" {
        let mut accumulator = operands.get(2).map_or(Ok(Json::Null), |first| apply(first, data))?;
        for item in items {
            accumulator =
                body(Json::Object(vec![("current".to_owned(), item), ("accumulator".to_owned(), accumulator)]))?;
        }
        return Ok(accumulator);
    }
    let mut results = Vec::new();
    for item in &items {
        let result = body(item.clone())?;
        let held = truthy(&result);
        results.push((item.clone(), result));
        if (name == "all" && !held) || (matches!(name, "some" | "none") && held) {
            break;
        }
    }
    let held = results.iter().filter(|(_, result)| truthy(result)).count();
    Ok(match name {
        "map" => Json::Array(results.into_iter().map(|(_, result)| result).collect()),
        "filter" => Json::Array(results.into_iter().filter(|(_, r)| truthy(r)).map(|(item, _)| item).collect()),
        "all" => Json::Bool(!items.is_empty() && held == items.len()),
        "none" => Json::Bool(held == 0),
        _ => Json::Bool(held > 0),
    })
}

fn look_up(path: &Json, data: &Data<'_>) -> Option<Json> {
    let path = value(path).part();
    let mut found = match &data.datum {
        Some(datum) => datum.clone(),
        None if path.split('.').next() == Some("$flagd") => Json::Object(vec![(
            "$flagd".to_owned(),
            Json::Object(vec![
                ("flagKey".to_owned(), Json::String("flag".to_owned())),
                ("timestamp".to_owned(), Json::Number(5.0)),
            ]),
        )]),
        None => data.root.clone(),
    };
    for part in path.split('.').filter(|_| !path.is_empty()) {
        found = value(&found).child(part)?.owned();
    }
    Some(found)
}

fn eager(name: &str, arguments: &[Json], data: &Data<'_>) -> Outcome {
    let values: Vec<Value<'_>> = arguments.iter().map(value).collect();
    let pair = || [0, 1].map(|i| values.get(i).cloned().unwrap_or(Value::Null));
    let number = |i: usize| values.get(i).map_or(f64::NAN, Value::number);
    let ordered = |holds: fn(std::cmp::Ordering) -> bool| {
        values.len() > 1 && values[..2].windows(2).all(|two| two[0].order(&two[1]).is_some_and(holds))
    };
    let between = |holds: fn(std::cmp::Ordering) -> bool| {
        let three = &values[..values.len().min(3)];
        values.len() > 1 && three.windows(2).all(|two| two[0].order(&two[1]).is_some_and(holds))
    };
    let [a, b] = pair();
    Ok(match name {
        "==" => Json::Bool(a.loosely_equals(&b)),
        "!=" => Json::Bool(!a.loosely_equals(&b)),
        "===" => Json::Bool(a.strictly_equals(&b)),
        "!==" => Json::Bool(!a.strictly_equals(&b)),
        ">" => Json::Bool(ordered(std::cmp::Ordering::is_gt)),
        ">=" => Json::Bool(ordered(std::cmp::Ordering::is_ge)),
        "<" => Json::Bool(between(std::cmp::Ordering::is_lt)),
        "<=" => Json::Bool(between(std::cmp::Ordering::is_le)),
        "!" => Json::Bool(!a.truthy()),
        "!!" => Json::Bool(a.truthy()),
        "+" => Json::Number(values.iter().map(Value::parse_float).fold(0.0, |sum, n| sum + n)),
        "*" if values.len() == 1 => arguments[0].clone(),
        "*" if values.is_empty() => Json::Number(f64::NAN),
        "*" => Json::Number(values.iter().map(Value::parse_float).product()),
        "-" if values.len() == 1 => Json::Number(-number(0)),
        "-" => Json::Number(number(0) - number(1)),
        "/" => Json::Number(number(0) / number(1)),
        "%" => Json::Number(number(0) % number(1)),
        "min" => Json::Number(extreme(&values, f64::INFINITY, f64::min)),
        "max" => Json::Number(extreme(&values, f64::NEG_INFINITY, f64::max)),
        "merge" => Json::Array(
            arguments
                .iter()
                .flat_map(|json| if let Json::Array(items) = json { items.clone() } else { vec![json.clone()] })
                .collect(),
        ),
        "in" => match &b {
            Value::Text(text) => Json::Bool(!text.is_empty() && text.contains(&*a.text())),
            list => Json::Bool(list.items().is_some_and(|mut items| items.any(|item| item.strictly_equals(&a)))),
        },
        "cat" => Json::String(values.iter().map(|value| value.part().to_string()).collect()),
        "substr" => substr(arguments),
        "starts_with" | "ends_with" => match values.as_slice() {
            [Value::Text(text), Value::Text(part)] if name == "starts_with" => Json::Bool(text.starts_with(&**part)),
            [Value::Text(text), Value::Text(part)] => Json::Bool(text.ends_with(&**part)),
            _ => Json::Null,
        },
        "sem_ver" => match values.as_slice() {
            [version, Value::Text(operator), target] => {
                let (mut one, mut two) = (Digits::default(), Digits::default());
                match (Version::of(version, &mut one), Operator::parse(operator), Version::of(target, &mut two)) {
                    (Some(version), Some(operator), Some(target)) => Json::Bool(operator.holds(&version, &target)),
                    _ => Json::Null,
                }
            }
            _ => Json::Null,
        },
        "missing" => match arguments.first() {
            Some(Json::Array(keys)) => missing(keys, data),
            _ => missing(arguments, data),
        },
        "missing_some" => {
            let keys = if let Some(Json::Array(keys)) = arguments.get(1) { keys.clone() } else { Vec::new() };
            let Json::Array(absent) = missing(&keys, data) else { return Ok(Json::Null) };
            let there = f64::from(u8::try_from(keys.len() - absent.len()).unwrap());
            Json::Array(if there >= number(0) { Vec::new() } else { absent })
        }
        "fractional" => fractional::apply(&values, &Question::new("flag", data.root).hashing(data.hashing)).owned(),
        other => return Err(RuleError::UnknownOperator(other.to_owned())),
    })
}

fn extreme(values: &[Value<'_>], start: f64, better: fn(f64, f64) -> f64) -> f64 {
    let numbers: Vec<f64> = values.iter().map(Value::number).collect();
    if numbers.iter().any(|n| n.is_nan()) { f64::NAN } else { numbers.into_iter().fold(start, better) }
}

fn missing(keys: &[Json], data: &Data<'_>) -> Json {
    let absent = |key: &&Json| {
        look_up(key, data).is_none_or(|found| found == Json::Null || found == Json::String(String::new()))
    };
    Json::Array(keys.iter().filter(absent).cloned().collect())
}

/// Shares the arithmetic of positions, which a table tests.
fn substr(arguments: &[Json]) -> Json {
    let values: Vec<Value<'_>> = arguments.iter().map(Value::from).collect();
    operators::substr(&values).owned()
}
