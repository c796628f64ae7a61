//! [`Exception`]: what a peer is known to do otherwise, by name and with the reason. As narrow as it can be said: one operation with certain arguments, and
//! what the peer does in its place; so the peer has to give exactly the answer that follows from it, and any other is a difference.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;
use weir_core::document::Hashing;
use weir_core::json::Json;

use super::case::{Answer, Ask};
use super::plain::{Instead, Quirks, Step};

/// One known deviation of one peer.
#[derive(Debug)]
pub struct Exception {
    /// Told with its count.
    pub name: &'static str,
    /// Why it is the peer's, or a choice.
    pub why: &'static str,
    /// Whether the peer does so wherever it shows. Where it hangs on what JSON's values do not tell, as whether a number is an integer within the peer, it
    /// may do so or not.
    pub always: bool,
    /// Where it shows.
    pub at: At,
}

/// Where a deviation shows, and what then.
#[derive(Debug)]
pub enum At {
    /// The whole document: the peer refuses what Weir loads.
    Document(fn(&Value) -> bool),
    /// In one operation.
    Step(fn(&Step<'_>) -> Option<Instead>),
    /// In the whole rule, with what it refers to in its place, of a document.
    Rule(fn(&Json, &Json) -> Option<Instead>),
    /// In what holds for true.
    Truth(fn(&Json) -> Option<bool>),
    /// In what becomes of a rule's result.
    Result(fn(&Json, &Json) -> Option<Instead>),
    /// In what becomes of an answer.
    Answer(fn(&Ask, &Json, &Answer) -> Option<Answer>),
}

/// A peer with what is known of it.
#[derive(Debug)]
pub struct Known {
    /// On the command line.
    pub name: &'static str,
    /// Package and version.
    pub package: &'static str,
    /// Its dialect of `fractional`.
    pub hashing: Hashing,
    /// Whether it takes the daemon's form of a document, an array of flags.
    pub takes_arrays: bool,
    /// In the order in which they are tried.
    pub exceptions: &'static [Exception],
}

impl Known {
    /// The exception by which the peer refuses the document.
    #[must_use]
    pub fn refuses(&self, document: &Value) -> Option<&'static str> {
        let at = |exception: &&Exception| matches!(exception.at, At::Document(refuses) if refuses(document));
        self.exceptions.iter().find(at).map(|exception| exception.name)
    }
}

impl Known {
    /// Whether the peer does this wherever it shows.
    #[must_use]
    pub fn always(&self, name: &str) -> bool {
        self.exceptions.iter().any(|exception| exception.name == name && exception.always)
    }
}

/// The exceptions of a peer over one question, and which of them were met.
#[derive(Debug)]
pub struct Met<'k> {
    known: &'k Known,
    without: &'k [&'static str],
    names: RefCell<BTreeSet<&'static str>>,
}

impl<'k> Met<'k> {
    /// None yet; those of `without` are not to be met.
    #[must_use]
    pub fn new(known: &'k Known, without: &'k [&'static str]) -> Self {
        Self { known, without, names: RefCell::default() }
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> BTreeSet<&'static str> {
        self.names.into_inner()
    }

    fn first<T>(&self, find: impl Fn(&At) -> Option<T>) -> Option<T> {
        let of = self.known.exceptions.iter().filter(|exception| !self.without.contains(&exception.name));
        of.into_iter().find_map(|exception| {
            let found = find(&exception.at)?;
            self.names.borrow_mut().insert(exception.name);
            Some(found)
        })
    }
}

impl Quirks for Met<'_> {
    fn step(&self, step: &Step<'_>, plain: Option<&Json>) -> Option<Instead> {
        // What comes to the same is no deviation. Written down, because NaN is equal to nothing.
        let other = |instead: &Instead| match (instead, plain) {
            (Instead::Value(value), Some(plain)) => format!("{value:?}") != format!("{plain:?}"),
            _ => true,
        };
        self.first(|at| if let At::Step(instead) = at { instead(step).filter(other) } else { None })
    }

    fn rule(&self, rule: &Json, document: &Json) -> Option<Instead> {
        self.first(|at| if let At::Rule(instead) = at { instead(rule, document) } else { None })
    }

    fn truth(&self, value: &Json) -> Option<bool> {
        self.first(|at| if let At::Truth(instead) = at { instead(value) } else { None })
    }

    fn result(&self, rule: &Json, result: &Json) -> Option<Instead> {
        self.first(|at| if let At::Result(instead) = at { instead(rule, result) } else { None })
    }

    fn answer(&self, ask: &Ask, flag: &Json, answer: &Answer) -> Option<Answer> {
        self.first(|at| if let At::Answer(instead) = at { instead(ask, flag, answer) } else { None })
    }
}

/// No quirks at all.
#[derive(Debug)]
pub struct AsDescribed;

impl Quirks for AsDescribed {
    fn step(&self, _: &Step<'_>, _: Option<&Json>) -> Option<Instead> {
        None
    }

    fn rule(&self, _: &Json, _: &Json) -> Option<Instead> {
        None
    }

    fn truth(&self, _: &Json) -> Option<bool> {
        None
    }

    fn result(&self, _: &Json, _: &Json) -> Option<Instead> {
        None
    }

    fn answer(&self, _: &Ask, _: &Json, _: &Answer) -> Option<Answer> {
        None
    }
}
