//! Operators that make lists or walk them. Whatever they touch is paid for, so that a big array in a context, or one that a rule grows, ends the
//! evaluation with an error instead of holding up a worker.

use super::condition::Truth;
use super::eval::{Machine, Outcome, Scope, Stop};
use super::node::{Node, Op, Over};
use super::value::Value;

/// `map`, `filter`, `reduce`, `all`, `none`, `some`: the body sees the item alone. What is no array is an empty one.
pub(crate) fn over<'a>(machine: &mut Machine<'_, 'a>, over: Over, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
    let list = match nodes.first() {
        Some(node) => machine.eval(node, scope)?,
        None => Value::Null,
    };
    let count = list.len().unwrap_or(0);
    let body = nodes.get(1);
    if over == Over::Reduce {
        return reduce(machine, &list, body, nodes.get(2), scope);
    }
    match over {
        Over::Map | Over::Filter | Over::Reduce => collect(machine, &list, body, over),
        Over::All => Ok(Value::Bool(count > 0 && !any(machine, &list, body, false)?)),
        Over::None => Ok(Value::Bool(!any(machine, &list, body, true)?)),
        Over::Some => any(machine, &list, body, true).map(Value::Bool),
    }
}

/// Whether the body is of that truth for an item.
fn any<'a>(machine: &mut Machine<'_, 'a>, list: &Value<'a>, body: Option<&'a Node>, truth: bool) -> Truth {
    for item in (0..list.len().unwrap_or(0)).filter_map(|index| list.item(index)) {
        machine.pay(1)?;
        let holds = match body {
            Some(body) => machine.holds(body, &Scope::Datum(item))?,
            None => false,
        };
        if holds == truth {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What `map` makes of the items, or those that `filter` keeps.
fn collect<'a>(machine: &mut Machine<'_, 'a>, list: &Value<'a>, body: Option<&'a Node>, over: Over) -> Outcome<'a> {
    let mut kept = Vec::new();
    for item in (0..list.len().unwrap_or(0)).filter_map(|index| list.item(index)) {
        machine.pay(1)?;
        let value = match body {
            Some(body) => machine.eval(body, &Scope::Datum(item.clone()))?,
            None => Value::Null,
        };
        match over {
            Over::Map => kept.push(value),
            _ if value.truthy() => kept.push(item),
            _ => {}
        }
    }
    machine.made(Value::list(kept))
}

fn reduce<'a>(
    machine: &mut Machine<'_, 'a>,
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
pub(crate) fn contains<'a>(machine: &mut Machine<'_, 'a>, needle: &Value<'a>, list: &Value<'a>) -> Truth {
    if let Value::Text(text) = list {
        machine.pay_text(text.len())?;
        machine.pay_operator(needle.weight())?;
        return Ok(!text.is_empty() && text.contains(&*needle.text()));
    }
    machine.pay_operator(list.weight())?;
    Ok(list.items().is_some_and(|mut items| items.any(|item| item.strictly_equals(needle))))
}

/// `missing`, `missing_some` and `merge`.
pub(crate) fn apply<'a>(
    machine: &mut Machine<'_, 'a>,
    op: Op,
    arguments: &[Value<'a>],
    scope: &Scope<'a>,
) -> Outcome<'a> {
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
fn missing<'a>(machine: &mut Machine<'_, 'a>, keys: &[Value<'a>], scope: &Scope<'a>) -> Result<Vec<Value<'a>>, Stop> {
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
fn missing_some<'a>(machine: &mut Machine<'_, 'a>, arguments: &[Value<'a>], scope: &Scope<'a>) -> Outcome<'a> {
    let needed = arguments.first().map_or(f64::NAN, Value::number);
    let keys: Vec<_> = arguments.get(1).and_then(Value::items).into_iter().flatten().collect();
    let absent = missing(machine, &keys, scope)?;
    let there = u32::try_from(keys.len().saturating_sub(absent.len())).unwrap_or(u32::MAX);
    Ok(Value::list(if f64::from(there) >= needed { Vec::new() } else { absent }))
}

/// All items in one list, one level deep.
fn merge<'a>(machine: &mut Machine<'_, 'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
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
