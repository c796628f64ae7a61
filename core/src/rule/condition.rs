//! Conditions: what is true or false, found without making a value of it. Owns the operators whose result is a boolean, and the order in which
//! conditions are looked at; what is neither is evaluated and asked for its truth.

use std::cmp::Ordering;

use super::eval::{Machine, Scope, Stop};
use super::lists;
use super::node::{Attribute, Comparison, Node, Op, Set, Wanted};
use super::operators;
use super::value::{Text, Value};
use crate::json::Json;

pub(crate) type Truth = Result<bool, Stop>;

impl<'a> Machine<'_, 'a> {
    /// Whether a node's value is true. It only chooses who is to tell: none of them is inlined, so that the step that is taken for each condition is a jump and
    /// keeps nothing on the stack.
    pub(crate) fn holds(&mut self, node: &'a Node, scope: &Scope<'a>) -> Truth {
        match node {
            Node::And(nodes) => self.decided(nodes, false, scope),
            Node::Or(nodes) => self.decided(nodes, true, scope),
            Node::Not(node) => self.negated(node, scope),
            Node::Truth(node) => {
                self.pay(1)?;
                self.holds(node, scope)
            }
            Node::Shared(evaluator) => {
                self.pay(1)?;
                self.holds(&evaluator.node, scope)
            }
            Node::Compare(kind, nodes) => self.compared(*kind, nodes, scope),
            Node::Between(kind, nodes) => self.between(*kind, nodes, scope),
            Node::InSet(pair) => self.in_set(pair, scope),
            Node::SemVer(pair) => self.is_version(pair, scope),
            Node::Apply(op @ (Op::StartsWith | Op::EndsWith), nodes) => self.has_affix(*op, nodes, scope),
            Node::Apply(Op::In, nodes) => self.contains(nodes, scope),
            _ => self.truth(node, scope),
        }
    }

    #[inline(never)]
    fn negated(&mut self, node: &'a Node, scope: &Scope<'a>) -> Truth {
        self.pay(1)?;
        self.holds(node, scope).map(|holds| !holds)
    }

    #[inline(never)]
    fn between(&mut self, kind: Comparison, nodes: &'a [Node; 3], scope: &Scope<'a>) -> Truth {
        let [a, b, c] = nodes;
        let (a, b, c) = (self.operand(a, scope)?, self.operand(b, scope)?, self.operand(c, scope)?);
        Ok(self.compare(kind, &a, &b)? && self.compare(kind, &b, &c)?)
    }

    #[inline(never)]
    fn in_set(&mut self, (needle, set): &'a (Node, Set), scope: &Scope<'a>) -> Truth {
        self.look_at(needle, scope, |machine, needle| {
            // Before anything else is asked: it mostly is one.
            if let Value::Text(text) = needle {
                machine.pay_operator(text.len() >> 4)?;
                return Ok(set.has_text(text));
            }
            machine.pay_operator(needle.weight())?;
            Ok(set.has(needle))
        })
    }

    #[inline(never)]
    fn is_version(&mut self, (version, wanted): &'a (Node, Option<Wanted>), scope: &Scope<'a>) -> Truth {
        self.look_at(version, scope, |machine, version| {
            machine.pay_operator(version.weight())?;
            Ok(operators::sem_ver_known(version, wanted.as_ref()) == Some(true))
        })
    }

    #[inline(never)]
    fn has_affix(&mut self, op: Op, nodes: &'a [Node], scope: &Scope<'a>) -> Truth {
        Ok(self.affix(op, nodes, scope)? == Some(true))
    }

    #[inline(never)]
    fn truth(&mut self, node: &'a Node, scope: &Scope<'a>) -> Truth {
        Ok(self.operand(node, scope)?.truthy())
    }

    /// Whether `and` or `or` holds; of no operands neither does.
    #[inline(never)]
    fn decided(&mut self, nodes: &'a [Node], truth: bool, scope: &Scope<'a>) -> Truth {
        for node in nodes {
            self.pay(1)?;
            if self.holds(node, scope)? == truth {
                return Ok(truth);
            }
        }
        Ok(!truth && !nodes.is_empty())
    }

    /// `starts_with` and `ends_with`; null unless of two texts.
    #[inline]
    pub(super) fn affix(&mut self, op: Op, nodes: &'a [Node], scope: &Scope<'a>) -> Result<Option<bool>, Stop> {
        let [text, part] = nodes else {
            self.all(nodes, scope)?;
            return Ok(None);
        };
        if let Node::Const(Json::String(part)) = part {
            return self.look_at(text, scope, |machine, text| {
                machine.pay_operator(part.len() >> 4)?;
                Ok(text.as_text().map(|text| op.is_affix(text, part)))
            });
        }
        let (text, part) = (self.operand(text, scope)?, self.operand(part, scope)?);
        self.pay_operator(part.weight())?;
        Ok(text.as_text().zip(part.as_text()).map(|(text, part)| op.is_affix(text, part)))
    }

    /// `in` with a list or text that is not constant.
    #[inline(never)]
    fn contains(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Truth {
        let [needle, list] = nodes else { return Ok(false) };
        if let Node::Const(Json::String(needle)) = needle {
            return self.look_at(list, scope, |machine, list| match list {
                Value::Text(text) => {
                    machine.pay_operator((text.len() >> 4).saturating_add(needle.len() >> 4))?;
                    Ok(!text.is_empty() && text.contains(needle.as_str()))
                }
                list => lists::contains(machine, &Value::text_of(needle), list),
            });
        }
        let (needle, list) = (self.operand(needle, scope)?, self.operand(list, scope)?);
        lists::contains(self, &needle, &list)
    }

    #[inline(never)]
    fn compared(&mut self, kind: Comparison, nodes: &'a [Node; 2], scope: &Scope<'a>) -> Truth {
        match nodes {
            [Node::Attribute(attribute), Node::Const(json)] => self.compare_attribute(kind, attribute, json),
            [Node::Const(json), Node::Attribute(attribute)] => self.compare_attribute(kind.mirrored(), attribute, json),
            [a, b] => {
                let (a, b) = (self.operand(a, scope)?, self.operand(b, scope)?);
                self.compare(kind, &a, &b)
            }
        }
    }

    fn compare_attribute(&mut self, kind: Comparison, attribute: &'a Attribute, json: &'a Json) -> Truth {
        let found = self.question.context.get(attribute);
        match (&found, json) {
            (Some(Value::Text(Text::Borrowed(a))), Json::String(b)) => {
                self.pay_operator(b.len() >> 4)?;
                Ok(kind.of_texts(a, b))
            }
            (Some(Value::Number(a)), Json::Number(b)) => {
                self.pay(1)?;
                Ok(kind.of_numbers(*a, *b))
            }
            _ => self.compare(kind, found.as_ref().unwrap_or(&Value::Null), &Value::from(json)),
        }
    }

    /// What is asked of an operand's value, asked where the value lies: moving it about would take longer than the question.
    #[inline(always)]
    fn look_at<T>(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        ask: impl FnOnce(&mut Self, &Value<'a>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if let Node::Attribute(attribute) = node {
            let found = self.question.context.get(attribute);
            return ask(self, found.as_ref().unwrap_or(&Value::Null));
        }
        let value = self.operand(node, scope)?;
        ask(self, &value)
    }

    #[inline(never)]
    fn compare(&mut self, kind: Comparison, a: &Value<'a>, b: &Value<'a>) -> Truth {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => {
                self.pay(1)?;
                Ok(kind.of_numbers(*a, *b))
            }
            (Value::Text(a), Value::Text(b)) => {
                self.pay_operator(a.len().min(b.len()) >> 4)?;
                Ok(kind.of_texts(a, b))
            }
            _ => self.compare_kinds(kind, a, b),
        }
    }

    /// Containers are compared as texts, which have to be made.
    fn compare_kinds(&mut self, kind: Comparison, a: &Value<'a>, b: &Value<'a>) -> Truth {
        self.pay_operator(a.weight().saturating_add(b.weight()))?;
        Ok(match kind {
            Comparison::Equal => a.loosely_equals(b),
            Comparison::NotEqual => !a.loosely_equals(b),
            Comparison::Same => a.strictly_equals(b),
            Comparison::NotSame => !a.strictly_equals(b),
            Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
                a.order(b).is_some_and(|order| kind.takes(order))
            }
        })
    }
}

impl Op {
    fn is_affix(self, text: &str, part: &str) -> bool {
        if self == Self::StartsWith { text.starts_with(part) } else { text.ends_with(part) }
    }
}

impl Comparison {
    /// The same with its sides exchanged.
    const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
            Self::Equal | Self::NotEqual | Self::Same | Self::NotSame => self,
        }
    }

    /// NaN is unequal to everything and has no order.
    fn of_numbers(self, a: f64, b: f64) -> bool {
        match self {
            Self::Equal | Self::Same => a == b,
            Self::NotEqual | Self::NotSame => a != b,
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::Greater => a > b,
            Self::AtLeast => a >= b,
        }
    }

    fn of_texts(self, a: &str, b: &str) -> bool {
        match self {
            Self::Equal | Self::Same => a == b,
            Self::NotEqual | Self::NotSame => a != b,
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => self.takes(a.cmp(b)),
        }
    }

    const fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Equal | Self::Same => order.is_eq(),
            Self::NotEqual | Self::NotSame => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}
