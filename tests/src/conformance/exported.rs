//! What `weir export` writes, asked of flagd's own evaluators: every user gets from them the variant that a proxy serves.

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};
use weir_core::check::check;
use weir_core::document::Hashing;
use weir_core::evaluate::FlagSet;
use weir_core::export::flagd;
use weir_core::json::Json;
use weir_core::served::Served;
use weir_core::share::Share;
use weir_core::snapshot::{FlagState, State};

use super::case::{Ask, Case, Outcome};
use super::compare::NOW_S;
use super::exception::Known;
use super::peer::Peer;

const FLAG: &str = "checkout";
/// Users of each document in each state; every tenth has no targetingKey.
const USERS: usize = 60;

/// How many users were asked for, and what the peer gave otherwise, in words.
///
/// # Errors
/// The peer is gone, or refuses a document.
pub fn compare(known: &Known, peer: &mut Peer) -> Result<(usize, Vec<String>)> {
    let (mut asked, mut differences) = (0, Vec::new());
    for rule in rules() {
        for state in states() {
            let (case, served) = case(known, &rule, &state)?;
            asked += served.len();
            let answers = match peer.ask(&case, NOW_S)? {
                Outcome::Answers(answers) => answers,
                Outcome::Refused(why) => bail!("{} refuses what was exported: {why}: {}", known.name, case.document),
            };
            let pairs = case.asks.iter().zip(served).zip(answers);
            differences.extend(pairs.filter(|((_, served), answer)| answer.variant != *served).map(
                |((ask, served), answer)| {
                    format!("{}: {served:?} here, {answer} there, of {} in {}", ask.context, rule, case.document)
                },
            ));
        }
    }
    Ok((asked, differences))
}

/// Known, unknown and computed results, with and without null, and splits of the document's own.
fn rules() -> Vec<Value> {
    let vip = json!({ "in": [{ "var": "plan" }, ["pro", "team"]] });
    vec![
        Value::Null,
        json!({ "if": [vip, "next"] }),
        json!({ "if": [vip, "next", null] }),
        json!({ "if": [vip, "other", "stable"] }),
        json!({ "$ref": "half" }),
        json!({ "if": [vip, { "$ref": "half" }] }),
        json!({ "if": [vip, "gone"] }),
        json!({ "var": "wanted" }),
    ]
}

fn states() -> Vec<State> {
    let flag = |ppm: u32, mask, kill| FlagState { weight: Share::from_ppm(ppm).unwrap_or(Share::ALL), mask, kill };
    let of = |flag| State { kill: false, flags: [(FLAG.to_owned(), flag)].into() };
    let mut states: Vec<State> = [0, 50_000, 500_000, 1_000_000].map(|ppm| of(flag(ppm, false, false))).into();
    states.push(of(flag(500_000, true, false)));
    states.push(of(flag(500_000, false, true)));
    states.push(State { kill: true, flags: [(FLAG.to_owned(), flag(1_000_000, false, false))].into() });
    states
}

fn document(rule: &Value, hashing: Hashing) -> String {
    let hashing = match hashing {
        Hashing::FlagdV3 => "flagd-v3",
        Hashing::FlagdV2 => "flagd-v2",
    };
    json!({
        "$evaluators": { "half": { "fractional": [["next", 1], ["other", 1]] } },
        "flags": { FLAG: {
            "state": "ENABLED", "variants": { "stable": "a", "next": "b", "other": "c" }, "defaultVariant": "stable", "targeting": rule
        } },
        "weir": {
            "version": 1, "hashing": hashing, "identity": [{ "header": "x-user-id" }], "outputs": { FLAG: { "requestHeader": "x-weir-checkout" } },
            "rollouts": { FLAG: { "control": "stable", "candidate": "next", "stages": [{ "weight": "5%", "for": "10m" }, { "weight": "100%" }] } }
        }
    })
    .to_string()
}

/// What is asked of the peer, and the variant that a proxy serves to each.
fn case(known: &Known, rule: &Value, state: &State) -> Result<(Case, Vec<Option<String>>)> {
    let text = document(rule, known.hashing);
    let document = check(&text).map_err(|findings| anyhow!("{findings:?}"))?;
    let exported = flagd(&Json::read(&text)?, &document, state).document;
    let flags = FlagSet::new(document);
    let (mut asks, mut served) = (Vec::new(), Vec::new());
    for user in 0..USERS {
        let plan = ["free", "pro", "team"][user % 3];
        let wanted = ["next", "other", "gone"][user / 3 % 3];
        let mut context = json!({ "plan": plan, "wanted": wanted });
        if user % 10 > 0 {
            context["targetingKey"] = format!("user-{user}").into();
        }
        let here = Json::read(&context.to_string())?;
        let resolution = Served { flags: &flags, state }.resolve(FLAG, &here, NOW_S * 1_000);
        served.push(resolution.variant.map(str::to_owned));
        asks.push(Ask { flag: FLAG.to_owned(), kind: "string", context });
    }
    Ok((Case { document: serde_json::from_str(&exported.compact())?, asks }, served))
}
