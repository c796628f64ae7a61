//! What a comparison of a goal or a score says, in words. Owns how many decimals that takes.

use super::goal::{Comparison, Outcome};
use super::policy::Goal;
use crate::judge::words::{count, trimmed};

pub(super) fn words(goal: &Goal, found: &Comparison) -> String {
    let ((low, high), least) = (found.interval, goal.minimum_effect);
    // Where the difference stands to each of these is what the sentence is about.
    let decimals = decimals(found.difference, [low, high, least.copysign(found.difference), 0.0]);
    let say = |number: f64| rounded(number, decimals);
    let effect = rounded(least, decimals.max(places(least)));
    let (seen, needed) = (count(found.seen), count(found.needed));
    let numbers = format!(
        "{} against {} in control, difference {} within {} to {}",
        digits(found.candidate),
        digits(found.control),
        say(found.difference),
        say(low),
        say(high)
    );
    match found.outcome {
        Outcome::Better => format!("better: {numbers}, at least the minimum effect of {effect}"),
        Outcome::Worse => format!("worse: {numbers}, at least the minimum effect of {effect}"),
        Outcome::Tie => format!("a tie: {numbers}, no difference of the minimum effect of {effect}"),
        Outcome::Inconclusive => format!("inconclusive: {numbers}; {seen} seen, about {needed} needed to see {effect}"),
        Outcome::NotEnough => format!("no verdict on {seen} of {needed} that a difference of {effect} needs"),
        Outcome::NoData => "nothing seen".to_owned(),
    }
}

/// Of shares and scores alike so many are shown, of small ones as many as give two digits.
const DECIMALS: usize = 4;
/// Beyond these a difference is that of the arithmetic.
const MOST_DECIMALS: usize = 12;

/// Decimals with which a number reads different from others that are not the same.
fn decimals<const N: usize>(number: f64, others: [f64; N]) -> usize {
    let told = |decimals: &usize| {
        let text = rounded(number, *decimals);
        others.iter().all(|other| *other == number || rounded(*other, *decimals) != text)
    };
    (places(number)..MOST_DECIMALS).find(told).unwrap_or(MOST_DECIMALS)
}

/// Decimals that show two digits of a small number.
fn places(number: f64) -> usize {
    let mut least = 1e-3;
    let mut decimals = DECIMALS;
    while number.abs() < least && decimals < MOST_DECIMALS && number != 0.0 {
        least /= 10.0;
        decimals += 1;
    }
    decimals
}

fn rounded(number: f64, decimals: usize) -> String {
    let text = trimmed(format!("{number:.decimals$}"));
    if text == "-0" { "0".to_owned() } else { text }
}

/// A share or a score.
pub(super) fn digits(number: f64) -> String {
    rounded(number, places(number))
}

#[cfg(test)]
mod tests {
    use super::super::policy::Better;
    use super::*;

    #[test]
    fn a_difference_reads_different_from_what_it_stands_beside() {
        let goal = Goal { minimum_effect: 0.0004, better: Better::Higher, alpha: 0.05, power: 0.8 };
        let found = |difference: f64, interval: (f64, f64)| {
            let (candidate, control) = (0.000_52 + difference, 0.000_52);
            let (outcome, newcombe) = (if difference > 0.0 { Outcome::Better } else { Outcome::Worse }, None);
            words(
                &goal,
                &Comparison { outcome, candidate, control, difference, interval, newcombe, seen: 9, needed: 9 },
            )
        };
        assert_eq!(
            found(-0.000_62, (-0.000_66, -0.000_58)),
            "worse: -0.0001 against 0.00052 in control, difference -0.00062 within -0.00066 to -0.00058, at least the minimum effect of 0.0004"
        );
        assert_eq!(
            found(0.000_400_1, (0.000_1, 0.000_7)),
            "better: 0.00092 against 0.00052 in control, difference 0.0004001 within 0.0001 to 0.0007, at least the minimum effect of 0.0004"
        );
        assert_eq!(
            [0.0, 1e-16, -1e-16, 0.3, 12.345_67, 0.000_123_4].map(digits),
            ["0", "0", "0", "0.3", "12.3457", "0.00012"]
        );
    }
}
