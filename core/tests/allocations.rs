//! What a proxy asks for each request takes nothing from the heap: an allocator that counts stands under this binary, and nothing else runs in it.
//!
//! The other half is loading: a big document must stay within its time and memory.
#![cfg(not(target_arch = "wasm32"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use weir_core::check::check;
use weir_core::evaluate::FlagSet;
use weir_core::json::Json;
use weir_core::rule::{Context, Question};
use weir_core::segment::Membership;

/// The system's allocator, counting for each thread by itself: tests run beside each other.
struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn took(size: usize) {
    CALLS.set(CALLS.get() + 1);
    LIVE.set(LIVE.get().wrapping_add(size));
    // Memory of another thread that was given back here would have wrapped around below 0.
    if LIVE.get() < usize::MAX / 2 {
        PEAK.set(PEAK.get().max(LIVE.get()));
    }
}

fn gave(size: usize) {
    LIVE.set(LIVE.get().wrapping_sub(size));
}

// SAFETY: every call is passed on as it came; counting touches only cells of this thread that need no memory of their own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        gave(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often the heap is asked by two evaluations, of the context as JSON and laid out, which must name this variant.
fn allocations(targeting: &str, context: &str, variant: &str) -> usize {
    let document = format!(
        r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"on": true, "off": false, "true": true, "false": false, "1": 1}},
            "defaultVariant": "off", "targeting": {targeting}}}}},
            "$evaluators": {{"staff": {{"ends_with": [{{"var": "email"}}, "@example.com"]}}}}}}"#
    );
    let flags = FlagSet::new(check(&document).unwrap());
    let context = Json::read(context).unwrap();
    let laid = flags.lay_out(&context);
    let before = CALLS.get();
    let found = [&context as &dyn Context, &laid].map(|context| flags.evaluate("f", context, 1_700_000_000_000));
    let calls = CALLS.get() - before;
    found.iter().for_each(|found| assert_eq!(found.variant, Some(variant), "{targeting}: {found:?}"));
    calls
}

const CONTEXT: &str = r#"{"targetingKey": "user-4711", "email": "ann@example.com", "age": 41, "version": "v2.3.4-rc.1+build.7",
    "release": 2.5, "plan": "gold", "nested": {"deep": [1, {"city": "Wellington"}]}}"#;

#[test]
fn which_segments_a_user_is_in_asks_nothing_of_the_heap() {
    let document = r#"{"$evaluators": {"staff": {"ends_with": [{"var": "email"}, "@example.com"]}}, "flags": {}, "weir": {"version": 1, "segments": {
        "staff": {"$ref": "staff"}, "gold": {"==": [{"var": "plan"}, "gold"]}, "new": {"sem_ver": [{"var": "version"}, ">=", "3.0.0"]}}}}"#;
    let document = check(document).unwrap();
    let context = Json::read(CONTEXT).unwrap();
    let before = CALLS.get();
    let found = Membership::of(&document.segments, |_| Question::new("", &context));
    assert_eq!(CALLS.get() - before, 0);
    assert_eq!([0, 1, 2].map(|place| found.inside.has(place)), [true, true, false]);
}

#[test]
fn common_rules_ask_nothing_of_the_heap() {
    for (targeting, variant) in [
        ("null", "off"),
        (r#""on""#, "on"),
        (r#"{"in": [{"var": "plan"}, ["silver", "gold"]]}"#, "true"),
        (r#"{"in": [{"var": "age"}, [1, 2, 3]]}"#, "false"),
        (r#"{"in": ["@example", {"var": "email"}]}"#, "true"),
        (r#"{"in": [1, {"var": "nested.deep"}]}"#, "true"),
        (r#"{"==": [{"var": "plan"}, "gold"]}"#, "true"),
        (r#"{"!==": ["gold", {"var": "plan"}]}"#, "false"),
        (r#"{">=": [{"var": "age"}, 18]}"#, "true"),
        (r#"{"<": ["40", {"var": "age"}]}"#, "true"),
        (r#"{"<=": [18, {"var": "age"}, 65]}"#, "true"),
        (r#"{"<": [{"var": "gone"}, 18]}"#, "true"),
        (r#"{"==": [{"var": "nested.deep.1.city"}, "Wellington"]}"#, "true"),
        (r#"{"var": ["gone", "on"]}"#, "on"),
        (r#"{"starts_with": [{"var": "email"}, "ann"]}"#, "true"),
        (r#"{"ends_with": [{"var": "email"}, {"var": "plan"}]}"#, "false"),
        (r#"{"==": [{"substr": [{"var": "email"}, 0, 3]}, "ann"]}"#, "true"),
        (r#"{"==": [{"%": [{"var": "age"}, 2]}, 1]}"#, "true"),
        (r#"{"sem_ver": [{"var": "version"}, ">=", "2.3.4-rc.0"]}"#, "true"),
        (r#"{"sem_ver": [{"var": "release"}, "~", "2.5.1"]}"#, "true"),
        (r#"{"fractional": [["on", 1], ["on", 99]]}"#, "on"),
        (r#"{"fractional": [{"var": "age"}, ["on", 1], ["on", 99]]}"#, "on"),
        (r#"{"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on", 50], ["on", 50]]}"#, "on"),
        (r#"{"if": [{"and": [{"$ref": "staff"}, {"!": [{"var": "gone"}]}]}, "on", "off"]}"#, "on"),
        (r#"{"or": [{"var": "gone"}, {"if": [{"==": [1, 2]}, "off", {">": [{"var": "age"}, 40]}, "on"]}]}"#, "on"),
        (r#"{">": [{"var": "$flagd.timestamp"}, 1600000000]}"#, "true"),
    ] {
        assert_eq!(allocations(targeting, CONTEXT, variant), 0, "{targeting}");
    }
}

/// What is computed as a text is made: else the test above could not fail.
#[test]
fn a_text_that_is_joined_for_comparing_is_made() {
    assert!(allocations(r#"{"==": [{"cat": [{"var": "plan"}, "!"]}, "gold!"]}"#, CONTEXT, "true") > 0);
}

#[test]
fn a_thousand_flags_and_a_list_of_a_hundred_thousand_users_fit_in_32_megabytes() {
    let users: Vec<String> = (0..100_000).map(|i| format!("\"user-{i}@example.com\"")).collect();
    let flag = |name: String, condition: String| {
        format!(
            r#""{name}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
                "targeting": {{"if": [{condition}, "on", {{"fractional": [["on", 50], ["off", 50]]}}]}}}}"#
        )
    };
    let in_list = |list: &str| format!(r#"{{"in": [{{"var": "email"}}, [{list}]]}}"#);
    let mut flags: Vec<String> = (0..999).map(|i| flag(format!("f{i}"), in_list(&users[i..i + 3].join(",")))).collect();
    flags.push(flag("big".to_owned(), in_list(&users.join(","))));
    let document = format!(r#"{{"flags": {{{}}}}}"#, flags.join(","));
    let before = LIVE.get();
    PEAK.set(before);
    let flags = FlagSet::new(check(&document).unwrap());
    let (kept, peak) = (LIVE.get() - before, PEAK.get() - before);
    assert!(peak < 32 << 20, "{peak} bytes at most, {kept} in the end");
    let context = Json::read(r#"{"email": "user-99999@example.com"}"#).unwrap();
    assert_eq!(flags.evaluate("big", &context, 0).variant, Some("on"));
}
