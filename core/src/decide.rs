//! One request, one decision per flag: which variant, and why. Owns the order of precedence: global kill, flag kill, mask, then targeting, then
//! the rollout's split, then the defaultVariant. Total: whatever a request carries, there is an answer, and on any doubt it is control.

use crate::asked::{Asked, Identity};
pub use crate::asked::{MAX_KEY_BYTES, Request};
use crate::cell::Cell;
use crate::evaluate::target;
use crate::plan::{PlannedFlag, PlannedRollout};
use crate::reason::Reason;
use crate::rule::Rule;
use crate::segment::Membership;
use crate::snapshot::{FlagState, Snapshot};

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
    /// The user's segments, where the split decided for a rollout that is judged by them.
    pub segments: Membership,
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
    /// The variant at this place in the flag's variants, named by targeting.
    Targeted(usize),
}

impl Chosen {
    /// The variant's name.
    #[must_use]
    pub fn name(self, flag: &PlannedFlag) -> Option<&str> {
        match (self, &flag.rollout) {
            (Self::Control, Some(rollout)) => Some(&rollout.control),
            (Self::Candidate, Some(rollout)) => Some(&rollout.candidate),
            (Self::Targeted(index), _) => flag.variants.get(index).map(String::as_str),
            _ => flag.default_variant.as_deref(),
        }
    }
}

/// Decides every flag of the snapshot that takes the request, and hands each decision to `each`.
pub fn decide(snapshot: &Snapshot, request: &impl Request, mut each: impl FnMut(Decision)) {
    let plan = &*snapshot.plan;
    let asked = Asked::new(request, plan);
    for (index, (flag, state)) in plan.flags.iter().zip(&snapshot.flags).enumerate() {
        if flag.path.as_ref().is_some_and(|rule| !rule.takes(asked.path().unwrap_or_default())) {
            continue;
        }
        let (variant, reason, cell) = decide_flag(snapshot, flag, *state, &asked);
        let by_segment = cell.is_some() && flag.rollout.as_ref().is_some_and(|rollout| rollout.by_segment);
        let segments = if by_segment { asked.membership() } else { Membership::default() };
        each(Decision { flag: index, variant, reason, cell, segments });
    }
}

type Answer = (Option<Chosen>, Reason, Option<Cell>);

fn decide_flag<R: Request>(snapshot: &Snapshot, flag: &PlannedFlag, state: FlagState, asked: &Asked<'_, R>) -> Answer {
    if !flag.enabled {
        return (None, Reason::Disabled, None);
    }
    let fallback = |reason| match (&flag.rollout, &flag.default_variant) {
        (Some(_), _) => (Some(Chosen::Control), reason, None),
        (None, Some(_)) => (Some(Chosen::Default), reason, None),
        (None, None) => (None, if reason == Reason::Error { reason } else { Reason::CodeDefault }, None),
    };
    if snapshot.kill {
        return fallback(Reason::GlobalKill);
    }
    if state.kill {
        return fallback(Reason::Kill);
    }
    match flag.targeting.as_deref().map(|rule| targeted(rule, flag, asked)) {
        Some(Targeted::Variant(index)) => return by_targeting(flag, state, index),
        Some(Targeted::Error) => return fallback(Reason::Error),
        Some(Targeted::Nobody) | None => {}
    }
    let Some(rollout) = &flag.rollout else { return fallback(Reason::Static) };
    match asked.identity() {
        Identity::Key(key) => split(flag, rollout, state, key),
        Identity::Bad => fallback(Reason::BadIdentity),
        Identity::Absent => fallback(Reason::NoIdentity),
    }
}

/// What a flag's rule says of a request.
enum Targeted {
    Variant(usize),
    Nobody,
    Error,
}

fn targeted<R: Request>(rule: &Rule, flag: &PlannedFlag, asked: &Asked<'_, R>) -> Targeted {
    let question = asked.question(&flag.key, rule);
    match target(rule, &question, |name| flag.variants.iter().position(|variant| variant == name)) {
        Ok(None) => Targeted::Nobody,
        Ok(Some(index)) => Targeted::Variant(index),
        Err(_) => Targeted::Error,
    }
}

/// A rolled-back candidate is masked for those too whom targeting gave it.
fn by_targeting(flag: &PlannedFlag, state: FlagState, index: usize) -> Answer {
    let masked = |candidate: &str| state.mask && flag.variants.get(index).is_some_and(|name| name == candidate);
    if flag.rollout.as_ref().is_some_and(|rollout| masked(&rollout.candidate)) {
        return (Some(Chosen::Control), Reason::Mask, None);
    }
    (Some(Chosen::Targeted(index)), Reason::Targeting, None)
}

fn split(flag: &PlannedFlag, rollout: &PlannedRollout, state: FlagState, key: &str) -> Answer {
    let candidate = rollout.place(key) < state.weight.ppm();
    if candidate && state.mask {
        return (Some(Chosen::Control), Reason::Mask, None);
    }
    let chosen = if candidate { Chosen::Candidate } else { Chosen::Control };
    (Some(chosen), Reason::Split, Some(Cell::of(&flag.key, key)))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::*;
    use crate::share::Share;
    use crate::snapshot::{PlanCache, State, write};

    struct Headers(Vec<(&'static str, &'static [u8])>);

    impl Request for Headers {
        fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| Cow::Borrowed(*value))
        }

        fn now_ms(&self) -> u64 {
            1_700_000_000_000
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

    const TARGETED: &str = r#"{"flags": {
        "checkout": {"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable", "targeting":
          {"if": [{"==": [{"var": "tier"}, "beta"]}, "next", {"==": [{"var": "qa"}, "a b"]}, "next", {"==": [{"var": "tier"}, "odd"]}, "gone",
                  {"==": [{"var": "tier"}, "broken"]}, {"nope": 1}, {">": [{"var": "$flagd.timestamp"}, 1800000000]}, "next",
                  {"==": [{"var": "targetingKey"}, "alice"]}, "next"]}},
        "banner": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting":
          {"if": [{"and": [{"==": [{"var": "method"}, "GET"]}, {"starts_with": [{"var": "path"}, "/checkout"]}, {"==": [{"var": "site"}, "nz"]}]}, "on"]}}},
      "weir": {"version": 1, "identity": [{"header": "x-user-id"}],
        "attributes": {"tier": {"header": "X-Tier"}, "qa": {"query": "q a"}, "method": {"method": true}, "path": {"path": true},
                       "site": {"constant": "nz"}, "unused": {"cookie": "never-read"}},
        "outputs": {"checkout": {"requestHeader": "x-weir-checkout"}, "banner": {"requestHeader": "x-weir-banner"}},
        "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

    #[test]
    fn targeting_comes_after_kill_and_mask_and_before_the_split() {
        let (none, all_of_them) = (FlagState::default(), FlagState { weight: Share::ALL, ..FlagState::default() });
        let mask = FlagState { mask: true, ..none };
        let beta: (&str, &[u8]) = ("x-tier", b"beta");
        let user: (&str, &[u8]) = ("x-user-id", b"bob");
        for (kill, state, headers, variant, reason) in [
            (false, none, vec![user, beta], "next", Reason::Targeting),
            (false, none, vec![beta], "next", Reason::Targeting),
            (false, none, vec![("x-user-id", b"alice".as_slice())], "next", Reason::Targeting),
            (false, none, vec![user, (":path", b"/?x=1&q+a=a%20b&q+a=c")], "next", Reason::Targeting),
            (false, none, vec![user], "stable", Reason::Split),
            (false, all_of_them, vec![user], "next", Reason::Split),
            (false, all_of_them, vec![], "stable", Reason::NoIdentity),
            (false, mask, vec![user, beta], "stable", Reason::Mask),
            (false, all_of_them, vec![user, ("x-tier", b"odd")], "stable", Reason::Error),
            (false, all_of_them, vec![user, ("x-tier", b"broken")], "stable", Reason::Error),
            (false, all_of_them, vec![user, ("x-tier", b"\xff")], "next", Reason::Split),
            (false, FlagState { kill: true, ..none }, vec![user, beta], "stable", Reason::Kill),
            (true, none, vec![user, beta], "stable", Reason::GlobalKill),
        ] {
            let state = State { kill, flags: BTreeMap::from([("checkout".into(), state)]) };
            let bytes = write(1, &state, TARGETED);
            let snapshot = Snapshot::read(bytes.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
            let (_, got, why) = all(&snapshot, &headers).into_iter().find(|(key, ..)| key == "checkout").unwrap();
            assert_eq!((got.as_deref(), why), (Some(variant), reason), "{state:?} {headers:?}");
        }
    }

    #[test]
    fn a_flag_without_a_rollout_is_targeted_too() {
        let snapshot = Snapshot::read(TARGETED.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        for (path, variant, reason) in
            [(b"/checkout?x".as_slice(), "on", Reason::Targeting), (b"/x?/checkout", "off", Reason::Static)]
        {
            let answers = all(&snapshot, &[(":path", path), (":method", b"GET")]);
            assert_eq!(answers[1], ("banner".to_owned(), Some(variant.to_owned()), reason));
        }
    }

    /// Notes what is asked of it, and says the same to all.
    #[derive(Default)]
    struct Counted(std::cell::RefCell<Vec<String>>);

    impl Request for Counted {
        fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            self.0.borrow_mut().push(name.to_owned());
            Some(Cow::Borrowed(b"/checkout"))
        }

        fn now_ms(&self) -> u64 {
            self.0.borrow_mut().push("the time".to_owned());
            0
        }
    }

    #[test]
    fn nothing_is_read_twice_or_without_need() {
        let request = Counted::default();
        let snapshot = Snapshot::read(TARGETED.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        decide(&snapshot, &request, |_| {});
        let mut read = request.0.into_inner();
        read.sort_unstable();
        assert_eq!(read, [":method", ":path", "the time", "x-tier", "x-user-id"]);
    }

    /// Two rollouts with four segments; `analysis` is the first one's. The second is judged by segment, and killed.
    fn segmented(analysis: &str) -> Snapshot {
        let flag = r#"{"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable"}"#;
        let rollout = r#""control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]"#;
        let document = format!(
            r#"{{"$evaluators": {{"tier": {{"var": "tier"}}}}, "flags": {{"checkout": {flag}, "search": {flag}}},
              "weir": {{"version": 1, "identity": [{{"header": "x-user-id"}}], "limits": {{"work": 50}},
                "attributes": {{"tier": {{"header": "x-tier"}}, "country": {{"header": "x-country"}}}},
                "segments": {{"beta": {{"==": [{{"$ref": "tier"}}, "beta"]}},
                  "nz": {{"and": [{{"==": [{{"var": "country"}}, "NZ"]}}, {{"==": [{{"var": "$flagd.flagKey"}}, ""]}}]}},
                  "odd": {{"if": [{{"==": [{{"var": "country"}}, "XX"]}}, {{"nope": 1}}, false]}},
                  "long": {{"if": [{{"==": [{{"var": "country"}}, "XX"]}}, {{"cat": [{{"var": "tier"}}, "{}"]}}, {{"var": "never"}}]}}}},
                "outputs": {{"checkout": {{"requestHeader": "x-weir-checkout"}}, "search": {{"match": {{"path": "/checkout"}}, "requestHeader": "x-weir-search"}}}},
                "rollouts": {{"checkout": {{{rollout}{analysis}}}, "search": {{{rollout}, "analysis": {{"segments": {{}}}}}}}}}}}}"#,
            "x".repeat(10_000),
        );
        let killed = FlagState { kill: true, ..FlagState::default() };
        let state = State { kill: false, flags: BTreeMap::from([("search".into(), killed)]) };
        Snapshot::read(write(1, &state, &document).as_bytes(), &mut PlanCache::default()).unwrap().unwrap()
    }

    const BY_SEGMENT: &str = r#", "analysis": {"segments": {}}"#;

    /// Segments of the flag `checkout`, by their place: inside, and failed of either kind.
    fn segments(snapshot: &Snapshot, headers: &[(&'static str, &'static [u8])]) -> [Vec<usize>; 3] {
        let mut found = Membership::default();
        decide(snapshot, &Headers(headers.to_vec()), |decision| {
            if decision.flag == 0 {
                found = decision.segments;
            }
        });
        let [unknown, work] = found.failed;
        [found.inside, unknown, work].map(|bits| (0..crate::bits::Bits::MOST).filter(|i| bits.has(*i)).collect())
    }

    #[test]
    fn a_user_is_in_the_segments_whose_rule_is_truthy_and_a_rule_that_fails_is_told() {
        let snapshot = segmented(BY_SEGMENT);
        let user: (&str, &[u8]) = ("x-user-id", b"bob");
        let beta: (&str, &[u8]) = ("x-tier", b"beta");
        let nz: (&str, &[u8]) = ("x-country", b"NZ");
        for (headers, [inside, unknown, work]) in [
            (vec![user], [vec![], vec![], vec![]]),
            (vec![user, beta], [vec![0], vec![], vec![]]),
            (vec![user, nz], [vec![1], vec![], vec![]]),
            (vec![user, beta, nz], [vec![0, 1], vec![], vec![]]),
            (vec![user, beta, ("x-country", b"XX")], [vec![0], vec![2], vec![3]]),
            (vec![beta, nz], [vec![], vec![], vec![]]),
        ] {
            assert_eq!(segments(&snapshot, &headers), [inside, unknown, work], "{headers:?}");
        }
        let nothing: [Vec<usize>; 3] = Default::default();
        assert_eq!(segments(&segmented(""), &[user, beta, nz]), nothing, "not judged by segment");
    }

    #[test]
    fn segments_are_asked_once_for_all_flags_and_only_for_who_is_split_by_a_rollout_that_is_judged_by_them() {
        let read = |snapshot: &Snapshot| {
            let request = Counted::default();
            decide(snapshot, &request, |_| {});
            request.0.into_inner()
        };
        let mut snapshot = segmented(BY_SEGMENT);
        let asked = ["x-user-id", "x-tier", "x-country", ":path"];
        assert_eq!(read(&snapshot), asked, "one flag");
        snapshot.flags[1].kill = false;
        assert_eq!(read(&snapshot), asked, "two flags");
        snapshot.flags.iter_mut().for_each(|flag| flag.kill = true);
        assert_eq!(read(&snapshot), [":path"], "killed");
        assert_eq!(read(&segmented("")), ["x-user-id", ":path"], "not judged by segment");
    }
}
