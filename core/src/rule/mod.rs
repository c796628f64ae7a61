//! [`Rule`]: a flag's targeting: JSONLogic with flagd's operators, compiled when a document is loaded and evaluated for each request. Owns what an
//! operator means; where engines of the ecosystem part, JSONLogic's own reference (JavaScript) decides.
//!
//! - [`value`]: what is computed with; `coerce`: its coercions; `number`: numbers as texts
//! - `node`: a compiled rule; `compile`, `fold`: from JSON to it; `set`: constant lists
//! - `eval`: one evaluation, within a bounded amount of work; `condition`: what is only true or false; `look`: `var`; `laid`: a context by numbers
//! - `operators`, `lists`: what the operators do
//! - `reach`: what a rule names
//! - `fractional`, `cbor`: users into buckets; `semver`: versions

pub(crate) mod cbor;
mod coerce;
mod compile;
mod condition;
mod eval;
mod fold;
pub(crate) mod fractional;
mod laid;
mod lists;
mod look;
mod node;
mod number;
mod operators;
mod reach;
mod semver;
pub(crate) mod set;
#[cfg(test)]
mod tests;
pub mod value;

pub use compile::{MAX_DEPTH, MAX_NODES};
pub use eval::MAX_WORK;
pub use laid::Laid;
pub use node::Attribute;
pub use value::Value;

pub(crate) use compile::{Compiler, Refusal, operation};
pub(crate) use reach::Reached;

use crate::document::Hashing;
use crate::json::Json;
use eval::Scope;
use node::Node;
use number::Digits;

/// The attribute that says who is asking: attribute 0 of every document.
pub const TARGETING_KEY: &str = "targetingKey";

/// Whether `sem_ver` takes it as a version.
pub(crate) fn is_version(json: &Json) -> bool {
    semver::Version::of(&Value::from(json), &mut Digits::default()).is_some()
}

/// Whether `sem_ver` takes it as an operator.
pub(crate) fn is_version_operator(text: &str) -> bool {
    semver::Operator::parse(text).is_some()
}

/// A compiled rule. Equal rules name the same evaluators, which may say something else in another document.
#[derive(Debug, PartialEq)]
pub struct Rule {
    node: Node,
    needs_time: bool,
}

/// Where a part of a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Where `var` means the context.
    Rule,
    /// In the body of a list operator.
    Body,
}

/// What a rule may ask about a request.
pub trait Context {
    /// An attribute that the document names; by its number where the context is laid out so.
    fn get(&self, attribute: &Attribute) -> Option<Value<'_>> {
        self.find(&attribute.name)
    }

    /// An attribute by a name that a rule has computed.
    fn find(&self, name: &str) -> Option<Value<'_>>;

    /// Everything, as one object.
    fn all(&self) -> Value<'_>;
}

/// One evaluation: of which flag, for whom, when.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The flag's key.
    pub flag: &'a str,
    /// Who is asking.
    pub context: &'a dyn Context,
    /// Milliseconds since the Unix epoch: `$flagd.timestamp`, in seconds.
    pub now_ms: u64,
    /// The dialect of `fractional`.
    pub hashing: Hashing,
    /// How much work the evaluation may be; more than [`MAX_WORK`] is not.
    pub work: u32,
}

impl<'a> Question<'a> {
    /// A question at the epoch, in dialect v3.
    #[must_use]
    pub fn new(flag: &'a str, context: &'a dyn Context) -> Self {
        Self { flag, context, now_ms: 0, hashing: Hashing::FlagdV3, work: MAX_WORK }
    }

    /// The same at that time, in milliseconds since the Unix epoch.
    #[must_use]
    pub const fn at(mut self, now_ms: u64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// The same in that dialect.
    #[must_use]
    pub const fn hashing(mut self, hashing: Hashing) -> Self {
        self.hashing = hashing;
        self
    }

    /// The same with that limit of work.
    #[must_use]
    pub const fn within(mut self, work: u32) -> Self {
        self.work = if work < MAX_WORK { work } else { MAX_WORK };
        self
    }

    /// Whole seconds since the Unix epoch.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay below 2^53 for 285 million years")]
    fn timestamp(&self) -> f64 {
        (self.now_ms / 1_000) as f64
    }
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({:?} at {} ms, {:?})", self.flag, self.now_ms, self.hashing)
    }
}

/// Why a rule gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// flagd answers PARSE_ERROR.
    #[error("no operator is called {0:?}, or it refers to no evaluator")]
    UnknownOperator(String),
    /// A rule over lists or texts too long.
    #[error("the rule was stopped: it is more work than the document's limit")]
    TooMuchWork,
}

impl Rule {
    /// Compiles a rule that refers to no evaluator; what documents hold is compiled by [`crate::check`].
    ///
    /// # Errors
    /// It is too deep or too big, said in a sentence.
    pub fn compile(json: &Json) -> Result<Self, String> {
        Compiler::new(std::iter::empty()).rule(json).map_err(|refusal| refusal.to_string())
    }

    /// Compiles a part of a document's rule, by itself, under the document's evaluators. In the body of a list operator `var` means the item.
    ///
    /// # Errors
    /// As [`Rule::compile`].
    pub(crate) fn part(json: &Json, evaluators: &[(&str, &Json)], place: Part) -> Result<Self, String> {
        Compiler::new(evaluators.iter().copied()).part(json, place).map_err(|refusal| refusal.to_string())
    }

    /// Evaluates the body of a list operator for one item.
    ///
    /// # Errors
    /// As [`Rule::evaluate`].
    pub(crate) fn evaluate_item<'a>(
        &'a self,
        question: &Question<'a>,
        item: Value<'a>,
    ) -> Result<Value<'a>, RuleError> {
        eval::evaluate(&self.node, question, &Scope::Datum(item), owned)
    }

    /// What it names.
    pub(crate) fn reached(&self) -> Reached<'_> {
        Reached::from(&self.node)
    }

    /// Evaluates the rule.
    ///
    /// # Errors
    /// An operator that does not exist was met, or the work limit.
    pub fn evaluate<'a>(&'a self, question: &Question<'a>) -> Result<Value<'a>, RuleError> {
        self.ask(question, owned)
    }

    /// Evaluates the rule and asks something of its value.
    #[inline]
    pub(crate) fn ask<'a, T>(
        &'a self,
        question: &Question<'a>,
        then: impl FnOnce(Result<&Value<'a>, RuleError>) -> T,
    ) -> T {
        eval::evaluate(&self.node, question, &Scope::Context, then)
    }

    /// What it is for everybody, if it depends on nothing.
    pub(crate) const fn constant(&self) -> Option<&Json> {
        self.node.constant()
    }

    /// Whether the time may matter: only then does it have to be known.
    #[must_use]
    pub const fn needs_time(&self) -> bool {
        self.needs_time
    }
}

fn owned<'a>(outcome: Result<&Value<'a>, RuleError>) -> Result<Value<'a>, RuleError> {
    outcome.cloned()
}
