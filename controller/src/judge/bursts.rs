//! [`Around`]: what one client may have added to the candidate's durations, which are not counted by cell. Owns the guess of its size;
//! knows no limit.
//!
//! A client in a retry loop is in one cell of users, and that cell then has more requests than it usually has: whatever its busiest cell
//! has beyond its usual share, beside what the others have, is taken for slow, and left out. The usual share is control's (the same cells of users), at least a
//! twentieth. So a client's storm never decides about latency; a large customer who is slow by nature and only on the candidate may.

use super::recent::Recent;
use super::tally::{Cells, Tally};
use crate::observation::CELL_COUNT;
use crate::stats::normal::Z95_ONE_SIDED;
use crate::stats::proportion::wilson;
use crate::stats::{real, real_to_count};

/// What stands around a limit's evidence.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The last half minute, to the end of the tick.
    pub recent: &'a Recent,
    /// Control's counts since the attempt began.
    pub control: &'a Cells,
}

/// Slow requests that evidence must rest on before it decides, one client's burst left out.
pub const LEAST_SLOW: u64 = 20;

/// Envoy flushes histograms every 5 s at most, and ticks are put together to some seconds.
const FLUSH_MS: u64 = 8_000;

impl Around<'_> {
    /// Of `slow` requests with these cells more than a share of `tolerated` are slow, with confidence of 95 % and a burst of one client
    /// left out.
    #[must_use]
    pub fn is_broad(&self, slow: Tally, cells: &Cells, tolerated: f64) -> bool {
        // Histograms may come a flush later than cells, so the burst is looked for a little before, too.
        let burst = self.burst(cells).max(self.burst(&self.recent.busy(FLUSH_MS)));
        let rest = slow.less(Tally { requests: burst, errors: burst });
        rest.errors >= LEAST_SLOW && wilson(real(rest.errors), real(rest.requests), Z95_ONE_SIDED).0 > tolerated
    }

    fn burst(&self, cells: &Cells) -> u64 {
        let (all, control) = (real(cells.sum().requests), real(self.control.sum().requests).max(1.0));
        let even = f64::from(u32::try_from(CELL_COUNT).unwrap_or(1)).recip();
        let beyond = cells.0.iter().zip(&self.control.0).map(|(cell, usual)| {
            let share = (real(usual.requests) / control).max(even);
            // Its usual part is that of what the others have: a storm may be as large as all of these.
            (real(cell.requests) - share * all) / (1.0 - share).max(even)
        });
        real_to_count(beyond.fold(0.0, f64::max).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::recent::Piece;

    fn cells(of_cell_3: u64) -> Cells {
        let mut cells = Cells([Tally::new(50, 0); CELL_COUNT]);
        cells.0[3].requests = of_cell_3;
        cells
    }

    #[test]
    fn what_the_busiest_cell_has_beyond_its_share_is_left_out() {
        let (recent, control) = (Recent::default(), cells(50));
        let around = Around { recent: &recent, control: &control };
        assert!(around.is_broad(Tally::new(1_000, 150), &cells(50), 0.05));
        assert!(!around.is_broad(Tally::new(1_150, 200), &cells(200), 0.05), "a storm in cell 3");
        assert!(around.is_broad(Tally::new(1_150, 400), &cells(200), 0.05), "a storm beside a fault");
        let control = cells(200);
        let around = Around { recent: &recent, control: &control };
        assert!(around.is_broad(Tally::new(1_150, 150), &cells(200), 0.05), "control's cell 3 is as busy");
    }

    #[test]
    fn a_storm_larger_than_all_the_rest_is_left_out_whole() {
        let (recent, control) = (Recent::default(), cells(50));
        let around = Around { recent: &recent, control: &control };
        // 2,000 slow ones of one client beside 1,000 requests of all, of which 50 are slow.
        assert!(!around.is_broad(Tally::new(3_000, 2_050), &cells(2_050), 0.05));
        assert!(around.is_broad(Tally::new(3_000, 2_100), &cells(2_050), 0.05));
    }

    #[test]
    fn a_burst_whose_durations_come_late_is_left_out_too() {
        let control = cells(50);
        let mut recent = Recent::default();
        recent.add(&Piece { span_ms: 3_000, busy: cells(250), ..Piece::default() });
        recent.add(&Piece { span_ms: 3_000, busy: cells(50), ..Piece::default() });
        let around = Around { recent: &recent, control: &control };
        assert!(!around.is_broad(Tally::new(1_200, 190), &cells(50), 0.05));
    }
}
