//! The [`Status`] of an [`Engine`] at one moment.

use super::engine::Engine;
use super::model::{Change, Current, Present};
use crate::judge::analysis::{DRIFT, RemarkState};
use crate::observe::ProxySight;
use crate::publish::{Mark, ProxyReport};
use crate::report::{Alarm, DocumentStatus, ProxyStatus, ProxyWeight, RolloutStatus, StageStatus, Status, Totals};
use crate::rollout::{Phase, Plan, RolloutState};
use crate::stale::Stale;

impl Engine {
    /// Everything that the controller knows.
    pub(super) fn status(&self) -> Status {
        let proxies = self.proxies();
        let rollouts = self.model.document.as_ref().map(|current| self.rollout_statuses(current, &proxies));
        let rollouts = rollouts.unwrap_or_default();
        let alarms = self.all_alarms(&proxies);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms: self.started_at_ms,
            at_ms: self.clock.now_ms(),
            sentence: self.sentence(&proxies, &rollouts, &alarms),
            generation: self.generation,
            document: self.model.document.as_ref().map(|current| DocumentStatus {
                hash: current.stored.hash.clone(),
                flags: current.document.flags.len(),
                rollouts: current.rollouts().count(),
            }),
            kill: self.model.kill,
            killed_flags: self.model.flag_kills.iter().cloned().collect(),
            observed: self.observed.clone(),
            last: self.chains.get(None).cloned(),
            alarms,
            totals: self.all_totals(),
            stale: self.stale(),
            proxies,
            rollouts,
        }
    }

    /// What the proxies are to serve; `None` before the first document.
    pub(super) fn present(&self) -> Option<Present> {
        self.model.content(&Change::default()).map(Present)
    }

    fn stale(&self) -> Vec<Stale> {
        let Some(current) = &self.model.document else { return Vec::new() };
        let phase = |flag: &str| self.model.rollouts.get(flag).map_or(Phase::Idle, |state| state.phase);
        self.sides.stale(&current.document, phase, self.clock.now_ms())
    }

    /// Every expected proxy with what it reports, and every other that is connected.
    pub(super) fn proxies(&self) -> Vec<ProxyStatus> {
        let wanted = self.published_at_ms.map(|at_ms| Mark { generation: self.generation, at_ms });
        let mut reports = newest_of_each_node(self.publisher.reports());
        let mut proxies: Vec<ProxyStatus> = Vec::new();
        for sight in &self.sights {
            let (mine, others) = reports.into_iter().partition(|r| sight.node.as_deref() == Some(r.node.as_str()));
            reports = others;
            let mut mine = Vec::into_iter(mine);
            proxies.push(joined(Some(sight), mine.next(), wanted));
            proxies.extend(mine.map(|report| joined(None, Some(report), wanted)));
        }
        let strangers = reports.into_iter().filter(ProxyReport::connected);
        proxies.extend(strangers.map(|report| joined(None, Some(report), wanted)));
        proxies
    }

    fn rollout_statuses(&self, current: &Current, proxies: &[ProxyStatus]) -> Vec<RolloutStatus> {
        let flags = current.rollouts().filter_map(|flag| Some((flag, Plan::of(flag.rollout.as_ref()?))));
        flags.map(|(flag, plan)| self.rollout_status(&flag.key, plan, proxies)).collect()
    }

    fn rollout_status(&self, key: &str, of_document: Plan, proxies: &[ProxyStatus]) -> RolloutStatus {
        let state = self.model.rollout(key);
        // An attempt goes by what it began with; before and after it the document's is what the next will go by.
        let plan = match state.phase {
            Phase::Idle => of_document,
            _ => state.plan.clone().unwrap_or(of_document),
        };
        let weight = |mark: Option<Mark>| Some(self.contents.get(&mark?.generation)?.weight_ppm(key));
        let stages = plan.stages.iter();
        RolloutStatus {
            flag: key.to_owned(),
            attempt: state.attempt,
            phase: phase_word(state.phase).to_owned(),
            stage: state.stage().map(|(stage, _)| stage),
            stages: stages.map(|s| StageStatus { weight_ppm: s.weight_ppm, lasts_ms: s.lasts_ms }).collect(),
            control: plan.control,
            candidate: plan.candidate,
            weight_ppm: self.wanted_ppm(&state),
            mask: state.mask,
            killed: state.killed || self.model.kill,
            since_ms: self.since_ms(key, &state),
            ruling: self.rulings.get(key).cloned(),
            proxies: proxies
                .iter()
                .map(|proxy| ProxyWeight {
                    proxy: proxy.name.clone(),
                    acked_ppm: weight(proxy.acked),
                    applied_ppm: weight(proxy.applied),
                })
                .collect(),
            last: self.chains.get(Some(key)).cloned(),
        }
    }

    /// When it became what is shown first: a kill, or else the phase or stage.
    fn since_ms(&self, key: &str, state: &RolloutState) -> u64 {
        let of = |flag, kind| self.chains.get(flag).filter(|last| last.kind == kind).map(|last| last.decided_at_ms);
        let killed = if self.model.kill { of(None, "kill-all") } else { of(Some(key), "kill") };
        killed.filter(|_| self.model.kill || state.killed).unwrap_or(state.since_ms)
    }

    fn wanted_ppm(&self, state: &RolloutState) -> u32 {
        if self.model.kill || state.killed || state.mask { 0 } else { state.weight_ppm }
    }

    fn sentence(&self, proxies: &[ProxyStatus], rollouts: &[RolloutStatus], alarms: &[Alarm]) -> String {
        if self.model.document.is_none() {
            return "no document yet: nothing is published, and proxies serve what their default_config says; \
                    `weir apply FILE` begins"
                .to_owned();
        }
        let expected = proxies.iter().filter(|proxy| proxy.admin.is_some());
        let seen = expected.clone().filter(|proxy| proxy.seen).count();
        let current = proxies.iter().filter(|p| p.applied.is_some_and(|m| m.generation == self.generation)).count();
        let under_way = rollouts.iter().filter(|r| matches!(r.phase.as_str(), "baseline" | "running")).count();
        let mut text = format!(
            "{under_way} of {} rollouts under way; {seen} of {} proxies seen, {current} serve generation {}",
            rollouts.len(),
            expected.count(),
            self.generation
        );
        if !alarms.is_empty() {
            let kinds: Vec<&str> = alarms.iter().map(|alarm| alarm.kind.as_str()).collect();
            text.push_str(&format!("; alarms: {}", kinds.join(", ")));
        }
        if self.model.kill { format!("EVERYTHING IS KILLED; {text}") } else { text }
    }

    fn all_alarms(&self, proxies: &[ProxyStatus]) -> Vec<Alarm> {
        let mut alarms: Vec<Alarm> = self.alarms.values().cloned().collect();
        alarms.extend(self.drifts());
        for proxy in proxies {
            let acked = proxy.acked.map_or(0, |mark| mark.generation);
            // Past, once the proxy has taken a later one; the ledger and refused_total remember it.
            if let Some(refusal) = proxy.refused.iter().rfind(|refusal| refusal.generation > acked) {
                alarms.push(Alarm {
                    kind: "refused".to_owned(),
                    since_ms: refusal.at_ms,
                    sentence: format!(
                        "{} refused generation {} and serves what it had: {}",
                        proxy.name, refusal.generation, refusal.error
                    ),
                });
            }
            if proxy.duplicate && proxy.connected {
                alarms.push(Alarm {
                    kind: "duplicate".to_owned(),
                    since_ms: proxy.connected_since_ms.unwrap_or_default(),
                    sentence: format!("{}: two streams have this node id; each must apply", proxy.name),
                });
            }
        }
        alarms
    }

    /// Rollouts whose candidate drifts, for as long as it does: also after the last stage, and within the cooldown.
    fn drifts(&self) -> Vec<Alarm> {
        let Some(current) = &self.model.document else { return Vec::new() };
        let drift = |flag: &str| -> Option<Alarm> {
            let since_ms = self.model.rollouts.get(flag)?.memory.gathered.drift.since_ms()?;
            let mut remarks = self.rulings.get(flag)?.remarks.iter();
            let remark = remarks.find(|r| r.name.starts_with(DRIFT) && r.state == RemarkState::Fail)?;
            Some(Alarm { kind: DRIFT.to_owned(), since_ms, sentence: format!("{flag}: {}", remark.sentence) })
        };
        current.rollouts().filter_map(|flag| drift(&flag.key)).collect()
    }

    fn all_totals(&self) -> Totals {
        Totals { publishing: self.publisher.counters(), ..self.totals }
    }
}

/// All streams that are up; of a node that has none, the last one that was.
fn newest_of_each_node(reports: Vec<ProxyReport>) -> Vec<ProxyReport> {
    let up: Vec<String> = reports.iter().filter(|r| r.connected()).map(|r| r.node.clone()).collect();
    let mut kept: Vec<ProxyReport> = Vec::new();
    for report in reports {
        if report.connected() {
            kept.push(report);
        } else if !up.contains(&report.node) {
            kept.retain(|other| other.node != report.node || other.stream > report.stream);
            if !kept.iter().any(|other| other.node == report.node) {
                kept.push(report);
            }
        }
    }
    kept
}

fn joined(sight: Option<&ProxySight>, report: Option<ProxyReport>, wanted: Option<Mark>) -> ProxyStatus {
    let mut proxy = ProxyStatus { wanted, ..ProxyStatus::default() };
    if let Some(sight) = sight {
        proxy.name = sight.node.clone().unwrap_or_else(|| sight.admin.clone());
        proxy.node = sight.node.clone();
        proxy.admin = Some(sight.admin.clone());
        proxy.seen = sight.seen;
        proxy.missing_since_ms = sight.missing_since_ms;
        proxy.error = sight.error.clone();
        proxy.uptime_s = sight.uptime_s;
        proxy.restarts = sight.restarts;
        proxy.worker_generation = sight.generation;
    }
    if let Some(report) = report {
        if sight.is_none() {
            let node = if report.node.is_empty() { "(no node id)" } else { &report.node };
            proxy.name = if report.duplicate { format!("{node}#{}", report.stream) } else { node.to_owned() };
        }
        proxy.connected = report.connected();
        proxy.connected_since_ms = report.connected().then_some(report.connected_since_ms);
        proxy.gone_since_ms = report.gone_since_ms;
        proxy.duplicate = report.duplicate;
        proxy.sent = report.sent;
        proxy.acked = report.acked;
        proxy.applied = report.applied;
        proxy.node = Some(report.node);
        proxy.refused = report.refused;
    }
    proxy
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Baseline => "baseline",
        Phase::Running { .. } => "running",
        Phase::Paused => "paused",
        Phase::RolledBack => "rolled_back",
        Phase::Done => "done",
    }
}
