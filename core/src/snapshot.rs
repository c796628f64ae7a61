//! The wire contract downwards: what a filter gets as its configuration, in one of two forms: an envelope (document, state and
//! generation) or a bare flag document. Owns both directions, written by the controller and read by the filter; knows no Envoy.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::check;
use crate::code::Code;
use crate::finding::{Finding, Findings, Path};
use crate::hash::sha256_hex;
use crate::json::Json;
use crate::plan::Plan;
use crate::share::Share;

/// The schema that is written. Read are this one and, once there is one, the one before.
pub const SCHEMA: u32 = 1;

/// What changes without the document: kills, masks and weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The global kill: every flag serves control, or its defaultVariant.
    pub kill: bool,
    /// By flag key; a flag that is not here has [`FlagState::default`].
    pub flags: BTreeMap<String, FlagState>,
}

impl State {
    /// Reads what stands under `state` in an envelope.
    ///
    /// # Errors
    /// Every finding in it.
    pub fn read(text: &str) -> Result<Self, Vec<Finding>> {
        let json = Json::read(text).map_err(|error| one(&error.to_string(), "the state of an envelope, as JSON"))?;
        let mut findings = Findings::default();
        let state = state(&json, &mut findings);
        findings.or(state.unwrap_or_default())
    }
}

/// One flag's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagState {
    /// The candidate's share of those whom targeting does not answer.
    pub weight: Share,
    /// Rolled back: whoever would get the candidate gets control.
    pub mask: bool,
    /// Killed: everybody gets control, or the defaultVariant where there is no rollout.
    pub kill: bool,
}

/// The SHA-256 of a document's text, in lower-case hexadecimal.
#[must_use]
pub fn document_hash(document: &str) -> String {
    sha256_hex(document)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireEnvelope<'a> {
    schema: u32,
    generation: String,
    document_hash: String,
    state: WireState<'a>,
    document: &'a str,
}

#[derive(Serialize)]
struct WireState<'a> {
    kill: bool,
    flags: BTreeMap<&'a str, WireFlag>,
}

#[derive(Serialize)]
struct WireFlag {
    weight: u32,
    mask: bool,
    kill: bool,
}

/// The envelope as JSON. The document travels as one string: whatever carries it may reorder keys and turn numbers into doubles, as Istio
/// does, and the string survives.
#[must_use]
pub fn write(generation: u64, state: &State, document: &str) -> String {
    let flag = |flag: &FlagState| WireFlag { weight: flag.weight.ppm(), mask: flag.mask, kill: flag.kill };
    let envelope = WireEnvelope {
        schema: SCHEMA,
        generation: generation.to_string(),
        document_hash: document_hash(document),
        state: WireState {
            kill: state.kill,
            flags: state.flags.iter().map(|(key, state)| (key.as_str(), flag(state))).collect(),
        },
        document,
    };
    serde_json::to_string(&envelope).unwrap_or_default()
}

/// What a filter serves: a compiled document with the state that goes with it.
#[derive(Debug)]
pub struct Snapshot {
    /// 0 for a bare flag document.
    pub generation: u64,
    /// SHA-256 of the document's text.
    pub document_hash: String,
    /// The compiled document.
    pub plan: Rc<Plan>,
    /// The global kill.
    pub kill: bool,
    /// The state of each of the plan's flags, in their order.
    pub flags: Vec<FlagState>,
}

/// Compiled documents by their hash, the newest last. A push that only changes state finds its document here and parses nothing of it.
#[derive(Debug, Default)]
pub struct PlanCache(Vec<(String, Rc<Plan>)>);

/// Two: the present document and the one before, to which a person may go back.
const CACHED: usize = 2;

impl PlanCache {
    fn get(&self, hash: &str) -> Option<Rc<Plan>> {
        self.0.iter().find(|(key, _)| key == hash).map(|(_, plan)| Rc::clone(plan))
    }

    fn put(&mut self, hash: &str, plan: &Rc<Plan>) {
        self.0.retain(|(key, _)| key != hash);
        self.0.push((hash.to_owned(), Rc::clone(plan)));
        let surplus = self.0.len().saturating_sub(CACHED);
        self.0.drain(..surplus);
    }
}

impl Snapshot {
    /// Reads a configuration. `None` when it is empty: there is no snapshot yet.
    ///
    /// The verdict depends on the bytes alone: a document that the cache knows by its hash was checked, and hashed, when it was put there, and a
    /// fresh virtual machine (Envoy's canary runs one first) checks and hashes it again.
    ///
    /// # Errors
    /// Every finding of it; those of the document have paths that begin at the document.
    pub fn read(bytes: &[u8], cache: &mut PlanCache) -> Result<Option<Self>, Vec<Finding>> {
        let Ok(text) = std::str::from_utf8(bytes) else { return Err(one("bytes that are not UTF-8", "JSON")) };
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)
            .map_err(|error| one(&error.to_string(), "a flag document or an envelope, as a JSON object"))?;
        if fields.contains_key("document") || fields.contains_key("schema") {
            envelope(&fields, cache).map(Some)
        } else {
            bare(text, cache).map(Some)
        }
    }
}

fn one(found: &str, allowed: &str) -> Vec<Finding> {
    vec![Finding::new(Code::Envelope, "$", found, allowed)]
}

fn bare(text: &str, cache: &mut PlanCache) -> Result<Snapshot, Vec<Finding>> {
    let document_hash = document_hash(text);
    let plan = match cache.get(&document_hash) {
        Some(plan) => plan,
        None => compile(text, &document_hash, cache)?,
    };
    let flags = vec![FlagState::default(); plan.flags.len()];
    Ok(Snapshot { generation: 0, document_hash, plan, kill: false, flags })
}

fn compile(text: &str, hash: &str, cache: &mut PlanCache) -> Result<Rc<Plan>, Vec<Finding>> {
    let plan = Rc::new(Plan::new(&check::check(text)?));
    cache.put(hash, &plan);
    Ok(plan)
}

fn envelope(fields: &BTreeMap<String, &RawValue>, cache: &mut PlanCache) -> Result<Snapshot, Vec<Finding>> {
    let mut findings = Findings::default();
    let head = Head::read(fields, &mut findings);
    let (Some(head), Some(raw)) = (head, fields.get("document")) else {
        if !fields.contains_key("document") {
            findings.add(Code::Envelope, &Path::Root.key("document"), "nothing", "the flag document as a string");
        }
        return Err(findings.unplaced());
    };
    let head = findings.or(head)?;
    let plan = match cache.get(&head.document_hash) {
        Some(plan) => plan,
        None => {
            let text: String = serde_json::from_str(raw.get()).map_err(|_| {
                vec![Finding::new(Code::Envelope, "$.document", "no string", "the flag document as a string")]
            })?;
            let found = document_hash(&text);
            if found != head.document_hash {
                return Err(vec![Finding::new(
                    Code::Envelope,
                    "$.documentHash",
                    head.document_hash,
                    format!("the SHA-256 of document: {found}"),
                )]);
            }
            compile(&text, &found, cache)?
        }
    };
    let flags = plan.flags.iter().map(|flag| head.state.flags.get(&flag.key).copied().unwrap_or_default()).collect();
    Ok(Snapshot { generation: head.generation, document_hash: head.document_hash, plan, kill: head.state.kill, flags })
}

/// Everything of an envelope but the document.
struct Head {
    generation: u64,
    document_hash: String,
    state: State,
}

impl Head {
    fn read(fields: &BTreeMap<String, &RawValue>, findings: &mut Findings) -> Option<Self> {
        let known = ["schema", "generation", "documentHash", "state", "document"];
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            findings.add(
                Code::Envelope,
                &Path::Root.key(key),
                "an unknown key",
                format!("one of {}", known.join(", ")),
            );
        }
        let get = |key: &str| fields.get(key).and_then(|raw| Json::read(raw.get()).ok()).unwrap_or(Json::Null);
        let schema = get("schema");
        if schema.as_number() != Some(f64::from(SCHEMA)) {
            findings.add(Code::Envelope, &Path::Root.key("schema"), schema, format!("{SCHEMA}"));
        }
        let generation = get("generation");
        let number = generation
            .as_str()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|text| text.parse().ok());
        if number.is_none() {
            findings.add(
                Code::Envelope,
                &Path::Root.key("generation"),
                generation,
                "a whole number in decimal digits, as a string",
            );
        }
        let hash = get("documentHash");
        let document_hash = hash.as_str().filter(|text| text.len() == 64).map(str::to_owned);
        if document_hash.is_none() {
            findings.add(Code::Envelope, &Path::Root.key("documentHash"), hash, "64 hexadecimal digits");
        }
        let state = state(&get("state"), findings);
        Some(Self { generation: number?, document_hash: document_hash?, state: state? })
    }
}

fn state(json: &Json, findings: &mut Findings) -> Option<State> {
    let root = Path::Root;
    let path = root.key("state");
    let fields = check::Fields::read(json, &path, &["kill", "flags"], findings)?;
    let mut state = State { kill: fields.bool("kill", findings).unwrap_or(false), flags: BTreeMap::new() };
    if fields.get("flags").is_none() {
        return Some(state);
    }
    let flags = fields.object("flags", findings)?;
    let place = path.key("flags");
    for (key, json) in check::Fields::any(flags, &place, findings)?.iter() {
        let path = place.key(key);
        let flag = check::Fields::read(json, &path, &["weight", "mask", "kill"], findings)?;
        let flag = FlagState {
            weight: flag.share("weight", findings).unwrap_or_default(),
            mask: flag.bool("mask", findings).unwrap_or(false),
            kill: flag.bool("kill", findings).unwrap_or(false),
        };
        state.flags.insert(key.to_owned(), flag);
    }
    Some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"flags": {"checkout": {"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable"}},
        "weir": {"version": 1, "identity": [{"header": "x-user-id"}], "outputs": {"checkout": {"requestHeader": "x-weir-checkout"}},
        "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

    fn state() -> State {
        let flag = FlagState { weight: Share::from_percent("5%").unwrap(), mask: true, kill: true };
        State { kill: true, flags: BTreeMap::from([("checkout".into(), flag)]) }
    }

    #[test]
    fn an_envelope_is_read_as_it_was_written() {
        let snapshot =
            Snapshot::read(write(7, &state(), DOCUMENT).as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        assert_eq!(snapshot.generation, 7);
        assert_eq!(snapshot.document_hash, document_hash(DOCUMENT));
        assert!(snapshot.kill);
        assert_eq!(snapshot.flags, [state().flags["checkout"]]);
    }

    #[test]
    fn what_istio_does_to_numbers_and_keys_changes_nothing() {
        let hash = document_hash(DOCUMENT);
        let document = serde_json::to_string(DOCUMENT).unwrap();
        let text = format!(
            r#"{{"document": {document}, "documentHash": "{hash}", "generation": "9007199254740993", "schema": 1.0,
                "state": {{"flags": {{"checkout": {{"kill": false, "weight": 1e6}}}}, "kill": false}}}}"#
        );
        let snapshot = Snapshot::read(text.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        assert_eq!(snapshot.generation, 9_007_199_254_740_993);
        assert_eq!(snapshot.flags[0].weight, Share::ALL);
    }

    #[test]
    fn a_bare_document_is_generation_0_with_everybody_on_control() {
        let snapshot = Snapshot::read(DOCUMENT.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        assert_eq!((snapshot.generation, snapshot.flags.as_slice()), (0, [FlagState::default()].as_slice()));
    }

    #[test]
    fn a_state_may_be_read_by_itself() {
        let text = r#"{"kill": true, "flags": {"checkout": {"weight": 50000, "mask": true, "kill": true}}}"#;
        assert_eq!(State::read(text), Ok(state()));
        assert_eq!(State::read(r#"{"kill": true}"#), Ok(State { kill: true, ..State::default() }));
        for (text, path) in
            [("{", "$"), ("[]", "$.state"), (r#"{"flags": []}"#, "$.state.flags"), (r#"{"kil": true}"#, "$.state.kil")]
        {
            assert_eq!(State::read(text).unwrap_err()[0].path, path, "{text}");
        }
    }

    #[test]
    fn nothing_is_no_snapshot() {
        for bytes in ["", " \n"] {
            assert!(Snapshot::read(bytes.as_bytes(), &mut PlanCache::default()).unwrap().is_none());
        }
    }

    #[test]
    fn a_state_only_push_does_not_even_look_at_the_document() {
        let mut cache = PlanCache::default();
        let first = Snapshot::read(write(1, &State::default(), DOCUMENT).as_bytes(), &mut cache).unwrap().unwrap();
        let unread = write(2, &state(), DOCUMENT).replace("ENABLED", "NEVER READ");
        let second = Snapshot::read(unread.as_bytes(), &mut cache).unwrap().unwrap();
        assert!(Rc::ptr_eq(&first.plan, &second.plan));
        assert!(
            Snapshot::read(unread.as_bytes(), &mut PlanCache::default()).is_err(),
            "a fresh cache must see that the hash is not the document's"
        );
    }

    #[test]
    fn every_fault_of_an_envelope_is_named() {
        let text = r#"{"schema": 7, "generation": 3, "documentHash": "x", "extra": 1, "state": {"kill": "no", "flags": {"checkout": {"weight": 2000000}}}}"#;
        let findings = Snapshot::read(text.as_bytes(), &mut PlanCache::default()).unwrap_err();
        let mut paths: Vec<_> = findings.iter().map(|finding| finding.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "$.document",
                "$.documentHash",
                "$.extra",
                "$.generation",
                "$.schema",
                "$.state.flags.checkout.weight",
                "$.state.kill"
            ]
        );
    }
}
