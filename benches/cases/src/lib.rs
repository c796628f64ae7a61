//! What is measured: one document in flagd's format, one context, and the flags to ask for. Depends on nothing, so that the native engines and the
//! wasm build are asked the same.

/// One measured question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The flag's key.
    pub flag: &'static str,
    /// For people.
    pub what: &'static str,
    /// The answer; `None` where it hangs on the engine's own hash.
    pub expected: Option<bool>,
}

/// In the order of the report.
pub const CASES: [Case; 5] = [
    Case { flag: "static", what: "static boolean", expected: Some(true) },
    Case { flag: "split", what: "in (100 users), then a 50/50 split", expected: None },
    Case { flag: "twenty", what: "a rule of 20 conditions", expected: Some(true) },
    Case { flag: "version", what: "sem_ver", expected: Some(true) },
    Case { flag: "texts", what: "starts_with, ends_with, in a text", expected: Some(true) },
];

/// The 100 users of the list, the asking one not among them.
#[must_use]
pub fn users(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("user-{i}@example.com")).collect()
}

/// One of the 20 conditions: what it asks of attribute `aN`.
#[must_use]
pub fn condition(n: usize) -> Condition {
    match n % 4 {
        0 => Condition::Is(format!("value-{n}")),
        1 => Condition::AtLeast(n),
        2 => Condition::StartsWith("val"),
        _ => Condition::OneOf([String::from("x"), String::from("y"), format!("value-{n}")]),
    }
}

/// A condition that every engine has.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Is this text.
    Is(String),
    /// Is a number, at least this.
    AtLeast(usize),
    /// Begins so.
    StartsWith(&'static str),
    /// Is one of these texts.
    OneOf([String; 3]),
}

/// The attributes of the one who asks, but for the targetingKey, `user-4711`: texts, and numbers as `Err`.
#[must_use]
pub fn attributes() -> Vec<(String, Result<String, usize>)> {
    let mut attributes = vec![
        ("email".to_owned(), Ok("stranger@example.org".to_owned())),
        ("version".to_owned(), Ok("2.3.4".to_owned())),
    ];
    for n in 0..20 {
        let value = if n % 4 == 1 { Err(n + 1) } else { Ok(format!("value-{n}")) };
        attributes.push((format!("a{n}"), value));
    }
    attributes
}

/// The key of the one who asks.
pub const TARGETING_KEY: &str = "user-4711";

/// The context as JSON.
#[must_use]
pub fn context() -> String {
    let mut fields = vec![format!(r#""targetingKey": "{TARGETING_KEY}""#)];
    for (name, value) in attributes() {
        fields.push(match value {
            Ok(text) => format!(r#""{name}": "{text}""#),
            Err(number) => format!(r#""{name}": {number}"#),
        });
    }
    format!("{{{}}}", fields.join(", "))
}

/// The targeting of a flag; `None` for the static one.
#[must_use]
pub fn targeting(flag: &str) -> Option<String> {
    let rule = |condition: &str| format!(r#"{{"if": [{condition}, "on", "off"]}}"#);
    Some(match flag {
        "split" => in_list_or_split(&users(100)),
        "twenty" => {
            let conditions: Vec<String> = (0..20).map(jsonlogic).collect();
            rule(&format!(r#"{{"and": [{}]}}"#, conditions.join(", ")))
        }
        "version" => rule(r#"{"sem_ver": [{"var": "version"}, ">", "1.8.0"]}"#),
        "texts" => rule(
            r#"{"and": [{"starts_with": [{"var": "a2"}, "val"]}, {"ends_with": [{"var": "email"}, "@example.org"]}, {"in": ["stranger", {"var": "email"}]}]}"#,
        ),
        _ => return None,
    })
}

fn in_list_or_split(users: &[String]) -> String {
    let list = users.join(r#"", ""#);
    format!(
        r#"{{"if": [{{"in": [{{"var": "email"}}, ["{list}"]]}}, "on", {{"fractional": [["on", 50], ["off", 50]]}}]}}"#
    )
}

fn jsonlogic(n: usize) -> String {
    let var = format!(r#"{{"var": "a{n}"}}"#);
    match condition(n) {
        Condition::Is(text) => format!(r#"{{"==": [{var}, "{text}"]}}"#),
        Condition::AtLeast(least) => format!(r#"{{">=": [{var}, {least}]}}"#),
        Condition::StartsWith(text) => format!(r#"{{"starts_with": [{var}, "{text}"]}}"#),
        Condition::OneOf(texts) => format!(r#"{{"in": [{var}, ["{}"]]}}"#, texts.join(r#"", ""#)),
    }
}

/// The flags of [`CASES`] as a document.
#[must_use]
pub fn document() -> String {
    let flags = CASES.map(|case| flag(case.flag, targeting(case.flag)));
    format!(r#"{{"flags": {{{}}}}}"#, flags.join(",\n"))
}

/// 1,000 flags, each with a list and a split; the list of the first has 100,000 users.
#[must_use]
pub fn big_document() -> String {
    let flags: Vec<String> = (0..1_000)
        .map(|i| flag(&format!("flag-{i}"), Some(in_list_or_split(&users(if i == 0 { 100_000 } else { 3 })))))
        .collect();
    format!(r#"{{"flags": {{{}}}}}"#, flags.join(",\n"))
}

fn flag(key: &str, targeting: Option<String>) -> String {
    let default = if targeting.is_some() { "off" } else { "on" };
    let targeting = targeting.map(|rule| format!(r#", "targeting": {rule}"#)).unwrap_or_default();
    format!(
        r#""{key}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "{default}"{targeting}}}"#
    )
}
