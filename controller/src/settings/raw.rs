//! The file as it was typed: tables whose keys are known, values whose type is right, and everything else as a [`Fault`], whose
//! path is a chain of keys such as `proxies[1].admin`. Knows no key of `weir.toml` by name.

use weir_core::check::{Fault, nearest};

/// The faults of a file so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds one.
    pub(super) fn add(&mut self, path: impl ToString, found: impl ToString, allowed: impl ToString) {
        self.0.push(Fault { path: path.to_string(), found: found.to_string(), allowed: allowed.to_string() });
    }

    /// The value if there was no fault.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<Fault>> {
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
    pub(super) fn root(table: &'a toml::Table, known: &[&str], faults: &mut Faults) -> Self {
        let root = Self { path: String::new(), table: Some(table) };
        root.refuse_unknown(known, faults);
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

    /// A string; `None` if it is absent or, with a fault, something else.
    pub(super) fn text(&self, key: &str, faults: &mut Faults) -> Option<String> {
        match self.value(key)? {
            toml::Value::String(text) => Some(text.clone()),
            other => {
                faults.add(self.at(key), shown(other), "a string");
                None
            }
        }
    }

    /// A table below; an empty one if it is absent or, with a fault, something else.
    pub(super) fn table(&self, key: &str, known: &[&str], faults: &mut Faults) -> Self {
        let path = self.at(key);
        let table = match self.value(key) {
            None => None,
            Some(toml::Value::Table(table)) => Some(table),
            Some(other) => {
                faults.add(&path, shown(other), format!("a table: [{path}]"));
                None
            }
        };
        let table = Self { path, table };
        table.refuse_unknown(known, faults);
        table
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, key: &str, known: &[&str], faults: &mut Faults) -> Vec<Self> {
        let path = self.at(key);
        let values = match self.value(key) {
            None => return Vec::new(),
            Some(toml::Value::Array(values)) => values,
            Some(other) => {
                faults.add(&path, shown(other), format!("an array of tables: [[{path}]]"));
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let toml::Value::Table(table) = value else {
                faults.add(path, shown(value), "a table");
                continue;
            };
            let table = Self { path, table: Some(table) };
            table.refuse_unknown(known, faults);
            tables.push(table);
        }
        tables
    }

    fn value(&self, key: &str) -> Option<&'a toml::Value> {
        self.table?.get(key)
    }

    fn refuse_unknown(&self, known: &[&str], faults: &mut Faults) {
        for key in self.table.into_iter().flat_map(toml::Table::keys) {
            if known.contains(&key.as_str()) {
                continue;
            }
            let near = nearest(key, known);
            let allowed = near.map_or_else(|| known.join(", "), |name| format!("{name} (did you mean that?)"));
            faults.add(self.at(key), "an unknown key", allowed);
        }
    }
}

/// A value as a fault shows it.
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
