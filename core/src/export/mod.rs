//! The plain flagd document that serves everybody what a proxy serves in a state: without `weir`, with rollouts written down as `fractional`, kills and masks
//! carried out. Owns what becomes of a flag; `rule` writes the rule.
//!
//! What flagd has no words for is said in notes. A rule that can't be evaluated is control in a proxy and an error in flagd: nothing is exported for that.

mod rule;

use crate::document::{AttributeSource, Document, Flag, Hashing, IdentitySource, PathMatch};
use crate::explain::{evaluators, targeting};
use crate::json::Json;
use crate::rule::TARGETING_KEY;
use crate::snapshot::{FlagState, State};
use rule::Wanted;

/// A flagd document.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The document.
    pub document: Json,
    /// What whoever moves must know, in sentences.
    pub notes: Vec<String>,
}

/// Writes a checked document, whose text is `text`, as flagd's in this state.
#[must_use]
pub fn flagd(text: &Json, document: &Document, state: &State) -> Exported {
    let mut fields = Vec::new();
    if let Json::Object(old) = text {
        for (key, json) in last_of_each(old) {
            match key {
                "weir" => {}
                "flags" => fields.push((key.to_owned(), flags(json, text, document, state))),
                _ => fields.push((key.to_owned(), json.clone())),
            }
        }
    }
    Exported { document: Json::Object(fields), notes: notes(document, state) }
}

/// Of a key that stands twice the last, as in flagd.
fn last_of_each(fields: &[(String, Json)]) -> Vec<(&str, &Json)> {
    let later = |place: usize, key: &str| fields.iter().skip(place).skip(1).any(|(other, _)| other == key);
    let kept = fields.iter().enumerate().filter(|(place, (key, _))| !later(*place, key));
    kept.map(|(_, (key, json))| (key.as_str(), json)).collect()
}

/// In the form in which they are written: by key, or as an array.
fn flags(json: &Json, text: &Json, document: &Document, state: &State) -> Json {
    let written = |key: &str, json: &Json| match document.flags.iter().find(|flag| flag.key == key) {
        Some(flag) => rewritten(json, flag, text, state),
        None => json.clone(),
    };
    match json {
        Json::Array(items) => {
            let key = |item: &Json| item.field("key").and_then(Json::as_str).unwrap_or_default().to_owned();
            let later =
                |place: usize, item: &Json| items.iter().skip(place).skip(1).any(|other| key(other) == key(item));
            let kept = items.iter().enumerate().filter(|(place, item)| !later(*place, item));
            Json::Array(kept.map(|(_, item)| written(&key(item), item)).collect())
        }
        Json::Object(fields) => {
            let fields = last_of_each(fields);
            Json::Object(fields.into_iter().map(|(key, json)| (key.to_owned(), written(key, json))).collect())
        }
        other => other.clone(),
    }
}

fn rewritten(json: &Json, flag: &Flag, text: &Json, state: &State) -> Json {
    let own = state_of(flag, state);
    if !flag.enabled || (flag.rollout.is_none() && !own.kill) {
        return json.clone();
    }
    let Json::Object(fields) = json else { return json.clone() };
    let mut fields: Vec<(String, Json)> =
        last_of_each(fields).into_iter().map(|(key, json)| (key.to_owned(), json.clone())).collect();
    let control = flag.rollout.as_ref().map(|rollout| Json::String(rollout.control.clone()));
    let rule = match (&flag.rollout, own.kill) {
        (Some(rollout), false) => {
            let names = flag.variants.iter().map(|variant| variant.name.as_str()).collect();
            let wanted = Wanted { rollout, state: own, names, evaluators: evaluators(text) };
            wanted.rule(targeting(text, &flag.key))
        }
        _ => None,
    };
    set(&mut fields, "defaultVariant", control);
    fields.retain(|(key, _)| key != "targeting");
    set(&mut fields, "targeting", rule);
    Json::Object(fields)
}

/// The global kill is every flag's.
fn state_of(flag: &Flag, state: &State) -> FlagState {
    let own = state.flags.get(&flag.key).copied().unwrap_or_default();
    FlagState { kill: own.kill || state.kill, ..own }
}

/// In its place, or at the end.
fn set(fields: &mut Vec<(String, Json)>, key: &str, value: Option<Json>) {
    let Some(value) = value else { return };
    match fields.iter_mut().find(|(name, _)| name == key) {
        Some(field) => field.1 = value,
        None => fields.push((key.to_owned(), value)),
    }
}

fn notes(document: &Document, state: &State) -> Vec<String> {
    let dialect = match document.hashing {
        Hashing::FlagdV3 => {
            "fractional hashes as in dialect v3 (CBOR): whoever reads this must do so too; older engines put users into other buckets"
        }
        Hashing::FlagdV2 => {
            "fractional hashes as in dialect v2 (weir.hashing is flagd-v2): whoever reads this must do so too; newer engines (v3) put users into \
             other buckets, and JavaScript's differs for keys beyond ASCII"
        }
    };
    let mut notes = vec![dialect.to_owned()];
    notes.extend(context(document));
    notes.extend(document.flags.iter().filter_map(|flag| told(flag, state_of(flag, state))));
    for flag in &document.flags {
        let path = flag.output.as_ref().and_then(|output| output.path.as_ref());
        notes.extend(path.map(|path| {
            let path = match path {
                PathMatch::Prefix(path) => format!("below {path}"),
                PathMatch::Exact(path) => format!("{path} only"),
            };
            format!("{}: a proxy decides it for requests {path}; flagd for whoever asks", flag.key)
        }));
    }
    notes
}

/// What a proxy reads from a request for targeting, an application must put into its context.
fn context(document: &Document) -> Option<String> {
    let identity = document.identity.iter().map(|source| match source {
        IdentitySource::Header(name) => format!("header {name}"),
        IdentitySource::Cookie(name) => format!("cookie {name}"),
    });
    let identity: Vec<String> = identity.collect();
    let mut parts = Vec::new();
    if !identity.is_empty() {
        parts.push(format!("{TARGETING_KEY} ({})", identity.join(", or else ")));
    }
    for (name, source) in document.attributes.iter().zip(&document.sources).take(document.targeted) {
        parts.extend(source.as_ref().map(|source| format!("{name} ({})", said(source))));
    }
    (!parts.is_empty())
        .then(|| format!("the context must carry what a proxy reads from the request: {}", parts.join(", ")))
}

fn said(source: &AttributeSource) -> String {
    match source {
        AttributeSource::Header(name) => format!("header {name}"),
        AttributeSource::Cookie(name) => format!("cookie {name}"),
        AttributeSource::Query(name) => format!("query parameter {name}"),
        AttributeSource::Path => "the path".to_owned(),
        AttributeSource::Method => "the method".to_owned(),
        AttributeSource::Host => "the host".to_owned(),
        AttributeSource::Constant(json) => format!("always {}", json.compact()),
    }
}

fn told(flag: &Flag, state: FlagState) -> Option<String> {
    let key = &flag.key;
    if !flag.enabled {
        return None;
    }
    let rollout = match &flag.rollout {
        _ if state.kill && flag.rollout.is_none() => {
            return Some(format!("{key}: killed, the defaultVariant for everybody"));
        }
        None => return None,
        Some(rollout) => rollout,
    };
    Some(match state {
        FlagState { kill: true, .. } => format!("{key}: killed, {} for everybody", rollout.control),
        FlagState { mask: true, .. } => {
            format!("{key}: rolled back, {} for whoever would get {}", rollout.control, rollout.candidate)
        }
        FlagState { weight, .. } => {
            format!("{key}: {} for {weight} of those whom targeting does not answer", rollout.candidate)
        }
    })
}
