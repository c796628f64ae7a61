//! [`Version`]: what tells one configuration from another, also to people: `<generation>-<first 12 hex digits of its SHA-256>`.

use std::fmt;

use weir_core::hash::sha256_hex;

use crate::observe::stats::MAX_GENERATION;

/// How many digits of the hash stand in the text.
const SHOWN: usize = 12;

/// Generation and hash of a configuration. Its text is ECDS' `version_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// Number of the publication.
    pub generation: u64,
    /// SHA-256 of the configuration, 64 hexadecimal digits.
    pub hash: String,
}

impl Version {
    /// The version of a configuration.
    #[must_use]
    pub fn of(generation: u64, configuration: &str) -> Self {
        Self { generation, hash: sha256_hex(configuration) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.hash.get(..SHOWN).unwrap_or(&self.hash))
    }
}

/// The generation in a version text; `None` for a text that is not one of ours.
#[must_use]
pub fn generation_of(text: &str) -> Option<u64> {
    let (generation, hash) = text.split_once('-')?;
    let plain = generation.bytes().all(|b| b.is_ascii_digit());
    let hex = hash.len() == SHOWN && hash.bytes().all(|b| b.is_ascii_hexdigit());
    let generation = if plain && hex { generation.parse().ok()? } else { return None };
    (generation <= MAX_GENERATION).then_some(generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_shows_generation_and_hash_and_is_read_back() {
        let version = Version::of(12, "abc");
        assert_eq!(version.to_string(), "12-ba7816bf8f01");
        assert_eq!(generation_of(&version.to_string()), Some(12));
        assert_ne!(Version::of(12, "abd").to_string(), version.to_string());
    }

    #[test]
    fn what_another_server_wrote_has_no_generation() {
        for text in [
            "",
            "12",
            "-",
            "x-ba7816bf8f01",
            "+1-ba7816bf8f01",
            "1-ba7816bf8f0",
            "1-ba7816bf8f0z",
            "99999999999999999999-ba7816bf8f01",
            "1000000000000001-ba7816bf8f01",
            "2026-08-01T10:00:00Z/4",
        ] {
            assert_eq!(generation_of(text), None, "{text}");
        }
    }
}
