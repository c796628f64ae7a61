//! What the answer to a request is looked at for, beside how it ended: named counters. Owns what each counts, and [`Measures`], a document's own compiled for
//! responses: which headers are read, each at most once, and what they say. Knows no flag, no variant and no metric.

use std::borrow::Cow;

/// The most counters of a document: each costs Envoy [`crate::name::stats_per_counter`] stats for a rollout.
pub const MAX_COUNTERS: usize = 8;

/// A counter of a document: hits among the requests that a rollout's split assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCounter {
    /// What guardrails and metrics call it.
    pub name: String,
    /// Which answers it counts.
    pub hit: Hit,
}

/// Which answers a counter counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit {
    /// Those with a response header that is not empty.
    Header {
        /// Lower case.
        name: String,
        /// Its first value is exactly this. `None`: any.
        equals: Option<String>,
    },
    /// Those of one of these HTTP status codes.
    Status(Vec<u16>),
}

/// What can be asked of a response. Each call may cost a crossing into the host.
pub trait Response {
    /// The first value of a header, by lower-case name.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;
}

/// Which of a document's counters a response hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits(u8);

// A bit each.
const _: () = assert!(MAX_COUNTERS == 8);

impl Hits {
    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the counter at this place in [`Measures::counters`] was hit.
    #[must_use]
    pub fn has(self, counter: usize) -> bool {
        self.0 & bit(counter) != 0
    }
}

fn bit(counter: usize) -> u8 {
    u32::try_from(counter).ok().and_then(|counter| 1_u8.checked_shl(counter)).unwrap_or(0)
}

/// A document's counters, compiled for responses.
#[derive(Debug, Default)]
pub struct Measures {
    /// Their names, in the order of the document.
    pub counters: Vec<String>,
    headers: Vec<Watched>,
    statuses: Vec<(u8, Vec<u16>)>,
}

/// A response header that something is read from.
#[derive(Debug)]
struct Watched {
    name: String,
    counters: Vec<(u8, Option<String>)>,
}

impl Measures {
    /// Compiles a document's.
    #[must_use]
    pub fn new(counters: &[NamedCounter]) -> Self {
        let mut measures = Self::default();
        for (index, counter) in counters.iter().take(MAX_COUNTERS).enumerate() {
            measures.counters.push(counter.name.clone());
            match &counter.hit {
                Hit::Header { name, equals } => measures.watch(name, (bit(index), equals.clone())),
                Hit::Status(codes) => measures.statuses.push((bit(index), codes.clone())),
            }
        }
        measures
    }

    /// The same header is read once for all that ask for it.
    fn watch(&mut self, name: &str, counter: (u8, Option<String>)) {
        match self.headers.iter_mut().find(|watched| watched.name == name) {
            Some(watched) => watched.counters.push(counter),
            None => self.headers.push(Watched { name: name.to_owned(), counters: vec![counter] }),
        }
    }

    /// Counters that a response's headers hit.
    pub fn of_headers(&self, response: &impl Response) -> Hits {
        let mut hits = Hits::default();
        for watched in &self.headers {
            let Some(value) = response.header(&watched.name).filter(|value| !value.is_empty()) else { continue };
            for (bit, equals) in &watched.counters {
                if equals.as_ref().is_none_or(|equals| *value == *equals.as_bytes()) {
                    hits.0 |= bit;
                }
            }
        }
        hits
    }

    /// Counters that a response's status hits.
    #[must_use]
    pub fn of_status(&self, code: u64) -> Hits {
        let hit = |codes: &[u16]| codes.iter().any(|known| u64::from(*known) == code);
        let bits = self.statuses.iter().filter(|(_, codes)| hit(codes));
        Hits(bits.fold(0, |bits, (bit, _)| bits | bit))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Headers(Vec<(&'static str, &'static [u8])>, RefCell<Vec<String>>);

    impl Response for Headers {
        fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            self.1.borrow_mut().push(name.to_owned());
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| Cow::Borrowed(*value))
        }
    }

    fn measures() -> Measures {
        let header = |name: &str, header: &str, equals: Option<&str>| NamedCounter {
            name: name.to_owned(),
            hit: Hit::Header { name: header.to_owned(), equals: equals.map(str::to_owned) },
        };
        let status = |name: &str, codes: &[u16]| NamedCounter { name: name.to_owned(), hit: Hit::Status(codes.into()) };
        Measures::new(&[
            header("any", "x-fallback", None),
            header("one", "x-fallback", Some("1")),
            status("busy", &[429, 503]),
            header("cached", "x-cache", Some("HIT")),
        ])
    }

    #[test]
    fn a_counter_is_hit_by_its_header_or_its_status() {
        let measures = measures();
        for (header, status, hit) in [
            (Some(b"1".as_slice()), 200, vec!["any", "one"]),
            (Some(b"2"), 429, vec!["any", "busy"]),
            (Some(b"\xff"), 200, vec!["any"]),
            (Some(b""), 200, vec![]),
            (None, 503, vec!["busy"]),
            (None, 500, vec![]),
            (None, 1_000_000, vec![]),
        ] {
            let headers = Headers(header.map(|value| ("x-fallback", value)).into_iter().collect(), RefCell::default());
            let hits = measures.of_headers(&headers).and(measures.of_status(status));
            let names = measures.counters.iter().enumerate().filter(|(i, _)| hits.has(*i)).map(|(_, name)| name);
            assert_eq!(names.collect::<Vec<_>>(), hit, "{header:?} {status}");
            assert_eq!(headers.1.into_inner(), ["x-fallback", "x-cache"], "each header is read once");
        }
    }

    #[test]
    fn without_counters_nothing_is_read() {
        let headers = Headers(vec![("x-fallback", b"1")], RefCell::default());
        assert_eq!(Measures::default().of_headers(&headers), Hits::default());
        assert!(headers.1.into_inner().is_empty());
        assert!(!Hits::default().has(usize::MAX));
    }
}
