//! A rule, walked as JSONLogic's reference walks it. Every operation is offered to the quirks, with its evaluated arguments, before it is done.

use weir_core::json::Json;

use super::operators::{self, eager};
use super::value::truthy;
use super::{Stop, Terms};
use crate::conformance::case::{Answer, Ask};

/// One operation that is about to be done.
#[derive(Debug)]
pub struct Step<'a> {
    /// The operator.
    pub name: &'a str,
    /// As the rule has them.
    pub operands: &'a [Json],
    /// Evaluated; of list operators the list alone, of `if`, `and`, `or` none.
    pub arguments: &'a [Json],
    /// What `var` sees here: none is the context.
    pub item: Option<&'a Json>,
    /// The whole context.
    pub context: &'a Json,
    /// The flag's key.
    pub flag: &'a str,
    /// The whole rule.
    pub rule: &'a Json,
    /// When and how.
    pub terms: Terms,
}

/// What a peer does in the place of a step.
#[derive(Clone, Debug)]
pub enum Instead {
    /// It goes on with this value.
    Value(Json),
    /// The evaluation ends with this code.
    Error(&'static str),
    /// The evaluation ends with PARSE_ERROR if the peer computes this when it loads the rule, else with GENERAL.
    SomeError,
    /// It can't be told: whatever the peer answers, this is why.
    Anything,
}

/// What a peer does differently.
pub trait Quirks {
    /// In the place of a step that gives this, or an error.
    fn step(&self, step: &Step<'_>, plain: Option<&Json>) -> Option<Instead>;

    /// In the place of a whole rule, of that document.
    fn rule(&self, rule: &Json, document: &Json) -> Option<Instead>;

    /// Whether it holds for true.
    fn truth(&self, value: &Json) -> Option<bool>;

    /// In the place of a rule's result.
    fn result(&self, rule: &Json, result: &Json) -> Option<Instead>;

    /// In the place of what an accessor makes of an answer.
    fn answer(&self, ask: &Ask, flag: &Json, answer: &Answer) -> Option<Answer>;
}

/// What an evaluation looks at.
pub(super) struct Data<'a> {
    pub(super) document: &'a Json,
    pub(super) context: &'a Json,
    pub(super) flag: &'a str,
    pub(super) terms: Terms,
    pub(super) quirks: &'a dyn Quirks,
}

/// What a step sees beside that: the whole rule, and the item that a list operator is at.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) data: &'a Data<'a>,
    pub(super) rule: &'a Json,
    pub(super) item: Option<&'a Json>,
}

impl Scope<'_> {
    pub(super) fn truthy(self, value: &Json) -> bool {
        self.data.quirks.truth(value).unwrap_or_else(|| truthy(value))
    }
}

pub(super) type Outcome = Result<Json, Stop>;

pub(super) fn evaluate(rule: &Json, data: &Data<'_>) -> Outcome {
    let scope = Scope { data, rule, item: None };
    if let Some(quirk) = data.quirks.rule(rule, data.document) {
        return instead(Some(quirk), Json::Null);
    }
    let result = apply(rule, scope)?;
    instead(data.quirks.result(rule, &result), result)
}

fn instead(quirk: Option<Instead>, otherwise: Json) -> Outcome {
    match quirk {
        Some(Instead::Value(json)) => Ok(json),
        Some(Instead::Error(code)) => Err(Stop::Code(code.to_owned())),
        Some(Instead::SomeError) => Err(Stop::SomeError),
        Some(Instead::Anything) => Err(Stop::Unpredictable),
        None => Ok(otherwise),
    }
}

fn apply(rule: &Json, scope: Scope<'_>) -> Outcome {
    let fields = match rule {
        Json::Array(items) => return all(items, scope).map(Json::Array),
        Json::Object(fields) if fields.len() == 1 => fields,
        constant => return Ok(constant.clone()),
    };
    let (name, operand) = &fields[0];
    let operands = match operand {
        Json::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    match name.as_str() {
        "if" | "?:" | "and" | "or" => offered(name, operands, &[], scope, || match name.as_str() {
            "and" => until(operands, false, scope),
            "or" => until(operands, true, scope),
            _ => branch(operands, scope),
        }),
        "map" | "filter" | "reduce" | "all" | "none" | "some" => {
            let list = first(operands, scope)?;
            offered(name, operands, std::slice::from_ref(&list), scope, || over(name, operands, &list, scope))
        }
        // Its default is not asked for where something is found.
        "var" => {
            let path = first(operands, scope)?;
            offered(name, operands, std::slice::from_ref(&path), scope, || match operators::find(&path, scope) {
                Some(found) => Ok(found),
                None => operands.get(1).map_or(Ok(Json::Null), |default| apply(default, scope)),
            })
        }
        _ => {
            let arguments = all(&operands[..operands.len().min(looked_at(name, operands.len()))], scope)?;
            offered(name, operands, &arguments, scope, || eager(name, &arguments, scope))
        }
    }
}

fn offered(
    name: &str,
    operands: &[Json],
    arguments: &[Json],
    scope: Scope<'_>,
    otherwise: impl FnOnce() -> Outcome,
) -> Outcome {
    let Scope { data, rule, item } = scope;
    let step =
        Step { name, operands, arguments, item, context: data.context, flag: data.flag, rule, terms: data.terms };
    let plain = otherwise();
    match data.quirks.step(&step, plain.as_ref().ok()) {
        None => plain,
        quirk => instead(quirk, Json::Null),
    }
}

/// How many of its operands an operator looks at; what is wrong in the others is not met.
fn looked_at(name: &str, given: usize) -> usize {
    match name {
        "!" | "!!" => 1,
        "<" | "<=" | ">" | ">=" if given < 2 => 0,
        "==" | "!=" | "===" | "!==" | ">" | ">=" | "in" => 2,
        "<" | "<=" => 3,
        _ => usize::MAX,
    }
}

fn all(items: &[Json], scope: Scope<'_>) -> Result<Vec<Json>, Stop> {
    items.iter().map(|item| apply(item, scope)).collect()
}

fn first(operands: &[Json], scope: Scope<'_>) -> Outcome {
    operands.first().map_or(Ok(Json::Null), |operand| apply(operand, scope))
}

fn branch(operands: &[Json], scope: Scope<'_>) -> Outcome {
    match operands {
        [] => Ok(Json::Null),
        [otherwise] => apply(otherwise, scope),
        [condition, then, ..] if scope.truthy(&apply(condition, scope)?) => apply(then, scope),
        [_, _, rest @ ..] => branch(rest, scope),
    }
}

fn until(operands: &[Json], truth: bool, scope: Scope<'_>) -> Outcome {
    let mut last = Json::Null;
    for operand in operands {
        last = apply(operand, scope)?;
        if scope.truthy(&last) == truth {
            break;
        }
    }
    Ok(last)
}

fn over(name: &str, operands: &[Json], list: &Json, scope: Scope<'_>) -> Outcome {
    let items = if let Json::Array(items) = list { items.as_slice() } else { &[] };
    let body = |item: &Json| {
        let scope = Scope { item: Some(item), ..scope };
        operands.get(1).map_or(Ok(Json::Null), |body| apply(body, scope))
    };
    if name == "reduce" {
        let mut sum = operands.get(2).map_or(Ok(Json::Null), |first| apply(first, scope))?;
        for item in items {
            sum = body(&Json::Object(vec![("current".to_owned(), item.clone()), ("accumulator".to_owned(), sum)]))?;
        }
        return Ok(sum);
    }
    let mut mapped = Vec::new();
    let mut kept = Vec::new();
    for item in items {
        let result = body(item)?;
        let held = scope.truthy(&result);
        match name {
            "all" if !held => return Ok(Json::Bool(false)),
            "some" | "none" if held => return Ok(Json::Bool(name == "some")),
            _ if held => kept.push(item.clone()),
            _ => {}
        }
        mapped.push(result);
    }
    Ok(match name {
        "map" => Json::Array(mapped),
        "filter" => Json::Array(kept),
        "all" => Json::Bool(!items.is_empty()),
        other => Json::Bool(other == "none"),
    })
}
