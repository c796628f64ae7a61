//! [`Fault`]: one thing that is wrong in a file, said so that a person can mend it. Owns paths and the collecting of faults; checks nothing itself.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: a JSON path such as `$.weir.rollouts.checkout.stages[0].weight`.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

/// `$.flags.checkout.state: found "maybe", allowed "ENABLED" or "DISABLED"`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, allowed {}", self.path, self.found, self.allowed)
    }
}

/// A place in a document: a chain of keys and indices back to the root, rendered only when there is a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl Path<'_> {
    pub(crate) fn key<'a>(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    pub(crate) fn index(&self, index: usize) -> Path<'_> {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("$"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) => {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'$';
                if !key.is_empty() && key.bytes().all(plain) {
                    write!(f, "{parent}.{key}")
                } else {
                    write!(f, "{parent}[{key:?}]")
                }
            }
        }
    }
}

/// At most so many faults are kept of one document: enough to mend it, bounded when somebody feeds us noise.
const MOST: usize = 1_000;

/// All faults of a document.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, path: &Path<'_>, found: impl fmt::Display, allowed: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Fault { path: path.to_string(), found: found.to_string(), allowed: allowed.into() });
        }
    }

    /// `value` if nothing was wrong, else the faults.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// For what can't be built without a fault having been added.
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_people_write_them() {
        let flags = Path::Root.key("flags");
        let odd = flags.key("a b.c");
        assert_eq!(odd.to_string(), r#"$.flags["a b.c"]"#);
        let plain = flags.key("$evaluators");
        assert_eq!(plain.index(3).to_string(), "$.flags.$evaluators[3]");
        assert_eq!(flags.key("").to_string(), r#"$.flags[""]"#);
    }
}
