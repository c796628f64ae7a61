//! [`Input`]: the fields of a JSON object, read one after the other. A finding is kept with its path and a harmless value is read in its
//! place, so that all findings are named at once. Owns the reading; knows no method.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use weir_core::check::{Code, Finding};

use crate::stats::proportion::Hits;
use crate::stats::{Side, real_to_count};

/// What a number may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    low: f64,
    high: f64,
    /// What is nearer to 0, and not 0, is not allowed: its reciprocal or square would be no number.
    least: f64,
    /// The ends themselves are not allowed.
    open: bool,
    whole: bool,
    words: &'static str,
}

/// Largest count: whole numbers are exact to here.
const MOST: f64 = 9e15;

/// A share.
pub(super) const SHARE: Allowed =
    Allowed { low: 0.0, high: 1.0, least: 0.0, open: false, whole: false, words: "a number from 0 to 1" };
/// A share that is neither none nor all.
pub(super) const INNER: Allowed = Allowed {
    low: 0.0,
    high: 1.0,
    least: 1e-300,
    open: true,
    whole: false,
    words: "a number between 0 and 1, both excluded, at least 1e-300",
};
/// A share that leaves something on either side of it.
pub(super) const QUANTILE: Allowed = Allowed {
    low: 1e-9,
    high: 1.0 - 1e-9,
    least: 0.0,
    open: false,
    whole: false,
    words: "a number from 1e-9 to 0.999999999",
};
/// A count.
pub(super) const COUNT: Allowed =
    Allowed { low: 0.0, high: MOST, least: 0.0, open: false, whole: true, words: "a whole number from 0 to 9e15" };
/// A count that may have been divided by a dispersion.
pub(super) const AMOUNT: Allowed = Allowed {
    low: 0.0,
    high: MOST,
    least: 1e-100,
    open: false,
    whole: false,
    words: "a number from 0 to 9e15, if not 0 at least 1e-100",
};
/// Above 0.
pub(super) const POSITIVE: Allowed = Allowed {
    low: 0.0,
    high: 1e100,
    least: 1e-100,
    open: true,
    whole: false,
    words: "a number above 0, at least 1e-100, below 1e100",
};
/// Any number that can be squared.
pub(super) const REAL: Allowed = Allowed {
    low: -1e100,
    high: 1e100,
    least: 0.0,
    open: true,
    whole: false,
    words: "a number between -1e100 and 1e100",
};

impl Allowed {
    fn takes(&self, number: f64) -> bool {
        let within =
            if self.open { number > self.low && number < self.high } else { (self.low..=self.high).contains(&number) };
        within && (number == 0.0 || number.abs() >= self.least) && !(self.whole && number.fract() != 0.0)
    }

    /// What is read in place of a finding.
    fn harmless(&self) -> f64 {
        if self.open { if self.high <= 1.0 { 0.5 } else { 1.0 } } else { self.low }
    }
}

/// The fields of an object.
#[derive(Debug)]
pub(super) struct Input<'a> {
    fields: &'a Map<String, Value>,
    asked: BTreeSet<&'static str>,
    findings: Vec<Finding>,
}

impl<'a> Input<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, asked: BTreeSet::new(), findings: Vec::new() }
    }

    /// A number that must be there.
    pub(super) fn number(&mut self, name: &'static str, allowed: Allowed) -> f64 {
        let value = self.field(name);
        if value.is_none() {
            self.missing(name, allowed.words);
        }
        value.map_or_else(|| allowed.harmless(), |value| self.read(&path(name), value, allowed))
    }

    /// A number that need not be there.
    pub(super) fn number_or(&mut self, name: &'static str, usual: f64, allowed: Allowed) -> f64 {
        self.field(name).map_or(usual, |value| self.read(&path(name), value, allowed))
    }

    /// A whole number from 0.
    pub(super) fn count(&mut self, name: &'static str) -> u64 {
        real_to_count(self.number(name, COUNT))
    }

    /// `[hits, all]`.
    pub(super) fn hits(&mut self, name: &'static str) -> Hits {
        const WORDS: &str = "[hits, all] with hits at most all, and all above 0";
        let Some([hits, all]) = self.list_of::<2>(name, AMOUNT, WORDS) else { return Hits::new(0.0, 1.0) };
        if hits > all || all <= 0.0 {
            self.finding(path(name), format!("[{hits}, {all}]"), WORDS);
            return Hits::new(0.0, 1.0);
        }
        Hits::new(hits, all)
    }

    /// A list of exactly so many numbers.
    pub(super) fn list_of<const N: usize>(
        &mut self,
        name: &'static str,
        allowed: Allowed,
        words: &'static str,
    ) -> Option<[f64; N]> {
        let before = self.findings.len();
        let list = self.list(name, allowed);
        if self.findings.len() > before {
            return None;
        }
        let found = list.len();
        let array = list.try_into().ok();
        if array.is_none() {
            self.finding(path(name), format!("a list of {found}"), words);
        }
        array
    }

    /// A list of numbers.
    pub(super) fn list(&mut self, name: &'static str, allowed: Allowed) -> Vec<f64> {
        let items = self.items(name);
        items.iter().enumerate().map(|(i, item)| self.read(&format!("{}[{i}]", path(name)), item, allowed)).collect()
    }

    /// A list of lists, each of exactly so many numbers.
    pub(super) fn rows<const N: usize>(&mut self, name: &'static str, allowed: Allowed) -> Vec<[f64; N]> {
        let items = self.items(name);
        self.rows_at(&path(name), items, allowed)
    }

    /// A list of such lists of lists.
    pub(super) fn tables<const N: usize>(&mut self, name: &'static str, allowed: Allowed) -> Vec<Vec<[f64; N]>> {
        let mut tables = Vec::new();
        for (i, item) in self.items(name).iter().enumerate() {
            let at = format!("{}[{i}]", path(name));
            match item.as_array() {
                Some(items) => tables.push(self.rows_at(&at, items, allowed)),
                None => self.finding(at, kind(item).to_owned(), "a list"),
            }
        }
        tables
    }

    fn rows_at<const N: usize>(&mut self, path: &str, items: &[Value], allowed: Allowed) -> Vec<[f64; N]> {
        let mut rows = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let at = format!("{path}[{i}]");
            let cells = item.as_array().filter(|cells| cells.len() == N);
            let Some(cells) = cells else {
                self.finding(at, item.to_string(), &format!("a list of {N} numbers"));
                continue;
            };
            let mut row = [0.0; N];
            for (j, (cell, place)) in cells.iter().zip(&mut row).enumerate() {
                *place = self.read(&format!("{at}[{j}]"), cell, allowed);
            }
            rows.push(row);
        }
        rows
    }

    /// `two`, `greater` or `less`.
    pub(super) fn side(&mut self, usual: Side) -> Side {
        const WORDS: &str = "\"two\", \"greater\" or \"less\"";
        let Some(value) = self.field("side") else { return usual };
        serde_json::from_value(value.clone()).unwrap_or_else(|_| {
            self.finding(path("side"), value.to_string(), WORDS);
            usual
        })
    }

    /// Yes or no; no if it is not there.
    pub(super) fn yes(&mut self, name: &'static str) -> bool {
        let Some(value) = self.field(name) else { return false };
        value.as_bool().unwrap_or_else(|| {
            self.finding(path(name), value.to_string(), "true or false");
            false
        })
    }

    /// The field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A finding that a method finds.
    pub(super) fn refuse(&mut self, name: &str, found: String, allowed: &str) {
        self.finding(path(name), found, allowed);
    }

    /// A harmless value stands somewhere in place of a finding.
    pub(super) fn is_faulty(&self) -> bool {
        !self.findings.is_empty()
    }

    /// All findings; keys that nobody asked for are findings too.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        let known: Vec<&str> = self.asked.iter().copied().collect();
        let known = known.join(", ");
        let unknown: Vec<_> = self.fields.keys().filter(|key| !self.asked.contains(key.as_str())).cloned().collect();
        for key in unknown {
            self.finding(path(&key), "an unknown key".to_owned(), &known);
        }
        self.findings
    }

    fn field(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.insert(name);
        self.fields.get(name)
    }

    fn items(&mut self, name: &'static str) -> &'a [Value] {
        const WORDS: &str = "a list of at least one and at most 100,000";
        let Some(value) = self.field(name) else {
            self.missing(name, WORDS);
            return &[];
        };
        let items = value.as_array().filter(|items| (1..=100_000).contains(&items.len()));
        if items.is_none() {
            self.finding(path(name), kind(value).to_owned(), WORDS);
        }
        items.map_or(&[], Vec::as_slice)
    }

    fn read(&mut self, at: &str, value: &Value, allowed: Allowed) -> f64 {
        let number = value.as_f64().filter(|number| allowed.takes(*number));
        number.unwrap_or_else(|| {
            let found = if value.is_number() { value.to_string() } else { kind(value).to_owned() };
            self.finding(at.to_owned(), found, allowed.words);
            allowed.harmless()
        })
    }

    fn missing(&mut self, name: &str, allowed: &str) {
        self.finding(path(name), "nothing".to_owned(), allowed);
    }

    fn finding(&mut self, path: String, found: String, allowed: &str) {
        self.findings.push(Finding::new(Code::Input, path, found, allowed));
    }
}

/// What stands in place of what was wanted.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn path(name: &str) -> String {
    format!("$.{name}")
}
