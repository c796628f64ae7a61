//! The status as one screen. Pure: a [`Status`] in, text out. Colour only underlines what words and signs say already.

use weir_core::share::Share;

use super::duration::spoken;
use crate::judge::words::count;
use crate::judge::{Check, CheckState, Ruling, Verdict};
use crate::report::{ProxyStatus, RolloutStatus, Status, Transition};

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

    fn rollout(&self, rollout: &RolloutStatus) -> Vec<String> {
        let mut lines = vec![self.headline(rollout), format!("  stages   {}", self.ladder(rollout))];
        lines.push(format!("  weight   {}", weights(rollout)));
        if let Some(ruling) = &rollout.ruling {
            lines.push(format!("  verdict  {}", self.verdict(ruling)));
            lines.extend(ruling.checks.iter().map(|check| format!("  {}", self.check(check))));
            lines.extend(ruling.remarks.iter().map(|remark| format!("  {}", remark.sentence)));
            let score =
                ruling.score.map(|score| format!("  score    {score:.0} of 100, by weight of the checks that pass"));
            lines.extend(score);
        }
        if let Some(last) = &rollout.last {
            lines.push(format!("  last     {}", self.transition(last)));
        }
        lines
    }

    fn headline(&self, rollout: &RolloutStatus) -> String {
        let (sign, colour, words) = match (rollout.killed, rollout.phase.as_str()) {
            (true, _) => ("✖", RED, "KILLED".to_owned()),
            (_, "idle") => ("○", BOLD, "not started".to_owned()),
            (_, "baseline") => ("◔", YELLOW, "waiting for control's data".to_owned()),
            (_, "running") => {
                let stage = rollout.stage.map_or(0, |stage| stage + 1);
                ("▶", GREEN, format!("running, stage {stage} of {}", rollout.stages.len()))
            }
            (_, "paused") => ("॥", YELLOW, "paused".to_owned()),
            (_, "rolled_back") => ("✖", RED, "ROLLED BACK".to_owned()),
            (_, "done") => ("✔", GREEN, "done".to_owned()),
            (_, other) => ("?", YELLOW, other.to_owned()),
        };
        let attempt = if rollout.attempt == 0 { String::new() } else { format!(" · attempt {}", rollout.attempt) };
        let since = match rollout.since_ms {
            0 => String::new(),
            since_ms => format!(" for {}", self.ago(since_ms)),
        };
        format!(
            "{} {}{attempt} · {}{since} · {} -> {}",
            self.style.paint(colour, sign),
            self.style.paint(BOLD, &rollout.flag),
            self.style.paint(colour, &words),
            rollout.control,
            rollout.candidate
        )
    }

    fn ladder(&self, rollout: &RolloutStatus) -> String {
        let done = rollout.phase == "done";
        let steps = rollout.stages.iter().enumerate().map(|(index, stage)| {
            let weight = percent(stage.weight_ppm);
            match rollout.stage {
                Some(now) if index == now => {
                    let observed = rollout.ruling.as_ref().map_or(0, |ruling| ruling.numbers.observed_ms);
                    let step = format!("[▶ {weight} {} of {}]", spoken(observed), spoken(stage.lasts_ms));
                    self.style.paint(BOLD, &step)
                }
                Some(now) if index < now => format!("✔ {weight}"),
                _ if done => format!("✔ {weight}"),
                Some(_) | None => format!("· {weight}"),
            }
        });
        steps.collect::<Vec<_>>().join("  ")
    }

    fn verdict(&self, ruling: &Ruling) -> String {
        let (word, colour) = match ruling.verdict {
            Verdict::Advance => ("advance", GREEN),
            Verdict::Hold if ruling.asks => ("HOLD, a person must decide", YELLOW),
            Verdict::Hold => ("hold", BOLD),
            Verdict::RollBack => ("ROLL BACK", RED),
            Verdict::Inconclusive if ruling.asks => ("INCONCLUSIVE, a person must decide", YELLOW),
            Verdict::Inconclusive => ("inconclusive", YELLOW),
            Verdict::Pause => ("PAUSE", YELLOW),
        };
        // Most sentences tell it themselves.
        let untold = ruling.decides_in_ms.filter(|_| !ruling.sentence.contains("decides in"));
        let forecast = untold.map_or_else(String::new, |ms| format!(" · decides in ~{}", spoken(ms)));
        format!("{}: {}{forecast}", self.style.paint(colour, word), ruling.sentence)
    }

    fn check(&self, check: &Check) -> String {
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

    fn proxy(&self, proxy: &ProxyStatus) -> String {
        let (sign, colour, seen) = match (proxy.seen, &proxy.error, proxy.missing_since_ms) {
            (true, ..) => ("✔", GREEN, format!("seen, up {} s", proxy.uptime_s.unwrap_or(0))),
            (false, error, Some(since_ms)) => {
                let why = error.as_deref().unwrap_or("no answer");
                ("✖", RED, format!("MISSING for {}: {why}", self.ago(since_ms)))
            }
            (false, ..) if proxy.admin.is_none() => ("?", YELLOW, "not in weir.toml, so not observed".to_owned()),
            (false, ..) => ("○", YELLOW, "not seen yet".to_owned()),
        };
        let stream = match (proxy.connected, proxy.gone_since_ms) {
            (true, _) => "connected".to_owned(),
            (false, Some(gone)) => format!("DISCONNECTED for {}", self.ago(gone)),
            (false, None) => "not connected".to_owned(),
        };
        let mark =
            |mark: Option<crate::publish::Mark>| mark.map_or_else(|| "-".to_owned(), |m| m.generation.to_string());
        format!(
            "  {} {} · {} · {stream} · generation wanted {}, acknowledged {}, applied {}",
            self.style.paint(colour, sign),
            proxy.name,
            self.style.paint(colour, &seen),
            mark(proxy.wanted),
            mark(proxy.acked),
            mark(proxy.applied)
        )
    }

    fn ago(&self, at_ms: u64) -> String {
        spoken(self.status.at_ms.saturating_sub(at_ms))
    }
}

/// Wanted, and what each proxy has: one number where acknowledged and applied agree.
fn weights(rollout: &RolloutStatus) -> String {
    let shown = |ppm: Option<u32>| ppm.map_or_else(|| "?".to_owned(), percent);
    let proxies = rollout.proxies.iter().map(|weight| {
        let (acked, applied) = (shown(weight.acked_ppm), shown(weight.applied_ppm));
        if acked == applied {
            format!("{} {applied}", weight.proxy)
        } else {
            format!("{} {applied} (acknowledged {acked})", weight.proxy)
        }
    });
    let proxies: Vec<_> = proxies.collect();
    let at = if proxies.is_empty() { "no proxy".to_owned() } else { proxies.join(", ") };
    format!("wanted {} · applied: {at}", percent(rollout.weight_ppm))
}

fn percent(ppm: u32) -> String {
    Share::from_ppm(ppm).unwrap_or(Share::ALL).to_string()
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
    use super::*;
    use crate::judge::Numbers;
    use crate::judge::Why;
    use crate::publish::Mark;
    use crate::report::{Alarm, DocumentStatus, ProxyWeight, StageStatus};

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
