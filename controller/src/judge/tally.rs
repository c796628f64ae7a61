//! [`Tally`] and [`Cells`]: requests and errors, whole and by cell of the user. Owns their sums; knows no limit.

use serde::{Deserialize, Serialize};

use crate::observation::{CELL_COUNT, VariantCounts};
use crate::stats::normal::Z95;
use crate::stats::proportion::wilson;
use crate::stats::{mean, real};

/// Requests, and errors among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Requests ended.
    pub requests: u64,
    /// At most as many.
    pub errors: u64,
}

impl Tally {
    /// Counters are read one after the other, so an error can show before its request: errors beyond the requests are cut off, which
    /// keeps every rate at or below 1.
    #[must_use]
    pub fn new(requests: u64, errors: u64) -> Self {
        Self { requests, errors: errors.min(requests) }
    }

    /// Errors as a share of requests; `None` without requests.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| real(self.errors) / real(self.requests))
    }

    /// 95 % interval of the rate (Wilson), were requests independent.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        wilson(real(self.errors), real(self.requests), Z95)
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
    }

    /// Without a part of it.
    #[must_use]
    pub fn less(self, part: Self) -> Self {
        Self::new(self.requests.saturating_sub(part.requests), self.errors.saturating_sub(part.errors))
    }
}

/// Requests and errors of one variant by cell. Stored as `[[requests, errors], …]`, for it is stored every tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[(u64, u64); CELL_COUNT]", into = "[(u64, u64); CELL_COUNT]")]
pub struct Cells(pub [Tally; CELL_COUNT]);

impl From<[(u64, u64); CELL_COUNT]> for Cells {
    fn from(pairs: [(u64, u64); CELL_COUNT]) -> Self {
        Self(pairs.map(|(requests, errors)| Tally::new(requests, errors)))
    }
}

impl From<Cells> for [(u64, u64); CELL_COUNT] {
    fn from(cells: Cells) -> Self {
        cells.0.map(|cell| (cell.requests, cell.errors))
    }
}

impl Cells {
    /// One tick's counts of a variant. Both requests and errors are taken from the cells, so that what is left out with a cell was
    /// counted with it.
    #[must_use]
    pub fn of(counts: &VariantCounts) -> Self {
        Self(counts.cells.map(|cell| Tally::new(cell.requests, cell.errors)))
    }

    /// All cells together.
    #[must_use]
    pub fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        for cell in &self.0 {
            sum.add(*cell);
        }
        sum
    }

    /// All but the cell with most errors.
    #[must_use]
    pub fn without_worst(&self) -> Tally {
        let worst = self.0.iter().max_by_key(|cell| cell.errors).copied().unwrap_or_default();
        self.sum().less(worst)
    }

    /// How many cells have an error.
    #[must_use]
    pub fn with_errors(&self) -> u32 {
        self.0.iter().map(|cell| u32::from(cell.errors > 0)).sum()
    }

    /// How much more errors vary between the cells than independent requests would let them, at least 1.
    #[must_use]
    pub fn dispersion(&self) -> f64 {
        mean::dispersion(&self.0.map(|cell| (real(cell.errors), real(cell.requests))))
    }

    /// Adds another tick's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.add(*theirs);
        }
    }
}
