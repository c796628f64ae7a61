//! A rule evaluated for one context. Total: every rule and every context give a value or a [`RuleError`], within a bounded amount of work. Borrows from
//! the rule and the context; allocates only for what a rule computes (texts it joins, lists it makes).

use super::fractional;
use super::lists;
use super::node::{Attribute, Fractional, Node, Op};
use super::operators;
use super::value::{Text, Value};
use super::{MAX_DEPTH, Question, RuleError};

/// How much work an evaluation may be, in operators evaluated, list items touched and 16-byte pieces of text made: a millisecond or two.
pub const MAX_WORK: u32 = 100_000;

/// Operands held beside each other without a list on the heap.
const FEW: usize = 4;

pub(crate) type Outcome<'a> = Result<Value<'a>, Stop>;

/// There is no value; [`Machine::unknown`] tells why. It comes back from every step, and is as small as can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop;

/// Evaluates a compiled rule, or the body of a list operator for one item, and hands over what came out, where it lies: a value is wide, and a copy of it would be waited for.
#[inline]
pub(crate) fn evaluate<'a, T>(
    node: &'a Node,
    question: &Question<'a>,
    scope: &Scope<'a>,
    then: impl FnOnce(Result<&Value<'a>, RuleError>) -> T,
) -> T {
    let mut machine = Machine { question, work: question.work, unknown: None };
    match &machine.eval(node, scope) {
        Ok(value) => then(Ok(value)),
        Err(Stop) => then(Err(machine.cause())),
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
pub(crate) struct Machine<'q, 'a> {
    pub(super) question: &'q Question<'a>,
    work: u32,
    /// The operator that was met and does not exist.
    unknown: Option<&'a str>,
}

impl<'a> Machine<'_, 'a> {
    #[cold]
    fn cause(&self) -> RuleError {
        self.unknown.map_or(RuleError::TooMuchWork, |name| RuleError::UnknownOperator(name.to_owned()))
    }

    /// Pays for so many pieces of work.
    pub(crate) fn pay(&mut self, work: usize) -> Result<(), Stop> {
        let work = u32::try_from(work).unwrap_or(u32::MAX);
        self.work = self.work.checked_sub(work).ok_or(Stop)?;
        Ok(())
    }

    /// Pays for an operator and what it walks through. Constants and attributes are free: an operator has few of them, or pays for its list.
    pub(crate) fn pay_operator(&mut self, work: usize) -> Result<(), Stop> {
        self.pay(work.saturating_add(1))
    }

    /// Pays for a text that is made.
    pub(crate) fn pay_text(&mut self, bytes: usize) -> Result<(), Stop> {
        self.pay(bytes >> 4)
    }

    /// Pays for an array or object that was made. One too deep would take too much stack to let go of.
    pub(crate) fn made(&mut self, value: Value<'a>) -> Outcome<'a> {
        self.pay(value.own_weight())?;
        if value.depth() > MAX_DEPTH { Err(Stop) } else { Ok(value) }
    }

    /// The value of an operand: mostly a constant or an attribute, which take no step of their own.
    #[inline]
    pub(super) fn operand(&mut self, node: &'a Node, scope: &Scope<'a>) -> Outcome<'a> {
        match node {
            Node::Const(json) => Ok(Value::from(json)),
            Node::Attribute(attribute) => self.attribute(attribute),
            _ => self.eval(node, scope),
        }
    }

    /// Only chooses, as [`Machine::holds`] does.
    pub(crate) fn eval(&mut self, node: &'a Node, scope: &Scope<'a>) -> Outcome<'a> {
        match node {
            Node::Const(json) => Ok(Value::from(json)),
            Node::Attribute(attribute) => self.attribute(attribute),
            Node::If(nodes) => self.branch(nodes, scope),
            Node::And(nodes) => self.until(nodes, false, scope),
            Node::Or(nodes) => self.until(nodes, true, scope),
            Node::Not(_)
            | Node::Truth(_)
            | Node::Compare(..)
            | Node::Between(..)
            | Node::InSet(_)
            | Node::Apply(Op::In, _) => self.boolean(node, scope),
            Node::Fractional(fractional) => self.fractional(fractional, scope),
            _ => self.eval_rarely(node, scope),
        }
    }

    #[inline(never)]
    fn attribute(&mut self, attribute: &'a Attribute) -> Outcome<'a> {
        Ok(self.question.context.get(attribute).unwrap_or(Value::Null))
    }

    #[inline(never)]
    fn boolean(&mut self, node: &'a Node, scope: &Scope<'a>) -> Outcome<'a> {
        self.holds(node, scope).map(Value::Bool)
    }

    /// Apart, so that the step that is taken most often needs little stack.
    #[inline(never)]
    fn eval_rarely(&mut self, node: &'a Node, scope: &Scope<'a>) -> Outcome<'a> {
        self.pay(1)?;
        match node {
            Node::Var(var) => self.var(var, scope),
            Node::Shared(evaluator) => self.eval(&evaluator.node, scope),
            Node::Over(over, nodes) => lists::over(self, *over, nodes, scope),
            Node::List(nodes) => {
                let items = self.all(nodes, scope)?;
                self.made(Value::list(items))
            }
            Node::DynamicVar(nodes) => self.dynamic_var(nodes, scope),
            Node::Apply(op @ (Op::StartsWith | Op::EndsWith), nodes) => self.affix(*op, nodes, scope).map(Value::from),
            Node::Apply(op, nodes) => self.apply(*op, nodes, scope),
            Node::SemVer(pair) => {
                let version = self.operand(&pair.0, scope)?;
                self.pay(version.weight())?;
                Ok(operators::sem_ver_known(&version, pair.1.as_ref()).into())
            }
            Node::Unknown(name) => {
                self.unknown = Some(name);
                Err(Stop)
            }
            Node::Const(_) | Node::Attribute(_) | Node::If(_) | Node::And(_) | Node::Or(_) | Node::Fractional(_) => {
                self.eval(node, scope)
            }
            Node::Not(_) | Node::Truth(_) | Node::Compare(..) | Node::Between(..) | Node::InSet(_) => {
                self.holds(node, scope).map(Value::Bool)
            }
        }
    }

    pub(super) fn all(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Result<Vec<Value<'a>>, Stop> {
        self.pay(nodes.len())?;
        nodes.iter().map(|node| self.operand(node, scope)).collect()
    }

    fn apply(&mut self, op: Op, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        if nodes.len() > FEW {
            let arguments = self.all(nodes, scope)?;
            return self.applied(op, &arguments, scope);
        }
        let mut arguments = [const { Value::Null }; FEW];
        for (argument, node) in arguments.iter_mut().zip(nodes) {
            *argument = self.operand(node, scope)?;
        }
        self.applied(op, arguments.get(..nodes.len()).unwrap_or_default(), scope)
    }

    fn applied(&mut self, op: Op, arguments: &[Value<'a>], scope: &Scope<'a>) -> Outcome<'a> {
        match op {
            Op::Fractional => {
                self.pay(arguments.iter().fold(0, |sum, argument| sum.saturating_add(argument.weight())))?;
                Ok(fractional::apply(arguments, self.question))
            }
            Op::Missing | Op::MissingSome | Op::Merge => lists::apply(self, op, arguments, scope),
            _ => operators::apply(self, op, arguments),
        }
    }

    #[inline(never)]
    fn branch(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        for pair in nodes.chunks(2) {
            self.pay(1)?;
            let [condition, then] = pair else {
                return pair.first().map_or(Ok(Value::Null), |otherwise| self.operand(otherwise, scope));
            };
            if self.holds(condition, scope)? {
                return self.operand(then, scope);
            }
        }
        Ok(Value::Null)
    }

    /// The first value of this truth, else the last one.
    #[inline(never)]
    fn until(&mut self, nodes: &'a [Node], truth: bool, scope: &Scope<'a>) -> Outcome<'a> {
        let mut last = Value::Null;
        for node in nodes {
            self.pay(1)?;
            last = self.operand(node, scope)?;
            if last.truthy() == truth {
                break;
            }
        }
        Ok(last)
    }

    #[inline(never)]
    fn fractional(&mut self, fractional: &'a Fractional, scope: &Scope<'a>) -> Outcome<'a> {
        self.pay(1)?;
        let key = match &fractional.key {
            None => return Ok(fractional.at(self.question.hash())),
            Some(Node::Apply(Op::Cat, nodes)) if nodes.len() <= FEW => return self.joined(fractional, nodes, scope),
            Some(node) => self.operand(node, scope)?,
        };
        if key.len().is_some() {
            // It is a bucket then; with constants all over, evaluating the rest again is cheap.
            let mut arguments = vec![key];
            arguments.extend(self.all(fractional.arguments.get(1..).unwrap_or_default(), scope)?);
            return Ok(fractional::apply(&arguments, self.question));
        }
        self.pay(key.weight())?;
        Ok(fractional.at(self.question.hash_value(&key)))
    }

    /// The text that a rule joins is only hashed: its parts will do.
    fn joined(&mut self, fractional: &'a Fractional, nodes: &'a [Node], scope: &Scope<'a>) -> Outcome<'a> {
        let mut parts = [const { Text::Borrowed("") }; FEW];
        for (part, node) in parts.iter_mut().zip(nodes) {
            let value = self.operand(node, scope)?;
            self.pay_operator(value.weight())?;
            *part = value.into_part();
        }
        Ok(fractional.at(Some(self.question.hash_parts(&parts.each_ref().map(|part| &**part)))))
    }
}
