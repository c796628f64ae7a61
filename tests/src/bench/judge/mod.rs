//! The judge against four other ways to decide, on the same simulated streams: how often each takes a healthy candidate back, and how
//! long each takes to find a fault. No proxy is needed; the seeds are fixed, so every number can be had again.
//!
//! | module | owns |
//! |---|---|
//! | `stream` | what a second of traffic sees: shares, clusters of errors, busy users, storms, days, gaps |
//! | `deciders` | Weir's evidence with its guards and without, and the three others |
//! | `defaults` | what the default policy asks of errors |
//! | `pace` | the same for durations |
//! | `rows` | which streams are run, for how long, and what is counted |
//! | `table` | what came out |

mod deciders;
mod defaults;
mod pace;
mod rows;
mod stream;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, ensure};

use rows::{Outcome, Row};
pub use table::Table;

/// How much is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Simulated rollouts in each row.
    pub runs: usize,
    /// How long each lasts in the rows of false alarms, seconds.
    pub seconds: u64,
    /// How many seconds a tick of the healthy time has. Evidence of ten seconds at once follows the same law as of ten ticks, and is looked
    /// at less often; after the fault every second is looked at.
    pub tick: u64,
}

impl Effort {
    /// 300 rollouts of a day in each row.
    pub const FULL: Self = Self { runs: 300, seconds: 86_400, tick: 1 };
    /// The same with ticks of ten seconds while healthy: a tenth of the time.
    pub const FAST: Self = Self { tick: 10, ..Self::FULL };
    /// 20 rollouts of half an hour: a look.
    pub const QUICK: Self = Self { runs: 20, seconds: 1_800, tick: 1 };
}

/// Simulates every row whose name contains `only`, on all cores.
///
/// # Errors
/// No row has such a name.
pub fn measure(effort: Effort, only: &str) -> Result<Table> {
    let mut rows = rows::rows(effort)?;
    rows.retain(|row| row.name().contains(only));
    ensure!(!rows.is_empty(), "no row has a name that contains {only:?}");
    let mut told = Vec::with_capacity(rows.len());
    for row in &rows {
        let began = Instant::now();
        let line = row.told(&all(row, effort.runs));
        // A full run takes hours: what is known is told at once.
        eprintln!("{line} ({} s)", began.elapsed().as_secs());
        told.push(line);
    }
    Ok(Table::new(effort, told))
}

/// Every run of a row, in the order of the seeds whichever core had it.
fn all(row: &Row, runs: usize) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(runs));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    let outcome = row.run(run);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((run, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(run, _)| *run);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests;
