//! What a proxy has for a document, as somebody gives it: weights, masks and kills of its flags.

use weir_core::check::{Code, Finding, nearest};
use weir_core::document::Document;
use weir_core::snapshot::State;

/// Reads the `state` of a snapshot of this document.
///
/// # Errors
/// Every finding: what is no state, or of a flag that the document does not have.
pub fn state(text: &str, document: &Document) -> Result<State, Vec<Finding>> {
    let state = State::read(text)?;
    let keys: Vec<&str> = document.flags.iter().map(|flag| flag.key.as_str()).collect();
    let strange = state.flags.keys().filter(|key| !keys.contains(&key.as_str())).map(|key| {
        let allowed =
            nearest(key, &keys).map_or_else(|| "a flag of the document".to_owned(), |near| format!("{near:?}"));
        Finding::new(Code::Envelope, format!("$.state.flags.{key}"), "no flag of the document", allowed)
    });
    let strange: Vec<Finding> = strange.collect();
    if strange.is_empty() { Ok(state) } else { Err(strange) }
}

/// What of a state belongs to flags that the document has: what is left of it once the document has taken the place of another.
#[must_use]
pub fn kept(mut state: State, document: &Document) -> State {
    state.flags.retain(|key, _| document.flags.iter().any(|flag| flag.key == *key));
    state
}
