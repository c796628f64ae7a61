//! Contexts: the attributes that rules ask for, some missing, some null, some of another kind.

use serde_json::{Map, Value, json};

use super::{Dice, value};

/// Attributes by the kind that rules take them for.
pub(super) const TEXTS: [&str; 5] = ["email", "country", "plan", "user.name", "größe"];
pub(super) const NUMBERS: [&str; 6] = ["age", "score", "user.age", "items.0.n", "tags.length", "email.length"];
pub(super) const LISTS: [&str; 4] = ["tags", "nums", "items", "mixed"];
pub(super) const OTHERS: [&str; 8] =
    ["plan.0", "beta", "nothing", "gone", "user", "user.address.city", "version", "tags.1"];

/// One context.
pub(super) fn context(dice: &mut Dice) -> Value {
    let mut fields = Map::new();
    for name in ["email", "country", "plan", "größe"] {
        put(dice, &mut fields, name, value::text);
    }
    for name in ["age", "score"] {
        put(dice, &mut fields, name, value::number);
    }
    put(dice, &mut fields, "version", value::version);
    put(dice, &mut fields, "beta", |dice| json!(dice.one_in(2)));
    put(dice, &mut fields, "nothing", |_| Value::Null);
    put(dice, &mut fields, "tags", |dice| list(dice, value::text));
    put(dice, &mut fields, "nums", |dice| list(dice, value::number));
    put(dice, &mut fields, "mixed", |dice| list(dice, |dice| value::any(dice, 1)));
    put(dice, &mut fields, "items", |dice| {
        list(dice, |dice| json!({ "id": value::text(dice), "n": value::number(dice) }))
    });
    put(
        dice,
        &mut fields,
        "user",
        |dice| json!({ "name": value::text(dice), "age": value::number(dice), "address": { "city": value::text(dice), "zip": null } }),
    );
    match dice.below(24) {
        0 => None,
        1 => fields.insert("targetingKey".to_owned(), json!("")),
        2 => fields.insert("targetingKey".to_owned(), json!("jürgen-日本")),
        3 => fields.insert("targetingKey".to_owned(), value::any(dice, 0)),
        _ => fields.insert("targetingKey".to_owned(), json!(format!("user-{}", dice.below(100_000)))),
    };
    Value::Object(fields)
}

/// Five times in six there, one of sixteen as something else.
fn put(dice: &mut Dice, fields: &mut Map<String, Value>, name: &str, make: impl FnOnce(&mut Dice) -> Value) {
    if dice.one_in(6) {
        return;
    }
    let value = if dice.one_in(16) { value::any(dice, 2) } else { make(dice) };
    fields.insert(name.to_owned(), value);
}

fn list(dice: &mut Dice, make: impl Fn(&mut Dice) -> Value) -> Value {
    (0..dice.below(4)).map(|_| make(dice)).collect()
}
