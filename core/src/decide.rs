//! One request, one decision per flag: which variant, and why. Owns the order of precedence: global kill, flag kill, mask, then the rollout's
//! split, then the defaultVariant. Total: whatever a request carries, there is an answer, and on any doubt it is control.

use std::borrow::Cow;

use crate::cell::Cell;
use crate::document::IdentitySource;
use crate::plan::{PlannedFlag, PlannedRollout};
use crate::reason::Reason;
use crate::snapshot::{FlagState, Snapshot};

/// The longest targetingKey, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// What can be asked of a request. Each call may cost a crossing into the host, so nothing is asked twice or without need.
pub trait Request {
    /// The first value of a header, by lower-case name (`:path` is one too).
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;
}

/// What a request got for one flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Position in the plan's flags.
    pub flag: usize,
    /// Which variant; `None` is the code's own default, and no header.
    pub variant: Option<Chosen>,
    /// Why.
    pub reason: Reason,
    /// The user's cell, where the split decided.
    pub cell: Option<Cell>,
}

/// Which variant was chosen, in terms of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The rollout's control.
    Control,
    /// The rollout's candidate.
    Candidate,
    /// The flag's defaultVariant, where there is no rollout.
    Default,
}

impl Chosen {
    /// The variant's name.
    #[must_use]
    pub fn name(self, flag: &PlannedFlag) -> Option<&str> {
        match (self, &flag.rollout) {
            (Self::Control, Some(rollout)) => Some(&rollout.control),
            (Self::Candidate, Some(rollout)) => Some(&rollout.candidate),
            _ => flag.default_variant.as_deref(),
        }
    }
}

/// Decides every flag of the snapshot that takes the request, and hands each decision to `each`.
pub fn decide(snapshot: &Snapshot, request: &impl Request, mut each: impl FnMut(Decision)) {
    let plan = &*snapshot.plan;
    let path = if plan.needs_path { request.header(":path") } else { None };
    let mut identity = Identity::Unread;
    for (index, (flag, state)) in plan.flags.iter().zip(&snapshot.flags).enumerate() {
        if flag.path.as_ref().is_some_and(|rule| !rule.takes(path.as_deref().unwrap_or_default())) {
            continue;
        }
        let (variant, reason, cell) = decide_flag(snapshot, flag, *state, request, &mut identity);
        each(Decision { flag: index, variant, reason, cell });
    }
}

type Answer = (Option<Chosen>, Reason, Option<Cell>);

fn decide_flag(
    snapshot: &Snapshot,
    flag: &PlannedFlag,
    state: FlagState,
    request: &impl Request,
    identity: &mut Identity,
) -> Answer {
    if !flag.enabled {
        return (None, Reason::Disabled, None);
    }
    let Some(rollout) = &flag.rollout else { return decide_default(snapshot, flag, state) };
    let control = |reason| (Some(Chosen::Control), reason, None);
    if snapshot.kill {
        return control(Reason::GlobalKill);
    }
    if state.kill {
        return control(Reason::Kill);
    }
    match identity.read(&snapshot.plan.identity, request) {
        Identity::Key(key) => split(flag, rollout, state, key),
        Identity::Bad => control(Reason::BadIdentity),
        Identity::Unread | Identity::Absent => control(Reason::NoIdentity),
    }
}

/// A flag without a rollout: a kill and the rest come to the same variant, only for different reasons.
fn decide_default(snapshot: &Snapshot, flag: &PlannedFlag, state: FlagState) -> Answer {
    let reason = match (&flag.default_variant, snapshot.kill, state.kill) {
        (None, _, _) => return (None, Reason::CodeDefault, None),
        (Some(_), true, _) => Reason::GlobalKill,
        (Some(_), false, true) => Reason::Kill,
        (Some(_), false, false) => Reason::Static,
    };
    (Some(Chosen::Default), reason, None)
}

fn split(flag: &PlannedFlag, rollout: &PlannedRollout, state: FlagState, key: &str) -> Answer {
    let candidate = rollout.place(key) < state.weight.ppm();
    if candidate && state.mask {
        return (Some(Chosen::Control), Reason::Mask, None);
    }
    let chosen = if candidate { Chosen::Candidate } else { Chosen::Control };
    (Some(chosen), Reason::Split, Some(Cell::of(&flag.key, key)))
}

/// The targetingKey, read at most once a request.
enum Identity {
    Unread,
    Absent,
    Bad,
    Key(String),
}

impl Identity {
    fn read(&mut self, sources: &[IdentitySource], request: &impl Request) -> &Self {
        if matches!(self, Self::Unread) {
            *self = sources.iter().find_map(|source| value(source, request)).map_or(Self::Absent, Self::from_bytes);
        }
        self
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(key) if key.len() <= MAX_KEY_BYTES => Self::Key(key),
            _ => Self::Bad,
        }
    }
}

/// The value of a source; an empty one is none, and the next source is asked.
fn value(source: &IdentitySource, request: &impl Request) -> Option<Vec<u8>> {
    let value = match source {
        IdentitySource::Header(name) => request.header(name)?.into_owned(),
        IdentitySource::Cookie(name) => cookie(&request.header("cookie")?, name.as_bytes())?.to_vec(),
    };
    (!value.is_empty()).then_some(value)
}

/// The value of the first cookie of that name (RFC 6265, 4.2.1): names are compared exactly, blanks around and one pair of quotes are dropped.
fn cookie<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|b| *b == b';').find_map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=')?;
        let (key, value) = pair.split_at_checked(equals)?;
        let value = value.strip_prefix(b"=")?.trim_ascii();
        (key.trim_ascii() == name)
            .then(|| value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::share::Share;
    use crate::snapshot::{PlanCache, State, write};

    struct Headers(Vec<(&'static str, &'static [u8])>);

    impl Request for Headers {
        fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| Cow::Borrowed(*value))
        }
    }

    const DOCUMENT: &str = r#"{"flags": {
        "checkout": {"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable"},
        "banner": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"},
        "dark": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
        "bare": {"state": "ENABLED", "variants": {"on": true}}},
      "weir": {"version": 1, "identity": [{"header": "x-user-id"}, {"cookie": "session"}],
        "outputs": {"checkout": {"match": {"pathPrefix": "/checkout"}, "requestHeader": "x-weir-checkout"}, "banner": {"requestHeader": "x-weir-banner"},
                    "dark": {"requestHeader": "x-weir-dark"}, "bare": {"requestHeader": "x-weir-bare"}},
        "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

    fn snapshot(kill: bool, flag: FlagState) -> Snapshot {
        let state = State { kill, flags: BTreeMap::from([("checkout".into(), flag), ("banner".into(), flag)]) };
        Snapshot::read(write(1, &state, DOCUMENT).as_bytes(), &mut PlanCache::default()).unwrap().unwrap()
    }

    fn all(snapshot: &Snapshot, headers: &[(&'static str, &'static [u8])]) -> Vec<(String, Option<String>, Reason)> {
        let mut answers = Vec::new();
        decide(snapshot, &Headers(headers.to_vec()), |decision| {
            let flag = &snapshot.plan.flags[decision.flag];
            let variant = decision.variant.and_then(|chosen| chosen.name(flag)).map(str::to_owned);
            answers.push((flag.key.clone(), variant, decision.reason));
        });
        answers
    }

    fn checkout(snapshot: &Snapshot, headers: &[(&'static str, &'static [u8])]) -> (Option<String>, Reason) {
        let mut headers = headers.to_vec();
        headers.push((":path", b"/checkout/1"));
        let (_, variant, reason) = all(snapshot, &headers).into_iter().find(|(key, ..)| key == "checkout").unwrap();
        (variant, reason)
    }

    #[test]
    fn precedence_is_kill_then_mask_then_split() {
        let on = FlagState { weight: Share::ALL, mask: false, kill: false };
        let user: &[(&str, &[u8])] = &[("x-user-id", b"u1")];
        for (kill, state, variant, reason) in [
            (false, on, "next", Reason::Split),
            (false, FlagState { weight: Share::NONE, ..on }, "stable", Reason::Split),
            (false, FlagState { mask: true, ..on }, "stable", Reason::Mask),
            (false, FlagState { mask: true, weight: Share::NONE, ..on }, "stable", Reason::Split),
            (false, FlagState { kill: true, ..on }, "stable", Reason::Kill),
            (false, FlagState { kill: true, mask: true, ..on }, "stable", Reason::Kill),
            (true, FlagState { kill: true, mask: true, ..on }, "stable", Reason::GlobalKill),
            (true, on, "stable", Reason::GlobalKill),
        ] {
            assert_eq!(checkout(&snapshot(kill, state), user), (Some(variant.into()), reason), "{kill} {state:?}");
        }
    }

    #[test]
    fn flags_without_a_rollout_serve_their_default_whatever_happens() {
        let on = FlagState::default();
        let of = |kill, state| all(&snapshot(kill, state), &[]);
        let rest = [("dark".into(), None, Reason::Disabled), ("bare".into(), None, Reason::CodeDefault)];
        for (kill, state, reason) in [
            (false, on, Reason::Static),
            (false, FlagState { kill: true, ..on }, Reason::Kill),
            (true, on, Reason::GlobalKill),
        ] {
            let mut expected = vec![("banner".to_owned(), Some("off".to_owned()), reason)];
            expected.extend(rest.clone());
            assert_eq!(of(kill, state), expected, "a request without a path matches no rule on paths");
        }
    }

    #[test]
    fn the_first_source_with_a_value_is_the_targeting_key() {
        let on = snapshot(false, FlagState { weight: Share::ALL, mask: false, kill: false });
        let long: &'static [u8] = vec![b'x'; MAX_KEY_BYTES + 1].leak();
        for (headers, variant, reason) in [
            (vec![("x-user-id", b"u1".as_slice())], "next", Reason::Split),
            (vec![("x-user-id", b"".as_slice()), ("cookie", b"a=b; session=\"s1\"")], "next", Reason::Split),
            (vec![("cookie", b"xsession=1;session =s1".as_slice())], "next", Reason::Split),
            (vec![("cookie", b"xsession=1; session=".as_slice())], "stable", Reason::NoIdentity),
            (vec![("cookie", b"session".as_slice())], "stable", Reason::NoIdentity),
            (vec![], "stable", Reason::NoIdentity),
            (vec![("x-user-id", b"\xff\xfe".as_slice())], "stable", Reason::BadIdentity),
            (vec![("x-user-id", long)], "stable", Reason::BadIdentity),
        ] {
            assert_eq!(checkout(&on, &headers), (Some(variant.into()), reason), "{headers:?}");
        }
    }
}
