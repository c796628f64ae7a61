//! What a document loads with and yet can't mean (defects), or may not mean (warnings). Walks the JSON as written, not the compiled rules, whose compiler has
//! folded away what people want to hear about. One subject a file; run for people only, never by the filter.
//!
//! - `keys`: keys that stand twice or that nobody knows; `kinds`: values of the wrong kind
//! - `walk`: through the operations of all rules, and what is known to be there at each
//! - `operators`: operators, their operands, versions; `names`: what `var` and `$ref` name; `weights`: `fractional`
//! - `results`: variants that a rule names; `reach`: what is never reached; `nulls`: what may be missing; `hashed`: what v2 hashes

mod hashed;
mod keys;
mod kinds;
mod names;
mod nulls;
mod operators;
mod reach;
mod results;
mod walk;
mod weights;

use std::collections::{HashMap, HashSet};

use super::entries::{entries, flags};
use super::flags::has_keys;
use crate::document::{AttributeSource, Document, Hashing};
use crate::finding::{Findings, Path};
use crate::json::Json;

/// What is known of the document as a whole.
struct Facts<'d> {
    evaluators: HashMap<&'d str, &'d Json>,
    /// Attributes that no request lacks.
    present: HashSet<&'d str>,
    /// Texts are hashed by their bytes, which flagd's engines do not take alike.
    v2: bool,
}

/// Everything that is no error.
pub(super) fn run(json: &Json, document: &Document, findings: &mut Findings) {
    let root = Path::Root;
    let facts = Facts {
        evaluators: entries(json.field("$evaluators")).into_iter().collect(),
        present: present(document),
        v2: document.hashing == Hashing::FlagdV2,
    };
    keys::run(json, findings);
    kinds::run(json, findings);
    let place = root.key("$evaluators");
    for (name, rule) in entries(json.field("$evaluators")) {
        walk::rule(rule, &place.key(name), &facts, findings);
    }
    let place = root.key("flags");
    let mut results = results::Results::new(&facts);
    for flag in flags(json.field("flags")) {
        let path = flag.path(&place);
        let Some(rule) = flag.json.field("targeting").filter(|rule| has_keys(rule)) else { continue };
        let path = path.key("targeting");
        walk::rule(rule, &path, &facts, findings);
        results.flag(&flag, &path, findings);
        hashed::flag(&flag, &facts, findings, &path);
    }
    let weir = root.key("weir");
    let place = weir.key("segments");
    for (name, rule) in entries(json.field("weir").and_then(|weir| weir.field("segments"))) {
        walk::rule(rule, &place.key(name), &facts, findings);
    }
    names::unused(json, &facts, findings);
}

fn present(document: &Document) -> HashSet<&str> {
    let always = |source: &AttributeSource| match source {
        AttributeSource::Path | AttributeSource::Method | AttributeSource::Host => true,
        AttributeSource::Constant(json) => *json != Json::Null,
        AttributeSource::Header(_) | AttributeSource::Cookie(_) | AttributeSource::Query(_) => false,
    };
    let named = document.attributes.iter().zip(&document.sources);
    named.filter(|(_, source)| source.as_ref().is_some_and(always)).map(|(name, _)| name.as_str()).collect()
}
