//! What is looked at beside the limits: drift, goals and scores, and each segment in a line, with more of it where something is to be said.

use super::{BOLD, GREEN, RED, Screen, YELLOW};
use crate::judge::Ruling;
use crate::judge::analysis::{Remark, RemarkState, Scope};

/// How a state reads, and its colour.
const fn word(state: RemarkState) -> (&'static str, &'static str) {
    match state {
        RemarkState::Pass => ("pass", GREEN),
        RemarkState::Fail => ("FAIL", RED),
        RemarkState::Better => ("better", GREEN),
        RemarkState::Worse => ("WORSE", RED),
        RemarkState::Tie => ("tie", GREEN),
        RemarkState::Inconclusive => ("unclear", YELLOW),
        RemarkState::NotEnough => ("not enough", BOLD),
        RemarkState::NoData => ("no data", BOLD),
    }
}

/// In a segment only what is not as it should be is told by itself.
const fn is_quiet(state: RemarkState) -> bool {
    match state {
        RemarkState::Pass | RemarkState::Tie | RemarkState::NotEnough | RemarkState::NoData => true,
        RemarkState::Fail | RemarkState::Better | RemarkState::Worse | RemarkState::Inconclusive => false,
    }
}

impl Screen<'_> {
    pub(super) fn remarks(&self, ruling: &Ruling) -> Vec<String> {
        // What sums the segments up is told by their own lines, and by the scope.
        let whole = ruling.remarks.iter().filter(|remark| remark.segment.is_none() && remark.name != "segments");
        let mut lines: Vec<String> = whole.map(|remark| self.remark(remark)).collect();
        let mut segments: Vec<&str> = ruling.remarks.iter().filter_map(|remark| remark.segment.as_deref()).collect();
        segments.sort_unstable();
        segments.dedup();
        for segment in segments {
            let of: Vec<&Remark> =
                ruling.remarks.iter().filter(|remark| remark.segment.as_deref() == Some(segment)).collect();
            lines.push(format!("  {:<17} {}", format!("segment {segment}"), tally(&of)));
            lines.extend(of.iter().filter(|remark| !is_quiet(remark.state)).map(|remark| self.remark(remark)));
        }
        lines.extend(ruling.scope.as_ref().map(|scope| format!("  scope    {}", reach(scope))));
        lines
    }

    fn remark(&self, remark: &Remark) -> String {
        let (word, colour) = word(remark.state);
        let (label, name) = match &remark.segment {
            Some(segment) => {
                let label = format!("segment {segment}");
                let name = remark.name.strip_prefix(&label).unwrap_or(&remark.name);
                (label.clone(), format!("-{name}"))
            }
            None => (remark.name.clone(), remark.name.clone()),
        };
        let told = |label: &str| remark.sentence.strip_prefix(label).and_then(|rest| rest.strip_prefix(": "));
        let text = told(&remark.name).or_else(|| told(&label)).unwrap_or(&remark.sentence);
        format!("  {name:<17} {} {text}", self.style.paint(colour, &format!("{word:<10}")))
    }
}

/// How many of a segment's limits and goals stand how, the worst first.
fn tally(remarks: &[&Remark]) -> String {
    let order = [
        RemarkState::Worse,
        RemarkState::Fail,
        RemarkState::Inconclusive,
        RemarkState::NoData,
        RemarkState::NotEnough,
        RemarkState::Tie,
        RemarkState::Better,
        RemarkState::Pass,
    ];
    let counted = order.iter().filter_map(|state| {
        let count = remarks.iter().filter(|remark| remark.state == *state).count();
        (count > 0).then(|| format!("{count} {}", word(*state).0))
    });
    counted.collect::<Vec<_>>().join(" · ")
}

/// For whom it could go on.
fn reach(scope: &Scope) -> String {
    let parts = [("could go on for", &scope.good), ("held for", &scope.held), ("not clear yet for", &scope.unknown)];
    let told = parts.iter().filter(|(_, names)| !names.is_empty());
    told.map(|(what, names)| format!("{what} {}", names.join(", "))).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::screen::Style;
    use crate::judge::{Verdict, Why};
    use crate::report::Status;

    fn remark(name: &str, segment: Option<&str>, state: RemarkState, sentence: &str) -> Remark {
        Remark {
            name: name.to_owned(),
            segment: segment.map(str::to_owned),
            state,
            value: None,
            interval: None,
            limit: 0.0,
            seen: 0,
            needed: 0,
            sentence: sentence.to_owned(),
            blocks: None,
            alarm: false,
        }
    }

    #[test]
    fn what_is_beside_the_limits_is_one_line_each_and_segments_are_summed_up() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let ruling = Ruling {
            remarks: vec![
                remark("drift latency", None, RemarkState::Fail, "drift latency: distance 0.41 of the last 10 min"),
                remark("segments", None, RemarkState::Fail, "worse for mobile: errors"),
                remark("segment beta errors-ratio", Some("beta"), RemarkState::Pass, "segment beta: errors 1 %"),
                remark("segment beta latency-p95", Some("beta"), RemarkState::NotEnough, "segment beta: p95"),
                remark("segment mobile errors-ratio", Some("mobile"), RemarkState::Worse, "segment mobile: errors 9 %"),
                remark("segment mobile buy", Some("mobile"), RemarkState::Better, "segment mobile buy: better: 0.2"),
                remark("goal buy", None, RemarkState::NotEnough, "goal buy: no verdict on 50 of 3,100"),
            ],
            scope: Some(Scope { good: names(&["beta"]), held: names(&["mobile"]), unknown: Vec::new() }),
            ..Ruling::new(Verdict::Hold, Why::Segments, String::new())
        };
        let status = Status::default();
        let lines = Screen { status: &status, style: Style { colour: false } }.remarks(&ruling);
        let expected = [
            "  drift latency     FAIL       distance 0.41 of the last 10 min",
            "  goal buy          not enough no verdict on 50 of 3,100",
            "  segment beta      1 not enough · 1 pass",
            "  segment mobile    1 WORSE · 1 better",
            "  - errors-ratio    WORSE      errors 9 %",
            "  - buy             better     better: 0.2",
            "  scope    could go on for beta · held for mobile",
        ];
        assert_eq!(lines, expected);
    }
}
