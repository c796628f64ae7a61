//! [`Host`]: what the filter needs of its host. Owns the vocabulary only: bytes in, bytes or nothing out, and never a panic, whatever
//! status a host answers with. The real one is `envoy`; tests have one of their own.

use weir_core::name::Metric;

/// Which kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Set to a value.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// The kind that goes with a name.
    #[must_use]
    pub const fn of(metric: &Metric<'_>) -> Self {
        match metric {
            Metric::Duration { .. } | Metric::Score { .. } => Self::Histogram,
            Metric::Generation => Self::Gauge,
            Metric::Requests { .. }
            | Metric::Started { .. }
            | Metric::CellRequests { .. }
            | Metric::CellErrors { .. }
            | Metric::CellHits { .. }
            | Metric::CellScores { .. }
            | Metric::CellScoreSum { .. }
            | Metric::CellScoreSquares { .. }
            | Metric::BadScores { .. }
            | Metric::Unassigned { .. }
            | Metric::SegmentFaults { .. }
            | Metric::NoSnapshot => Self::Counter,
        }
    }
}

/// A metric's number within one virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricId(pub u32);

/// The host's side of the filter.
pub trait Host {
    /// The whole plugin configuration; `None` if there is none or it can't be had.
    fn configuration(&self) -> Option<Vec<u8>>;
    /// The first value of a request header. Only while the request's headers are being handled.
    fn request_header(&self, name: &str) -> Option<Vec<u8>>;
    /// Sets a request header to one value, in place of all that were there.
    fn set_request_header(&self, name: &str, value: &str);
    /// Removes a request header, all values of it.
    fn remove_request_header(&self, name: &str);
    /// The first value of a response header. Only while the response's headers are being handled.
    fn response_header(&self, name: &str) -> Option<Vec<u8>>;
    /// A property of the stream as the host encodes it (whole numbers are eight bytes, little end first); the parts of the path are
    /// parted by zero bytes.
    fn property(&self, path: &str) -> Option<Vec<u8>>;
    /// Defines a metric; the host gives the same metric to all that name it.
    fn define(&self, kind: Kind, name: &str) -> Option<MetricId>;
    /// Adds to a counter; nothing where there is nothing to add.
    fn add(&self, metric: MetricId, count: u64);
    /// Adds one to a counter.
    fn increment(&self, metric: MetricId) {
        self.add(metric, 1);
    }
    /// Sets a gauge, or adds a value to a histogram.
    fn record(&self, metric: MetricId, value: u64);
    /// The time, in milliseconds since the Unix epoch; 0 if the host does not say.
    fn now_ms(&self) -> u64;
    /// Asks for a tick of the root every so many milliseconds; 0 is never again.
    fn tick_every(&self, milliseconds: u32);
    /// Writes to the host's log, as an error.
    fn log_error(&self, message: &str);
}

/// A property that is a whole number.
pub fn number(host: &impl Host, path: &str) -> Option<u64> {
    Some(u64::from_le_bytes(host.property(path)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) mod fake {
    //! A host of our own: headers and properties as given, everything that the filter does written down.

    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::{Host, Kind, MetricId};

    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) configuration: Vec<u8>,
        pub(crate) headers: RefCell<Vec<(String, Vec<u8>)>>,
        pub(crate) answer: Vec<(&'static str, &'static [u8])>,
        pub(crate) properties: BTreeMap<&'static str, u64>,
        pub(crate) names: RefCell<Vec<String>>,
        pub(crate) values: RefCell<BTreeMap<String, u64>>,
        pub(crate) errors: RefCell<Vec<String>>,
        pub(crate) calls: RefCell<usize>,
    }

    impl Fake {
        pub(crate) fn with_headers(configuration: &str, headers: &[(&str, &str)]) -> Self {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
            Self { configuration: configuration.into(), headers: RefCell::new(headers), ..Self::default() }
        }

        pub(crate) fn value(&self, name: &str) -> u64 {
            self.values.borrow().get(name).copied().unwrap_or(0)
        }

        pub(crate) fn header(&self, name: &str) -> Vec<String> {
            let headers = self.headers.borrow();
            headers
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                .collect()
        }

        fn name(&self, id: MetricId) -> String {
            self.names.borrow()[id.0 as usize].clone()
        }
    }

    impl Host for Fake {
        fn configuration(&self) -> Option<Vec<u8>> {
            Some(self.configuration.clone())
        }

        fn request_header(&self, name: &str) -> Option<Vec<u8>> {
            *self.calls.borrow_mut() += 1;
            self.headers.borrow().iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        }

        fn set_request_header(&self, name: &str, value: &str) {
            *self.calls.borrow_mut() += 1;
            self.headers.borrow_mut().retain(|(key, _)| key != name);
            self.headers.borrow_mut().push((name.to_owned(), value.as_bytes().to_vec()));
        }

        fn remove_request_header(&self, name: &str) {
            *self.calls.borrow_mut() += 1;
            self.headers.borrow_mut().retain(|(key, _)| key != name);
        }

        fn response_header(&self, name: &str) -> Option<Vec<u8>> {
            *self.calls.borrow_mut() += 1;
            self.answer.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_vec())
        }

        fn property(&self, path: &str) -> Option<Vec<u8>> {
            *self.calls.borrow_mut() += 1;
            self.properties.get(path).map(|value| value.to_le_bytes().to_vec())
        }

        fn define(&self, _kind: Kind, name: &str) -> Option<MetricId> {
            self.names.borrow_mut().push(name.to_owned());
            Some(MetricId(u32::try_from(self.names.borrow().len() - 1).unwrap()))
        }

        fn add(&self, metric: MetricId, count: u64) {
            if count == 0 {
                return;
            }
            *self.calls.borrow_mut() += 1;
            *self.values.borrow_mut().entry(self.name(metric)).or_default() += count;
        }

        fn record(&self, metric: MetricId, value: u64) {
            *self.calls.borrow_mut() += 1;
            self.values.borrow_mut().insert(self.name(metric), value);
        }

        fn now_ms(&self) -> u64 {
            *self.calls.borrow_mut() += 1;
            1_700_000_000_000
        }

        fn tick_every(&self, _milliseconds: u32) {}

        fn log_error(&self, message: &str) {
            self.errors.borrow_mut().push(message.to_owned());
        }
    }
}
