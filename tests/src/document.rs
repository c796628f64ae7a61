//! Flag documents for tests, the demo and the benches: the flag `checkout` with control `stable` and candidate `next`, stages of seconds.

use serde_json::{Value, json};

/// The flag's key.
pub const FLAG: &str = "checkout";
/// Its routing header.
pub const HEADER: &str = "x-weir-checkout";
/// A path that its output matches.
pub const PATH: &str = "/checkout";

/// The document, as a value to change parts of.
#[must_use]
pub fn checkout() -> Value {
    json!({
        "flags": { FLAG: {
            "state": "ENABLED",
            "variants": { "stable": "v1", "next": "v2" },
            "defaultVariant": "stable"
        } },
        "weir": {
            "version": 1,
            "hashing": "flagd-v3",
            "identity": [ { "header": "x-user-id" }, { "cookie": "session" } ],
            "outputs": { FLAG: { "match": { "pathPrefix": PATH }, "requestHeader": HEADER } },
            "rollouts": { FLAG: {
                "control": "stable",
                "candidate": "next",
                "stages": [
                    { "weight": "5%", "for": "4s" },
                    { "weight": "25%", "for": "4s" },
                    { "weight": "50%", "for": "4s" },
                    { "weight": "100%", "for": "4s" }
                ],
                "alpha": 0.01,
                "baseline": { "requests": 300 },
                "advance": { "requests": 40, "power": 0, "errorFloor": "1%", "proxies": "90%" },
                "settle": "2s",
                "guardrails": [
                    { "metric": "errors", "ratio": 2.0, "max": "5%" },
                    { "metric": "latency", "quantile": 0.95, "max": "200ms" }
                ]
            } }
        }
    })
}

/// The rollout's part of a document made by [`checkout`], to change it.
///
/// # Panics
/// The document is not of that shape.
pub fn rollout(document: &mut Value) -> &mut Value {
    &mut document["weir"]["rollouts"][FLAG]
}

/// [`checkout`] made about `bytes` long by further flags without a rollout, as a document that has grown over years.
#[must_use]
pub fn large(bytes: usize) -> String {
    let mut document = checkout();
    let flag = json!({ "state": "ENABLED", "variants": { "on": true, "off": false, "filler": "x".repeat(400) }, "defaultVariant": "off" });
    let flags = bytes / flag.to_string().len();
    if let Some(map) = document["flags"].as_object_mut() {
        map.extend((0..flags).map(|i| (format!("further-{i}"), flag.clone())));
    }
    document.to_string()
}
