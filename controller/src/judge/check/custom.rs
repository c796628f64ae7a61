//! What others answer: a query's value, or a webhook's word.

use super::super::custom::{Answers, Custom, Keep, Last, Source, Standing};
use super::super::ruling::{Check, CheckState};
use super::super::words::{apart, number, quoted, significant, time};
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
    let (value, control) = (last.candidate.unwrap_or(f64::NAN), last.control.unwrap_or(f64::NAN));
    let most = match limit.keep {
        Keep::Max(bound) | Keep::Min(bound) => bound,
        Keep::Ratio(ratio) => ratio * control,
        Keep::Difference(more) => control + more,
        Keep::Yes => f64::NAN,
    };
    let say = apart(value, most);
    let words = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), &say);
    let (value, control) = (words(last.candidate), words(last.control));
    let beside = last.control.map_or_else(String::new, |_| format!(" ({control} in control)"));
    match limit.keep {
        Keep::Max(max) => format!("{value} against a limit of {}{beside}", say(max)),
        Keep::Min(min) => format!("{value} against at least {}{beside}", say(min)),
        Keep::Ratio(ratio) => format!("{value} against {control} in control ({} times tolerated)", significant(ratio)),
        Keep::Difference(more) => format!("{value} against {control} in control ({} more tolerated)", number(more)),
        Keep::Yes if last.standing == Standing::Kept => format!("says yes{}", reason(&last.why)),
        Keep::Yes => format!("says no{}", reason(&last.why)),
    }
}

/// A webhook's words, or a history's.
fn reason(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({})", quoted(why)) }
}

/// The first check that decides and of which nothing is known, in words.
pub(in super::super) fn unanswered<'a>(mut checks: impl Iterator<Item = &'a Check>) -> Option<&'a Check> {
    checks.find(|check| check.is_custom() && check.state == CheckState::NoData)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(keep: Keep, candidate: f64, control: f64, why: &str) -> String {
        let source = Source::Query("q".to_owned());
        let limit = Custom { name: "q".to_owned(), source, keep, every_ms: 1_000, failures: 3 };
        let (candidate, control) = (Some(candidate), Some(control));
        against(&limit, &Last { age_ms: 0, candidate, control, standing: Standing::Beyond, why: why.to_owned() })
    }

    #[test]
    fn an_answer_beyond_its_limit_does_not_read_as_the_limit() {
        assert_eq!(told(Keep::Max(5.0), 5.0001, 4.9, ""), "5.0001 against a limit of 5 (4.9 in control)");
        assert_eq!(told(Keep::Max(5.0), 6.0, 4.9, ""), "6 against a limit of 5 (4.9 in control)");
        assert_eq!(told(Keep::Min(0.995), 0.99499, 1.0, ""), "0.99499 against at least 0.995 (1 in control)");
        assert_eq!(told(Keep::Ratio(2.0), 5.0001, 2.5, ""), "5.0001 against 2.5 in control (2 times tolerated)");
        assert_eq!(told(Keep::Difference(0.5), 3.0001, 2.5, ""), "3.0001 against 2.5 in control (0.5 more tolerated)");
    }

    #[test]
    fn what_a_webhook_adds_is_shown_without_what_a_terminal_would_act_on() {
        assert_eq!(told(Keep::Yes, 0.0, 0.0, "x\n\u{1b}[31mred"), "says no (x\\n\\u{1b}[31mred)");
        assert!(told(Keep::Yes, 0.0, 0.0, &"y".repeat(900)).len() < 220);
    }
}
