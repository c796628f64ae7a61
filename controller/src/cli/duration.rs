//! Times on the command line and on the screen.

use std::str::FromStr;

use weir_core::span::Span;

/// How long to wait for proxies: at most a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u64);

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Span::parse(text).map(Span::ms) {
            Some(ms @ 0..=60_000) => Ok(Self(ms)),
            Some(_) | None => Err("a time from 0s to 60s, such as 500ms or 5s".to_owned()),
        }
    }
}

/// A length of time as people say it: `340 ms`, `42 s`, `7 min`, `3.5 h`, `2.1 d`.
#[must_use]
pub(super) fn spoken(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{}.{} h", ms / 3_600_000, ms % 3_600_000 / 360_000),
        _ => format!("{}.{} d", ms / 86_400_000, ms % 86_400_000 / 8_640_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_spoken_in_the_unit_that_fits() {
        for (ms, text) in [
            (0, "0 ms"),
            (340, "340 ms"),
            (1_999, "1 s"),
            (119_999, "119 s"),
            (120_000, "2 min"),
            (12_600_000, "3.5 h"),
            (181_440_000, "2.1 d"),
        ] {
            assert_eq!(spoken(ms), text);
        }
    }
}
