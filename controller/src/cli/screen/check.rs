//! A limit, and how the candidate stands to it.

use super::{BOLD, GREEN, RED, Screen, YELLOW};
use crate::judge::words::{apart, count, number, time};
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
        let ratio = check.name.ends_with("-ratio");
        let value = match check.value {
            None => "-".to_owned(),
            Some(value) if !ratio && measure(check, value) == measure(check, check.limit) => {
                let (scale, unit) = scale(check);
                format!("{} {unit}", apart(value * scale, check.limit * scale)(value * scale))
            }
            Some(value) => measure(check, value),
        };
        let control = check.control.map_or_else(String::new, |value| format!(", control {}", measure(check, value)));
        let limit = match ratio {
            true => format!("{} x control", check.limit),
            false => measure(check, check.limit),
        };
        let forecast = match (check.decides_in_ms, check.requests_missing) {
            (Some(ms), Some(missing)) if missing > 0 => {
                format!(" · decides in about {}, or {} requests", time(ms), count(missing))
            }
            (Some(ms), _) if ms > 0 => format!(" · decides in about {}", time(ms)),
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
    let (scale, unit) = scale(check);
    match value * scale {
        // Only 0 reads as 0.
        small if small != 0.0 && small.abs() < 0.1 => format!("{} {unit}", number(small)),
        value if unit == "ms" => format!("{value:.1} ms"),
        value => format!("{value:.2} {unit}"),
    }
}

fn scale(check: &Check) -> (f64, &'static str) {
    match check.metric.as_str() {
        "latency" => (1e-3, "ms"),
        _ => (100.0, "%"),
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
    use super::{bar, measure};
    use crate::cli::screen::{Screen, Style};
    use crate::judge::Check;
    use crate::report::Status;

    #[test]
    fn only_0_reads_as_0_and_what_is_beyond_a_limit_does_not_read_as_the_limit() {
        let check = |metric: &str, value: f64, limit: f64| Check {
            name: format!("{metric}-max"),
            metric: metric.to_owned(),
            value: Some(value),
            limit,
            decides_in_ms: Some(1_001),
            ..Check::default()
        };
        let rate = check("errors", 0.000_003, 0.05);
        assert_eq!([0.0, 0.000_003, 0.011].map(|n| measure(&rate, n)), ["0.00 %", "3e-4 %", "1.10 %"]);
        let slow = check("latency", 212_340.0, 300_000.0);
        assert_eq!([0.0, 30.0, 212_340.0].map(|n| measure(&slow, n)), ["0.0 ms", "0.03 ms", "212.3 ms"]);
        let status = Status::default();
        let screen = Screen { status: &status, style: Style { colour: false } };
        let text = screen.check(&check("errors", 0.050_001, 0.05));
        assert!(text.contains(" 5.0001 %, limit 5.00 %"), "{text}");
        assert!(text.contains("decides in about 2 s"), "{text}");
    }

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
