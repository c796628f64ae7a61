//! The tree: each part of a rule compiled and evaluated by itself, in the order and as far as the evaluator goes: what `if`, `and` and `or` do not ask is
//! shown as not reached.

use super::fate::{Fate, User};
use super::{Outcome, Step, referred};
use crate::json::Json;
use crate::rule::operation;
use crate::rule::{Part, Question, Rule, Value};
use crate::words::{self, arguments};

/// So many nodes are shown; parts of a rule beyond are values without a tree.
const MOST: usize = 2_000;
/// So many items of a list operator are shown.
const ITEMS: usize = 10;

/// One rule's walk.
pub(super) struct Walk<'w> {
    evaluators: &'w [(&'w str, &'w Json)],
    question: Question<'w>,
    user: User<'w>,
    left: usize,
}

/// A part of a rule, where it stands, and the item that `var` means there.
#[derive(Clone, Copy)]
struct Place<'p> {
    json: &'p Json,
    role: &'p str,
    item: Option<&'p Json>,
}

impl<'w> Walk<'w> {
    pub(super) const fn new(evaluators: &'w [(&'w str, &'w Json)], question: Question<'w>, user: User<'w>) -> Self {
        Self { evaluators, question, user, left: MOST }
    }

    /// The whole rule.
    pub(super) fn walk(&mut self, json: &Json) -> Step {
        self.step(Place { json, role: "", item: None })
    }

    fn step(&mut self, place: Place<'_>) -> Step {
        let outcome = self.outcome(place.json, place.item);
        let rule = words::rule(place.json);
        let mut step = Step { role: place.role.to_owned(), rule, outcome, fate: None, steps: Vec::new() };
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return step;
        }
        match operation(place.json) {
            Some((name, operand)) => self.operation(name, operand, place, &mut step),
            None => step.steps = self.all(arguments_of(place.json), place.item),
        }
        step
    }

    fn operation(&mut self, name: &str, operand: &Json, place: Place<'_>, step: &mut Step) {
        let whole = referred(place.json, self.evaluators);
        if name == "$ref" && !std::ptr::eq(whole, place.json) {
            step.steps = vec![self.step(Place { json: whole, role: "evaluator", ..place })];
            return;
        }
        let arguments = arguments(match referred(operand, self.evaluators) {
            list @ Json::Array(_) => list,
            _ => operand,
        });
        match name {
            "if" | "?:" => {
                name.clone_into(&mut step.rule);
                step.steps = self.branches(arguments, place.item);
            }
            "and" | "or" => {
                name.clone_into(&mut step.rule);
                step.steps = self.until(arguments, name == "or", place.item);
            }
            "map" | "filter" | "all" | "none" | "some" | "reduce" => {
                name.clone_into(&mut step.rule);
                step.steps = self.over(name, arguments, place.item);
            }
            "fractional" => {
                name.clone_into(&mut step.rule);
                step.fate = self.fate(arguments, place.item);
                step.steps = self.all(arguments, place.item);
            }
            _ => step.steps = self.all(arguments, place.item),
        }
    }

    /// What is no constant.
    fn all(&mut self, arguments: &[Json], item: Option<&Json>) -> Vec<Step> {
        let shown = arguments.iter().filter(|argument| is_computed(argument));
        shown.map(|json| self.step(Place { json, role: "", item })).collect()
    }

    /// Pairs of condition and value, and what else.
    fn branches(&mut self, arguments: &[Json], item: Option<&Json>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut decided = false;
        for pair in arguments.chunks(2) {
            let [condition, then] = pair else {
                steps.extend(pair.iter().map(|json| self.reached(!decided, Place { json, role: "else", item })));
                break;
            };
            let condition = self.reached(!decided, Place { json: condition, role: "condition", item });
            let holds = !decided && is_true(&condition.outcome);
            let failed = matches!(condition.outcome, Outcome::Error(_));
            steps.push(condition);
            steps.push(self.reached(holds, Place { json: then, role: "then", item }));
            decided |= holds || failed;
        }
        steps
    }

    /// Up to the first of this truth.
    fn until(&mut self, arguments: &[Json], truth: bool, item: Option<&Json>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut decided = false;
        for json in arguments {
            let step = self.reached(!decided, Place { json, role: "", item });
            decided |= is_true(&step.outcome) == truth || matches!(step.outcome, Outcome::Error(_));
            steps.push(step);
        }
        steps
    }

    fn reached(&mut self, reached: bool, place: Place<'_>) -> Step {
        if reached {
            return self.step(place);
        }
        let rule = words::rule(place.json);
        Step { role: place.role.to_owned(), rule, outcome: Outcome::NotReached, fate: None, steps: Vec::new() }
    }

    /// The list, and the body for its first items.
    fn over(&mut self, name: &str, given: &[Json], item: Option<&Json>) -> Vec<Step> {
        let [list, body, rest @ ..] = given else { return self.all(given, item) };
        let list = self.step(Place { json: list, role: "list", item });
        let Outcome::Value(Json::Array(items)) = list.outcome.clone() else { return vec![list] };
        let mut steps = vec![list];
        let mut accumulator = match rest.first().map(|json| self.step(Place { json, role: "start", item })) {
            Some(start) => {
                let value = start.outcome.clone();
                steps.push(start);
                value
            }
            None => Outcome::Value(Json::Null),
        };
        for (i, current) in items.iter().enumerate().take(ITEMS) {
            let datum = match (name, &accumulator) {
                ("reduce", Outcome::Value(so_far)) => Json::Object(vec![
                    ("current".to_owned(), current.clone()),
                    ("accumulator".to_owned(), so_far.clone()),
                ]),
                ("reduce", _) => break,
                _ => current.clone(),
            };
            let step = self.step(Place {
                json: body,
                role: &format!("item {i}, {}", words::rule(current)),
                item: Some(&datum),
            });
            let ends = match name {
                "all" => !is_true(&step.outcome),
                "some" | "none" => is_true(&step.outcome),
                _ => false,
            };
            accumulator = step.outcome.clone();
            steps.push(step);
            if ends {
                break;
            }
        }
        steps
    }

    fn fate(&self, given: &[Json], item: Option<&Json>) -> Option<Fate> {
        let mut values = Vec::with_capacity(given.len());
        for argument in given {
            match self.outcome(argument, item) {
                Outcome::Value(value) => values.push(value),
                Outcome::Error(_) | Outcome::NotReached => return None,
            }
        }
        Some(Fate::of(&values, &self.user))
    }

    fn outcome(&self, json: &Json, item: Option<&Json>) -> Outcome {
        let part = if item.is_some() { Part::Body } else { Part::Rule };
        let rule = match Rule::part(json, self.evaluators, part) {
            Ok(rule) => rule,
            Err(why) => return Outcome::Error(why),
        };
        let value = match item {
            Some(item) => rule.evaluate_item(&self.question, Value::from(item)).map(|value| value.owned()),
            None => rule.evaluate(&self.question).map(|value| value.owned()),
        };
        value.map_or_else(|error| Outcome::Error(error.to_string()), Outcome::Value)
    }
}

fn arguments_of(json: &Json) -> &[Json] {
    match json {
        Json::Array(items) => items,
        _ => &[],
    }
}

/// Whether there is an operation in it.
fn is_computed(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(is_computed),
        _ => operation(json).is_some(),
    }
}

fn is_true(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Value(value) if Value::from(value).truthy())
}
