//! `sem_ver`: versions as flagd reads them (an optional v, one to three numbers, prerelease, build metadata that does not count) and their order
//! (Semantic Versioning 2.0.0, section 11).

use std::cmp::Ordering;

use super::value::{Value, number_text};

/// A version; build metadata is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    core: [u64; 3],
    prerelease: Vec<Identifier>,
}

/// A part of a prerelease. Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(Box<str>),
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
    pub(crate) fn holds(self, version: &Version, target: &Version) -> bool {
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

impl Version {
    /// The version that a text or number is.
    pub(crate) fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number_text(*number)),
            _ => None,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let (core, prerelease) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
        let mut version = Self { core: [0; 3], prerelease: Vec::new() };
        let mut parts = core.split('.');
        for (i, part) in version.core.iter_mut().enumerate() {
            match parts.next() {
                Some(digits) => *part = number(digits)?,
                None if i > 0 => break,
                None => return None,
            }
        }
        if parts.next().is_some() {
            return None;
        }
        if let Some(prerelease) = prerelease {
            version.prerelease = prerelease.split('.').map(identifier).collect::<Option<_>>()?;
        }
        Some(version)
    }

    fn order(&self, other: &Self) -> Ordering {
        let release = |version: &Self| version.prerelease.is_empty();
        self.core
            .cmp(&other.core)
            .then_with(|| release(self).cmp(&release(other)))
            .then_with(|| self.prerelease.cmp(&other.prerelease))
    }
}

/// A number without leading zeros.
fn number(digits: &str) -> Option<u64> {
    let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    if plain { digits.parse().ok() } else { None }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn identifier(text: &str) -> Option<Identifier> {
    if !is_identifier(text) {
        None
    } else if text.bytes().all(|b| b.is_ascii_digit()) {
        number(text).map(Identifier::Number)
    } else {
        Some(Identifier::Word(text.into()))
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
