//! Operators that make lists or walk them. Whatever they touch is paid for, so that a big array in a context, or one that a rule grows, ends the
//! evaluation with an error instead of holding up a worker.

use super::RuleError;
use super::eval::{Machine, Outcome, Scope};
use super::node::{Node, Op, Over};
use super::value::Value;

/// `map`, `filter`, `reduce`, `all`, `none`, `some`: the body sees the item alone. What is no array is an empty one.
pub(crate) fn over<'a>(machine: &mut Machine<'a>, over: Over, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
    let list = match nodes.first() {
        Some(node) => machine.eval(node, scope)?,
        None => Value::Null,
    };
    let count = list.len().unwrap_or(0);
    let body = nodes.get(1);
    if over == Over::Reduce {
        return reduce(machine, &list, body, nodes.get(2), scope);
    }
    let mut kept = Vec::new();
    let mut held: usize = 0;
    for item in (0..count).filter_map(|index| list.item(index)) {
        machine.pay(1)?;
        let value = match body {
            Some(body) => machine.eval(body, &Scope::Datum(item.clone()))?,
            None => Value::Null,
        };
        match (over, value.truthy()) {
            (Over::Map, _) => kept.push(value),
            (Over::Filter, true) => kept.push(item),
            (Over::Filter, false) | (Over::Reduce, _) => {}
            (Over::All | Over::None | Over::Some, true) => held = held.saturating_add(1),
            (Over::All, false) => return Ok(Value::Bool(false)),
            (Over::None | Over::Some, false) => {}
        }
        if held > 0 && matches!(over, Over::None | Over::Some) {
            break;
        }
    }
    Ok(match over {
        Over::Map | Over::Filter | Over::Reduce => return machine.made(Value::list(kept)),
        Over::All => Value::Bool(count > 0),
        Over::None => Value::Bool(held == 0),
        Over::Some => Value::Bool(held > 0),
    })
}

fn reduce<'a>(
    machine: &mut Machine<'a>,
    list: &Value<'a>,
    body: Option<&'a Node>,
    first: Option<&'a Node>,
    scope: &Scope<'a>,
) -> Outcome<'a> {
    let mut accumulator = match first {
        Some(node) => machine.eval(node, scope)?,
        None => Value::Null,
    };
    for item in (0..list.len().unwrap_or(0)).filter_map(|index| list.item(index)) {
        machine.pay(1)?;
        let data = machine.made(Value::map(vec![("current", item), ("accumulator", accumulator)]))?;
        accumulator = match body {
            Some(body) => machine.eval(body, &Scope::Datum(data))?,
            None => Value::Null,
        };
    }
    Ok(accumulator)
}

/// `in` with both sides evaluated: an item of a list (`===`), or a part of a text.
pub(crate) fn contains<'a>(machine: &mut Machine<'a>, needle: &Value<'a>, list: &Value<'a>) -> Outcome<'a> {
    if let Value::Text(text) = list {
        machine.pay_text(text.len())?;
        machine.pay(needle.weight())?;
        return Ok(Value::Bool(!text.is_empty() && text.contains(&*needle.text())));
    }
    machine.pay(list.weight())?;
    Ok(Value::Bool(list.items().is_some_and(|mut items| items.any(|item| item.strictly_equals(needle)))))
}

/// `missing`, `missing_some` and `merge`.
pub(crate) fn apply<'a>(machine: &mut Machine<'a>, op: Op, arguments: &[Value<'a>], scope: &Scope<'a>) -> Outcome<'a> {
    match op {
        Op::MissingSome => missing_some(machine, arguments, scope),
        Op::Missing => match arguments.first() {
            Some(keys) if keys.len().is_some() => {
                let keys: Vec<_> = keys.items().into_iter().flatten().collect();
                missing(machine, &keys, scope).map(Value::list)
            }
            _ => missing(machine, arguments, scope).map(Value::list),
        },
        _ => merge(machine, arguments),
    }
}

/// Those keys under which the data has nothing, null or "".
fn missing<'a>(machine: &mut Machine<'a>, keys: &[Value<'a>], scope: &Scope<'a>) -> Result<Vec<Value<'a>>, RuleError> {
    let mut absent = Vec::new();
    for key in keys {
        machine.pay(1)?;
        let found = machine.look_up(key, scope)?;
        let empty = |value: &Value<'_>| matches!(value, Value::Null) || matches!(value, Value::Text(t) if t.is_empty());
        if found.is_none_or(|value| empty(&value)) {
            absent.push(key.clone());
        }
    }
    Ok(absent)
}

/// Nothing is missing when so many of the keys are there.
fn missing_some<'a>(machine: &mut Machine<'a>, arguments: &[Value<'a>], scope: &Scope<'a>) -> Outcome<'a> {
    let needed = arguments.first().map_or(f64::NAN, Value::number);
    let keys: Vec<_> = arguments.get(1).and_then(Value::items).into_iter().flatten().collect();
    let absent = missing(machine, &keys, scope)?;
    let there = u32::try_from(keys.len().saturating_sub(absent.len())).unwrap_or(u32::MAX);
    Ok(Value::list(if f64::from(there) >= needed { Vec::new() } else { absent }))
}

/// All items in one list, one level deep.
fn merge<'a>(machine: &mut Machine<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let mut merged = Vec::new();
    for argument in arguments {
        machine.pay(argument.len().unwrap_or(1))?;
        match argument.items() {
            Some(items) => merged.extend(items),
            None => merged.push(argument.clone()),
        }
    }
    machine.made(Value::list(merged))
}
