//! The status as one screen. Pure: a [`Status`] in, text out. Colour only underlines what words and signs say already.
//!
//! This file is the whole and its head; `rollout` is one rollout, with a line for each limit (`check`) and for what is looked at beside
//! them (`remarks`); `proxy` is one proxy.

mod check;
mod proxy;
mod remarks;
mod rollout;

use super::duration::spoken;
use crate::report::{Status, Transition};

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// With ANSI colours.
    pub(super) colour: bool,
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD: &str = "1";

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The whole screen.
pub(super) fn draw(status: &Status, style: Style) -> String {
    let screen = Screen { status, style };
    let mut lines = screen.head();
    for rollout in &status.rollouts {
        lines.push(String::new());
        lines.extend(screen.rollout(rollout));
    }
    if !status.proxies.is_empty() {
        lines.push(String::new());
        lines.push("proxies".to_owned());
        lines.extend(status.proxies.iter().map(|proxy| screen.proxy(proxy)));
    }
    lines.join("\n") + "\n"
}

struct Screen<'a> {
    status: &'a Status,
    style: Style,
}

impl Screen<'_> {
    fn head(&self) -> Vec<String> {
        let status = self.status;
        let document = status.document.as_ref().map_or_else(
            || "no document".to_owned(),
            |d| format!("document {} ({} flags)", d.hash.get(..8).unwrap_or(&d.hash), d.flags),
        );
        let up = spoken(status.at_ms.saturating_sub(status.started_at_ms));
        let mut lines = vec![
            format!("weir {} · up {up} · generation {} · {document}", status.version, status.generation),
            self.style.paint(if status.kill { RED } else { BOLD }, &status.sentence),
        ];
        if !status.killed_flags.is_empty() {
            lines
                .push(self.style.paint(RED, &format!("killed, without a rollout: {}", status.killed_flags.join(", "))));
        }
        for alarm in &status.alarms {
            let text = format!("ALARM ({}, since {}): {}", alarm.kind, self.ago(alarm.since_ms), alarm.sentence);
            lines.push(self.style.paint(RED, &text));
        }
        if let Some(last) = &status.last {
            lines.push(format!("last       {}", self.transition(last)));
        }
        lines
    }

    fn transition(&self, transition: &Transition) -> String {
        let mut text = format!("{} ago: {}", self.ago(transition.decided_at_ms), transition.sentence);
        let Some(published) = transition.published_at_ms else { return text };
        let mut steps = Vec::new();
        if let Some(detected) = transition.detected_at_ms {
            let decided = transition.decided_at_ms.saturating_sub(detected);
            steps.push(format!("decided {} after detection", spoken(decided)));
        }
        steps.push(format!("published +{}", spoken(published.saturating_sub(transition.decided_at_ms))));
        steps.push(match transition.applied_at_ms {
            Some(applied) => format!("applied by all +{}", spoken(applied.saturating_sub(published))),
            None if transition.waiting.is_empty() => "no proxy is connected".to_owned(),
            None => format!("NOT applied yet by {}", transition.waiting.join(", ")),
        });
        text.push_str(&format!(" ({})", steps.join(", ")));
        text
    }

    fn ago(&self, at_ms: u64) -> String {
        spoken(self.status.at_ms.saturating_sub(at_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Check, CheckState, Numbers, Ruling, Verdict, Why};
    use crate::publish::Mark;
    use crate::report::{Alarm, DocumentStatus, ProxyStatus, ProxyWeight, RolloutStatus, StageStatus};

    fn running() -> RolloutStatus {
        let stage = |weight_ppm| StageStatus { weight_ppm, lasts_ms: 600_000 };
        let check = Check {
            name: "errors-max".to_owned(),
            metric: "errors".to_owned(),
            value: Some(0.0042),
            interval: None,
            control: Some(0.004),
            limit: 0.01,
            evidence: 1.2,
            evidence_limit: 4.6,
            odds: "3.3 : 1".to_owned(),
            state: CheckState::Pass,
            sentence: String::new(),
            requests: 480,
            requests_needed: 300,
            control_missing: 0,
            errors: 2,
            cells: 2,
            dry_run: false,
            weight: 1.0,
            requests_missing: None,
            decides_in_ms: None,
        };
        let slow = Check {
            name: "latency-p95-ratio".to_owned(),
            metric: "latency".to_owned(),
            value: Some(212_000.0),
            control: Some(201_000.0),
            limit: 1.5,
            state: CheckState::NotEnough,
            requests_missing: Some(4_200),
            decides_in_ms: Some(90_000),
            dry_run: true,
            ..check.clone()
        };
        let asked = Check {
            name: "gpu-oom/max".to_owned(),
            metric: "query".to_owned(),
            sentence: "gpu-oom 0.031 against a limit of 0.02 (0.004 in control), 2 of 3 in a row".to_owned(),
            state: CheckState::Unclear,
            ..Check::default()
        };
        RolloutStatus {
            flag: "checkout".to_owned(),
            attempt: 2,
            phase: "running".to_owned(),
            stage: Some(1),
            stages: vec![stage(50_000), stage(250_000), stage(1_000_000)],
            control: "stable".to_owned(),
            candidate: "next".to_owned(),
            weight_ppm: 250_000,
            since_ms: 58_000,
            ruling: Some(Ruling {
                verdict: Verdict::Hold,
                why: Why::StageTime,
                sentence: "checkout: the stage lasts 10 min".to_owned(),
                asks: false,
                decides_in_ms: Some(90_000),
                remarks: Vec::new(),
                scope: None,
                checks: vec![check, slow, asked],
                score: Some(100.0),
                numbers: Numbers { observed_ms: 42_000, ..Numbers::default() },
                transition: None,
            }),
            proxies: vec![
                ProxyWeight { proxy: "a".to_owned(), acked_ppm: Some(250_000), applied_ppm: Some(250_000) },
                ProxyWeight { proxy: "b".to_owned(), acked_ppm: Some(250_000), applied_ppm: Some(50_000) },
            ],
            ..RolloutStatus::default()
        }
    }

    fn status() -> Status {
        let mark = |generation| Some(Mark { generation, at_ms: 1 });
        let seen = ProxyStatus {
            name: "a".to_owned(),
            admin: Some("http://a".to_owned()),
            seen: true,
            uptime_s: Some(77),
            connected: true,
            wanted: mark(7),
            acked: mark(7),
            applied: mark(6),
            ..ProxyStatus::default()
        };
        let gone = ProxyStatus {
            name: "http://b".to_owned(),
            admin: Some("http://b".to_owned()),
            missing_since_ms: Some(60_000),
            error: Some("connection refused".to_owned()),
            wanted: mark(7),
            ..ProxyStatus::default()
        };
        Status {
            version: "0.1.0".to_owned(),
            at_ms: 100_000,
            generation: 7,
            sentence: "1 of 1 rollouts under way".to_owned(),
            document: Some(DocumentStatus { hash: "abcdef0123456789".to_owned(), flags: 3, rollouts: 1 }),
            rollouts: vec![running()],
            proxies: vec![seen, gone],
            alarms: vec![Alarm { kind: "refused".to_owned(), since_ms: 99_000, sentence: "a refused it".to_owned() }],
            ..Status::default()
        }
    }

    #[test]
    fn one_screen_shows_where_everything_stands_without_colour() {
        let text = draw(&status(), Style { colour: false });
        let expected = "\
weir 0.1.0 · up 100 s · generation 7 · document abcdef01 (3 flags)
1 of 1 rollouts under way
ALARM (refused, since 1 s): a refused it

▶ checkout · attempt 2 · running, stage 2 of 3 for 42 s · stable -> next
  stages   ✔ 5%  [▶ 25% 42 s of 10 min]  · 100%
  weight   wanted 25% · applied: a 25%, b 5% (acknowledged 25%)
  verdict  hold: checkout: the stage lasts 10 min · decides in ~90 s
  errors-max        pass       0.42 %, control 0.40 %, limit 1.00 % · 480 of 300 requests · evidence [###.......] 3.3 : 1
  latency-p95-ratio not enough 212.0 ms, control 201.0 ms, limit 1.5 x control · 480 of 300 requests · evidence [###.......] 3.3 : 1 · decides in about 90 s, or 4,200 requests · dry run
  gpu-oom/max       unclear    gpu-oom 0.031 against a limit of 0.02 (0.004 in control), 2 of 3 in a row
  score    100 of 100, by weight of the checks that pass

proxies
  ✔ a · seen, up 77 s · connected · generation wanted 7, acknowledged 7, applied 6
  ✖ http://b · MISSING for 40 s: connection refused · not connected · generation wanted 7, acknowledged -, applied -
";
        assert_eq!(text, expected);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let text = draw(&status(), Style { colour: true });
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            plain.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        plain.push_str(rest);
        assert_ne!(plain, text);
        assert_eq!(plain, draw(&status(), Style { colour: false }));
    }

    #[test]
    fn a_decision_tells_its_way_to_the_proxies() {
        let screen = Screen { status: &status(), style: Style { colour: false } };
        let mut transition = Transition {
            sentence: "rolled back".to_owned(),
            detected_at_ms: Some(89_990),
            decided_at_ms: 90_000,
            published_at_ms: Some(90_004),
            applied_at_ms: Some(90_065),
            ..Transition::default()
        };
        assert_eq!(
            screen.transition(&transition),
            "10 s ago: rolled back (decided 10 ms after detection, published +4 ms, applied by all +61 ms)"
        );
        transition.applied_at_ms = None;
        transition.waiting = vec!["b".to_owned()];
        assert!(screen.transition(&transition).ends_with("NOT applied yet by b)"));
    }
}
