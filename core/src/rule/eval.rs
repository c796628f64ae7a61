//! A rule evaluated for one context. Total: every rule and every context give a value or a [`RuleError`], within a bounded amount of work. Borrows from
//! the rule and the context; allocates only for what a rule computes (texts it joins, lists it makes).

use std::cmp::Ordering;

use super::fractional::{self, User};
use super::lists;
use super::node::{Attribute, Comparison, From, Node, Op, Var};
use super::operators;
use super::value::Value;
use super::{Context, MAX_DEPTH, Question, RuleError};
use crate::json::Json;

/// How much work an evaluation may be, in nodes visited, list items touched and 16-byte pieces of text made: a millisecond or two.
pub const MAX_WORK: u32 = 100_000;

pub(crate) type Outcome<'a> = Result<Value<'a>, RuleError>;

/// Evaluates a compiled rule.
pub(crate) fn evaluate<'a>(node: &'a Node, question: &Question<'a>) -> Outcome<'a> {
    Machine { question: *question, work: MAX_WORK }.eval(node, &Scope::Context)
}

/// Evaluates the body of a list operator for one item.
pub(crate) fn evaluate_item<'a>(node: &'a Node, question: &Question<'a>, item: Value<'a>) -> Outcome<'a> {
    Machine { question: *question, work: MAX_WORK }.eval(node, &Scope::Datum(item))
}

/// A node whose children are all constants, evaluated now. One that ends in an error stays as it is, for the request that meets it.
pub(crate) fn fold(node: Node) -> Node {
    if node.children().iter().any(|child| child.constant().is_none()) || depends_on_context(&node) {
        return node;
    }
    let question = Question::new("", &Nothing);
    match evaluate(&node, &question).map(|value| value.owned()) {
        Ok(json) => Node::Const(json),
        Err(_) => node,
    }
}

/// Beyond its children.
const fn depends_on_context(node: &Node) -> bool {
    matches!(
        node,
        Node::Var(_)
            | Node::DynamicVar(_)
            | Node::Fractional(_)
            | Node::Over(..)
            | Node::Shared(_)
            | Node::Unknown(_)
            | Node::Apply(Op::Missing | Op::MissingSome | Op::Fractional, _)
    )
}

struct Nothing;

impl Context for Nothing {
    fn find(&self, _name: &str) -> Option<Value<'_>> {
        None
    }

    fn all(&self) -> Value<'_> {
        Value::Null
    }
}

/// What `var` looks into.
#[derive(Clone, Debug)]
pub(crate) enum Scope<'a> {
    /// The request's context.
    Context,
    /// The item that a list operator is at.
    Datum(Value<'a>),
}

/// One evaluation under way.
pub(crate) struct Machine<'a> {
    question: Question<'a>,
    work: u32,
}

impl<'a> Machine<'a> {
    /// Pays for so many pieces of work.
    pub(crate) fn pay(&mut self, work: usize) -> Result<(), RuleError> {
        let work = u32::try_from(work).unwrap_or(u32::MAX);
        self.work = self.work.checked_sub(work).ok_or(RuleError::TooMuchWork)?;
        Ok(())
    }

    /// Pays for a text that is made.
    pub(crate) fn pay_text(&mut self, bytes: usize) -> Result<(), RuleError> {
        self.pay(bytes >> 4)
    }

    /// Pays for an array or object that was made. One too deep would take too much stack to let go of.
    pub(crate) fn made(&mut self, value: Value<'a>) -> Outcome<'a> {
        self.pay(value.own_weight())?;
        if value.depth() > MAX_DEPTH { Err(RuleError::TooMuchWork) } else { Ok(value) }
    }

    pub(crate) fn eval(&mut self, node: &'a Node, scope: &Scope<'a>) -> Outcome<'a> {
        self.pay(1)?;
        match node {
            Node::Const(json) => Ok(Value::from(json)),
            Node::Var(var) => self.var(var, scope),
            Node::If(nodes) => self.branch(nodes, scope),
            Node::And(nodes) => self.until(nodes, false, scope),
            Node::Or(nodes) => self.until(nodes, true, scope),
            Node::Not(node) => Ok(Value::Bool(!self.eval(node, scope)?.truthy())),
            Node::Truth(node) => Ok(Value::Bool(self.eval(node, scope)?.truthy())),
            Node::Compare(kind, nodes) => {
                let [a, b] = nodes.as_ref();
                let (a, b) = (self.eval(a, scope)?, self.eval(b, scope)?);
                self.compare(*kind, &a, &b).map(Value::Bool)
            }
            Node::Between(kind, nodes) => {
                let [a, b, c] = nodes.as_ref();
                let (a, b, c) = (self.eval(a, scope)?, self.eval(b, scope)?, self.eval(c, scope)?);
                Ok(Value::Bool(self.compare(*kind, &a, &b)? && self.compare(*kind, &b, &c)?))
            }
            Node::InSet(node, set) => {
                let needle = self.eval(node, scope)?;
                self.pay(needle.weight())?;
                Ok(Value::Bool(set.has(&needle)))
            }
            Node::SemVer(node, known) => {
                let version = self.eval(node, scope)?;
                self.pay(version.weight())?;
                Ok(operators::sem_ver_known(&version, known.as_ref()))
            }
            Node::Fractional(fractional) => self.fractional(fractional, scope),
            Node::Shared(evaluator) => self.eval(&evaluator.node, scope),
            Node::Over(over, nodes) => lists::over(self, *over, nodes, scope),
            Node::List(nodes) => {
                let items = self.all(nodes, scope)?;
                self.made(Value::list(items))
            }
            Node::DynamicVar(nodes) => self.dynamic_var(nodes, scope),
            Node::Apply(op, nodes) => self.apply(*op, nodes, scope),
            Node::Unknown(name) => Err(RuleError::UnknownOperator(name.as_ref().into())),
        }
    }

    fn all(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Result<Vec<Value<'a>>, RuleError> {
        nodes.iter().map(|node| self.eval(node, scope)).collect()
    }

    fn apply(&mut self, op: Op, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        // The two texts that nearly every rule of this kind has, without a list for them.
        if let (Op::StartsWith | Op::EndsWith, [text, part]) = (op, nodes) {
            let (text, part) = (self.eval(text, scope)?, self.eval(part, scope)?);
            self.pay(part.weight())?;
            return Ok(operators::affix(op, &text, &part));
        }
        if let (Op::In, [needle, list]) = (op, nodes) {
            let (needle, list) = (self.eval(needle, scope)?, self.eval(list, scope)?);
            return lists::contains(self, &needle, &list);
        }
        let arguments = self.all(nodes, scope)?;
        match op {
            Op::Fractional => {
                self.pay(arguments.iter().fold(0, |sum, argument| sum.saturating_add(argument.weight())))?;
                Ok(fractional::apply(&arguments, &self.user()))
            }
            Op::Missing | Op::MissingSome | Op::Merge => lists::apply(self, op, &arguments, scope),
            _ => operators::apply(self, op, &arguments),
        }
    }

    /// Containers are compared as texts, which have to be made.
    fn compare(&mut self, kind: Comparison, a: &Value<'a>, b: &Value<'a>) -> Result<bool, RuleError> {
        self.pay(a.weight().saturating_add(b.weight()))?;
        Ok(match kind {
            Comparison::Equal => a.loosely_equals(b),
            Comparison::NotEqual => !a.loosely_equals(b),
            Comparison::Same => a.strictly_equals(b),
            Comparison::NotSame => !a.strictly_equals(b),
            Comparison::Less => a.order(b) == Some(Ordering::Less),
            Comparison::AtMost => a.order(b).is_some_and(Ordering::is_le),
            Comparison::Greater => a.order(b) == Some(Ordering::Greater),
            Comparison::AtLeast => a.order(b).is_some_and(Ordering::is_ge),
        })
    }

    fn branch(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        for pair in nodes.chunks(2) {
            let [condition, then] = pair else {
                return pair.first().map_or(Ok(Value::Null), |otherwise| self.eval(otherwise, scope));
            };
            if self.eval(condition, scope)?.truthy() {
                return self.eval(then, scope);
            }
        }
        Ok(Value::Null)
    }

    /// The first value of this truth, else the last one.
    fn until(&mut self, nodes: &'a [Node], truth: bool, scope: &Scope<'a>) -> Outcome<'a> {
        let mut last = Value::Null;
        for node in nodes {
            last = self.eval(node, scope)?;
            if last.truthy() == truth {
                break;
            }
        }
        Ok(last)
    }

    fn fractional(&mut self, fractional: &'a super::node::Fractional, scope: &Scope<'a>) -> Outcome<'a> {
        let key = match &fractional.key {
            Some(node) => Some(self.eval(node, scope)?),
            None => None,
        };
        if let Some(key) = &key {
            if key.len().is_some() {
                // It is a bucket then; with constants all over, evaluating the rest again is cheap.
                let mut arguments = vec![key.clone()];
                arguments.extend(self.all(fractional.arguments.get(1..).unwrap_or_default(), scope)?);
                return Ok(fractional::apply(&arguments, &self.user()));
            }
            self.pay(key.weight())?;
        }
        Ok(fractional::choose(fractional, key.as_ref(), &self.user()))
    }

    fn user(&self) -> User<'a> {
        let context = self.question.context;
        let targeting_key = match context.get(self.question.targeting_key) {
            Some(Value::Text(key)) => Some(key),
            _ => None,
        };
        User { flag: self.question.flag, targeting_key, hashing: self.question.hashing }
    }

    fn var(&mut self, var: &'a Var, scope: &Scope<'a>) -> Outcome<'a> {
        let start = match (&var.from, scope) {
            (From::Context(attribute), _) => self.question.context.get(attribute),
            (From::Datum, Scope::Datum(value)) => Some(value.clone()),
            (From::FlagKey, _) => Some(Value::text_of(self.question.flag)),
            (From::Timestamp, _) => Some(Value::Number(self.question.timestamp())),
            (From::Flagd, _) => Some(self.flagd()),
            (From::All | From::Datum, _) => Some(self.question.context.all()),
        };
        let found = start.and_then(|start| self.descend(start, var.path.iter().map(AsRef::as_ref)));
        match (found, &var.default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => self.eval(default, scope),
            (None, None) => Ok(Value::Null),
        }
    }

    fn descend<'p>(&self, start: Value<'a>, path: impl Iterator<Item = &'p str>) -> Option<Value<'a>> {
        path.into_iter().try_fold(start, |value, key| value.child(key))
    }

    fn dynamic_var(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        let mut arguments = self.all(nodes, scope)?.into_iter();
        let path = arguments.next().unwrap_or(Value::Null);
        let default = arguments.next().unwrap_or(Value::Null);
        Ok(self.look_up(&path, scope)?.unwrap_or(default))
    }

    /// What a `var` with a computed path finds.
    pub(crate) fn look_up(&mut self, path: &Value<'a>, scope: &Scope<'a>) -> Result<Option<Value<'a>>, RuleError> {
        self.pay(path.weight())?;
        let path = path.part();
        self.pay_text(path.len())?;
        let mut parts = path.split('.');
        if let Scope::Datum(value) = scope {
            return Ok(if path.is_empty() { Some(value.clone()) } else { self.descend(value.clone(), parts) });
        }
        if path.is_empty() {
            return Ok(Some(self.question.context.all()));
        }
        let start = match parts.next() {
            Some("$flagd") => Some(self.flagd()),
            name => self.question.context.find(name.unwrap_or_default()),
        };
        Ok(start.and_then(|start| self.descend(start, parts)))
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

/// The attribute that everybody is split by.
pub(crate) fn targeting_key() -> &'static Attribute {
    static KEY: std::sync::LazyLock<Attribute> =
        std::sync::LazyLock::new(|| Attribute { name: super::TARGETING_KEY.into(), slot: 0 });
    &KEY
}
