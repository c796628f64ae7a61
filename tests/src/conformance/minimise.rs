//! A difference made small: parts of the document and of the context are taken away as long as the difference stays.

use anyhow::Result;
use serde_json::{Value, json};

use super::case::{Ask, Case};
use super::compare::{Difference, Verdict, verdicts};
use super::exception::Known;
use super::peer::Peer;

/// Trials after which it is small enough.
const TRIALS: usize = 1_500;

/// Tells of the smallest case of the same kind that was found. Of one question.
pub(super) fn minimise(known: &Known, peer: &mut Peer, case: Case) -> Result<String> {
    let mut small = case;
    let mut found = different(known, peer, &small)?;
    let mut trials = 0;
    'smaller: while let Some(difference) = &found {
        for candidate in smaller(&small) {
            trials += 1;
            if trials > TRIALS {
                break 'smaller;
            }
            let other = different(known, peer, &candidate)?;
            // Of the same sort, else it would end at the smallest difference that there is.
            if other.as_ref().is_some_and(|other| other.sort == difference.sort) {
                (small, found) = (candidate, other);
                continue 'smaller;
            }
        }
        break;
    }
    let Some(Difference { weir, peer, .. }) = found else {
        anyhow::bail!("{} answers otherwise when asked again", known.name)
    };
    let ask = &small.asks[0];
    Ok(format!(
        "{}\n    flag {:?} as {} in {}\n    Weir: {weir}\n    {}: {peer}",
        small.document, ask.flag, ask.kind, ask.context, known.name
    ))
}

fn different(known: &Known, peer: &mut Peer, case: &Case) -> Result<Option<Difference>> {
    Ok(match verdicts(known, peer, case)?.pop() {
        Some(Verdict::Different(difference)) => Some(difference),
        _ => None,
    })
}

/// What is one step smaller.
fn smaller(case: &Case) -> Vec<Case> {
    let ask = &case.asks[0];
    let with = |document: Value, context: Value| {
        let ask = Ask { context, ..ask.clone() };
        (document["flags"].is_object() || document["flags"].is_array()).then(|| Case { document, asks: vec![ask] })
    };
    let documents = less(&case.document).into_iter().filter_map(|document| with(document, ask.context.clone()));
    let contexts = less(&ask.context)
        .into_iter()
        .filter(Value::is_object)
        .filter_map(|context| with(case.document.clone(), context));
    documents.chain(contexts).collect()
}

/// The value without one of its parts, with a part in its place, or with a part made less.
fn less(value: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match value {
        Value::Array(items) => {
            found.extend(items.iter().cloned());
            for index in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(index);
                found.push(Value::Array(fewer));
            }
            for (index, item) in items.iter().enumerate() {
                for item in less(item) {
                    let mut changed = items.clone();
                    changed[index] = item;
                    found.push(Value::Array(changed));
                }
            }
        }
        Value::Object(fields) => {
            found.extend(fields.values().cloned());
            for key in fields.keys() {
                let mut fewer = fields.clone();
                fewer.remove(key);
                found.push(Value::Object(fewer));
            }
            for (key, item) in fields {
                for item in less(item) {
                    let mut changed = fields.clone();
                    changed[key] = item;
                    found.push(Value::Object(changed));
                }
            }
        }
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => found.push(json!(false)),
        Value::Number(number) => found
            .extend([json!(0), json!(1)].into_iter().filter(|less| number.to_string().len() > less.to_string().len())),
        Value::String(text) => {
            let halves = text.chars().count() / 2;
            found.extend((halves > 0).then(|| json!(text.chars().take(halves).collect::<String>())));
            found.extend((halves > 0).then(|| json!(text.chars().skip(halves).collect::<String>())));
        }
    }
    found
}
