//! [`Faults`]: what is wrong with a history, line by line, and [`Place`] where in a line. Owns how many are named; checks only what takes
//! more than one line to see.

use std::collections::BTreeSet;
use std::fmt;

use weir_core::check::{Code, Finding, Key};

/// So many are named; the others are counted.
const NAMED: usize = 20;

/// So many different lower bounds of bins a history may have. Envoy's are the same in every histogram, 90 to each power of ten, which is
/// fewer. The judge goes through a stage's bins in every tick: without an end to them the time would grow with the square of the ticks.
const MOST_BOUNDS: usize = 2_000;

/// A place in a line's JSON, written only where there is a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl Place<'_> {
    pub(super) fn key<'a>(&'a self, key: &'a str) -> Place<'a> {
        Place::Key(self, key)
    }

    pub(super) fn index(&self, index: usize) -> Place<'_> {
        Place::Index(self, index)
    }
}

/// As of a document's findings.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => f.write_str("$"),
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Place::Key(parent, key) => write!(f, "{parent}{}", Key(key)),
        }
    }
}

/// All faults of a history.
#[derive(Debug)]
pub(crate) struct Faults {
    name: String,
    line: usize,
    named: Vec<Finding>,
    count: usize,
    bounds: BTreeSet<u64>,
}

impl Faults {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), line: 0, named: Vec::new(), count: 0, bounds: BTreeSet::new() }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many are not named.
    pub(crate) fn left_out(&self) -> usize {
        self.count - self.named.len()
    }

    /// The first of them.
    pub(crate) fn named(self) -> Vec<Finding> {
        self.named
    }

    pub(super) fn next_line(&mut self) {
        self.line += 1;
    }

    pub(super) fn add(&mut self, at: &Place<'_>, found: impl fmt::Display, allowed: impl fmt::Display) {
        self.count += 1;
        if self.named.len() < NAMED {
            let path = format!("{}:{}: {at}", self.name, self.line);
            self.named.push(Finding::new(Code::Input, path, found.to_string(), allowed.to_string()));
        }
    }

    /// A bin begins there: a fault once, where there are too many of them.
    pub(super) fn bound(&mut self, at: &Place<'_>, lower: u64) {
        if self.bounds.len() <= MOST_BOUNDS && self.bounds.insert(lower) && self.bounds.len() > MOST_BOUNDS {
            let allowed = format_args!("at most {MOST_BOUNDS} different ones in a history: Envoy's bins have fewer");
            self.add(at, "one more lower bound of a bin", allowed);
        }
    }
}
