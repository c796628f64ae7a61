//! [`Stream`]: one request's life. At its start every flag is decided, the routing headers are written and starts are counted; its response's headers are
//! looked at for the document's counters and scores; at its end, when Envoy knows everything, all is counted. Between the two it holds nothing but what the end needs.

use std::borrow::Cow;
use std::rc::Rc;

use weir_core::decide::{Request, decide};
use weir_core::measure::{Measured, Response};
use weir_core::outcome::Ending;

use crate::host::{Host, number};
use crate::meter::{End, Underway};
use crate::root::Serving;

/// One request.
#[derive(Debug)]
pub struct Stream {
    serving: Rc<Serving>,
    underway: Vec<Underway>,
    grpc: bool,
    measured: Measured,
}

/// The host's request headers as core asks for them.
struct Headers<'h, H>(&'h H);

impl<H: Host> Request for Headers<'_, H> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.request_header(name).map(Cow::Owned)
    }

    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }
}

/// The host's response headers as core asks for them.
struct Answer<'h, H>(&'h H);

impl<H: Host> Response for Answer<'_, H> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.response_header(name).map(Cow::Owned)
    }
}

impl Stream {
    /// A request under the configuration that is current now; it keeps it for life.
    #[must_use]
    pub fn new(serving: Rc<Serving>) -> Self {
        Self { serving, underway: Vec::new(), grpc: false, measured: Measured::default() }
    }

    /// The request's headers are there: decides, marks, counts.
    pub fn on_request(&mut self, host: &impl Host) {
        let serving = Rc::clone(&self.serving);
        let Some(snapshot) = &serving.snapshot else {
            if let Some(id) = serving.no_snapshot {
                host.increment(id);
            }
            return;
        };
        let mut undecided = 0_usize;
        decide(snapshot, &Headers(host), |decision| {
            let Some(flag) = snapshot.plan.flags.get(decision.flag) else { return };
            // Flags before this one took no decision: whatever came in under their name goes.
            strip(snapshot.plan.flags.get(undecided..decision.flag), host);
            undecided = decision.flag.saturating_add(1);
            match decision.variant.and_then(|chosen| chosen.name(flag)) {
                Some(name) => host.set_request_header(&flag.header, name),
                None => strip(Some(std::slice::from_ref(flag)), host),
            }
            self.underway.extend(serving.meters.begin(&decision, host));
        });
        strip(snapshot.plan.flags.get(undecided..), host);
        self.grpc = !self.underway.is_empty()
            && host.request_header("content-type").is_some_and(|value| value.starts_with(b"application/grpc"));
    }

    /// The response's headers are there: those that a counter or a score needs are read, if the request is one that counts.
    pub fn on_response(&mut self, host: &impl Host) {
        if let (Some(snapshot), false) = (&self.serving.snapshot, self.underway.is_empty()) {
            self.measured = snapshot.plan.measures.of_headers(&Answer(host));
        }
    }

    /// The stream is over: counts how each assigned request ended.
    pub fn on_end(&mut self, host: &impl Host) {
        if self.underway.is_empty() {
            return;
        }
        let ending = Ending {
            code: number(host, "response\0code"),
            flags: number(host, "response\0flags").unwrap_or(0),
            grpc_status: if self.grpc { number(host, "response\0grpc_status") } else { None },
        };
        let by_status = self.serving.snapshot.as_ref().zip(ending.code);
        let by_status = by_status.map(|(snapshot, code)| snapshot.plan.measures.of_status(code)).unwrap_or_default();
        let micros = number(host, "request\0duration").map(|nanos| nanos / 1_000);
        let measured = Measured { hits: self.measured.hits.and(by_status), ..self.measured };
        let end = End { outcome: ending.outcome(), micros, measured };
        for underway in self.underway.drain(..) {
            self.serving.meters.end(underway, &end, host);
        }
    }
}

/// Removes incoming copies of headers that are ours. Asks first: a removal makes Envoy choose the route again, even of what was not there.
fn strip(flags: Option<&[weir_core::plan::PlannedFlag]>, host: &impl Host) {
    for flag in flags.unwrap_or_default() {
        if host.request_header(&flag.header).is_some() {
            host.remove_request_header(&flag.header);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weir_core::share::Share;
    use weir_core::snapshot::{FlagState, State, write};

    use super::*;
    use crate::host::fake::Fake;
    use crate::vm::Vm;

    const DOCUMENT: &str = r#"{"flags": {
        "checkout": {"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable"},
        "dark": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"}},
      "weir": {"version": 1, "identity": [{"header": "x-user-id"}],
        "outputs": {"checkout": {"match": {"pathPrefix": "/checkout"}, "requestHeader": "x-weir-checkout"}, "dark": {"requestHeader": "x-weir-dark"}},
        "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

    fn run(weight: Share, kill: bool, headers: &[(&str, &str)], properties: &[(&'static str, u64)]) -> Fake {
        let flag = FlagState { weight, mask: false, kill };
        let envelope = write(1, &State { kill: false, flags: BTreeMap::from([("checkout".into(), flag)]) }, DOCUMENT);
        let mut host = Fake::with_headers(&envelope, headers);
        host.properties = properties.iter().copied().collect();
        let serving = Serving::configure(&mut Vm::default(), &host).unwrap();
        let mut stream = Stream::new(Rc::new(serving));
        *host.calls.borrow_mut() = 0;
        stream.on_request(&host);
        stream.on_response(&host);
        stream.on_end(&host);
        host
    }

    /// A request of u1 to a candidate with counters, with that response.
    fn answered(headers: &[(&str, &str)], code: u64, answer: &[(&'static str, &'static [u8])]) -> Fake {
        answered_by(DOCUMENT, headers, code, answer)
    }

    fn answered_by(
        document: &str,
        headers: &[(&str, &str)],
        code: u64,
        answer: &[(&'static str, &'static [u8])],
    ) -> Fake {
        let counters = r#""counters": {"fallback": {"responseHeader": "x-fallback"}, "worst": {"responseHeader": "x-fallback", "equals": "9"},
            "busy": {"status": [429, 503]}, "stale": {"responseHeader": "x-stale"}},
            "scores": {"quality": {"responseHeader": "x-stale", "max": 1}}, "outputs""#;
        let document = document.replacen(r#""outputs""#, counters, 1);
        let flag = FlagState { weight: Share::ALL, ..FlagState::default() };
        let envelope = write(1, &State { kill: false, flags: BTreeMap::from([("checkout".into(), flag)]) }, &document);
        let mut host = Fake::with_headers(&envelope, headers);
        host.properties = BTreeMap::from([("response\0code", code), ("request\0duration", 1)]);
        host.answer = answer.to_vec();
        let serving = Serving::configure(&mut Vm::default(), &host).unwrap();
        let mut stream = Stream::new(Rc::new(serving));
        *host.calls.borrow_mut() = 0;
        stream.on_request(&host);
        stream.on_response(&host);
        stream.on_end(&host);
        host
    }

    const USER: (&str, &str) = ("x-user-id", "u1");
    const PATH: (&str, &str) = (":path", "/checkout?x=1");

    #[test]
    fn a_split_request_is_marked_and_counted_at_both_ends() {
        let host = run(Share::ALL, false, &[USER, PATH], &[("response\0code", 503), ("request\0duration", 2_500_000)]);
        assert_eq!(host.header("x-weir-checkout"), ["next"]);
        let cell = weir_core::cell::Cell::of("checkout", "u1").index();
        for (name, value) in [
            ("flag=.=checkout;.;variant=.=next;.;weir_started".to_owned(), 1),
            ("flag=.=checkout;.;variant=.=next;.;result=.=server_error;.;weir_requests".to_owned(), 1),
            ("flag=.=checkout;.;variant=.=next;.;weir_duration_us".to_owned(), 2_500),
            (format!("flag=.=checkout;.;variant=.=next;.;cell=.={cell};.;weir_cell_requests"), 1),
            (format!("flag=.=checkout;.;variant=.=next;.;cell=.={cell};.;weir_cell_errors"), 1),
            ("flag=.=checkout;.;variant=.=stable;.;weir_started".to_owned(), 0),
        ] {
            assert_eq!(host.value(&name), value, "{name}");
        }
    }

    #[test]
    fn a_client_that_leaves_has_a_result_but_no_duration_and_no_cell() {
        let host = run(Share::NONE, false, &[USER, PATH], &[("response\0flags", 0x4000), ("request\0duration", 1)]);
        assert_eq!(host.value("flag=.=checkout;.;variant=.=stable;.;result=.=cancelled;.;weir_requests"), 1);
        assert_eq!(host.values.borrow().len(), 2, "started and the result: {:?}", host.values);
    }

    #[test]
    fn a_response_is_counted_for_what_its_headers_and_status_say() {
        let cell = weir_core::cell::Cell::of("checkout", "u1").index();
        for (code, answer, hit) in [
            (200, vec![], vec![]),
            (200, vec![("x-fallback", b"1".as_slice())], vec!["fallback"]),
            (503, vec![("x-fallback", b"9")], vec!["fallback", "worst", "busy"]),
            (429, vec![("x-fallback", b""), ("x-stale", b"\xff")], vec!["busy", "stale"]),
        ] {
            let host = answered(&[USER, PATH], code, &answer);
            for counter in ["fallback", "worst", "busy", "stale"] {
                let name =
                    format!("flag=.=checkout;.;variant=.=next;.;counter=.={counter};.;cell=.={cell};.;weir_cell_hits");
                assert_eq!(host.value(&name), u64::from(hit.contains(&counter)), "{name} of {code} {answer:?}");
            }
        }
    }

    #[test]
    fn a_score_is_counted_with_its_square_and_a_bad_one_with_its_reason() {
        let cell = weir_core::cell::Cell::of("checkout", "u1").index();
        let prefix = "flag=.=checkout;.;variant=.=next;.;score=.=quality;.;";
        let by_cell = |family: &str| format!("{prefix}cell=.={cell};.;weir_cell_{family}");
        for (value, counted) in [("0.25", [1, 250_000, 62_500, 250_000, 0, 0]), ("0", [1, 0, 0, 0, 0, 0])]
            .into_iter()
            .chain([("x", [0, 0, 0, 0, 1, 0]), ("2", [0, 0, 0, 0, 0, 1]), ("", [0; 6])])
        {
            let host = answered(&[USER, PATH], 200, &[("x-stale", value.as_bytes())]);
            let found = [
                by_cell("scores"),
                by_cell("score_micros"),
                by_cell("score_squares_micros"),
                format!("{prefix}weir_score_micros"),
                format!("{prefix}reason=.=not_a_number;.;weir_bad_scores"),
                format!("{prefix}reason=.=out_of_range;.;weir_bad_scores"),
            ]
            .map(|name| host.value(&name));
            assert_eq!(found, counted, "{value:?}");
        }
    }

    #[test]
    fn only_what_was_split_and_ended_is_counted() {
        let hits = |host: &Fake| host.values.borrow().keys().any(|name| name.ends_with("weir_cell_hits"));
        let fallback = [("x-fallback", b"1".as_slice())];
        assert!(hits(&answered(&[USER, PATH], 200, &fallback)));
        assert!(!hits(&answered(&[PATH], 200, &fallback)), "nobody");
        assert!(!hits(&answered(&[USER, (":path", "/other")], 200, &fallback)), "another path");
        assert!(!hits(&answered(&[USER, PATH], 0, &fallback)), "the client left");
    }

    const SEGMENTS: &str = r#""attributes": {"tier": {"header": "x-tier"}},
        "segments": {"nz": {"==": [{"var": "tier"}, "nz"]}, "beta": {"==": [{"var": "tier"}, "beta"]},
                     "odd": {"if": [{"==": [{"var": "tier"}, "odd"]}, {"nope": 1}]}}, "outputs""#;

    /// [`DOCUMENT`] with segments, by which its rollout is judged or not.
    fn segmented(judged: bool) -> String {
        let document = DOCUMENT.replacen(r#""outputs""#, SEGMENTS, 1);
        let analysis = if judged { r#""analysis": {"segments": {}}, "stages""# } else { r#""stages""# };
        document.replacen(r#""stages""#, analysis, 1)
    }

    #[test]
    fn who_is_in_a_segment_is_counted_there_as_well() {
        let answer = [("x-stale", b"0.25".as_slice())];
        let tier = |tier| [USER, PATH, ("x-tier", tier)];
        let of = |host: &Fake, segment: &str| -> BTreeMap<String, u64> {
            let tag = format!("segment=.={segment};.;");
            let values = host.values.borrow();
            let counted = values.iter().filter(|(name, _)| name.contains(&tag));
            counted.map(|(name, count)| (name.replace(&tag, "").replace("weir_segment_", "weir_"), *count)).collect()
        };
        let host = answered_by(&segmented(true), &tier("beta"), 503, &answer);
        let everybody: BTreeMap<String, u64> = {
            let values = host.values.borrow();
            values.iter().filter(|(name, _)| !name.contains("segment")).map(|(name, n)| (name.clone(), *n)).collect()
        };
        assert_eq!(everybody.len(), 11, "{everybody:?}");
        let mut beta = everybody;
        beta.remove("flag=.=checkout;.;variant=.=next;.;score=.=quality;.;weir_score_micros");
        assert_eq!(of(&host, "beta"), beta, "all but what drift alone looks at");
        assert_eq!((of(&host, "nz").len(), of(&host, "odd").len()), (0, 0));

        let host = answered_by(&segmented(true), &tier("odd"), 200, &answer);
        let fault = "flag=.=checkout;.;segment=.=odd;.;reason=.=unknown_operator;.;weir_segment_faults";
        let counted: Vec<String> =
            host.values.borrow().keys().filter(|name| name.contains("segment")).cloned().collect();
        assert_eq!((counted.as_slice(), host.value(fault)), ([fault.to_owned()].as_slice(), 1));

        let host = answered_by(&segmented(false), &tier("beta"), 503, &answer);
        assert!(!host.names.borrow().iter().any(|name| name.contains("segment")), "not judged by segment");
    }

    #[test]
    fn segments_cost_a_request_nothing_that_it_is_not_in_them() {
        let calls = |document: &str, tier| *answered_by(document, &[USER, PATH, tier], 200, &[]).calls.borrow();
        let plain = calls(DOCUMENT, ("x-tier", "beta"));
        assert_eq!(plain, 12 + 2);
        assert_eq!(calls(&segmented(false), ("x-tier", "beta")), plain, "not judged by segment");
        assert_eq!(calls(&segmented(true), ("x-tier", "other")), plain + 1, "the attribute");
        assert_eq!(calls(&segmented(true), ("x-tier", "beta")), plain + 1 + 4, "started, result, cell and duration");
    }

    #[test]
    fn what_the_split_did_not_assign_is_counted_by_reason_only() {
        let host = run(Share::ALL, true, &[USER, PATH], &[("response\0code", 200)]);
        assert_eq!(host.header("x-weir-checkout"), ["stable"]);
        assert_eq!(
            *host.values.borrow(),
            BTreeMap::from([("flag=.=checkout;.;reason=.=kill;.;weir_unassigned".to_owned(), 1)])
        );
        let host = run(Share::ALL, false, &[PATH], &[]);
        assert_eq!(host.value("flag=.=checkout;.;reason=.=no_identity;.;weir_unassigned"), 1);
    }

    #[test]
    fn incoming_copies_of_owned_headers_never_pass() {
        let forged = [("x-weir-checkout", "next"), ("x-weir-checkout", "next"), ("x-weir-dark", "on")];
        for (headers, expected) in [
            (vec![USER, PATH], vec!["stable"]),
            (vec![PATH], vec!["stable"]),
            (vec![USER, (":path", "/other")], vec![]),
            (vec![], vec![]),
        ] {
            let all: Vec<_> = headers.iter().chain(&forged).copied().collect();
            let host = run(Share::NONE, false, &all, &[]);
            assert_eq!(host.header("x-weir-checkout"), expected, "{headers:?}");
            assert!(host.header("x-weir-dark").is_empty());
        }
    }

    #[test]
    fn without_a_snapshot_nothing_is_touched_but_counted() {
        let host = Fake::with_headers("", &[USER, PATH]);
        let serving = Serving::configure(&mut Vm::default(), &host).unwrap();
        let mut stream = Stream::new(Rc::new(serving));
        stream.on_request(&host);
        stream.on_end(&host);
        assert_eq!(*host.values.borrow(), BTreeMap::from([("weir_no_snapshot".to_owned(), 1)]));
    }

    #[test]
    fn a_request_costs_few_host_calls() {
        let host = run(Share::ALL, false, &[USER, PATH], &[("response\0code", 200), ("request\0duration", 1)]);
        // path, identity, routing header, started, copy of the disabled flag's header, content type; then code, flags, duration, and three counts.
        assert_eq!(*host.calls.borrow(), 6 + 3 + 3);
        let host = run(Share::ALL, false, &[USER, (":path", "/other")], &[]);
        assert_eq!(*host.calls.borrow(), 3, "the path, and a look for a copy of each owned header");
        let host = answered(&[USER, PATH], 200, &[]);
        assert_eq!(*host.calls.borrow(), 12 + 2, "two response headers for four counters");
        let host = answered(&[USER, PATH], 503, &[("x-fallback", b"9")]);
        assert_eq!(*host.calls.borrow(), 12 + 2 + 4, "an error and three hits are counted, too");
        let host = answered(&[USER, PATH], 200, &[("x-stale", b"0.25")]);
        assert_eq!(*host.calls.borrow(), 12 + 2 + 1 + 4, "a hit, and a score's count, sum, squares and histogram");
        let host = answered(&[USER, (":path", "/other")], 503, &[("x-fallback", b"9")]);
        assert_eq!(*host.calls.borrow(), 3, "nothing of the response is read for a request that does not count");
    }
}
