//! `sem_ver`: versions as flagd reads them (an optional v, one to three numbers, prerelease, build metadata that does not count) and their order
//! (Semantic Versioning 2.0.0, section 11).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::number::Digits;
use super::value::Value;

/// A version; build metadata is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version<'t> {
    core: [u64; 3],
    /// Checked: identifiers between dots; empty for a release.
    prerelease: Cow<'t, str>,
}

/// A part of a prerelease. Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'t> {
    Number(u64),
    Word(&'t str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    SameMajor,
    SameMinor,
}

impl Operator {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::Greater,
            ">=" => Self::AtLeast,
            "^" => Self::SameMajor,
            "~" => Self::SameMinor,
            _ => return None,
        })
    }

    /// `version OPERATOR target`. For ^ and ~ the direction does not matter, as in flagd.
    pub(crate) fn holds(self, version: &Version<'_>, target: &Version<'_>) -> bool {
        let order = version.order(target);
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::SameMajor => version.core[0] == target.core[0],
            Self::SameMinor => version.core[0] == target.core[0] && version.core[1] == target.core[1],
        }
    }
}

impl<'t> Version<'t> {
    /// The version that a text or number is; a number is written into `digits` first.
    pub(crate) fn of(value: &'t Value<'_>, digits: &'t mut Digits) -> Option<Self> {
        match value {
            Value::Text(text) => Self::parse(text),
            Value::Number(number) => Self::parse(digits.write(*number)),
            _ => None,
        }
    }

    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let (core, prerelease) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
        if prerelease.is_some_and(|prerelease| !prerelease.split('.').all(|part| identifier(part).is_some())) {
            return None;
        }
        Some(Self { core: numbers(core)?, prerelease: Cow::Borrowed(prerelease.unwrap_or_default()) })
    }

    /// The same for ever.
    pub(crate) fn owned(self) -> Version<'static> {
        Version { core: self.core, prerelease: Cow::Owned(self.prerelease.into_owned()) }
    }

    fn order(&self, other: &Version<'_>) -> Ordering {
        self.core
            .cmp(&other.core)
            .then_with(|| self.prerelease.is_empty().cmp(&other.prerelease.is_empty()))
            .then_with(|| self.identifiers().cmp(other.identifiers()))
    }

    fn identifiers(&self) -> impl Iterator<Item = Identifier<'_>> {
        self.prerelease.split('.').filter_map(identifier)
    }
}

/// One to three numbers; those that lack are 0.
fn numbers(text: &str) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split('.');
    for (i, to) in numbers.iter_mut().enumerate() {
        match parts.next() {
            Some(digits) => *to = number(digits)?,
            None if i > 0 => break,
            None => return None,
        }
    }
    parts.next().is_none().then_some(numbers)
}

/// A number without leading zeros.
fn number(digits: &str) -> Option<u64> {
    let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    if plain { digits.parse().ok() } else { None }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn identifier(text: &str) -> Option<Identifier<'_>> {
    if !is_identifier(text) {
        None
    } else if text.bytes().all(|b| b.is_ascii_digit()) {
        number(text).map(Identifier::Number)
    } else {
        Some(Identifier::Word(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_hold_as_flagd_has_it() {
        for (version, operator, target, expected) in [
            ("1.0.0", "=", "1.0.0", Some(true)),
            ("1.0.0", "!=", "1.0.0", Some(false)),
            ("v1.2", "=", "1.2.0", Some(true)),
            ("1", "=", "V1.0.0+build.7", Some(true)),
            ("1.0.0-rc.1", "<", "1.0.0", Some(true)),
            ("1.0.0-rc.2", "<", "1.0.0-rc.10", Some(true)),
            ("1.0.0-rc.1", "<", "1.0.0-rc.1.1", Some(true)),
            ("1.0.0-1", "<", "1.0.0-a", Some(true)),
            ("1.0-rc1", "<", "1.0.0", Some(true)),
            ("1.0.0", "^", "1.9.0", Some(true)),
            ("0.2.0", "^", "0.1.0", Some(true)),
            ("2.0.0", "^", "1.0.0", Some(false)),
            ("1.2.9", "~", "1.2.0", Some(true)),
            ("1.3.0", "~", "1.2.0", Some(false)),
            ("01.0.0", "=", "1.0.0", None),
            ("1.0.0.0", "=", "1.0.0", None),
            ("1.0.0", "*", "1.0.0", None),
            ("", "=", "1.0.0", None),
            ("1.0.0-", "=", "1.0.0", None),
            ("1.0.0-01", "=", "1.0.0", None),
            ("1..0", "=", "1.0.0", None),
        ] {
            let found = Operator::parse(operator)
                .and_then(|operator| Some(operator.holds(&Version::parse(version)?, &Version::parse(target)?)));
            assert_eq!(found, expected, "{version} {operator} {target}");
        }
    }
}
