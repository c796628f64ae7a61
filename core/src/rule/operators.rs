//! Operators over their evaluated arguments: arithmetic, texts, versions. Coercions are JavaScript's, as JSONLogic has them; flagd's own operators give
//! null for whatever they can't take.

use super::eval::{Machine, Outcome};
use super::node::Op;
use super::number::Digits;
use super::semver::{Operator, Version};
use super::value::{Text, Value};

/// Applies an operator that needs neither context nor scope.
pub(crate) fn apply<'a>(machine: &mut Machine<'_, 'a>, op: Op, arguments: &[Value<'a>]) -> Outcome<'a> {
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

fn cat<'a>(machine: &mut Machine<'_, 'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let mut text = String::new();
    for argument in arguments {
        let part = argument.part();
        machine.pay_text(part.len())?;
        text.push_str(&part);
    }
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
    Value::Text(match text {
        Text::Borrowed(text) => Text::Borrowed(piece(text, start, take)),
        Text::Made(text) => piece(&text, start, take).into(),
    })
}

/// So many characters from that one on.
fn piece(text: &str, start: usize, take: usize) -> &str {
    let rest = text.char_indices().nth(start).and_then(|(at, _)| text.get(at..)).unwrap_or_default();
    let end = rest.char_indices().nth(take).map_or(rest.len(), |(at, _)| at);
    rest.get(..end).unwrap_or_default()
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

fn sem_ver<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let [version, Value::Text(operator), target] = arguments else { return Value::Null };
    let mut digits = Digits::default();
    let wanted = Operator::parse(operator).zip(Version::of(target, &mut digits));
    sem_ver_known(version, wanted.as_ref()).into()
}

/// `sem_ver` with its operator and target read already; null if anything is malformed.
pub(crate) fn sem_ver_known(version: &Value<'_>, wanted: Option<&(Operator, Version<'_>)>) -> Option<bool> {
    let (operator, target) = wanted?;
    Some(operator.holds(&Version::of(version, &mut Digits::default())?, target))
}
