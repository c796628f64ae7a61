//! [`Fields`]: an object of a line, read field by field. What is wrong is told, and something harmless is read in its place, so that all
//! faults of a line are found at once.

use std::array;
use std::collections::BTreeMap;

use weir_core::check::{again, suggest};
use weir_core::json::Json;

use super::faults::{Faults, Place};

/// Whole numbers are exact to here: 2^53.
const MOST: u64 = 1 << 53;

/// An object, or nothing in the place of what is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub(super) at: &'a Place<'a>,
    fields: &'a [(String, Json)],
}

impl<'a> Fields<'a> {
    /// An object that has these keys, and may have those.
    pub(super) fn read(
        json: &'a Json,
        at: &'a Place<'a>,
        (required, optional): (&[&str], &[&str]),
        faults: &mut Faults,
    ) -> Self {
        let Some(this) = Self::any(json, at, faults) else { return Self { at, fields: &[] } };
        let known = [required, optional].concat();
        for (key, _) in this.fields.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            faults.add(&at.key(key), "an unknown key", suggest(key, &known));
        }
        for key in required.iter().filter(|key| this.get(key).is_none()) {
            faults.add(&at.key(key), "nothing", "a value: this key must be there");
        }
        this
    }

    /// An object whose keys are names.
    fn any(json: &'a Json, at: &'a Place<'a>, faults: &mut Faults) -> Option<Self> {
        let Json::Object(fields) = json else {
            faults.add(at, json, "an object");
            return None;
        };
        for (key, _) in again(fields) {
            faults.add(&at.key(key), "the key again", "each key once");
        }
        Some(Self { at, fields })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Json> {
        self.fields.iter().rev().find(|(name, _)| name == key).map(|(_, json)| json)
    }

    /// A whole number up to `most`; 0 if it is not there.
    pub(super) fn whole_to(&self, key: &str, most: u64, faults: &mut Faults) -> u64 {
        self.get(key).map_or(0, |json| whole_to(json, &self.at.key(key), most, faults))
    }

    /// A whole number; 0 if it is not there.
    pub(super) fn whole(&self, key: &str, faults: &mut Faults) -> u64 {
        self.whole_to(key, MOST, faults)
    }

    /// A number; `null` is none.
    pub(super) fn number(&self, key: &str, faults: &mut Faults) -> Option<f64> {
        self.get(key).filter(|json| **json != Json::Null).map(|json| number(json, &self.at.key(key), faults))
    }

    /// A list of exactly so many.
    pub(super) fn list<T: Default, const N: usize>(
        &self,
        key: &str,
        faults: &mut Faults,
        read: impl Fn(&Json, &Place<'_>, &mut Faults) -> T,
    ) -> [T; N] {
        let json = self.get(key);
        json.map_or_else(|| array::from_fn(|_| T::default()), |json| list(json, &self.at.key(key), faults, read))
    }

    /// An object whose keys are names; empty if it is not there.
    pub(super) fn named<T>(
        &self,
        key: &str,
        faults: &mut Faults,
        read: impl Fn(&Json, &Place<'_>, &mut Faults) -> T,
    ) -> BTreeMap<String, T> {
        self.get(key).map_or_else(BTreeMap::new, |json| named(json, &self.at.key(key), faults, read))
    }
}

/// An object whose keys are names.
pub(super) fn named<T>(
    json: &Json,
    at: &Place<'_>,
    faults: &mut Faults,
    read: impl Fn(&Json, &Place<'_>, &mut Faults) -> T,
) -> BTreeMap<String, T> {
    let fields = Fields::any(json, at, faults).map_or(&[][..], |this| this.fields);
    fields.iter().map(|(name, json)| (name.clone(), read(json, &at.key(name), faults))).collect()
}

/// A list of exactly so many.
pub(super) fn list<T: Default, const N: usize>(
    json: &Json,
    at: &Place<'_>,
    faults: &mut Faults,
    read: impl Fn(&Json, &Place<'_>, &mut Faults) -> T,
) -> [T; N] {
    match json {
        Json::Array(items) if items.len() == N => array::from_fn(|i| read(&items[i], &at.index(i), faults)),
        _ => {
            faults.add(at, json, format_args!("an array of {N}"));
            array::from_fn(|_| T::default())
        }
    }
}

/// A whole number.
pub(super) fn whole(json: &Json, at: &Place<'_>, faults: &mut Faults) -> u64 {
    whole_to(json, at, MOST, faults)
}

fn whole_to(json: &Json, at: &Place<'_>, most: u64, faults: &mut Faults) -> u64 {
    json.as_whole(most).unwrap_or_else(|| {
        faults.add(at, json, format_args!("a whole number between 0 and {most}"));
        0
    })
}

/// Any number.
pub(super) fn number(json: &Json, at: &Place<'_>, faults: &mut Faults) -> f64 {
    json.as_number().unwrap_or_else(|| {
        faults.add(at, json, "a number");
        0.0
    })
}

/// A text.
pub(super) fn text(json: &Json, at: &Place<'_>, faults: &mut Faults) -> String {
    json.as_str().map(str::to_owned).unwrap_or_else(|| {
        faults.add(at, json, "a string");
        String::new()
    })
}

/// The lower bound that a bin's key is.
pub(super) fn lower_bound(key: &str) -> Option<u64> {
    let plain = key.bytes().all(|b| b.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    key.parse().ok().filter(|lower| plain && *lower <= MOST)
}
