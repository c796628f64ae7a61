//! A flag's rule and its rollout as one rule of flagd: targeting first, the split for whom it answers null, a masked candidate and what is no variant replaced
//! by control, and nobody without a targetingKey is split.

use crate::document::Rollout;
use crate::explain::referred;
use crate::json::Json;
use crate::rule::fractional::bucket;
use crate::rule::operation;
use crate::rule::{TARGETING_KEY, Value};
use crate::share::WHOLE;
use crate::snapshot::FlagState;
use crate::words::arguments;

/// What the rule is to say.
pub(super) struct Wanted<'w> {
    pub(super) rollout: &'w Rollout,
    pub(super) state: FlagState,
    /// Of the flag's variants.
    pub(super) names: Vec<&'w str>,
    pub(super) evaluators: Vec<(&'w str, &'w Json)>,
}

impl<'w> Wanted<'w> {
    /// The rule; `None` if everybody gets control.
    pub(super) fn rule(&self, targeting: Option<&'w Json>) -> Option<Json> {
        let split = self.split();
        let Some(targeting) = targeting else { return split };
        Some(match self.results(targeting) {
            Some(results) => self.known(targeting, &results, split),
            None => self.computed(targeting, split),
        })
    }

    /// `None` if it would give control to everybody.
    fn split(&self) -> Option<Json> {
        let weight = self.state.weight.ppm();
        if weight == 0 || self.state.mask {
            return None;
        }
        let key = op("var", vec![text(TARGETING_KEY)]);
        let value = op("cat", vec![text(&self.rollout.salt), text("/"), key.clone()]);
        let end = |name: &str, weight: u32| Json::Array(vec![text(name), Json::Number(f64::from(weight))]);
        let rest = WHOLE.saturating_sub(weight);
        let split =
            op("fractional", vec![value, end(&self.rollout.candidate, weight), end(&self.rollout.control, rest)]);
        Some(op("if", vec![key, split]))
    }

    /// All that the rule can give is known: put right where it stands, and null left to the split.
    fn known(&self, targeting: &Json, results: &[Json], split: Option<Json>) -> Json {
        let rule = if results.iter().any(|result| self.righted(result).is_some()) {
            self.replaced(targeting)
        } else {
            targeting.clone()
        };
        let Some(split) = split else { return rule };
        if !results.contains(&Json::Null) {
            return rule;
        }
        if results.iter().any(|result| !matches!(result, Json::Null) && !Value::from(result).truthy()) {
            return op("if", vec![is_null(&rule), split, rule]);
        }
        match operation(&rule) {
            Some(("if", Json::Array(branches))) if self.only_the_end_is_null(branches) => {
                op("if", branches.iter().cloned().chain([split]).collect())
            }
            _ => op("or", vec![rule, split]),
        }
    }

    /// Conditions and values in pairs, and no value is null: what is null is what meets no condition.
    fn only_the_end_is_null(&self, branches: &[Json]) -> bool {
        let values = || branches.chunks(2).filter_map(|pair| pair.get(1));
        branches.len().is_multiple_of(2)
            && values().all(|value| self.results(value).is_some_and(|results| !results.contains(&Json::Null)))
    }

    /// What the rule gives is computed: asked for whether it is null, the masked candidate, or no variant.
    fn computed(&self, targeting: &Json, split: Option<Json>) -> Json {
        let control = || text(&self.rollout.control);
        let mut branches = vec![is_null(targeting), split.unwrap_or(Json::Null)];
        let names = self.names.iter().filter(|name| !(self.state.mask && **name == self.rollout.candidate));
        let names = names.flat_map(|name| spellings(name)).collect();
        branches.extend([op("in", vec![targeting.clone(), Json::Array(names)]), targeting.clone(), control()]);
        op("if", branches)
    }

    /// What stands for a result that a proxy does not serve.
    fn righted(&self, result: &Json) -> Option<Json> {
        let name = match result {
            Json::Null => return None,
            Json::Array(_) | Json::Object(_) => return Some(text(&self.rollout.control)),
            scalar => Value::from(scalar).text(),
        };
        let served = self.names.iter().any(|variant| **variant == *name);
        let masked = self.state.mask && *name == *self.rollout.candidate;
        (!served || masked).then(|| text(&self.rollout.control))
    }

    /// All that the rule can give; `None` if it computes that.
    fn results(&self, json: &'w Json) -> Option<Vec<Json>> {
        let json = referred(json, &self.evaluators);
        match operation(json) {
            None => Some(vec![json.clone()]),
            Some(("if" | "?:", operand)) => {
                let branches = arguments(operand);
                let mut results = if branches.len().is_multiple_of(2) { vec![Json::Null] } else { Vec::new() };
                for value in values(branches) {
                    results.extend(self.results(value)?);
                }
                Some(results)
            }
            Some(("fractional", operand)) => buckets(arguments(operand)),
            Some(_) => None,
        }
    }

    /// The rule with what a proxy does not serve replaced by control; evaluators written out where that is within them.
    fn replaced(&self, json: &Json) -> Json {
        let json = referred(json, &self.evaluators);
        match operation(json) {
            None => self.righted(json).unwrap_or_else(|| json.clone()),
            Some((name @ ("if" | "?:"), operand)) => {
                let branches = arguments(operand);
                let last = branches.len().saturating_sub(1);
                let is_value = |place: usize| place % 2 == 1 || place == last;
                let replaced = branches.iter().enumerate();
                let replaced =
                    replaced.map(|(place, json)| if is_value(place) { self.replaced(json) } else { json.clone() });
                op(name, replaced.collect())
            }
            Some(("fractional", operand)) => {
                let replaced = arguments(operand).iter().map(|argument| match argument {
                    Json::Array(bucket) => Json::Array(self.bucket(bucket)),
                    other => other.clone(),
                });
                op("fractional", replaced.collect())
            }
            Some(_) => json.clone(),
        }
    }

    fn bucket(&self, items: &[Json]) -> Vec<Json> {
        let mut items = items.to_vec();
        if let Some(variant) = items.first_mut()
            && let Some(right) = self.righted(variant)
        {
            *variant = right;
        }
        items
    }
}

/// What an `if` can give, of its operands.
fn values(branches: &[Json]) -> impl Iterator<Item = &Json> {
    branches.chunks(2).filter_map(<[Json]>::last)
}

/// What a `fractional` with constant buckets can give; null for whom there is nothing to hash.
fn buckets(arguments: &[Json]) -> Option<Vec<Json>> {
    let explicit = arguments.first().is_some_and(|first| !matches!(first, Json::Array(_)));
    let mut results = vec![Json::Null];
    for argument in arguments.iter().skip(usize::from(explicit)) {
        let Json::Array(items) = argument else { return None };
        if items.iter().any(|item| operation(item).is_some()) {
            return None;
        }
        match bucket(&Value::from(argument)) {
            Some((variant, _)) => results.push(variant.owned()),
            // A malformed bucket makes the whole null.
            None => return Some(vec![Json::Null]),
        }
    }
    Some(results)
}

/// A variant's name as rules may spell it: a text, or the boolean or number of that text.
fn spellings(name: &str) -> Vec<Json> {
    let mut all = vec![text(name)];
    match Json::read(name) {
        Ok(json @ (Json::Bool(_) | Json::Number(_))) if *Value::from(&json).text() == *name => all.push(json),
        _ => {}
    }
    all
}

fn is_null(json: &Json) -> Json {
    op("===", vec![json.clone(), Json::Null])
}

fn op(name: &str, arguments: Vec<Json>) -> Json {
    // `var` of one name is written as everybody writes it.
    let operand = match (name, <[Json; 1]>::try_from(arguments)) {
        ("var", Ok([path])) => path,
        (_, Ok(one)) => Json::Array(one.into()),
        (_, Err(many)) => Json::Array(many),
    };
    Json::Object(vec![(name.to_owned(), operand)])
}

fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}
