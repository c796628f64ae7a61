//! [`Cell`]: one of 20 groups of users of a flag, by a hash of its own. Errors that cluster by user show as a few bad cells, at any
//! weight, because the cell does not depend on the bucket. Owns the number of cells and the hash; knows no metric.

use crate::hash::{murmur3_32_parts, scale};

/// How many cells a flag's users are spread over.
pub const CELLS: u8 = 20;

/// A user's cell within a flag, below [`CELLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(u8);

impl Cell {
    /// The cell of a user: murmur3 of `weir-cell/`, the flag's key and the targetingKey, scaled to 20.
    #[must_use]
    pub fn of(flag: &str, targeting_key: &str) -> Self {
        let hash = murmur3_32_parts(&[b"weir-cell/", flag.as_bytes(), targeting_key.as_bytes()]);
        Self(u8::try_from(scale(hash, u32::from(CELLS))).unwrap_or(0))
    }

    /// The cell of that number; `None` from [`CELLS`] on.
    #[must_use]
    pub const fn from_index(index: u8) -> Option<Self> {
        if index < CELLS { Some(Self(index)) } else { None }
    }

    /// Its number, below [`CELLS`].
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CELLS).map(Self)
    }
}
