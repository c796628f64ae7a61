//! Constants settled when a rule is compiled: an operator whose operands are all constant is its result, and what a constant condition rules out is gone.
//! Changes nothing of what a rule says; what ends in an error stays, for the request that meets it.

use super::eval::{Scope, evaluate};
use super::node::{Node, Op};
use super::value::Value;
use super::{Context, Question};

/// A node, or what it is in every context.
pub(crate) fn fold(node: Node) -> Node {
    let node = match node {
        Node::If(nodes) => settled(branches(nodes), Node::If),
        Node::And(nodes) => settled(until(nodes, false), Node::And),
        Node::Or(nodes) => settled(until(nodes, true), Node::Or),
        other => other,
    };
    if depends_on_context(&node) || node.children().iter().any(|child| child.constant().is_none()) {
        return node;
    }
    let question = Question::new("", &Nothing);
    match evaluate(&node, &question, &Scope::Context, |outcome| outcome.map(Value::owned)) {
        Ok(json) => Node::Const(json),
        Err(_) => node,
    }
}

/// `if`, `and` and `or` of one operand are that operand.
fn settled(mut nodes: Vec<Node>, make: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            make(nodes)
        }
    }
}

/// `if` without the branches that nobody takes.
fn branches(nodes: Vec<Node>) -> Vec<Node> {
    let mut kept = Vec::with_capacity(nodes.len());
    let mut nodes = nodes.into_iter();
    while let Some(condition) = nodes.next() {
        let Some(then) = nodes.next() else {
            kept.push(condition);
            break;
        };
        match condition.constant().map(|json| Value::from(json).truthy()) {
            Some(false) => {}
            Some(true) => {
                kept.push(then);
                break;
            }
            None => kept.extend([condition, then]),
        }
    }
    kept
}

/// `and` or `or` without constants that decide nothing, and without what stands behind one that decides.
fn until(nodes: Vec<Node>, truth: bool) -> Vec<Node> {
    let last = nodes.len().saturating_sub(1);
    let mut kept = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.into_iter().enumerate() {
        let settled = node.constant().map(|json| Value::from(json).truthy());
        if settled.is_none() || settled == Some(truth) || i == last {
            kept.push(node);
        }
        if settled == Some(truth) {
            break;
        }
    }
    kept
}

/// Beyond its children.
const fn depends_on_context(node: &Node) -> bool {
    matches!(
        node,
        Node::Attribute(_)
            | Node::Var(_)
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
