//! [`Watch`]: the story as it is told: a line a second, and one for each event. Owns the words and what is remembered from line to line;
//! orders nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use weir_controller::report::{RolloutStatus, Status};

use super::site::Site;
use crate::document;
use crate::load::{Record, Who};

/// Everything said so far is remembered here.
pub(super) struct Watch {
    begun: Instant,
    told: usize,
    next_line: Instant,
    last_sentence: String,
}

const SECOND: Duration = Duration::from_secs(1);
/// How often it looks for events between lines.
const LOOK: Duration = Duration::from_millis(50);

impl Watch {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { begun: now, told: 0, next_line: now + SECOND, last_sentence: String::new() }
    }

    /// Since the story began.
    pub(super) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// An event.
    pub(super) fn say(&self, text: &str) {
        println!("{:>6.1} s  {text}", self.begun.elapsed().as_secs_f64());
    }

    /// The heading of an act.
    pub(super) fn act(&self, text: &str) {
        println!();
        self.say(text);
    }

    /// Looks once a moment, tells a line a second, until the rollout is as wanted.
    pub(super) async fn until(
        &mut self,
        site: &Site,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&RolloutStatus) -> bool,
    ) -> Result<RolloutStatus> {
        let start = Instant::now();
        loop {
            let status = self.look(site).await?;
            let rollout = rollout(&status)?;
            if wanted(rollout) {
                return Ok(rollout.clone());
            }
            if start.elapsed() > limit {
                anyhow::bail!("within {:.0} s not so: {what}; the rollout stands at {rollout:#?}", limit.as_secs_f64());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// One second of it.
    pub(super) async fn second(&mut self, site: &Site) -> Result<()> {
        let end = Instant::now() + SECOND;
        while Instant::now() < end {
            self.look(site).await?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Asks for the status; tells what has happened since, and the line of the second if it is time.
    pub(super) async fn look(&mut self, site: &Site) -> Result<Status> {
        let status = site.fleet.controller.status().await?;
        let rollout = rollout(&status)?;
        if let Some(last) = &rollout.last
            && last.sentence != self.last_sentence
        {
            self.last_sentence.clone_from(&last.sentence);
            self.say(&format!("* {}", last.sentence));
        }
        if Instant::now() >= self.next_line {
            self.next_line += SECOND;
            let records = site.load.records_from(self.told);
            self.told += records.len();
            self.say(&line(rollout, &records));
        }
        Ok(status)
    }
}

/// The demo's rollout.
fn rollout(status: &Status) -> Result<&RolloutStatus> {
    let found = status.rollouts.iter().find(|rollout| rollout.flag == document::FLAG);
    found.ok_or_else(|| anyhow::anyhow!("the controller knows no rollout {}", document::FLAG))
}

fn line(rollout: &RolloutStatus, records: &[Record]) -> String {
    let applied: Vec<String> =
        rollout.proxies.iter().map(|proxy| proxy.applied_ppm.map_or_else(|| "?".to_owned(), percent)).collect();
    let mut text =
        format!("{:<11} wanted {:>4}, applied {:<14}", stage(rollout), percent(rollout.weight_ppm), applied.join(" "));
    for (who, name) in [(Who::Control, &rollout.control), (Who::Candidate, &rollout.candidate)] {
        text.push_str(&format!(" | {name} {}", counts(who, records)));
    }
    if let Some(check) =
        rollout.ruling.iter().flat_map(|ruling| &ruling.checks).max_by(|a, b| a.evidence.total_cmp(&b.evidence))
    {
        text.push_str(&format!(" | {}: {}, limit {:.0} : 1", check.name, check.odds, check.evidence_limit.exp()));
    }
    text
}

fn stage(rollout: &RolloutStatus) -> String {
    if rollout.killed {
        return "killed".to_owned();
    }
    match rollout.stage {
        Some(stage) => format!("stage {}/{}", stage + 1, rollout.stages.len()),
        None => rollout.phase.replace('_', " "),
    }
}

/// Requests, errors and the 95th percentile of what users saw in the last second.
fn counts(who: Who, records: &[Record]) -> String {
    let mut took: Vec<u64> = records.iter().filter(|record| record.who == who).map(|record| record.took_us).collect();
    if took.is_empty() {
        return format!("{:>3} rq {:>10} {:>6}", 0, "", "");
    }
    took.sort_unstable();
    let errors = records.iter().filter(|record| record.who == who && record.status >= 500).count();
    let p95 = took.get(took.len() * 95 / 100).copied().unwrap_or_default();
    let share = errors as f64 * 100.0 / took.len() as f64;
    format!("{:>3} rq {share:>5.1}% err {:>4.1} ms", took.len(), p95 as f64 / 1000.0)
}

fn percent(ppm: u32) -> String {
    weir_core::share::Share::from_ppm(ppm).map_or_else(|| format!("{ppm} ppm"), |share| share.to_string())
}

/// Requests by who answered.
pub(super) fn by_who(records: &[Record]) -> BTreeMap<Who, u64> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.who).or_default() += 1;
    }
    counts
}
