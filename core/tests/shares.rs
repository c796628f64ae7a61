//! What shares of users mean, exactly: counted over all 2^32 hashes by integer arithmetic, moved by one boundary at a time, and independent between flags.
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use weir_core::document::Hashing;
use weir_core::hash::scale;
use weir_core::plan::Split;

const SPACE: u64 = 1 << 32;

/// How many of all hashes have a place below `end` out of `total`: the least hash that has not is the ceiling of end * 2^32 / total.
fn hashes_below(end: u64, total: u64) -> u64 {
    (end * SPACE).div_ceil(total)
}

fn place(hash: u64, total: u64) -> u64 {
    u64::from(scale(u32::try_from(hash).unwrap(), u32::try_from(total).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Each bucket has its share of the 2^32 hashes, rounded to a whole hash: never off by one hash or more.
    #[test]
    fn each_bucket_has_exactly_its_share_of_all_hashes(weights in prop::collection::vec(0..200_000_000_u64, 1..9)) {
        let total: u64 = weights.iter().sum();
        prop_assume!(total > 0);
        let (mut end, mut counted) = (0, 0);
        for weight in weights {
            let start = hashes_below(end, total);
            end += weight;
            let count = hashes_below(end, total) - start;
            counted += count;
            // |count - weight / total * 2^32| < 1, in integers.
            prop_assert!((count * total).abs_diff(weight * SPACE) < total, "{weight} of {total}: {count}");
            // The boundary is where the formula says: the arithmetic of the split, not of this test.
            let first = hashes_below(end, total);
            if first < SPACE {
                prop_assert_eq!(place(first, total), end);
            }
            if first > 0 {
                prop_assert!(place(first - 1, total) < end);
            }
        }
        prop_assert_eq!(counted, SPACE);
    }

    /// One boundary moved: only who lies between its old place and its new one changes sides.
    #[test]
    fn one_boundary_moved_moves_only_the_users_between(
        hash in 0..SPACE, total in 1..1_000_000_u64, old in 0..1_000_000_u64, new in 0..1_000_000_u64,
    ) {
        let (old, new) = (old % (total + 1), new % (total + 1));
        let place = place(hash, total);
        let moved = (place < old) != (place < new);
        prop_assert_eq!(moved, (old.min(new)..old.max(new)).contains(&place));
        if new >= old && place < old {
            prop_assert!(place < new, "who is in stays in while the weight rises");
        }
    }
}

/// Pearson's chi-square of two flags' places, 10 by 10, with 81 degrees of freedom, for 40 pairs of salts: none beyond what one in a million has, and their sum
/// is not either. Salts that differ in one letter too.
#[test]
fn two_flags_split_the_same_users_independently() {
    let users: Vec<String> = (0..50_000).map(|i| format!("user-{i}")).collect();
    let tenth = |salt: &str, hashing| {
        let split = Split::new(salt, hashing);
        users.iter().map(|user| scale(split.hash(user), 10) as usize).collect::<Vec<_>>()
    };
    let mut sum = 0.0;
    for pair in 0..40 {
        let hashing = if pair % 2 == 0 { Hashing::FlagdV3 } else { Hashing::FlagdV2 };
        let (a, b) = (tenth(&format!("checkout-{pair}"), hashing), tenth(&format!("checkout-{}", pair + 1), hashing));
        let chi_square = chi_square(&a, &b);
        // The 1 - 1e-6 quantile of chi-square with 81 degrees of freedom is 153.9 (Wilson and Hilferty: 153.8).
        assert!(chi_square < 154.0, "pair {pair}: {chi_square}");
        sum += chi_square;
    }
    // 3,240 degrees of freedom: mean 3,240, standard deviation 80.5; five of them either way.
    assert!((sum - 3_240.0).abs() < 5.0 * 80.5, "{sum}");
}

fn chi_square(a: &[usize], b: &[usize]) -> f64 {
    let mut table = [[0.0_f64; 10]; 10];
    a.iter().zip(b).for_each(|(a, b)| table[*a][*b] += 1.0);
    let all = a.len() as f64;
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<f64> = (0..10).map(|b| table.iter().map(|row| row[b]).sum()).collect();
    let mut sum = 0.0;
    for (row, in_row) in table.iter().zip(&rows) {
        for (found, in_column) in row.iter().zip(&columns) {
            let expected = in_row * in_column / all;
            sum += (found - expected).powi(2) / expected;
        }
    }
    sum
}
