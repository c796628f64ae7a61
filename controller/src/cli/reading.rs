//! Documents and other inputs of verbs that need no controller: a file or standard input, checked. One place, so that all verbs refuse in the same words.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use weir_core::check;
use weir_core::document::Document;
use weir_core::json::Json;
use weir_core::snapshot::State;

use crate::report::{Failure, FindingText};
use crate::study::given;

/// What was refused, to be told to people or programs.
pub(super) type Checked<T> = Result<T, Failure>;

/// The text of a file, or of standard input if it is `-`.
pub(super) fn text(file: &Path) -> anyhow::Result<String> {
    let (name, bytes) = if file == Path::new("-") {
        let mut bytes = Vec::new();
        ("standard input".to_owned(), std::io::stdin().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    let utf8 = String::from_utf8(bytes.with_context(|| name.clone())?);
    utf8.map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        anyhow::anyhow!("{name}: line {line} is not UTF-8")
    })
}

/// A flag document and its text.
pub(super) fn document(file: &Path) -> anyhow::Result<Checked<(String, Document)>> {
    let text = text(file)?;
    let checked = check::check(&text).map_err(|findings| Failure {
        error: format!("{}: no flag document", file.display()),
        findings: findings.into_iter().map(FindingText::from).collect(),
    });
    Ok(checked.map(|document| (text, document)))
}

/// An argument that is JSON, or `@FILE`.
pub(super) fn argument(given: &str) -> anyhow::Result<String> {
    match given.strip_prefix('@') {
        Some(file) => text(Path::new(file)),
        None => Ok(given.to_owned()),
    }
}

/// A context: a JSON object.
pub(super) fn context(given: &str) -> anyhow::Result<Checked<Json>> {
    let refused = |error: String| Failure { error, findings: Vec::new() };
    Ok(match Json::read(&argument(given)?) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(other) => Err(refused(format!("INVALID_CONTEXT: the context is {other}, not an object"))),
        Err(error) => Err(refused(format!("INVALID_CONTEXT: the context is no JSON: {error}"))),
    })
}

/// What a proxy has for a document: weights, masks and kills of its flags.
pub(super) fn state(given: &str, document: &Document) -> anyhow::Result<Checked<State>> {
    Ok(given::state(&argument(given)?, document).map_err(|findings| Failure {
        error: "--rollouts: no state of a snapshot of this document".to_owned(),
        findings: findings.into_iter().map(FindingText::from).collect(),
    }))
}
