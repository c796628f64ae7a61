//! [`Laid`]: a JSON context laid out by a document's attributes, for whoever asks for many flags in one context.

use super::node::Attribute;
use super::value::Value;
use super::{Context, TARGETING_KEY};
use crate::json::Json;

/// A context in which each attribute was looked for once, when it was laid out, and is found by its number ever after.
#[derive(Clone, Debug)]
pub struct Laid<'a> {
    json: &'a Json,
    slots: Vec<Option<Value<'a>>>,
}

impl<'a> Laid<'a> {
    /// By the names of [`crate::document::Document::attributes`]: it fits that document's rules alone.
    pub(crate) fn new(json: &'a Json, attributes: &[String]) -> Self {
        debug_assert!(attributes.first().is_none_or(|name| name == TARGETING_KEY), "the targetingKey is the first");
        Self { json, slots: attributes.iter().map(|name| json.find(name)).collect() }
    }
}

impl Context for Laid<'_> {
    fn get(&self, attribute: &Attribute) -> Option<Value<'_>> {
        self.slots.get(attribute.slot)?.clone()
    }

    fn find(&self, name: &str) -> Option<Value<'_>> {
        self.json.find(name)
    }

    fn all(&self) -> Value<'_> {
        self.json.all()
    }
}
