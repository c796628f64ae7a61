//! [`Norm`]: how long control's requests have taken of late. Owns how far back that reaches; knows no limit.

use serde::{Deserialize, Serialize};

use crate::observation::Bins;
use crate::stats::normal::Z999;
use crate::stats::quantile::upper_edge;

/// Durations are forgotten after one to two times so long, milliseconds.
const REACH_MS: u64 = 300_000;

/// Requests beyond a quantile without which nothing is said of it.
const LEAST_BEYOND: f64 = 10.0;

/// Control's durations of the last five to ten minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Norm {
    now: Bins,
    before: Bins,
    since_ms: u64,
}

impl Norm {
    /// Takes in a tick.
    pub fn add(&mut self, durations: &Bins, span_ms: u64) {
        if self.since_ms >= REACH_MS {
            self.before = std::mem::take(&mut self.now);
            self.since_ms = 0;
        }
        self.now.merge(durations);
        self.since_ms = self.since_ms.saturating_add(span_ms);
    }

    /// All of it.
    #[must_use]
    pub fn bins(&self) -> Bins {
        let mut bins = self.before.clone();
        bins.merge(&self.now);
        bins
    }
}

/// Requests that are missing until there is an [`edge`]; 1 if only chance is missing.
#[must_use]
pub fn missing(durations: &Bins, quantile: f64) -> u64 {
    if edge(durations, quantile).is_some() {
        return 0;
    }
    let wanted = crate::stats::whole((LEAST_BEYOND / (1.0 - quantile)).ceil(), u64::MAX);
    wanted.saturating_sub(durations.count()).max(1)
}

/// A bin's upper edge that the quantile (0 to 1) surely does not lie above: with confidence of 99.9 % and never inside a bin. `None` with
/// too few requests beyond the quantile.
#[must_use]
pub fn edge(durations: &Bins, quantile: f64) -> Option<u64> {
    let beyond = crate::stats::real(durations.count()) * (1.0 - quantile);
    (beyond >= LEAST_BEYOND).then(|| upper_edge(durations, quantile, Z999)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Bin;

    fn bins(count: u64) -> Bins {
        Bins((1..=100).map(|ms| (ms * 1_000, Bin { width: 1_000, count })).collect())
    }

    #[test]
    fn the_edge_is_above_the_quantile_and_comes_closer() {
        assert_eq!(edge(&bins(1), 0.95), None);
        assert_eq!(edge(&bins(2), 0.95), Some(100_000));
        assert_eq!(edge(&bins(100), 0.95), Some(97_000));
        assert_eq!(edge(&bins(100_000), 0.95), Some(97_000), "the bin that the quantile ends");
    }

    #[test]
    fn after_ten_minutes_nothing_is_left_of_what_was() {
        let mut norm = Norm::default();
        norm.add(&bins(1), 1_000);
        (0..650).for_each(|_| norm.add(&Bins::default(), 1_000));
        assert_eq!(norm.bins(), Bins::default());
    }
}
