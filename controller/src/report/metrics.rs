//! The controller's own metrics, from a [`Status`], as Prometheus text (exposition format 0.0.4).

use std::fmt::Write as _;

use super::status::{RolloutStatus, Status};
use crate::judge::CheckState;
use crate::judge::analysis::RemarkState;

/// All of them.
#[must_use]
pub fn text(status: &Status) -> String {
    let mut page = Page::default();
    controller(&mut page, status);
    totals(&mut page, status);
    proxies(&mut page, status);
    rollouts(&mut page, status);
    page.0
}

fn controller(page: &mut Page, status: &Status) {
    page.family("weir_controller_info", "gauge", "1, with the version.");
    page.sample("weir_controller_info", &[("version", &status.version)], 1);
    page.family("weir_controller_generation", "gauge", "The generation that all proxies should have.");
    page.sample("weir_controller_generation", &[], status.generation);
    page.family("weir_controller_killed", "gauge", "1 while everything is killed.");
    page.sample("weir_controller_killed", &[], u8::from(status.kill));
    page.family("weir_controller_alarms", "gauge", "Alarms that are on, by kind.");
    for kind in ["check", "drift", "duplicate", "ledger", "refused", "store"] {
        let on = status.alarms.iter().filter(|alarm| alarm.kind == kind).count();
        page.sample("weir_controller_alarms", &[("kind", kind)], on);
    }
    page.family("weir_controller_proxies_expected", "gauge", "Proxies that should answer each tick.");
    page.sample("weir_controller_proxies_expected", &[], status.observed.as_ref().map_or(0, |o| o.expected));
    page.family("weir_controller_proxies_seen", "gauge", "Proxies that answered in the last tick.");
    page.sample("weir_controller_proxies_seen", &[], status.observed.as_ref().map_or(0, |o| o.seen));
    page.family("weir_controller_proxies_connected", "gauge", "Proxies whose stream is up.");
    page.sample("weir_controller_proxies_connected", &[], status.proxies.iter().filter(|p| p.connected).count());
}

fn totals(page: &mut Page, status: &Status) {
    let totals = &status.totals;
    for (name, help, value) in [
        ("weir_controller_ticks_total", "Ticks observed.", totals.ticks),
        ("weir_controller_publications_total", "Generations published.", totals.publications),
        ("weir_controller_store_failures_total", "Writes to the database that failed.", totals.store_failures),
        ("weir_controller_streams_total", "xDS streams opened.", totals.publishing.streams),
        ("weir_controller_sent_total", "Configurations sent.", totals.publishing.sent),
        (
            "weir_controller_refused_total",
            "Configurations refused by a proxy: each is a defect.",
            totals.publishing.refused,
        ),
        (
            "weir_controller_duplicate_nodes_total",
            "Streams with the node id of another.",
            totals.publishing.duplicate_nodes,
        ),
        (
            "weir_controller_silent_acks_ignored_total",
            "Acknowledgements of refused configurations.",
            totals.publishing.silent_acks_ignored,
        ),
        (
            "weir_controller_rejected_requests_total",
            "Discovery requests that ended in an error.",
            totals.publishing.rejected_requests,
        ),
    ] {
        page.family(name, "counter", help);
        page.sample(name, &[], value);
    }
}

fn proxies(page: &mut Page, status: &Status) {
    page.family("weir_controller_proxy_applied_generation", "gauge", "The generation that all workers serve.");
    for proxy in &status.proxies {
        if let Some(mark) = proxy.applied {
            page.sample("weir_controller_proxy_applied_generation", &[("proxy", &proxy.name)], mark.generation);
        }
    }
    page.family("weir_controller_proxy_seen", "gauge", "1 if the proxy answered in the last tick.");
    for proxy in status.proxies.iter().filter(|proxy| proxy.admin.is_some()) {
        page.sample("weir_controller_proxy_seen", &[("proxy", &proxy.name)], u8::from(proxy.seen));
    }
}

fn rollouts(page: &mut Page, status: &Status) {
    page.family("weir_controller_rollout_weight_ratio", "gauge", "The candidate's weight as wanted, 0 to 1.");
    for rollout in &status.rollouts {
        let weight = f64::from(rollout.weight_ppm) / 1e6;
        page.sample("weir_controller_rollout_weight_ratio", &[("flag", &rollout.flag)], weight);
    }
    page.family("weir_controller_rollout_attempt", "gauge", "Number of the attempt.");
    for rollout in &status.rollouts {
        page.sample("weir_controller_rollout_attempt", &[("flag", &rollout.flag)], rollout.attempt);
    }
    page.family("weir_controller_rollout_phase", "gauge", "1 for the phase that the rollout is in.");
    for rollout in &status.rollouts {
        for phase in ["idle", "baseline", "running", "paused", "rolled_back", "done"] {
            let on = u8::from(rollout.phase == phase);
            page.sample("weir_controller_rollout_phase", &[("flag", &rollout.flag), ("phase", phase)], on);
        }
    }
    checks(page, &status.rollouts);
    remarks(page, &status.rollouts);
}

/// Every state of a check, by its word.
const STATES: [(CheckState, &str); 6] = [
    (CheckState::Pass, "pass"),
    (CheckState::Fail, "fail"),
    (CheckState::Shared, "shared"),
    (CheckState::Unclear, "unclear"),
    (CheckState::NotEnough, "not_enough"),
    (CheckState::NoData, "no_data"),
];

fn checks(page: &mut Page, rollouts: &[RolloutStatus]) {
    let checks = || {
        rollouts.iter().flat_map(|rollout| {
            let checks = rollout.ruling.iter().flat_map(|ruling| &ruling.checks);
            checks.map(move |check| ([("flag", rollout.flag.as_str()), ("check", check.name.as_str())], check))
        })
    };
    // Custom checks have no evidence: 0 against 0 would look like enough.
    let statistical = || checks().filter(|(_, check)| !check.is_custom());
    page.family("weir_controller_check_evidence", "gauge", "ln of the evidence that the limit is broken.");
    for (labels, check) in statistical() {
        page.sample("weir_controller_check_evidence", &labels, check.evidence);
    }
    page.family("weir_controller_check_evidence_limit", "gauge", "ln of the evidence that a rollback needs.");
    for (labels, check) in statistical() {
        page.sample("weir_controller_check_evidence_limit", &labels, check.evidence_limit);
    }
    page.family("weir_controller_check_value", "gauge", "The candidate's value: a rate, microseconds, or a query's.");
    for (labels, check) in checks() {
        if let Some(value) = check.value {
            page.sample("weir_controller_check_value", &labels, value);
        }
    }
    page.family("weir_controller_check_state", "gauge", "1 for the state that the check is in.");
    for ([flag, check], found) in checks() {
        for (state, word) in STATES {
            let on = u8::from(found.state == state);
            page.sample("weir_controller_check_state", &[flag, check, ("state", word)], on);
        }
    }
}

fn remarks(page: &mut Page, rollouts: &[RolloutStatus]) {
    let remarks = || {
        rollouts.iter().flat_map(|rollout| {
            let remarks = rollout.ruling.iter().flat_map(|ruling| &ruling.remarks);
            remarks.map(move |remark| ([("flag", rollout.flag.as_str()), ("remark", remark.name.as_str())], remark))
        })
    };
    let help =
        "What was seen beside the limits: a goal's difference, a distance for drift, a limit's value in a segment.";
    page.family("weir_controller_remark_value", "gauge", help);
    for (labels, remark) in remarks() {
        if let Some(value) = remark.value {
            page.sample("weir_controller_remark_value", &labels, value);
        }
    }
    page.family("weir_controller_remark_limit", "gauge", "Its limit: a minimum effect, a greatest distance.");
    for (labels, remark) in remarks() {
        page.sample("weir_controller_remark_limit", &labels, remark.limit);
    }
    page.family("weir_controller_remark_bad", "gauge", "1 if it is beyond its limit, or worse.");
    for (labels, remark) in remarks() {
        let bad = matches!(remark.state, RemarkState::Fail | RemarkState::Worse);
        page.sample("weir_controller_remark_bad", &labels, u8::from(bad));
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    // Writing to a String can't fail.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Check, Ruling, Verdict, Why};
    use crate::report::{Alarm, Observed};

    fn ruling() -> Ruling {
        let check = |name: &str, metric: &str, value, evidence, state| Check {
            name: name.to_owned(),
            metric: metric.to_owned(),
            value: Some(value),
            evidence,
            state,
            ..Check::default()
        };
        let checks = vec![
            check("errors-max", "errors", 0.01, 1.5, CheckState::Pass),
            check("gpu-oom/max", "query", 0.031, 0.0, CheckState::Unclear),
        ];
        Ruling { checks, ..Ruling::new(Verdict::Hold, Why::StageTime, String::new()) }
    }

    #[test]
    fn labels_are_escaped_and_every_sample_has_a_family() {
        let status = Status {
            version: "1 \"beta\"".to_owned(),
            generation: 12,
            observed: Some(Observed { at_ms: 0, expected: 3, seen: 2 }),
            alarms: vec![Alarm { kind: "refused".to_owned(), ..Alarm::default() }],
            rollouts: vec![RolloutStatus {
                flag: "check\\out".to_owned(),
                phase: "running".to_owned(),
                weight_ppm: 50_000,
                ruling: Some(ruling()),
                ..RolloutStatus::default()
            }],
            ..Status::default()
        };
        let text = text(&status);
        for line in [
            "weir_controller_info{version=\"1 \\\"beta\\\"\"} 1",
            "weir_controller_generation 12",
            "weir_controller_alarms{kind=\"refused\"} 1",
            "weir_controller_alarms{kind=\"store\"} 0",
            "weir_controller_proxies_seen 2",
            "weir_controller_refused_total 0",
            "weir_controller_rollout_weight_ratio{flag=\"check\\\\out\"} 0.05",
            "weir_controller_rollout_phase{flag=\"check\\\\out\",phase=\"running\"} 1",
            "weir_controller_rollout_phase{flag=\"check\\\\out\",phase=\"done\"} 0",
            "weir_controller_check_evidence{flag=\"check\\\\out\",check=\"errors-max\"} 1.5",
            "weir_controller_check_value{flag=\"check\\\\out\",check=\"gpu-oom/max\"} 0.031",
            "weir_controller_check_state{flag=\"check\\\\out\",check=\"gpu-oom/max\",state=\"unclear\"} 1",
            "weir_controller_check_state{flag=\"check\\\\out\",check=\"gpu-oom/max\",state=\"pass\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
        }
        assert!(!text.contains("evidence{flag=\"check\\\\out\",check=\"gpu-oom/max\"}"), "it has none\n{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(text.contains(&format!("# TYPE {name} ")), "{line}");
        }
    }
}
