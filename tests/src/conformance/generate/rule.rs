//! Targeting: rules by the kind of value that they are meant to give. Every operator of flagd's schema is reached.

use serde_json::{Map, Value, json};

use super::{Dice, context, value};

/// What a rule may name.
pub(super) struct Names {
    /// Of the flag's variants.
    pub(super) variants: Vec<String>,
    /// Of evaluators that give a truth.
    pub(super) truths: Vec<String>,
    /// Of evaluators that give a list of texts.
    pub(super) lists: Vec<String>,
    /// Of evaluators that give a variant's name.
    pub(super) choices: Vec<String>,
}

/// Writes one rule.
pub(super) struct Writer<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) names: &'a Names,
    /// In the body of a list operator, and of what items.
    pub(super) item: Option<Items>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    Texts,
    Numbers,
    Objects,
    Sum,
}

/// An operation.
fn op(name: &str, operands: Vec<Value>) -> Value {
    let mut fields = Map::new();
    fields.insert(name.to_owned(), Value::Array(operands));
    Value::Object(fields)
}

fn var(path: &str) -> Value {
    json!({ "var": path })
}

impl Writer<'_> {
    /// One time in sixteen any constant instead.
    fn or_odd(&mut self, write: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.dice.one_in(16) { value::any(self.dice, 2) } else { write(self) }
    }

    /// Something that names a variant.
    pub(super) fn choice(&mut self, depth: u32) -> Value {
        if depth == 0 {
            return self.variant();
        }
        match self.dice.below(14) {
            0..=3 => self.branches(depth),
            4..=7 => self.fractional(depth - 1),
            8 => self.truth(depth - 1),
            9 => {
                let name = self.dice.pick(&["and", "or"]);
                op(name, vec![self.truth(depth - 1), self.choice(depth - 1)])
            }
            10 => self.text(depth - 1),
            11 => self.number(depth - 1),
            12 if !self.names.choices.is_empty() => json!({ "$ref": self.dice.name(&self.names.choices) }),
            _ => self.variant(),
        }
    }

    fn variant(&mut self) -> Value {
        match self.dice.below(20) {
            0 => Value::Null,
            1 => value::any(self.dice, 1),
            _ => json!(self.dice.name(&self.names.variants)),
        }
    }

    fn branches(&mut self, depth: u32) -> Value {
        let mut operands = Vec::new();
        for _ in 0..=self.dice.below(3) {
            operands.push(self.truth(depth - 1));
            operands.push(self.choice(depth - 1));
        }
        if !self.dice.one_in(3) {
            operands.push(self.choice(depth - 1));
        }
        op("if", operands)
    }

    /// In all its forms: with a value and without, weights whole, odd, computed and left out.
    fn fractional(&mut self, depth: u32) -> Value {
        let mut operands = Vec::new();
        match self.dice.below(8) {
            0..=2 => {}
            3 => operands.push(var("targetingKey")),
            4 => operands.push(op("cat", vec![var("$flagd.flagKey"), var("email")])),
            5 => operands.push(var(self.name_of_text())),
            6 => {
                let names = [context::NUMBERS.as_slice(), &context::LISTS, &context::OTHERS].concat();
                operands.push(var(self.dice.pick(&names)));
            }
            _ => operands.push(self.any(depth)),
        }
        for _ in 0..=self.dice.below(4) {
            operands.push(self.bucket(depth));
        }
        op("fractional", operands)
    }

    fn bucket(&mut self, depth: u32) -> Value {
        let variant = if self.dice.one_in(6) { self.choice(depth) } else { self.variant() };
        match self.dice.below(12) {
            0 | 1 => json!([variant]),
            2 => json!([variant, self.number(depth)]),
            3 => json!([variant, op("if", vec![self.truth(depth), json!(90), json!(10)])]),
            4 => json!([variant, value::number(self.dice)]),
            5 if self.dice.one_in(4) => value::any(self.dice, 1),
            _ => json!([variant, self.dice.pick(&[1, 5, 10, 25, 50, 50, 90, 99_999, 0])]),
        }
    }

    /// A truth.
    pub(super) fn truth(&mut self, depth: u32) -> Value {
        self.or_odd(|this| if depth == 0 { this.plain_truth() } else { this.deep_truth(depth - 1) })
    }

    fn plain_truth(&mut self) -> Value {
        match self.dice.below(5) {
            0 => self.variable("beta"),
            1 => json!(self.dice.one_in(2)),
            2 => op("==", vec![self.text(0), value::text(self.dice)]),
            3 => op(">=", vec![self.number(0), value::number(self.dice)]),
            _ => op("in", vec![self.text(0), json!(["gold", "NZ", "a", value::text(self.dice)])]),
        }
    }

    fn deep_truth(&mut self, depth: u32) -> Value {
        match self.dice.below(16) {
            0 => op(self.dice.pick(&["==", "!=", "===", "!=="]), vec![self.any(depth), self.any(depth)]),
            1 => op(self.dice.pick(&["==", "!=", "===", "!=="]), vec![self.text(depth), self.text(depth)]),
            2 => op(self.dice.pick(&["<", "<=", ">", ">="]), vec![self.number(depth), self.number(depth)]),
            3 => op(self.dice.pick(&["<", "<="]), vec![self.number(depth), self.number(depth), self.number(depth)]),
            4 => op(self.dice.pick(&["<", "<=", ">", ">="]), vec![self.any(depth), self.any(depth)]),
            5 => self.negation(depth),
            6 => op(self.dice.pick(&["and", "or"]), (0..=self.dice.below(3)).map(|_| self.truth(depth)).collect()),
            7 | 8 => op(self.dice.pick(&["starts_with", "ends_with"]), vec![self.text(depth), self.text(0)]),
            9 | 10 => self.sem_ver(depth),
            11 => op("in", vec![self.text(depth), self.haystack(depth)]),
            12 => self.quantifier(depth),
            13 if !self.names.truths.is_empty() => json!({ "$ref": self.dice.name(&self.names.truths) }),
            14 => {
                let when = self.dice.pick(&[1, 4_133_980_802_u64]);
                op(self.dice.pick(&["<", ">"]), vec![var("$flagd.timestamp"), json!(when)])
            }
            _ => self.plain_truth(),
        }
    }

    fn negation(&mut self, depth: u32) -> Value {
        let name = self.dice.pick(&["!", "!!"]);
        let operand = if self.dice.one_in(2) { self.truth(depth) } else { self.any(depth) };
        // A single operand needs no array, unless it is one.
        if self.dice.one_in(3) && !operand.is_array() {
            let mut fields = Map::new();
            fields.insert(name.to_owned(), operand);
            return Value::Object(fields);
        }
        op(name, vec![operand])
    }

    fn sem_ver(&mut self, depth: u32) -> Value {
        let operators = ["=", "!=", "<", "<=", ">", ">=", "^", "~"];
        let version = match self.dice.below(6) {
            0 => value::version(self.dice),
            1 => self.any(depth),
            _ => var("version"),
        };
        let operator = if self.dice.one_in(12) { json!("?") } else { json!(self.dice.pick(&operators)) };
        let target = if self.dice.one_in(6) { self.any(depth) } else { value::version(self.dice) };
        let mut operands = vec![version, operator, target];
        if self.dice.one_in(24) {
            operands.pop();
        }
        op("sem_ver", operands)
    }

    fn haystack(&mut self, depth: u32) -> Value {
        match self.dice.below(4) {
            0 => self.text(depth),
            1 if !self.names.lists.is_empty() => json!({ "$ref": self.dice.name(&self.names.lists) }),
            2 => self.list(depth).0,
            _ => (0..self.dice.below(5))
                .map(|_| if self.dice.one_in(4) { value::any(self.dice, 0) } else { value::text(self.dice) })
                .collect(),
        }
    }

    fn quantifier(&mut self, depth: u32) -> Value {
        let name = self.dice.pick(&["some", "all", "none"]);
        let (list, items) = self.list(depth);
        let body = self.within(items, |this| this.truth(depth.min(1)));
        op(name, vec![list, body])
    }

    /// In the body of a list operator.
    fn within<T>(&mut self, items: Items, write: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.item.replace(items);
        let written = write(self);
        self.item = outside;
        written
    }

    /// A list, and of what.
    fn list(&mut self, depth: u32) -> (Value, Items) {
        let items = self.dice.pick(&[Items::Texts, Items::Numbers, Items::Objects]);
        let name = match items {
            Items::Texts => "tags",
            Items::Numbers => "nums",
            Items::Objects | Items::Sum => "items",
        };
        if depth == 0 || self.dice.one_in(2) {
            let list = match self.dice.below(6) {
                0 => var("mixed"),
                1 if items == Items::Numbers => json!([1, 2, 3]),
                2 if items == Items::Texts => json!(["a", "ab", ""]),
                _ => var(name),
            };
            return (list, items);
        }
        match self.dice.below(5) {
            0 => {
                let body = self.within(items, |this| this.truth(depth - 1));
                (op("filter", vec![var(name), body]), items)
            }
            1 => {
                let body = self.within(items, |this| this.number(depth - 1));
                (op("map", vec![var(name), body]), Items::Numbers)
            }
            2 => (op("merge", vec![self.list(depth - 1).0, self.any(depth - 1)]), items),
            3 => {
                let keys = (0..=self.dice.below(2)).map(|_| json!(self.dice.pick(&context::OTHERS))).collect();
                (op("missing", keys), Items::Texts)
            }
            _ => {
                let keys: Value = (0..=self.dice.below(3)).map(|_| json!(self.dice.pick(&context::OTHERS))).collect();
                (op("missing_some", vec![json!(self.dice.below(3)), keys]), Items::Texts)
            }
        }
    }

    /// A variable of the context, or what the item of a list is.
    fn variable(&mut self, name: &str) -> Value {
        match self.item {
            Some(Items::Texts | Items::Numbers) => var(""),
            Some(Items::Objects) => var(self.dice.pick(&["id", "n", "gone"])),
            Some(Items::Sum) => var(self.dice.pick(&["current", "accumulator"])),
            None if self.dice.one_in(10) => op("var", vec![json!(name), value::any(self.dice, 0)]),
            None => var(name),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, depth: u32) -> Value {
        self.or_odd(|this| if depth == 0 { this.plain_number() } else { this.deep_number(depth - 1) })
    }

    fn plain_number(&mut self) -> Value {
        let name = self.dice.pick(&context::NUMBERS);
        if self.dice.one_in(3) { value::number(self.dice) } else { self.variable(name) }
    }

    fn deep_number(&mut self, depth: u32) -> Value {
        match self.dice.below(9) {
            0 => op("+", (0..=self.dice.below(3)).map(|_| self.number(depth)).collect()),
            1 => op("-", vec![self.number(depth), self.number(depth)]),
            2 => op("*", vec![self.number(depth), self.number(depth)]),
            3 => op(self.dice.pick(&["/", "%"]), vec![self.number(depth), self.number(depth)]),
            4 => op(self.dice.pick(&["min", "max"]), (0..=self.dice.below(3)).map(|_| self.number(depth)).collect()),
            5 => op("-", vec![self.number(depth)]),
            6 => op("if", vec![self.truth(depth), self.number(depth), self.number(depth)]),
            7 => {
                let name = if self.dice.one_in(4) { "tags" } else { "nums" };
                let body = self.within(Items::Sum, |this| {
                    let parts = vec![var("current"), var("accumulator")];
                    if this.dice.one_in(3) { this.number(depth.min(1)) } else { op("+", parts) }
                });
                op("reduce", vec![var(name), body, value::number(self.dice)])
            }
            _ => self.plain_number(),
        }
    }

    /// A text.
    pub(super) fn text(&mut self, depth: u32) -> Value {
        self.or_odd(|this| if depth == 0 { this.plain_text() } else { this.deep_text(depth - 1) })
    }

    fn plain_text(&mut self) -> Value {
        let name = self.name_of_text();
        match self.dice.below(8) {
            0..=2 => value::text(self.dice),
            3 if self.item.is_none() => var("$flagd.flagKey"),
            _ => self.variable(name),
        }
    }

    fn name_of_text(&mut self) -> &'static str {
        let name = self.dice.pick(&context::TEXTS);
        if self.dice.plain_texts && !name.is_ascii() { "email" } else { name }
    }

    fn deep_text(&mut self, depth: u32) -> Value {
        match self.dice.below(5) {
            0 => op("cat", (0..=self.dice.below(3)).map(|_| self.text(depth)).collect()),
            1 => {
                let mut operands = vec![self.text(depth), json!(self.dice.below(6) as i64 - 3)];
                if self.dice.one_in(2) {
                    operands.push(json!(self.dice.below(6) as i64 - 3));
                }
                op("substr", operands)
            }
            2 => op("if", vec![self.truth(depth), self.text(depth), self.text(depth)]),
            3 => op("cat", vec![self.number(depth)]),
            _ => self.plain_text(),
        }
    }

    /// Anything.
    fn any(&mut self, depth: u32) -> Value {
        match self.dice.below(6) {
            0 => value::any(self.dice, 2),
            1 => self.number(depth),
            2 => self.text(depth),
            3 => {
                let name = self.dice.pick(&context::OTHERS);
                self.variable(name)
            }
            4 => self.list(depth).0,
            _ => self.truth(depth),
        }
    }
}
