//! The file as it was typed: tables whose keys are known, values whose type is right, and everything else as a [`Finding`], whose
//! path is a chain of keys such as `proxies[1].admin`. Knows no key of `weir.toml` by name.

use std::time::Duration;

use weir_core::check::{Code, Finding, nearest};
use weir_core::span::Span;

/// The findings of a file so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one.
    pub(super) fn add(&mut self, path: impl ToString, found: impl ToString, allowed: impl ToString) {
        self.0.push(Finding::new(Code::Setting, path.to_string(), found.to_string(), allowed.to_string()));
    }

    /// The value if there was no finding.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<Finding>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// A table (or the absence of one) and where it stands.
pub(super) struct Table<'a> {
    path: String,
    table: Option<&'a toml::Table>,
}

impl<'a> Table<'a> {
    /// The file itself, whose keys must be among `known`.
    pub(super) fn root(table: &'a toml::Table, known: &[&str], findings: &mut Findings) -> Self {
        let root = Self { path: String::new(), table: Some(table) };
        root.refuse_unknown(known, findings);
        root
    }

    /// The path of one of its keys.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the key is there at all, of whatever type.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// A string; `None` if it is absent or, with a finding, something else.
    pub(super) fn text(&self, key: &str, findings: &mut Findings) -> Option<String> {
        match self.value(key)? {
            toml::Value::String(text) => Some(text.clone()),
            other => {
                findings.add(self.at(key), shown(other), "a string");
                None
            }
        }
    }

    /// A string that must be there; `None`, with a finding, if it is absent or something else.
    pub(super) fn required(&self, key: &str, allowed: &str, findings: &mut Findings) -> Option<String> {
        if !self.has(key) {
            findings.add(self.at(key), "nothing", allowed);
        }
        self.text(key, findings)
    }

    /// A length of time from 100 ms to a minute; the default if it is absent or, with a finding, something else.
    pub(super) fn span(&self, key: &str, default: Span, findings: &mut Findings) -> Duration {
        let text = self.text(key, findings);
        let span = text.as_deref().map_or(Some(default), Span::parse);
        let span = span.filter(|span| (100..=60_000).contains(&span.ms())).unwrap_or_else(|| {
            let allowed = format!("a duration from 100ms to 1m, such as \"{default}\"");
            findings.add(self.at(key), format!("{:?}", text.unwrap_or_default()), allowed);
            default
        });
        Duration::from_millis(span.ms())
    }

    /// A whole number; `None` if it is absent or, with a finding, something else.
    pub(super) fn whole(&self, key: &str, findings: &mut Findings) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        if number.is_none() {
            findings.add(self.at(key), shown(value), "a whole number");
        }
        number
    }

    /// True or false; `None` if it is absent or, with a finding, something else.
    pub(super) fn bool(&self, key: &str, findings: &mut Findings) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            findings.add(self.at(key), shown(value), "true or false");
        }
        value.as_bool()
    }

    /// A table below; an empty one if it is absent or, with a finding, something else.
    pub(super) fn table(&self, key: &str, known: &[&str], findings: &mut Findings) -> Self {
        let path = self.at(key);
        let table = match self.value(key) {
            None => None,
            Some(toml::Value::Table(table)) => Some(table),
            Some(other) => {
                findings.add(&path, shown(other), format!("a table: [{path}]"));
                None
            }
        };
        let table = Self { path, table };
        table.refuse_unknown(known, findings);
        table
    }

    /// The tables below one whose keys are names given by the user, each with its name.
    pub(super) fn named(&self, key: &str, known: &[&str], findings: &mut Findings) -> Vec<(String, Self)> {
        let table = match self.value(key) {
            None => return Vec::new(),
            Some(toml::Value::Table(table)) => Self { path: self.at(key), table: Some(table) },
            Some(other) => {
                findings.add(self.at(key), shown(other), format!("tables by name: [{}.NAME]", self.at(key)));
                return Vec::new();
            }
        };
        let names: Vec<String> = table.table.into_iter().flat_map(toml::Table::keys).cloned().collect();
        names.into_iter().map(|name| (name.clone(), table.table(&name, known, findings))).collect()
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, key: &str, known: &[&str], findings: &mut Findings) -> Vec<Self> {
        let path = self.at(key);
        let values = match self.value(key) {
            None => return Vec::new(),
            Some(toml::Value::Array(values)) => values,
            Some(other) => {
                findings.add(&path, shown(other), format!("an array of tables: [[{path}]]"));
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let toml::Value::Table(table) = value else {
                findings.add(path, shown(value), "a table");
                continue;
            };
            let table = Self { path, table: Some(table) };
            table.refuse_unknown(known, findings);
            tables.push(table);
        }
        tables
    }

    fn value(&self, key: &str) -> Option<&'a toml::Value> {
        self.table?.get(key)
    }

    fn refuse_unknown(&self, known: &[&str], findings: &mut Findings) {
        for key in self.table.into_iter().flat_map(toml::Table::keys) {
            if known.contains(&key.as_str()) {
                continue;
            }
            let near = nearest(key, known);
            let allowed = near.map_or_else(|| known.join(", "), |name| format!("{name} (did you mean that?)"));
            findings.add(self.at(key), "an unknown key", allowed);
        }
    }
}

/// A value as a finding shows it.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("{text:?}"),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(yes) => yes.to_string(),
        toml::Value::Datetime(time) => time.to_string(),
        toml::Value::Array(_) => "an array".to_owned(),
        toml::Value::Table(_) => "a table".to_owned(),
    }
}
