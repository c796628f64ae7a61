//! Operators over their evaluated arguments: arithmetic, texts, versions. Coercions are JavaScript's, as JSONLogic has them; flagd's own operators give
//! null for whatever they can't take.

use super::eval::{Machine, Outcome};
use super::node::Op;
use super::semver::{Operator, Version};
use super::value::{Text, Value};

/// Applies an operator that needs neither context nor scope.
pub(crate) fn apply<'a>(machine: &mut Machine<'a>, op: Op, arguments: &[Value<'a>]) -> Outcome<'a> {
    machine.pay(arguments.iter().fold(0, |sum, argument| sum.saturating_add(argument.weight())))?;
    let number = |index: usize| arguments.get(index).map_or(f64::NAN, Value::number);
    Ok(match op {
        Op::Add => Value::Number(arguments.iter().map(Value::parse_float).fold(0.0, |sum, n| sum + n)),
        Op::Multiply => multiply(arguments),
        Op::Subtract if arguments.len() == 1 => Value::Number(-number(0)),
        Op::Subtract => Value::Number(number(0) - number(1)),
        Op::Divide => Value::Number(number(0) / number(1)),
        Op::Remainder => Value::Number(number(0) % number(1)),
        Op::Min => Value::Number(extreme(arguments, f64::INFINITY, |a, b| a < b)),
        Op::Max => Value::Number(extreme(arguments, f64::NEG_INFINITY, |a, b| a > b)),
        Op::Cat => return cat(machine, arguments),
        Op::Substr => substr(arguments),
        Op::SemVer => sem_ver(arguments),
        Op::StartsWith | Op::EndsWith | Op::In => Value::Null,
        Op::Missing | Op::MissingSome | Op::Merge | Op::Fractional => Value::Null,
    })
}

/// A single factor is what it is.
fn multiply<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    match arguments {
        [] => Value::Number(f64::NAN),
        [single] => single.clone(),
        _ => Value::Number(arguments.iter().map(Value::parse_float).fold(1.0, |product, n| product * n)),
    }
}

/// As `Math.min` and `Math.max`: one that is not a number makes the result none.
fn extreme(arguments: &[Value<'_>], start: f64, better: fn(f64, f64) -> bool) -> f64 {
    arguments.iter().map(Value::number).fold(start, |best, n| if n.is_nan() || better(n, best) { n } else { best })
}

fn cat<'a>(machine: &mut Machine<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let parts: Vec<Text<'a>> = arguments.iter().map(Value::part).collect();
    let length = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
    machine.pay_text(length)?;
    let mut text = String::with_capacity(length);
    parts.iter().for_each(|part| text.push_str(part));
    Ok(Value::Text(text.into()))
}

/// From `start` (from the end if below 0) so many characters, or up to so many before the end if below 0. Characters are code points.
pub(super) fn substr<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let text = arguments.first().map_or(Text::Borrowed("null"), Value::text);
    let count = text.chars().count();
    let start = arguments.get(1).map_or(0.0, Value::number);
    let start = position(start, count);
    let rest = count.saturating_sub(start);
    let take = match arguments.get(2).map(Value::number) {
        None => rest,
        Some(length) if length < 0.0 => rest.saturating_sub(whole(-length)),
        Some(length) => whole(length).min(rest),
    };
    Value::Text(text.chars().skip(start).take(take).collect::<String>().into())
}

fn position(start: f64, count: usize) -> usize {
    if start < 0.0 { count.saturating_sub(whole(-start)) } else { whole(start).min(count) }
}

/// The whole part of a number that is not negative; what is no number is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a double saturates, which is what is wanted"
)]
fn whole(number: f64) -> usize {
    number as usize
}

/// `starts_with` and `ends_with`: of two texts, else null.
pub(crate) fn affix<'a>(op: Op, text: &Value<'a>, part: &Value<'a>) -> Value<'a> {
    match (text, part) {
        (Value::Text(text), Value::Text(part)) if op == Op::StartsWith => Value::Bool(text.starts_with(&**part)),
        (Value::Text(text), Value::Text(part)) => Value::Bool(text.ends_with(&**part)),
        _ => Value::Null,
    }
}

fn sem_ver<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let [version, Value::Text(operator), target] = arguments else { return Value::Null };
    let known = Operator::parse(operator).zip(Version::of(target));
    sem_ver_known(version, known.as_ref())
}

/// `sem_ver` with its operator and target read already.
pub(crate) fn sem_ver_known<'a>(version: &Value<'a>, known: Option<&(Operator, Version)>) -> Value<'a> {
    match (Version::of(version), known) {
        (Some(version), Some((operator, target))) => Value::Bool(operator.holds(&version, target)),
        _ => Value::Null,
    }
}
