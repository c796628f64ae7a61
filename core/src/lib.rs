//! What a flag document means and what it decides.
pub mod cell;
pub mod document;
pub mod hash;
pub mod name;
pub mod outcome;
pub mod reason;
pub mod share;
pub mod snapshot;
pub mod span;
