//! [`Budget`]: how much may be taken apart before the answer is "can't be told". A rule of a few lines can be a tree of any size (evaluators that refer
//! twice to the next, an `or` of many `if`s), and whoever asks who moves wants an answer. Owns the count; what a step is, is said where it is taken.

use std::cell::Cell;

/// Steps for the two sides of one flag: a node of a tree, a part of a rule that is written out, a piece of the hash space.
const OF_A_FLAG: u64 = 2_000_000;
/// Steps for all flags of two documents.
const OF_ALL: u64 = 40_000_000;

/// Steps that are left.
#[derive(Debug)]
pub(super) struct Budget {
    of_all: Cell<u64>,
    of_this: Cell<u64>,
}

/// No steps are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent;

impl Budget {
    pub(super) const fn new() -> Self {
        Self { of_all: Cell::new(OF_ALL), of_this: Cell::new(0) }
    }

    /// Begins with another flag.
    pub(super) fn next_flag(&self) {
        self.of_this.set(OF_A_FLAG.min(self.of_all.get()));
    }

    /// Takes steps.
    ///
    /// # Errors
    /// So many are not left; then none are.
    pub(super) fn spend(&self, steps: u64) -> Result<(), Spent> {
        let this = self.of_this.get();
        let taken = steps.min(this);
        self.of_this.set(this.saturating_sub(taken));
        self.of_all.set(self.of_all.get().saturating_sub(taken));
        if steps > taken { Err(Spent) } else { Ok(()) }
    }

    /// For what has no way to hand an error on: what it gives from here is thrown away in the end.
    pub(super) fn is_spent(&self) -> bool {
        self.of_this.get() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_takes_no_more_than_its_own_and_all_no_more_than_theirs() {
        let budget = Budget::new();
        let mut flags = 0;
        loop {
            budget.next_flag();
            if budget.is_spent() {
                break;
            }
            flags += 1;
            assert_eq!(budget.spend(OF_A_FLAG - 1), Ok(()));
            assert_eq!(budget.spend(2), Err(Spent), "one is left");
            assert!(budget.is_spent());
        }
        assert_eq!(flags, OF_ALL / OF_A_FLAG);
    }
}
