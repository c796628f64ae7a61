//! [`Bits`]: which of a few numbered things. Knows not what they are.

/// Which of up to [`Bits::MOST`] things, by their place: a bit each, so that a request carries them without the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits(u8);

impl Bits {
    /// There is no thing at this place or a later one.
    pub const MOST: usize = 8;

    /// The thing at this place alone; nothing from [`Bits::MOST`] on.
    #[must_use]
    pub fn one(place: usize) -> Self {
        Self(u32::try_from(place).ok().and_then(|place| 1_u8.checked_shl(place)).unwrap_or(0))
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the thing at this place is one of them.
    #[must_use]
    pub fn has(self, place: usize) -> bool {
        self.0 & Self::one(place).0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bit_and_what_is_beyond_is_nothing() {
        let some = Bits::one(0).and(Bits::one(7));
        let has: Vec<usize> = (0..Bits::MOST + 2).filter(|place| some.has(*place)).collect();
        assert_eq!(has, [0, 7]);
        for beyond in [Bits::MOST, 32, usize::MAX] {
            assert_eq!(Bits::one(beyond), Bits::default());
            assert!(!some.has(beyond));
        }
    }
}
