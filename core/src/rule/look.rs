//! `var`: where a path begins and where it leads. Owns what a context is to a rule; knows no operator.

use std::borrow::Cow;

use super::eval::{Machine, Outcome, Scope, Stop};
use super::node::{Attribute, From, Node, Var};
use super::value::Value;
use super::{Context, TARGETING_KEY};
use crate::json::Json;

/// The attribute that everybody is split by.
pub(crate) static SUBJECT: Attribute = Attribute { name: Cow::Borrowed(TARGETING_KEY), slot: 0 };

impl<'a> Machine<'_, 'a> {
    /// A `var` with a constant path.
    pub(super) fn var(&mut self, var: &'a Var, scope: &Scope<'a>) -> Outcome<'a> {
        let start = match (&var.from, scope) {
            (From::Context(attribute), _) => self.question.context.get(attribute),
            (From::Datum, Scope::Datum(value)) => Some(value.clone()),
            (From::FlagKey, _) => Some(Value::text_of(self.question.flag)),
            (From::Timestamp, _) => Some(Value::Number(self.question.timestamp())),
            (From::Flagd, _) => Some(self.flagd()),
            (From::All | From::Datum, _) => Some(self.question.context.all()),
        };
        let found = match start {
            Some(start) if !var.path.is_empty() => self.descend(start, var.path.iter().map(AsRef::as_ref))?,
            start => start,
        };
        match (found, &var.default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => self.eval(default, scope),
            (None, None) => Ok(Value::Null),
        }
    }

    pub(super) fn dynamic_var(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        let mut arguments = self.all(nodes, scope)?.into_iter();
        let path = arguments.next().unwrap_or(Value::Null);
        let default = arguments.next().unwrap_or(Value::Null);
        Ok(self.look_up(&path, scope)?.unwrap_or(default))
    }

    /// What a `var` with a computed path finds.
    pub(crate) fn look_up(&mut self, path: &Value<'a>, scope: &Scope<'a>) -> Result<Option<Value<'a>>, Stop> {
        self.pay(path.weight())?;
        let path = path.part();
        self.pay_text(path.len())?;
        let mut parts = path.split('.');
        if let Scope::Datum(value) = scope {
            return if path.is_empty() { Ok(Some(value.clone())) } else { self.descend(value.clone(), parts) };
        }
        if path.is_empty() {
            return Ok(Some(self.question.context.all()));
        }
        let start = match parts.next() {
            Some("$flagd") => Some(self.flagd()),
            name => self.question.context.find(name.unwrap_or_default()),
        };
        start.map_or(Ok(None), |start| self.descend(start, parts))
    }

    /// A text is walked to its letter, and paid for.
    fn descend<'p>(
        &mut self,
        start: Value<'a>,
        path: impl Iterator<Item = &'p str>,
    ) -> Result<Option<Value<'a>>, Stop> {
        let mut value = start;
        for key in path {
            if let Value::Text(text) = &value {
                self.pay_text(text.len())?;
            }
            match value.child(key) {
                Some(child) => value = child,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    fn flagd(&self) -> Value<'a> {
        let timestamp = Value::Number(self.question.timestamp());
        Value::map(vec![("flagKey", Value::text_of(self.question.flag)), ("timestamp", timestamp)])
    }
}

/// A context that is a JSON value, as a test or a command line has it. An attribute of an array is an item by its index.
impl Context for Json {
    fn find(&self, name: &str) -> Option<Value<'_>> {
        match self {
            Self::Object(_) => self.field(name).map(Value::from),
            _ => Value::from(self).child(name),
        }
    }

    fn all(&self) -> Value<'_> {
        Value::from(self)
    }
}
