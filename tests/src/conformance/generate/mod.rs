//! Documents and contexts from a seed: the same seed, the same cases, on every machine. They are mostly what people write, for where nobody agrees nothing
//! is learnt; about one operand in sixteen is something else: of a wrong kind, missing, null, odd.
//!
//! - `document`: flags, variants, evaluators, metadata; `context`: attributes; `rule`: targeting; `value`: constants

mod context;
mod document;
mod rule;
mod value;

pub use document::case;

use fastrand::Rng;

/// Where the generator gets its choices from.
#[derive(Debug)]
pub struct Dice {
    rng: Rng,
    /// Texts of letters, digits and such alone.
    plain_texts: bool,
}

impl Dice {
    /// The same choices for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), plain_texts: false }
    }

    /// One time in so many.
    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(0..many) == 0
    }

    /// One of these.
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(0..of.len())]
    }

    /// The same of names.
    fn name<'n>(&mut self, of: &'n [String]) -> &'n str {
        &of[self.rng.usize(0..of.len())]
    }

    /// Below this.
    fn below(&mut self, limit: usize) -> usize {
        self.rng.usize(0..limit)
    }
}
