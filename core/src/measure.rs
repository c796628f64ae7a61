//! What the answer to a request is looked at for, beside how it ended: named counters and scores. Owns what each counts, and [`Measures`], a
//! document's own compiled for responses: which headers are read, each at most once, and what they say. Knows no flag, no variant and no metric.

use std::borrow::Cow;

use crate::bits::Bits;

/// The most counters of a document: each costs Envoy [`crate::name::stats_per_counter`] stats for a rollout.
pub const MAX_COUNTERS: usize = 8;

/// The most scores of a document: each costs Envoy [`crate::name::stats_per_score`] stats for a rollout.
pub const MAX_SCORES: usize = 8;

/// The greatest score. Scores are counted in millionths, their squares in millionths too, in counters of 64 bits that have no sign and can't go back: a
/// thousand million requests of this score fit into one.
pub const MOST_SCORE: f64 = 100.0;

/// How many units of a score are 1.
pub const SCORE_UNITS: u64 = 1_000_000;

/// A score of a document: a number in a response header.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// What metrics and analyses call it.
    pub name: String,
    /// The header, lower case.
    pub header: String,
    /// The least that is taken, from 0 on.
    pub min: f64,
    /// The greatest that is taken, at most [`MOST_SCORE`].
    pub max: f64,
}

/// Why a score is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScoreFault {
    /// The header is no decimal number, or not a finite one.
    NotANumber,
    /// It is outside of the score's range.
    OutOfRange,
}

/// Every fault, in the order of their metrics.
pub const SCORE_FAULTS: [ScoreFault; 2] = [ScoreFault::NotANumber, ScoreFault::OutOfRange];

impl ScoreFault {
    /// The word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotANumber => "not_a_number",
            Self::OutOfRange => "out_of_range",
        }
    }

    /// The fault of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        SCORE_FAULTS.into_iter().find(|fault| fault.name() == name)
    }
}

/// A score as it is counted, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units(u64);

impl Units {
    /// Reads a header's value: a decimal number within `min..=max`, blanks around it.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn read(value: &[u8], min: f64, max: f64) -> Result<Self, ScoreFault> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= MOST_DIGITS);
        let number = text.and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| number.is_finite());
        let number = number.ok_or(ScoreFault::NotANumber)?;
        if !(min..=max).contains(&number) || !(0.0..=MOST_SCORE).contains(&number) {
            return Err(ScoreFault::OutOfRange);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: 0 to a hundred million")]
        Ok(Self((number * 1e6).round() as u64))
    }

    /// Millionths.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Its square, in millionths.
    #[must_use]
    pub const fn square(self) -> u64 {
        self.0.saturating_mul(self.0).saturating_add(SCORE_UNITS / 2) / SCORE_UNITS
    }
}

/// A longer number is not looked at, in bytes.
const MOST_DIGITS: usize = 64;

/// What a response's headers say of each score: nothing where it has none.
pub type Scores = [Option<Result<Units, ScoreFault>>; MAX_SCORES];

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

// A bit each.
const _: () = assert!(MAX_COUNTERS <= Bits::MOST);

/// What a response is counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Counters that it hit, by their place in [`Measures::counters`].
    pub hits: Bits,
    /// By the scores' place in [`Measures::scores`].
    pub scores: Scores,
}

/// A document's counters and scores, compiled for responses.
#[derive(Debug, Default)]
pub struct Measures {
    /// Their names, in the order of the document.
    pub counters: Vec<String>,
    /// Names of its scores.
    pub scores: Vec<String>,
    headers: Vec<Watched>,
    statuses: Vec<(Bits, Vec<u16>)>,
}

/// A response header that something is read from.
#[derive(Debug)]
struct Watched {
    name: String,
    counters: Vec<(Bits, Option<String>)>,
    /// Place, least and greatest.
    scores: Vec<(usize, f64, f64)>,
}

impl Measures {
    /// Compiles a document's.
    #[must_use]
    pub fn new(counters: &[NamedCounter], scores: &[Score]) -> Self {
        let mut measures = Self::default();
        for (index, counter) in counters.iter().take(MAX_COUNTERS).enumerate() {
            measures.counters.push(counter.name.clone());
            match &counter.hit {
                Hit::Header { name, equals } => {
                    measures.watch(name, |watched| watched.counters.push((Bits::one(index), equals.clone())));
                }
                Hit::Status(codes) => measures.statuses.push((Bits::one(index), codes.clone())),
            }
        }
        for (index, score) in scores.iter().take(MAX_SCORES).enumerate() {
            measures.scores.push(score.name.clone());
            measures.watch(&score.header, |watched| watched.scores.push((index, score.min, score.max)));
        }
        measures
    }

    /// The same header is read once for all that ask for it.
    fn watch(&mut self, name: &str, add: impl FnOnce(&mut Watched)) {
        if let Some(watched) = self.headers.iter_mut().find(|watched| watched.name == name) {
            return add(watched);
        }
        let mut watched = Watched { name: name.to_owned(), counters: Vec::new(), scores: Vec::new() };
        add(&mut watched);
        self.headers.push(watched);
    }

    /// What a response's headers say.
    pub fn of_headers(&self, response: &impl Response) -> Measured {
        let Measured { mut hits, mut scores } = Measured::default();
        for watched in &self.headers {
            let Some(value) = response.header(&watched.name).filter(|value| !value.is_empty()) else { continue };
            for (counter, equals) in &watched.counters {
                if equals.as_ref().is_none_or(|equals| *value == *equals.as_bytes()) {
                    hits = hits.and(*counter);
                }
            }
            for (index, min, max) in &watched.scores {
                if let Some(place) = scores.get_mut(*index) {
                    *place = Some(Units::read(&value, *min, *max));
                }
            }
        }
        Measured { hits, scores }
    }

    /// Counters that a response's status hits.
    #[must_use]
    pub fn of_status(&self, code: u64) -> Bits {
        let hit = |codes: &[u16]| codes.iter().any(|known| u64::from(*known) == code);
        let counters = self.statuses.iter().filter(|(_, codes)| hit(codes));
        counters.fold(Bits::default(), |hits, (counter, _)| hits.and(*counter))
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
        let counters = [
            header("any", "x-fallback", None),
            header("one", "x-fallback", Some("1")),
            status("busy", &[429, 503]),
            header("cached", "x-cache", Some("HIT")),
        ];
        let score = |name: &str, max| Score { name: name.to_owned(), header: "x-fallback".to_owned(), min: 0.0, max };
        Measures::new(&counters, &[score("narrow", 1.0), score("wide", 100.0)])
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
            let hits = measures.of_headers(&headers).hits.and(measures.of_status(status));
            let names = measures.counters.iter().enumerate().filter(|(i, _)| hits.has(*i)).map(|(_, name)| name);
            assert_eq!(names.collect::<Vec<_>>(), hit, "{header:?} {status}");
            assert_eq!(headers.1.into_inner(), ["x-fallback", "x-cache"], "each header is read once");
        }
    }

    #[test]
    fn a_score_is_a_number_within_its_range() {
        use ScoreFault::{NotANumber, OutOfRange};
        for (value, read) in [
            ("0.5", Ok((500_000, 250_000))),
            (" 1e-6 ", Ok((1, 0))),
            ("0", Ok((0, 0))),
            ("1", Ok((1_000_000, 1_000_000))),
            ("1.0000001", Err(OutOfRange)),
            ("-0.1", Err(OutOfRange)),
            ("1e300", Err(OutOfRange)),
            ("inf", Err(NotANumber)),
            ("NaN", Err(NotANumber)),
            ("0,5", Err(NotANumber)),
            ("0.5 0.6", Err(NotANumber)),
            (&"0".repeat(65), Err(NotANumber)),
        ] {
            let found = Units::read(value.as_bytes(), 0.0, 1.0).map(|units| (units.get(), units.square()));
            assert_eq!(found, read, "{value}");
        }
        assert_eq!(Units::read(b"\xff", 0.0, 1.0), Err(NotANumber));
        assert_eq!(Units::read(b"0.2", 0.3, 1.0), Err(OutOfRange));
        assert_eq!(SCORE_FAULTS.map(|fault| ScoreFault::from_name(fault.name())), SCORE_FAULTS.map(Some));
    }

    #[test]
    fn a_thousand_million_requests_of_the_greatest_score_fit() {
        let most = Units::read(b"100", 0.0, MOST_SCORE).unwrap();
        assert!(most.get().checked_mul(1_000_000_000).is_some() && most.square().checked_mul(1_000_000_000).is_some());
    }

    #[test]
    fn one_header_is_read_once_for_counters_and_scores() {
        let headers = Headers(vec![("x-fallback", b"1.5")], RefCell::default());
        let measured = measures().of_headers(&headers);
        assert!(measured.hits.has(0) && !measured.hits.has(1));
        assert_eq!(measured.scores[..2], [Some(Err(ScoreFault::OutOfRange)), Some(Ok(Units(1_500_000)))]);
        assert_eq!(headers.1.into_inner(), ["x-fallback", "x-cache"]);
    }

    #[test]
    fn without_counters_nothing_is_read() {
        let headers = Headers(vec![("x-fallback", b"1")], RefCell::default());
        assert_eq!(Measures::default().of_headers(&headers), Measured::default());
        assert!(headers.1.into_inner().is_empty());
    }
}
