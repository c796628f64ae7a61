//! [`Summary`]: what the demo measured, in words and as JSON, and whether it is what was promised.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::acts::{FAULT, Played};
use super::site::Site;
use super::watch::{Watch, by_who};
use crate::load::Who;

/// The report. Times are milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    completed: Completed,
    rollback: Rollback,
    kill: Kill,
    requests: Requests,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Completed {
    /// Weights that the healthy attempt went through, in percent.
    stages: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Rollback {
    /// From the order of the fault to the end of the observation that showed it.
    fault_to_detected_ms: u64,
    detected_to_decided_ms: u64,
    detected_to_published_ms: u64,
    published_to_last_applied_ms: u64,
    fault_to_last_applied_ms: u64,
    /// From the fault to the last request that the candidate got.
    fault_to_last_candidate_request_ms: u64,
    /// Requests that the broken candidate failed before everybody was taken back.
    exposed_requests: u64,
    /// What the judge said.
    sentence: String,
}

#[derive(Debug, Serialize)]
struct Kill {
    call_to_last_applied_ms: u64,
    call_to_last_candidate_request_ms: u64,
}

#[derive(Debug, Serialize)]
struct Requests {
    total: u64,
    control: u64,
    candidate: u64,
    /// That failed although no fault was ordered.
    failed_without_fault: u64,
}

impl Summary {
    pub(super) fn of(played: Played, site: &Site, watch: &Watch) -> Result<Self> {
        let records = site.load.records_from(0);
        let counts = by_who(&records);
        let of = |who| counts.get(&who).copied().unwrap_or_default();
        let failed = records.iter().filter(|record| record.failed_without_order()).count();
        Ok(Self {
            completed: Completed { stages: played.stages.iter().map(|ppm| f64::from(*ppm) / 1e4).collect() },
            rollback: Rollback::of(&played)?,
            kill: Kill {
                call_to_last_applied_ms: since(played.kill_called_ms, played.kill.applied_at_ms)?,
                call_to_last_candidate_request_ms: (played.kill_last_us / 1000).saturating_sub(played.kill_called_ms),
            },
            requests: Requests {
                total: u64::try_from(records.len())?,
                control: of(Who::Control),
                candidate: of(Who::Candidate),
                failed_without_fault: u64::try_from(failed)?,
            },
            seconds: watch.seconds(),
        })
    }

    /// What the acts did not check themselves.
    ///
    /// # Errors
    /// The first promise that was not kept.
    pub(super) fn promises(&self) -> Result<()> {
        if self.completed.stages != [5.0, 25.0, 50.0, 100.0] {
            bail!("the healthy candidate went through {:?} % instead of 5, 25, 50 and 100 %", self.completed.stages);
        }
        if self.requests.failed_without_fault > 0 {
            bail!("{} requests failed although no fault was ordered", self.requests.failed_without_fault);
        }
        Ok(())
    }
}

impl Rollback {
    fn of(played: &Played) -> Result<Self> {
        let way = &played.rollback;
        let detected = way.detected_at_ms.context("the judge's rollback rests on an observation")?;
        Ok(Self {
            fault_to_detected_ms: since(played.fault_ms, way.detected_at_ms)?,
            detected_to_decided_ms: since(detected, Some(way.decided_at_ms))?,
            detected_to_published_ms: since(detected, way.published_at_ms)?,
            published_to_last_applied_ms: since(way.published_at_ms.unwrap_or_default(), way.applied_at_ms)?,
            fault_to_last_applied_ms: since(played.fault_ms, way.applied_at_ms)?,
            fault_to_last_candidate_request_ms: (played.rollback_last_us / 1000).saturating_sub(played.fault_ms),
            exposed_requests: played.exposed,
            sentence: way.sentence.clone(),
        })
    }
}

fn since(from_ms: u64, to_ms: Option<u64>) -> Result<u64> {
    Ok(to_ms.context("a moment of the chain is missing")?.saturating_sub(from_ms))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, rollback, kill, requests, seconds } = self;
        let stages: Vec<String> = completed.stages.iter().map(|stage| format!("{stage} %")).collect();
        writeln!(f, "What happened, in {seconds:.0} s:")?;
        writeln!(f, "  1. The healthy candidate went through {} and was done.", stages.join(", "))?;
        writeln!(
            f,
            "  2. At 25 % it began to fail {:.0} % of its requests, and Weir took everybody back:",
            FAULT * 100.0
        )?;
        writeln!(f, "     fault -> detected {:>6} ms", rollback.fault_to_detected_ms)?;
        writeln!(f, "           -> decided  {:>6} ms later", rollback.detected_to_decided_ms)?;
        writeln!(f, "           -> published{:>6} ms after detection", rollback.detected_to_published_ms)?;
        writeln!(
            f,
            "           -> applied by the last proxy {} ms after that, {} ms after the fault",
            rollback.published_to_last_applied_ms, rollback.fault_to_last_applied_ms
        )?;
        writeln!(
            f,
            "           -> last request of the candidate {} ms after the fault",
            rollback.fault_to_last_candidate_request_ms
        )?;
        writeln!(
            f,
            "     {} requests of users failed for it. The judge: {}",
            rollback.exposed_requests, rollback.sentence
        )?;
        writeln!(
            f,
            "  3. The kill was applied by the last proxy {} ms after the call; no request came after it.",
            kill.call_to_last_applied_ms
        )?;
        write!(
            f,
            "  {} requests ({} control, {} candidate); {} failed although no fault was ordered.",
            requests.total, requests.control, requests.candidate, requests.failed_without_fault
        )
    }
}
