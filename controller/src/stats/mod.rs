//! Statistics: pure functions of numbers, each with the paper that it is from. Knows no rollout; what decides in one is `judge`'s.
//!
//! - `proportion`: z tests, Wilson, Newcombe, exact binomial; `power`: sample sizes, power, time to decision
//! - `count`: always-valid evidence from two counts; `sequence`: normal mixtures, asymptotic sequences, mSPRT
//! - `boundary`: gamma mixtures, stitching, sequences of quantiles and distributions
//! - `mean`: differences, lifts, variances between cells; `quantile`: of histograms
//! - `mismatch`: sample-ratio mismatch; `rank`: Kolmogorov-Smirnov and Mann-Whitney; `paired`: McNemar; `multiple`: corrections
//! - `beta`, `gamma`, `normal`, `real`: what these rest on
//!
//! Whatever goes in within its documented range, what comes out is finite. What was never seen is "no difference", not a NaN.
pub mod beta;
pub mod boundary;
pub mod count;
mod gamma;
pub mod mean;
pub mod mismatch;
pub mod multiple;
pub mod normal;
pub mod paired;
pub mod power;
pub mod proportion;
pub mod quantile;
pub mod rank;
mod real;
pub mod sequence;

pub use normal::Side;
pub(crate) use real::whole;
pub use real::{real, real_to_count};
