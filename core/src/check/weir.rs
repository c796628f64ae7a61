//! What stands under `weir`: version, hashing, identity and outputs; rollouts are `rollouts`' own, and so are segments `segments`'. Refuses what this version does not act
//! on yet by saying so, rather than taking it in silence.

use super::fields::{Fields, suggest};
use super::flags::quoted;
use super::{MAX_ATTRIBUTES, MAX_IDENTITY, MAX_NAME_BYTES, MAX_OUTPUTS};
use super::{limits, measures, rollouts};
use crate::code::Code;
use crate::document::{AttributeSource, Document, Flag, Hashing, IdentitySource, Output, PathMatch};
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::TARGETING_KEY;

/// Reads `weir` into the document.
pub(super) fn read(json: &Json, path: &Path<'_>, document: &mut Document, findings: &mut Findings) {
    let known = [
        "version",
        "hashing",
        "identity",
        "attributes",
        "outputs",
        "counters",
        "scores",
        "segments",
        "rollouts",
        "limits",
    ];
    let Some(fields) = Fields::read(json, path, &known, findings) else { return };
    if fields.get("version").and_then(Json::as_number) != Some(1.0) {
        fields.refuse("version", "1", findings);
    }
    limits::read(&fields, findings);
    document.hashing = hashing(&fields, findings);
    document.identity = identity(&fields, findings);
    document.sources = attributes(&fields, &document.attributes, findings);
    outputs(&fields, document, findings);
    document.counters = measures::counters(&fields, findings);
    document.scores = measures::scores(&fields, findings);
    rollouts::read(&fields, document, findings);
    if document.identity.is_empty() && document.flags.iter().any(|flag| flag.rollout.is_some()) {
        fields.refuse_as(
            Code::Identity,
            "identity",
            "at least one source, for there are rollouts and a rollout splits by targetingKey",
            findings,
        );
    }
}

/// A name that goes nowhere but into words.
pub(super) fn named(name: &str, path: &Path<'_>, findings: &mut Findings) {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let found = format_args!("a name of {} bytes", name.len());
        findings.add(Code::Name, &path.name(), found, format!("1 to {MAX_NAME_BYTES} bytes"));
    }
}

fn hashing(fields: &Fields<'_>, findings: &mut Findings) -> Hashing {
    match fields.get("hashing").map(Json::as_str) {
        None | Some(Some("flagd-v3")) => Hashing::FlagdV3,
        Some(Some("flagd-v2")) => Hashing::FlagdV2,
        Some(Some("flagd-v1")) => {
            let allowed = "\"flagd-v3\" or \"flagd-v2\"; flagd-v1 computes with floating point and differs between flagd's own \
                           engines: move to v2 or v3, which gives users new buckets once";
            fields.refuse_as(Code::Unsupported, "hashing", allowed, findings);
            Hashing::FlagdV3
        }
        Some(_) => {
            fields.refuse("hashing", "\"flagd-v3\" (the default) or \"flagd-v2\"", findings);
            Hashing::FlagdV3
        }
    }
}

fn identity(fields: &Fields<'_>, findings: &mut Findings) -> Vec<IdentitySource> {
    let Some(items) = fields.array("identity", "an array of sources", findings) else { return Vec::new() };
    let path = fields.path.key("identity");
    if items.is_empty() || items.len() > MAX_IDENTITY {
        findings.add(
            Code::Limit,
            &path,
            format_args!("{} sources", items.len()),
            format!("1 to {MAX_IDENTITY} sources"),
        );
    }
    let mut sources = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let Some(source) = identity_source(item, &path.index(i), findings) else { continue };
        if sources.contains(&source) {
            findings.add(Code::Value, &path.index(i), item, "each source once");
        }
        sources.push(source);
    }
    sources
}

fn identity_source(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<IdentitySource> {
    let later = ["query", "claim", "sourceAddress", "generate"];
    let fields = Fields::any(json, path, findings)?;
    let mut found = fields.iter();
    let (Some((kind, value)), None) = (found.next(), found.next()) else {
        findings.add(Code::Value, path, json, "one source: {\"header\": NAME} or {\"cookie\": NAME}");
        return None;
    };
    let place = path.key(kind);
    match kind {
        "header" => header(value, &place, findings).map(IdentitySource::Header),
        "cookie" => cookie(value, &place, findings).map(IdentitySource::Cookie),
        kind if later.contains(&kind) => {
            findings.add(
                Code::Unsupported,
                &place,
                value,
                format!("header or cookie ({kind} is not supported in this version)"),
            );
            None
        }
        _ => {
            findings.add(Code::UnknownKey, &place.name(), "an unknown source", suggest(kind, &["header", "cookie"]));
            None
        }
    }
}

/// The sources of the attributes that rules refer to, in their order; the others are checked and forgotten.
fn attributes(weir: &Fields<'_>, referred: &[String], findings: &mut Findings) -> Vec<Option<AttributeSource>> {
    let mut sources = vec![None; referred.len()];
    let Some(json) = weir.object("attributes", findings) else { return sources };
    let path = weir.path.key("attributes");
    let Some(fields) = Fields::at_most(json, &path, (MAX_ATTRIBUTES, "attributes"), findings) else { return sources };
    for (name, json) in fields.iter() {
        let place = path.key(name);
        if name == TARGETING_KEY || name == "$flagd" || name.is_empty() || name.contains('.') {
            findings.add(
                Code::Name,
                &place.name(),
                format_args!("the name {name:?}"),
                "a name without a dot, not targetingKey (which is identity's) or $flagd",
            );
        }
        let source = attribute(json, &place, findings);
        if let Some(slot) = referred.iter().position(|other| other == name).and_then(|slot| sources.get_mut(slot)) {
            *slot = source;
        }
    }
    sources
}

fn attribute(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<AttributeSource> {
    const KINDS: [&str; 7] = ["header", "cookie", "query", "path", "method", "host", "constant"];
    const SOURCES: &str = "one source: {\"header\": NAME}, {\"cookie\": NAME}, {\"query\": NAME}, {\"path\": true}, {\"method\": true}, \
                           {\"host\": true} or {\"constant\": VALUE}";
    let fields = Fields::any(json, path, findings)?;
    let mut found = fields.iter();
    let (Some((kind, value)), None) = (found.next(), found.next()) else {
        findings.add(Code::Value, path, json, SOURCES);
        return None;
    };
    let place = path.key(kind);
    let parameter = value.as_str().filter(|name| (1..=MAX_NAME_BYTES).contains(&name.len()));
    let given = |source| if value.as_bool() == Some(true) { Some(source) } else { None };
    let source = match kind {
        "header" => return header(value, &place, findings).map(AttributeSource::Header),
        "cookie" => return cookie(value, &place, findings).map(AttributeSource::Cookie),
        "query" => parameter.map(|name| AttributeSource::Query(name.to_owned())),
        "path" => given(AttributeSource::Path),
        "method" => given(AttributeSource::Method),
        "host" => given(AttributeSource::Host),
        "constant" => Some(AttributeSource::Constant(value.clone())),
        "claim" => {
            findings.add(Code::Unsupported, &place, value, "another source (claim is not supported in this version)");
            return None;
        }
        _ => {
            findings.add(Code::UnknownKey, &place.name(), "an unknown source", suggest(kind, &KINDS));
            return None;
        }
    };
    if source.is_none() {
        findings.add(Code::Value, &place, value, SOURCES);
    }
    source
}

/// A token of RFC 9110: what the name of a header or cookie is made of.
fn token(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Name of a header, in lower case. Not a pseudo header, and not one that frames the message or a connection.
pub(super) fn header(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<String> {
    const FRAMING: [&str; 9] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "proxy-connection",
    ];
    let name = json.as_str().filter(|name| token(name)).map(str::to_ascii_lowercase);
    match name {
        Some(name) if !FRAMING.contains(&name.as_str()) => Some(name),
        _ => {
            findings.add(
                Code::Value,
                path,
                json,
                "the name of a header (letters, digits and !#$%&'*+-.^_`|~), not one that frames the message",
            );
            None
        }
    }
}

fn cookie(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<String> {
    let name = json.as_str().filter(|name| token(name)).map(str::to_owned);
    if name.is_none() {
        findings.add(Code::Value, path, json, "the name of a cookie (letters, digits and !#$%&'*+-.^_`|~)");
    }
    name
}

fn outputs(weir: &Fields<'_>, document: &mut Document, findings: &mut Findings) {
    let Some(json) = weir.object("outputs", findings) else { return };
    let path = weir.path.key("outputs");
    let Some(fields) = Fields::at_most(json, &path, (MAX_OUTPUTS, "outputs"), findings) else { return };
    let mut headers: Vec<String> = Vec::new();
    for (key, json) in fields.iter() {
        let place = path.key(key);
        let output = output(json, &place, findings);
        let Some(flag) = find(document, key, &place, findings) else { continue };
        names(flag, &place, findings);
        let Some(output) = output else { continue };
        if headers.contains(&output.request_header) {
            findings.add(
                Code::Header,
                &place.key("requestHeader"),
                format_args!("{:?} again", output.request_header),
                "a header for each flag",
            );
        }
        headers.push(output.request_header.clone());
        flag.output = Some(output);
    }
    for source in document.sources.iter().flatten() {
        if let AttributeSource::Header(name) = source
            && headers.contains(name)
        {
            let allowed = "another header: what comes in under it is forged";
            findings.add(Code::Header, &path, format_args!("the attributes' header {name:?}"), allowed);
        }
    }
    for source in &document.identity {
        if let IdentitySource::Header(name) = source
            && headers.contains(name)
        {
            findings.add(
                Code::Header,
                &path,
                format_args!("the identity header {name:?}"),
                "another header: Weir removes incoming copies of the headers that it writes",
            );
        }
    }
}

/// The flag that `weir` speaks of.
pub(super) fn find<'d>(
    document: &'d mut Document,
    key: &str,
    path: &Path<'_>,
    findings: &mut Findings,
) -> Option<&'d mut Flag> {
    // Names of a big document are not all worth printing: the first ten do.
    let Some(index) = document.flags.iter().position(|flag| flag.key == key) else {
        let keys: Vec<String> = document.flags.iter().take(11).map(|flag| flag.key.clone()).collect();
        findings.add(
            Code::UnknownFlag,
            &path.name(),
            "a flag that is not in flags, or is faulty there",
            format!("the key of a flag: {}", quoted(&keys)),
        );
        return None;
    };
    document.flags.get_mut(index)
}

/// What goes into headers and metrics must be spelt plainly.
pub(super) fn plain(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn names(flag: &Flag, path: &Path<'_>, findings: &mut Findings) {
    let allowed = "1 to 64 letters, digits, '.', '_' or '-', for it goes into a header and into metrics";
    if !plain(&flag.key) {
        findings.add(Code::Name, &path.name(), format_args!("the flag key {:?}", flag.key), allowed);
    }
    for variant in flag.variants.iter().map(|variant| &variant.name).filter(|name| !plain(name)) {
        findings.add(Code::Name, path, format_args!("the variant name {variant:?}"), allowed);
    }
}

fn output(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Output> {
    let fields =
        Fields::read(json, path, &["match", "requestHeader", "combinedHeader", "baggage", "responseHeader"], findings)?;
    for later in ["combinedHeader", "baggage", "responseHeader"] {
        fields.refuse_later(later, &format!("{later} is"), findings);
    }
    let place = path.key("requestHeader");
    let request_header = match fields.get("requestHeader") {
        Some(json) => header(json, &place, findings),
        None => {
            fields.refuse("requestHeader", "the name of the routing header", findings);
            None
        }
    };
    let path_match = match fields.get("match") {
        Some(json) => Some(path_match(json, &path.key("match"), findings)?),
        None => None,
    };
    Some(Output { path: path_match, request_header: request_header? })
}

fn path_match(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<PathMatch> {
    let fields = Fields::read(json, path, &["pathPrefix", "path"], findings)?;
    let read = |key: &str, findings: &mut Findings| {
        let text = fields
            .get(key)?
            .as_str()
            .filter(|text| text.starts_with('/') && text.len() <= MAX_NAME_BYTES && !text.contains(['?', '#']));
        if text.is_none() {
            fields.refuse(
                key,
                format!("a path that begins with \"/\", without query, of at most {MAX_NAME_BYTES} bytes"),
                findings,
            );
        }
        text.map(str::to_owned)
    };
    match (fields.get("pathPrefix"), fields.get("path")) {
        (Some(_), None) => {
            read("pathPrefix", findings).map(|text| PathMatch::Prefix(text.trim_end_matches('/').to_owned()))
        }
        (None, Some(_)) => read("path", findings).map(PathMatch::Exact),
        _ => {
            findings.add(Code::Value, path, json, "either pathPrefix or path");
            None
        }
    }
}
