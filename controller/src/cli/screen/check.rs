//! A limit, and how the candidate stands to it.

use super::super::duration::spoken;
use super::{BOLD, GREEN, RED, Screen, YELLOW};
use crate::judge::words::count;
use crate::judge::{Check, CheckState};

impl Screen<'_> {
    pub(super) fn check(&self, check: &Check) -> String {
        let (word, colour) = match check.state {
            CheckState::Pass => ("pass", GREEN),
            CheckState::Fail => ("FAIL", RED),
            CheckState::Shared => ("both fail", YELLOW),
            CheckState::Unclear => ("unclear", YELLOW),
            CheckState::NotEnough => ("not enough", BOLD),
            CheckState::NoData => ("no data", BOLD),
        };
        let dry_run = if check.dry_run { " · dry run" } else { "" };
        let state = self.style.paint(colour, &format!("{word:<10}"));
        if check.is_custom() {
            return format!("{:<17} {state} {}{dry_run}", check.name, check.sentence);
        }
        let value = check.value.map_or_else(|| "-".to_owned(), |value| measure(check, value));
        let control = check.control.map_or_else(String::new, |value| format!(", control {}", measure(check, value)));
        let limit = match check.name.ends_with("-ratio") {
            true => format!("{} x control", check.limit),
            false => measure(check, check.limit),
        };
        let forecast = match (check.decides_in_ms, check.requests_missing) {
            (Some(ms), Some(missing)) if missing > 0 => {
                format!(" · decides in about {}, or {} requests", spoken(ms), count(missing))
            }
            (Some(ms), _) if ms > 0 => format!(" · decides in about {}", spoken(ms)),
            (None, Some(missing)) if missing > 0 => format!(" · decides in {} requests", count(missing)),
            _ => String::new(),
        };
        format!(
            "{:<17} {state} {value}{control}, limit {limit} · {} of {} requests · evidence {} {}{forecast}{dry_run}",
            check.name,
            check.requests,
            check.requests_needed,
            bar(check.evidence, check.evidence_limit),
            check.odds
        )
    }
}

fn measure(check: &Check, value: f64) -> String {
    match check.metric.as_str() {
        "latency" => format!("{:.1} ms", value / 1_000.0),
        _ => format!("{:.2} %", value * 100.0),
    }
}

/// Ten places from no evidence to enough for a rollback.
fn bar(evidence: f64, limit: f64) -> String {
    let part = if limit > 0.0 { (evidence / limit).clamp(0.0, 1.0) } else { 0.0 };
    let full = (0..10).filter(|place| f64::from(*place) + 0.5 < part * 10.0).count();
    format!("[{}{}]", "#".repeat(full), ".".repeat(10 - full))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_bar_is_full_when_a_rollback_has_its_evidence() {
        for (evidence, bar_text) in
            [(-3.0, "[..........]"), (2.3, "[#####.....]"), (4.6, "[##########]"), (99.0, "[##########]")]
        {
            assert_eq!(bar(evidence, 4.6), bar_text);
        }
        assert_eq!(bar(1.0, 0.0), "[..........]");
    }
}
