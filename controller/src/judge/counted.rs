//! [`Sample`]: of what a variant's requests did, how often the thing that a limit counts, and how much of it any one cell of users can
//! have had. Owns what is known by cell and what is not; knows no limit and no evidence.
//!
//! The filter counts requests, errors and hits of named counters by cell. Of server errors, timeouts and resets a cell can't have had more than errors, of client
//! errors not more than requests without error: such a number is left out with its cell, so that what is left surely happened outside of
//! it, and one client (who is in one cell) never decides. The price: timeouts that are rare beside other errors, and client errors of
//! less than a cell's share of all requests (5 %), decide late or never. Cancelled requests are not counted by cell at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer};
use weir_core::guardrail::Counter;
use weir_core::outcome::{OUTCOMES, Outcome};

use super::limit::Limit;
use super::tally::{Cells, Tally};
use crate::observation::{CELL_COUNT, VariantCounts};

/// Requests by outcome, in the order of [`Outcome::index`].
pub type Results = [u64; OUTCOMES.len()];

/// One variant's counts as a limit sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What is counted.
    pub counter: Counter,
    /// Requests, and hits among them.
    pub whole: Tally,
    /// By cell requests, and how many hits it can have had at most.
    pub cells: Cells,
}

impl Sample {
    /// What `counter` counts of these.
    #[must_use]
    pub fn of(counter: &Counter, cells: &Cells, results: &Results, named: &Named) -> Self {
        let whole = whole(counter, cells.sum(), results, named);
        let cells = match counter {
            Counter::Named(name) => named.cells(name),
            Counter::Errors | Counter::ServerErrors | Counter::Timeouts | Counter::Resets => cells.clone(),
            Counter::ClientErrors => {
                Cells(cells.0.map(|c| Tally::new(c.requests, c.requests.saturating_sub(c.errors))))
            }
            Counter::Cancelled => Cells(cells.0.map(|c| Tally::new(c.requests, 0))),
        };
        Self { counter: counter.clone(), whole, cells }
    }

    /// A tick's.
    #[must_use]
    pub fn of_tick(counter: &Counter, counts: &VariantCounts) -> Self {
        if let Counter::Named(name) = counter {
            return Self::of_cells(counter.clone(), hits(counts, name).unwrap_or_default());
        }
        Self::of(counter, &Cells::of(counts), &counts.results, &Named::default())
    }

    /// Errors, which are counted by cell.
    #[must_use]
    pub fn of_errors(cells: Cells) -> Self {
        Self::of_cells(Counter::Errors, cells)
    }

    fn of_cells(counter: Counter, cells: Cells) -> Self {
        Self { counter, whole: cells.sum(), cells }
    }

    /// Without the cell that can have had most hits.
    #[must_use]
    pub fn without_worst(&self) -> Tally {
        let worst = self.cells.0.iter().max_by_key(|cell| cell.errors).copied().unwrap_or_default();
        self.whole.less(worst)
    }
}

/// Requests and hits of all cells; `errors` are requests and errors. Cancelled requests are none of the cells'.
#[must_use]
pub fn whole(counter: &Counter, errors: Tally, results: &Results, named: &Named) -> Tally {
    let result = |outcome: Outcome| results[outcome.index()];
    match counter {
        Counter::Errors => errors,
        Counter::Named(name) => named.cells(name).sum(),
        Counter::ServerErrors => Tally::new(errors.requests, result(Outcome::ServerError)),
        Counter::Timeouts => Tally::new(errors.requests, result(Outcome::Timeout)),
        Counter::Resets => Tally::new(errors.requests, result(Outcome::Reset)),
        Counter::ClientErrors => Tally::new(errors.requests, result(Outcome::ClientError)),
        Counter::Cancelled => {
            let cancelled = result(Outcome::Cancelled);
            Tally::new(errors.requests.saturating_add(cancelled), cancelled)
        }
    }
}

/// Requests and hits by cell of each named counter that a limit is on; of the requests in whose tick it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(transparent)]
pub struct Named(BTreeMap<String, Cells>);

impl Named {
    /// A tick's, of the counters that the limits are on.
    #[must_use]
    pub fn of(limits: &[Limit], counts: &VariantCounts) -> Self {
        let named = limits.iter().filter_map(Limit::named);
        Self(named.filter_map(|name| Some((name.to_owned(), hits(counts, name)?))).collect())
    }

    /// Adds another time's.
    pub fn merge(&mut self, other: &Self) {
        for (name, cells) in &other.0 {
            self.0.entry(name.clone()).or_default().add(cells);
        }
    }

    /// Those of a counter; empty if it was never counted.
    #[must_use]
    pub fn cells(&self, name: &str) -> Cells {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A tick's requests and hits of a counter; `None` if it was not counted.
fn hits(counts: &VariantCounts, name: &str) -> Option<Cells> {
    let hits = counts.goals.get(name)?;
    let mut cells = Cells::default();
    for ((place, hits), cell) in cells.0.iter_mut().zip(hits).zip(&counts.cells) {
        *place = Tally::new(cell.requests, *hits);
    }
    Some(cells)
}

/// Counts of results add up.
pub fn add(mine: &mut Results, theirs: &Results) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine = mine.saturating_add(*theirs);
    }
}

/// Hits outside of each cell, at least. Results and cells are read one after the other, so that in a tick a cell can seem to have had
/// fewer hits than it had, and more in the next: what was so counted too much, at most all of a tick's, is taken from what comes after.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Outside {
    hits: [u64; CELL_COUNT],
    owed: [u64; CELL_COUNT],
}

impl Outside {
    /// Takes in a tick; requests and hits outside of each cell.
    pub fn step(&mut self, sample: &Sample) -> [Tally; CELL_COUNT] {
        if sample.counter.is_by_cell() {
            return sample.cells.0.map(|cell| sample.whole.less(cell));
        }
        let mut outside = [Tally::default(); CELL_COUNT];
        let state = self.hits.iter_mut().zip(&mut self.owed);
        for ((part, cell), (before, owed)) in outside.iter_mut().zip(&sample.cells.0).zip(state) {
            let over = cell.errors.saturating_sub(sample.whole.errors);
            *owed = owed.saturating_add(over.min(*before));
            let hits = sample.whole.errors.saturating_sub(cell.errors);
            let left = hits.saturating_sub(*owed);
            *owed = owed.saturating_sub(hits);
            *before = hits;
            *part = Tally::new(sample.whole.requests.saturating_sub(cell.requests), left);
        }
        outside
    }

    /// As before the first tick.
    #[must_use]
    pub fn is_even(&self) -> bool {
        *self == Self::default()
    }
}

/// Stores a counter by its name in documents.
pub(super) fn serialize<S: Serializer>(counter: &Counter, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(counter.name())
}

/// The counterpart.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Counter, D::Error> {
    let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    // What is always counted comes first: no counter of a document has such a name.
    Ok(Counter::from_name(&name).unwrap_or_else(|| Counter::Named(name.as_ref().into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::limit::Bound;

    fn timeouts(of_cell_0: (u64, u64), whole: u64) -> Sample {
        let mut cells = Cells([Tally::new(10, 0); CELL_COUNT]);
        cells.0[0] = Tally::new(of_cell_0.0, of_cell_0.1);
        let mut results = Results::default();
        results[Outcome::Timeout.index()] = whole;
        Sample::of(&Counter::Timeouts, &cells, &results, &Named::default())
    }

    #[test]
    fn what_one_client_can_have_done_is_outside_of_no_other_cell() {
        let parts = Outside::default().step(&timeouts((60, 50), 50));
        assert_eq!(parts[0], Tally::new(190, 0));
        assert_eq!(parts[1], Tally::new(240, 50));
    }

    #[test]
    fn a_storm_whose_results_are_read_a_moment_later_than_its_cells_adds_nothing_up() {
        let mut outside = Outside::default();
        let mut sum = 0;
        for tick in 0..1_000u64 {
            // Now one more timeout than errors of the cell, now one fewer.
            let late = tick % 2;
            sum += outside.step(&timeouts((60, 49 + late), 50)).first().unwrap().errors;
            outside.step(&timeouts((60, 50), 49 + late));
        }
        assert!(sum <= 1, "{sum}");
    }

    #[test]
    fn client_errors_are_left_out_with_all_that_their_cell_did() {
        let cells = Cells([Tally::new(10, 1); CELL_COUNT]);
        let mut results = Results::default();
        results[Outcome::ClientError.index()] = 40;
        let none = Named::default();
        let sample = Sample::of(&Counter::ClientErrors, &cells, &results, &none);
        assert_eq!((sample.whole, sample.without_worst()), (Tally::new(200, 40), Tally::new(190, 31)));
        results[Outcome::Cancelled.index()] = 50;
        let sample = Sample::of(&Counter::Cancelled, &cells, &results, &none);
        assert_eq!(sample.whole, Tally::new(250, 50));
    }

    #[test]
    fn hits_are_what_their_cells_had_where_they_were_counted() {
        let counter = Counter::Named("fallback".into());
        let limits = [Limit { bound: Bound::Max { counter: counter.clone(), max: 0.01 }, dry_run: false, weight: 1.0 }];
        let mut counts = VariantCounts::default();
        for cell in &mut counts.cells {
            cell.requests = 10;
        }
        assert!(Named::of(&limits, &counts).is_empty(), "not counted is not zero");
        assert_eq!(Sample::of_tick(&counter, &counts).whole, Tally::default());
        counts.goals.insert("fallback".into(), [2; CELL_COUNT]);
        counts.goals.insert("other".into(), [9; CELL_COUNT]);
        // Read a moment later than its request.
        counts.goals.get_mut("fallback").unwrap()[3] = 11;
        let named = Named::of(&limits, &counts);
        let sample = Sample::of(&counter, &Cells::default(), &Results::default(), &named);
        assert_eq!(sample, Sample::of_tick(&counter, &counts));
        assert_eq!((sample.whole, sample.without_worst()), (Tally::new(200, 48), Tally::new(190, 38)));
        assert_eq!(Outside::default().step(&sample)[3], Tally::new(190, 38));
    }

    #[test]
    fn errors_are_what_their_cells_had() {
        let cells = Cells([Tally::new(10, 1); CELL_COUNT]);
        let sample = Sample::of(&Counter::Errors, &cells, &Results::default(), &Named::default());
        assert_eq!(sample, Sample::of_errors(cells));
        let mut outside = Outside::default();
        assert_eq!(outside.step(&sample), [Tally::new(190, 19); CELL_COUNT]);
    }
}
