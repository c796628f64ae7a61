//! What others answer: a query's value, or a webhook's word.

use super::super::custom::{Answers, Custom, Keep, Last, Source, Standing};
use super::super::ruling::{Check, CheckState};
use super::super::words::{number, significant, time};
use super::Case;

pub(super) fn check(case: Case<'_>, limit: &Custom, answers: &Answers) -> Check {
    let last = answers.fresh(limit);
    let mut check = Check {
        name: case.limit.name(),
        metric: match limit.source {
            Source::Query(_) => "query".to_owned(),
            Source::Webhook(_) => "webhook".to_owned(),
        },
        value: last.and_then(|last| last.candidate),
        control: last.and_then(|last| last.control),
        limit: match limit.keep {
            Keep::Max(value) | Keep::Min(value) | Keep::Ratio(value) | Keep::Difference(value) => value,
            Keep::Yes => 0.0,
        },
        odds: "-".to_owned(),
        state: answers.state(limit),
        errors: u64::from(answers.row()),
        dry_run: case.limit.dry_run,
        weight: case.limit.weight,
        ..Check::default()
    };
    check.sentence = sentence(limit, answers);
    check
}

fn sentence(limit: &Custom, answers: &Answers) -> String {
    let name = &limit.name;
    let Some(last) = answers.fresh(limit) else {
        return match answers.last() {
            Some(last) => format!("{name}: the last answer is {} old", time(last.age_ms)),
            None => format!("{name}: no answer yet"),
        };
    };
    if last.standing == Standing::Unknown {
        return format!("{name}: unknown{}", reason(&last.why));
    }
    let tail = match answers.row() {
        0 => String::new(),
        row => format!(", {row} of {} in a row", limit.failures),
    };
    format!("{name} {}{tail}", against(limit, last))
}

fn against(limit: &Custom, last: &Last) -> String {
    let words = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), number);
    let (value, control) = (words(last.candidate), words(last.control));
    let beside = last.control.map_or_else(String::new, |_| format!(" ({control} in control)"));
    match limit.keep {
        Keep::Max(max) => format!("{value} against a limit of {}{beside}", number(max)),
        Keep::Min(min) => format!("{value} against at least {}{beside}", number(min)),
        Keep::Ratio(ratio) => format!("{value} against {control} in control ({} times tolerated)", significant(ratio)),
        Keep::Difference(more) => format!("{value} against {control} in control ({} more tolerated)", number(more)),
        Keep::Yes if last.standing == Standing::Kept => format!("says yes{}", reason(&last.why)),
        Keep::Yes => format!("says no{}", reason(&last.why)),
    }
}

fn reason(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// The first check that decides and of which nothing is known, in words.
pub(in super::super) fn unanswered<'a>(mut checks: impl Iterator<Item = &'a Check>) -> Option<&'a Check> {
    checks.find(|check| check.is_custom() && check.state == CheckState::NoData)
}
