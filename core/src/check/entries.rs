//! Objects of flagd's part as flagd reads them: of a key that stands twice the last counts, and what is of another kind holds nothing. Reports nothing:
//! what there is to say about it `lint` says.

use std::collections::HashMap;

use crate::finding::Path;
use crate::json::Json;

/// Each key once, in the order in which they stand first, with what stands under it last.
pub(super) fn entries(json: Option<&Json>) -> Vec<(&str, &Json)> {
    let Some(Json::Object(fields)) = json else { return Vec::new() };
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(fields.len());
    let mut last: Vec<(&str, &Json)> = Vec::with_capacity(fields.len());
    for (key, json) in fields {
        match places.get(key.as_str()).and_then(|place| last.get_mut(*place)) {
            Some(entry) => entry.1 = json,
            None => {
                places.insert(key, last.len());
                last.push((key, json));
            }
        }
    }
    last
}

/// A flag and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'a> {
    pub(super) key: &'a str,
    pub(super) json: &'a Json,
    /// In the daemon's form, an array of flags with their keys within.
    index: Option<usize>,
}

impl<'a> Listed<'a> {
    pub(super) fn path<'p>(&self, flags: &'p Path<'p>) -> Path<'p>
    where
        'a: 'p,
    {
        match self.index {
            Some(index) => flags.index(index),
            None => flags.key(self.key),
        }
    }
}

/// The flags of either form; what has no key in an array is left out.
pub(super) fn flags(json: Option<&Json>) -> Vec<Listed<'_>> {
    let Some(Json::Array(items)) = json else {
        return entries(json).into_iter().map(|(key, json)| Listed { key, json, index: None }).collect();
    };
    let mut flags: Vec<Listed<'_>> = Vec::with_capacity(items.len());
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(items.len());
    for (i, json) in items.iter().enumerate() {
        let Some(key) = json.field("key").and_then(Json::as_str) else { continue };
        let listed = Listed { key, json, index: Some(i) };
        match places.get(key).and_then(|place| flags.get_mut(*place)) {
            Some(flag) => *flag = listed,
            None => {
                places.insert(key, flags.len());
                flags.push(listed);
            }
        }
    }
    flags
}
