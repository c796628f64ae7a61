//! [`Finding`]: one thing about a file that a person should know, said so that it can be mended. Owns paths, the collecting of findings and their
//! order; checks nothing itself. What each [`Code`] means is `code`'s, where a path stands in the text `locate`'s.

use std::fmt;

use crate::code::{Code, Severity};
use crate::locate::{self, Spot, Step, Target};

/// One thing about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing it is.
    pub code: Code,
    /// How bad it is: the code's severity.
    pub severity: Severity,
    /// Where: a JSON path such as `$.weir.rollouts.checkout.stages[0].weight`.
    pub path: String,
    /// The line of the text where it stands, from 1; 0 if there is no text to point at.
    pub line: u32,
    /// The column in that line, in characters, from 1; 0 if there is no text to point at.
    pub column: u32,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl Finding {
    /// One that has no place in a text.
    #[must_use]
    pub fn new(code: Code, path: impl Into<String>, found: impl Into<String>, allowed: impl Into<String>) -> Self {
        let severity = code.severity();
        Self { code, severity, path: path.into(), line: 0, column: 0, found: found.into(), allowed: allowed.into() }
    }
}

/// `$.flags.checkout.state: found "maybe", allowed "ENABLED" or "DISABLED" (E-STATE, line 3, column 28)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, allowed {}", self.path, self.found, self.allowed)?;
        match self.line {
            0 => Ok(()),
            line => write!(f, " ({}, line {line}, column {})", self.code, self.column),
        }
    }
}

/// A place in a document: a chain of keys and indices back to the root, rendered only when there is a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
    /// Not what stands under the key but the key itself, the nth of that name in its object.
    Name(&'a Self, usize),
}

/// The last of the keys of that name: the one that counts.
const LAST: usize = usize::MAX;

impl Path<'_> {
    pub(crate) fn key<'a>(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    pub(crate) fn index(&self, index: usize) -> Path<'_> {
        Path::Index(self, index)
    }

    /// The key itself.
    pub(crate) fn name(&self) -> Path<'_> {
        Path::Name(self, LAST)
    }

    /// The key itself where it stands the nth time, from 0.
    pub(crate) fn nth_name(&self, nth: usize) -> Path<'_> {
        Path::Name(self, nth)
    }

    fn spot(&self) -> Spot {
        let mut spot = Spot { steps: Vec::new(), target: Target::Value };
        let mut path = self;
        loop {
            path = match path {
                Path::Root => break,
                Path::Key(parent, key) => {
                    spot.steps.push(Step::Key((*key).into()));
                    parent
                }
                Path::Index(parent, index) => {
                    spot.steps.push(Step::Index(*index));
                    parent
                }
                Path::Name(place, nth) => {
                    spot.target = Target::Name(*nth);
                    place
                }
            }
        }
        spot.steps.reverse();
        spot
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("$"),
            Path::Name(place, _) => place.fmt(f),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) => write!(f, "{parent}{}", Key(key)),
        }
    }
}

/// A step of a path: `.checkout`, or `["a b"]` for a key that needs quotes.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a>(pub &'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key) = self;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'$';
        if !key.is_empty() && key.bytes().all(plain) { write!(f, ".{key}") } else { write!(f, "[{key:?}]") }
    }
}

/// At most so many findings of each severity are kept of one document: enough to mend it, bounded when somebody feeds us noise.
const MOST: usize = 1_000;

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    errors: usize,
    defects: usize,
    warnings: usize,
}

impl Counts {
    pub(crate) const fn of(&self, severity: Severity) -> usize {
        match severity {
            Severity::Error => self.errors,
            Severity::Defect => self.defects,
            Severity::Warning => self.warnings,
        }
    }

    pub(crate) const fn all(&self) -> usize {
        self.errors.saturating_add(self.defects).saturating_add(self.warnings)
    }

    /// One more; how many there were before.
    fn add(&mut self, severity: Severity) -> usize {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Defect => &mut self.defects,
            Severity::Warning => &mut self.warnings,
        };
        let before = *count;
        *count = before.saturating_add(1);
        before
    }
}

/// The findings of a document so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<(Finding, Spot)>,
    /// Those too that are not kept.
    counts: Counts,
    already: Option<Finding>,
}

impl Findings {
    pub(crate) fn add(&mut self, code: Code, path: &Path<'_>, found: impl fmt::Display, allowed: impl Into<String>) {
        if self.counts.add(code.severity()) < MOST {
            self.found.push((Finding::new(code, path.to_string(), found.to_string(), allowed), path.spot()));
        }
    }

    /// One whose place is known already, and the only one.
    pub(crate) fn add_placed(&mut self, finding: Finding) {
        self.counts = Counts::default();
        self.counts.add(finding.severity);
        self.already = Some(finding);
    }

    /// How many were found, those too that are not kept.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.found.is_empty() && self.already.is_none()
    }

    /// `value` if nothing was wrong, else the findings, without their place in a text.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Vec<Finding>> {
        if self.found.is_empty() { Ok(value) } else { Err(self.unplaced()) }
    }

    /// For what is no document: without places.
    pub(crate) fn unplaced(self) -> Vec<Finding> {
        self.found.into_iter().map(|(finding, _)| finding).collect()
    }

    /// With the place of each in the text, which is JSON, and in the order of the text.
    pub(crate) fn placed(self, text: &str) -> Vec<Finding> {
        if let Some(finding) = self.already {
            return vec![finding];
        }
        if self.found.is_empty() {
            return Vec::new();
        }
        let (mut findings, spots): (Vec<_>, Vec<_>) = self.found.into_iter().unzip();
        for (finding, place) in findings.iter_mut().zip(locate::places(text, &spots)) {
            (finding.line, finding.column) = (place.line, place.column);
        }
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings
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
        assert_eq!(plain.name().to_string(), "$.flags.$evaluators");
    }

    #[test]
    fn noise_of_one_severity_does_not_hide_another() {
        let mut findings = Findings::default();
        for _ in 0..5_000 {
            findings.add(Code::Value, &Path::Root, 1, "2");
        }
        findings.add(Code::Unused, &Path::Root, 1, "2");
        assert_eq!((findings.counts().of(Severity::Error), findings.counts().of(Severity::Warning)), (5_000, 1));
        assert_eq!(findings.unplaced().len(), MOST + 1);
    }
}
