//! [`Fields`]: an object read field by field. Owns what every object shares: it must be one, no key stands twice, unknown keys are
//! refused with the nearest known one, and a value of the wrong kind is a finding at its own path.

use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::share::Share;
use crate::span::Span;

/// An object whose keys are known to be allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) path: &'a Path<'a>,
    fields: &'a [(String, Json)],
}

impl<'a> Fields<'a> {
    /// `json` as an object with no other keys than `known`.
    pub(crate) fn read(json: &'a Json, path: &'a Path<'a>, known: &[&str], findings: &mut Findings) -> Option<Self> {
        let this = Self::any(json, path, findings)?;
        for (key, _) in this.fields {
            if !known.contains(&key.as_str()) {
                findings.add(Code::UnknownKey, &path.key(key).name(), "an unknown key", suggest(key, known));
            }
        }
        Some(this)
    }

    /// `json` as an object whose keys are names given by the user.
    pub(crate) fn any(json: &'a Json, path: &'a Path<'a>, findings: &mut Findings) -> Option<Self> {
        let Json::Object(fields) = json else {
            findings.add(Code::Value, path, json, "an object");
            return None;
        };
        for (key, nth) in again(fields) {
            findings.add(Code::DuplicateKey, &path.key(key).nth_name(nth), "the key again", "each key once");
        }
        Some(Self { path, fields })
    }

    /// The same, with at most so many of them; `what` they are, for the finding.
    pub(crate) fn at_most(
        json: &'a Json,
        path: &'a Path<'a>,
        (most, what): (usize, &str),
        findings: &mut Findings,
    ) -> Option<Self> {
        let this = Self::any(json, path, findings)?;
        if this.fields.len() > most {
            let found = format_args!("{} {what}", this.fields.len());
            findings.add(Code::Limit, path, found, format!("at most {most} {what}"));
            return None;
        }
        Some(this)
    }

    /// `json` as an object of flagd's, of which nothing is reported.
    pub(crate) fn open(json: &'a Json, path: &'a Path<'a>) -> Option<Self> {
        match json {
            Json::Object(fields) => Some(Self { path, fields }),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Json)> + use<'a> {
        self.fields.iter().map(|(key, json)| (key.as_str(), json))
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Json> {
        self.fields.iter().rev().find(|(name, _)| name == key).map(|(_, json)| json)
    }

    /// What stands at `key` is not what is allowed, or nothing stands there.
    pub(crate) fn refuse(&self, key: &str, allowed: impl Into<String>, findings: &mut Findings) {
        match self.get(key) {
            Some(_) => self.refuse_as(Code::Value, key, allowed, findings),
            None => self.refuse_as(Code::Required, key, allowed, findings),
        }
    }

    /// What stands at `key` is acted on in a later version, so it must not be there.
    pub(crate) fn refuse_later(&self, key: &str, what: &str, findings: &mut Findings) {
        if self.get(key).is_some() {
            self.refuse_as(Code::Unsupported, key, format!("absent ({what} not supported in this version)"), findings);
        }
    }

    /// What stands at `key`, or that nothing does, is a finding of this kind.
    pub(crate) fn refuse_as(&self, code: Code, key: &str, allowed: impl Into<String>, findings: &mut Findings) {
        match self.get(key) {
            Some(json) => findings.add(code, &self.path.key(key), json, allowed),
            None => findings.add(code, &self.path.key(key), "nothing", allowed),
        }
    }

    pub(crate) fn string(&self, key: &str, findings: &mut Findings) -> Option<&'a str> {
        self.with(key, "a string", findings, Json::as_str)
    }

    pub(crate) fn bool(&self, key: &str, findings: &mut Findings) -> Option<bool> {
        self.with(key, "true or false", findings, Json::as_bool)
    }

    pub(crate) fn object(&self, key: &str, findings: &mut Findings) -> Option<&'a Json> {
        self.with(key, "an object", findings, |json| matches!(json, Json::Object(_)).then_some(json))
    }

    pub(crate) fn array(&self, key: &str, allowed: &str, findings: &mut Findings) -> Option<&'a [Json]> {
        self.with(key, allowed, findings, |json| match json {
            Json::Array(items) => Some(items.as_slice()),
            _ => None,
        })
    }

    /// A number within `least..=most`.
    pub(crate) fn number(&self, key: &str, least: f64, most: f64, findings: &mut Findings) -> Option<f64> {
        let allowed = format!("a number between {least} and {most}");
        self.with(key, &allowed, findings, |json| json.as_number().filter(|n| (least..=most).contains(n)))
    }

    /// A whole number up to `most`, itself at most 2^53.
    pub(crate) fn whole(&self, key: &str, most: u64, findings: &mut Findings) -> Option<u64> {
        let allowed = format!("a whole number between 0 and {most}");
        self.with(key, &allowed, findings, |json| json.as_whole(most))
    }

    /// A part of one: a share such as "85%", or a number within `least..=1`.
    pub(crate) fn fraction(&self, key: &str, least: f64, findings: &mut Findings) -> Option<f64> {
        let allowed = format!("a share such as \"85%\", or a number, between {least} and 1");
        let read = |json: &Json| match json {
            Json::String(text) => Share::from_percent(text).map(Share::fraction),
            json => json.as_number(),
        };
        self.with(key, &allowed, findings, |json| read(json).filter(|n| (least..=1.0).contains(n)))
    }

    /// A share: "5%" or whole parts per million.
    pub(crate) fn share(&self, key: &str, findings: &mut Findings) -> Option<Share> {
        self.with(key, SHARE, findings, share)
    }

    /// A length of time.
    pub(crate) fn span(&self, key: &str, findings: &mut Findings) -> Option<Span> {
        self.with(key, "a duration such as \"250ms\", \"90s\", \"10m\", \"2h\" or \"7d\"", findings, |json| {
            Span::parse(json.as_str()?)
        })
    }

    fn with<T>(
        &self,
        key: &str,
        allowed: &str,
        findings: &mut Findings,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.get(key)?);
        if value.is_none() {
            self.refuse(key, allowed, findings);
        }
        value
    }
}

/// What a share may look like.
const SHARE: &str = "a share: \"5%\" (at most four decimals, at most \"100%\") or whole parts per million";

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole and within u32")]
fn share(json: &Json) -> Option<Share> {
    match json {
        Json::String(text) => Share::from_percent(text),
        Json::Number(n) if n.fract() == 0.0 && (0.0..=1e6).contains(n) => Share::from_ppm(*n as u32),
        _ => None,
    }
}

/// What may stand in the place of an unknown key, the nearest first.
#[must_use]
pub fn suggest(key: &str, known: &[&str]) -> String {
    let meant = meant(key, known);
    let or = if meant.is_empty() { "" } else { "or " };
    format!("{meant}{or}one of {}", known.join(", "))
}

/// The known name that was probably meant, before what else is allowed; empty if there is none.
pub(super) fn meant(found: &str, known: &[&str]) -> String {
    nearest(found, known).map_or_else(String::new, |near| format!("{near:?} (did you mean that?), "))
}

/// Keys that have stood there before, with how often.
#[must_use]
pub fn again(fields: &[(String, Json)]) -> Vec<(&str, usize)> {
    let mut keys: Vec<&str> = fields.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    let (mut again, mut nth) = (Vec::new(), 0_usize);
    for pair in keys.windows(2) {
        let [one, two] = pair else { continue };
        nth = if one == two { nth.saturating_add(1) } else { 0 };
        if nth > 0 {
            again.push((*one, nth));
        }
    }
    again
}

/// The known key that was probably meant: at most a third of its letters away.
#[must_use]
pub fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let (near, distance) = known.iter().map(|k| (*k, distance(key, k))).min_by_key(|(_, d)| *d)?;
    (distance <= near.len().div_ceil(3)).then_some(near)
}

/// Levenshtein's distance, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    // Keys are short; a long stranger is far from all of them without counting.
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = corner.saturating_add(usize::from(x != y));
            corner = *cell;
            left = replaced.min(left.saturating_add(1)).min(cell.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_a_typing_error_away() {
        let known = ["identity", "outputs", "rollouts", "defaultVariant"];
        for (key, near) in [
            ("output", Some("outputs")),
            ("rolouts", Some("rollouts")),
            ("Identity", Some("identity")),
            ("defaultVarient", Some("defaultVariant")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(key, &known), near, "{key}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
