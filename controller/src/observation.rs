//! [`Observation`]: what one tick saw, as the judge takes it: differences since the tick before, summed over the proxies. Owns the
//! shape that is also stored and replayed; knows neither Envoy nor how counters were read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_core::cell::CELLS;
use weir_core::outcome::{OUTCOMES, Outcome};

/// How many cells a variant's counts have.
pub const CELL_COUNT: usize = CELLS as usize;

/// One tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the last answer of the tick was in, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Time since the tick before, by the monotonic clock, in milliseconds.
    pub span_ms: u64,
    /// How many proxies should have answered.
    pub expected: u32,
    /// How many did.
    pub seen: u32,
    /// By flag key.
    pub flags: BTreeMap<String, FlagCounts>,
}

/// What happened to one flag in a tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlagCounts {
    /// Requests that the split assigned, by name of the variant.
    pub variants: BTreeMap<String, VariantCounts>,
    /// Requests that it did not, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unassigned: BTreeMap<String, u64>,
    /// The same requests by name of the segment that their user is in, then by name of the variant. Absent where none is counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, BTreeMap<String, VariantCounts>>,
    /// Mirrored requests whose answers were compared. Absent where none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Box<ShadowCounts>>,
    /// What custom checks were answered, by their name: only what came in with this tick. Absent where nothing did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, CustomAnswer>,
}

/// What a custom check was answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomAnswer {
    /// How long before the tick's end it was asked, milliseconds.
    pub age_ms: u64,
    /// What the query gives for the candidate; `None` if it gives nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<f64>,
    /// What the same query gives for control at the same instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<f64>,
    /// What a webhook says; of a query only `unknown`, where it could not be asked or its answer is no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Said>,
    /// In words: what a webhook adds, or why nothing is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A word of a custom check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Good.
    Yes,
    /// Not good.
    No,
    /// Nobody knows: the candidate neither goes on nor back for it.
    Unknown,
}

/// What happened to one variant in a tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantCounts {
    /// Requests begun.
    pub started: u64,
    /// Requests ended, by [`Outcome::index`].
    pub results: [u64; OUTCOMES.len()],
    /// Requests and errors by cell of the user.
    pub cells: [CellCounts; CELL_COUNT],
    /// How long they took.
    #[serde(default, skip_serializing_if = "Bins::is_empty")]
    pub duration: Bins,
    /// Requests that reached a goal, by its name and by cell of the user; of the cell's requests. Absent where none is counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub goals: BTreeMap<String, [u64; CELL_COUNT]>,
    /// Scores that requests were given, by name. Absent where none is counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, ScoreCounts>,
}

/// What one score of one variant was in a tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreCounts {
    /// By cell of the user.
    pub cells: [ScoreCell; CELL_COUNT],
    /// Its values as a histogram, in millionths, where drift is looked for.
    #[serde(default, skip_serializing_if = "Bins::is_empty")]
    pub bins: Bins,
}

/// One score in one cell. Written as `[count, sum, sum of squares]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, f64, f64)", into = "(u64, f64, f64)")]
pub struct ScoreCell {
    /// Requests that had the score.
    pub count: u64,
    /// Its sum over them.
    pub sum: f64,
    /// The sum of its squares.
    pub squares: f64,
}

/// Comparisons of the candidate's answers with control's in a tick, and of control's with a second answer of control's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShadowCounts {
    /// Answers of both compared.
    pub comparisons: u64,
    /// That agreed.
    pub agreements: u64,
    /// Answers of control compared with control's own second one: what differs there is noise. 0 without a second mirror.
    pub noise_comparisons: u64,
    /// That agreed.
    pub noise_agreements: u64,
    /// How long the candidate took.
    pub candidate_duration: Bins,
    /// How long control took for the same requests.
    pub control_duration: Bins,
    /// The candidate's errors in the comparisons.
    pub candidate_errors: u64,
    /// Control's.
    pub control_errors: u64,
    /// By the field that differed.
    pub fields: BTreeMap<String, FieldCounts>,
}

/// How often one field of the answers differed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldCounts {
    /// Between candidate and control.
    pub differs: u64,
    /// Between control and control.
    pub noise: u64,
    /// Some of the first, as `[control, candidate]`.
    pub examples: Vec<(String, String)>,
}

/// One cell of one variant in a tick. Written as `[requests, errors]`: there are forty of them in every tick that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct CellCounts {
    /// Requests ended, those that the client cancelled left out.
    pub requests: u64,
    /// Errors among them.
    pub errors: u64,
}

impl From<(u64, u64)> for CellCounts {
    fn from((requests, errors): (u64, u64)) -> Self {
        Self { requests, errors }
    }
}

impl From<CellCounts> for (u64, u64) {
    fn from(cell: CellCounts) -> Self {
        (cell.requests, cell.errors)
    }
}

impl From<(u64, f64, f64)> for ScoreCell {
    fn from((count, sum, squares): (u64, f64, f64)) -> Self {
        Self { count, sum, squares }
    }
}

impl From<ScoreCell> for (u64, f64, f64) {
    fn from(cell: ScoreCell) -> Self {
        (cell.count, cell.sum, cell.squares)
    }
}

impl From<(u64, u64)> for Bin {
    fn from((width, count): (u64, u64)) -> Self {
        Self { width, count }
    }
}

impl From<Bin> for (u64, u64) {
    fn from(bin: Bin) -> Self {
        (bin.width, bin.count)
    }
}

impl VariantCounts {
    /// Ended with that outcome.
    #[must_use]
    pub fn result(&self, outcome: Outcome) -> u64 {
        self.results[outcome.index()]
    }

    /// Ended, however they did.
    #[must_use]
    pub fn ended(&self) -> u64 {
        added(self.results.into_iter())
    }

    /// Ended, those that the client cancelled left out: what a rate of errors is taken of.
    #[must_use]
    pub fn requests(&self) -> u64 {
        added(OUTCOMES.into_iter().filter(|o| *o != Outcome::Cancelled).map(|o| self.result(o)))
    }

    /// Server errors, timeouts and resets.
    #[must_use]
    pub fn errors(&self) -> u64 {
        added(OUTCOMES.into_iter().filter(|o| o.is_error()).map(|o| self.result(o)))
    }
}

/// The most there can be, if it is more: a history may hold any numbers.
fn added(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// Envoy's histogram bins: lower bound in microseconds to width and count. Bins of one histogram never overlap and are the same in every
/// proxy (log-linear, two significant digits), so that adding counts merges them exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bins(pub BTreeMap<u64, Bin>);

/// One bin. Written as `[width, count]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Bin {
    /// Microseconds.
    pub width: u64,
    /// Values in it.
    pub count: u64,
}

impl Bins {
    /// No value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        added(self.0.values().map(|bin| bin.count))
    }

    /// Adds another histogram's values. Of two bins that begin alike the wider one's end is kept, so that order does
    /// not matter.
    pub fn merge(&mut self, other: &Self) {
        for (lower, bin) in &other.0 {
            let mine = self.0.entry(*lower).or_insert(Bin { width: bin.width, count: 0 });
            mine.width = mine.width.max(bin.width);
            mine.count = mine.count.saturating_add(bin.count);
        }
    }
}
