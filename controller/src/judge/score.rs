//! The score of a report: how much of what is asked for is kept, as one number for people. Owns that; never decides anything.

use super::ruling::{Check, CheckState};

/// The weight of the checks that pass, in per cent of the weight of all that have enough to say so or not. `None` while none has. Dry runs
/// are left out.
#[must_use]
pub fn score(checks: &[Check]) -> Option<f64> {
    let mut passed = 0.0;
    let mut all = 0.0;
    for check in checks.iter().filter(|check| check.decides()) {
        match check.state {
            CheckState::Pass => {
                passed += check.weight;
                all += check.weight;
            }
            CheckState::Fail | CheckState::Shared | CheckState::Unclear => all += check.weight,
            CheckState::NotEnough | CheckState::NoData => {}
        }
    }
    (all > 0.0).then(|| 100.0 * passed / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: CheckState, weight: f64, dry_run: bool) -> Check {
        Check { state, weight, dry_run, ..Check::default() }
    }

    #[test]
    fn it_is_the_weight_of_what_passes() {
        use CheckState::{Fail, NoData, NotEnough, Pass, Unclear};
        assert_eq!(score(&[]), None);
        assert_eq!(score(&[check(NotEnough, 1.0, false), check(NoData, 1.0, false)]), None);
        assert_eq!(score(&[check(Pass, 1.0, false), check(NotEnough, 9.0, false)]), Some(100.0));
        assert_eq!(score(&[check(Pass, 3.0, false), check(Unclear, 1.0, false), check(Fail, 9.0, true)]), Some(75.0));
        assert_eq!(score(&[check(Pass, 0.0, false)]), None);
    }
}
