use super::*;

/// A rollout at 5 %, a user of control and one of the candidate.
async fn started() -> (Served, String, String) {
    let served = served().await;
    served.post("apply", json!({ "document": DOCUMENT })).await;
    served.post("start", json!({ "flag": "checkout", "force": true, "reason": "drill" })).await;
    let rollouts = json!({ "flags": { "checkout": { "weight": 50_000 } } });
    let mut of = [None, None];
    for user in 0..200 {
        let user = format!("user-{user}");
        let asked = json!({ "flag": "checkout", "context": { "targetingKey": user }, "rollouts": rollouts });
        let (status, there) = served.post("eval", asked).await;
        assert_eq!((status, &there["reason"]), (200, &json!("SPLIT")), "{there}");
        of[usize::from(there["variant"] == "next")] = Some(user);
    }
    let [control, candidate] = of.map(Option::unwrap);
    (served, control, candidate)
}

#[tokio::test]
async fn what_a_user_gets_right_now_is_asked_without_a_document() {
    let (served, control, candidate) = started().await;
    let context = |user: &str| json!({ "flag": "checkout", "context": { "targetingKey": user }, "type": "string" });
    let (status, answer) = served.post("eval", context(&control)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer, json!({ "flag": "checkout", "value": "v1", "variant": "stable", "reason": "SPLIT" }));

    let mut asked = context(&candidate);
    asked["explain"] = json!(true);
    let (_, answer) = served.post("eval", asked.clone()).await;
    assert_eq!(answer["variant"], "next", "{answer}");
    assert_eq!(answer["explanation"]["split"]["hashed"], format!("weir/checkout/{candidate}"), "{answer}");
    served.post("kill", json!({ "flag": "checkout" })).await;
    let (_, answer) = served.post("eval", context(&candidate)).await;
    assert_eq!(answer["variant"], "stable", "{answer}");

    // The same document sent along, without a state: flagd's answer, which knows no rollout.
    asked["document"] = json!(DOCUMENT);
    let (_, answer) = served.post("eval", asked).await;
    assert_eq!((&answer["variant"], &answer["reason"]), (&json!("stable"), &json!("STATIC")), "{answer}");
    let wrong = json!({ "flag": "checkout", "context": {}, "type": "boolean" });
    assert_eq!(served.post("eval", wrong).await.1["errorCode"], "TYPE_MISMATCH");
}

#[tokio::test]
async fn the_time_of_a_question_may_be_named() {
    let served = served().await;
    let rule = json!({ "if": [{ ">=": [{ "var": "$flagd.timestamp" }, 1_798_761_600] }, "on"] });
    let flag =
        json!({ "state": "ENABLED", "variants": { "on": 1, "off": 0 }, "defaultVariant": "off", "targeting": rule });
    let document = json!({ "flags": { "sale": flag } }).to_string();
    for (at, variant) in [
        (json!("2026-12-31T23:59:59Z"), "off"),
        (json!("2027-01-01T00:00:00Z"), "on"),
        (json!(1_798_761_599), "off"),
        (json!(1_798_761_600.25), "on"),
    ] {
        let asked = json!({ "document": document, "flag": "sale", "context": {}, "at": at });
        assert_eq!(served.post("eval", asked).await.1["variant"], variant, "{at}");
    }
}

#[tokio::test]
async fn an_export_of_the_present_state_is_the_split_that_users_have() {
    let (served, ..) = started().await;
    let (status, now) = served.post("export", json!({})).await;
    assert_eq!(status, 200, "{now}");
    let started = json!({ "flags": { "checkout": { "weight": 50_000 } } });
    let same = served.post("export", json!({ "document": DOCUMENT, "rollouts": started })).await;
    assert_eq!((200, now.clone()), same);
    assert!(now["document"].get("weir").is_none(), "{now}");
    assert!(now["document"]["flags"]["checkout"]["targeting"].to_string().contains("fractional"), "{now}");
    let (_, nobody) = served.post("export", json!({ "document": DOCUMENT })).await;
    assert!(!nobody["document"]["flags"]["checkout"].to_string().contains("fractional"), "{nobody}");
}

#[tokio::test]
async fn a_diff_says_what_a_document_would_change_of_the_present_one() {
    let (served, _, candidate) = started().await;
    let other = DOCUMENT.replace(r#""banner": { "state": "ENABLED""#, r#""banner": { "state": "DISABLED""#);
    let (status, diff) = served.post("diff", json!({ "document": other, "users": ["anna", { "plan": "pro" }] })).await;
    assert_eq!((status, &diff["users"], diff["flags"].as_array().unwrap().len()), (200, &json!(2), 1), "{diff}");
    assert_eq!((&diff["flags"][0]["flag"], &diff["flags"][0]["status"]), (&json!("banner"), &json!("changed")));
    assert_eq!(diff["flags"][0]["movers"][0], json!({ "user": "anna", "from": "off", "to": null }));

    let to_half = json!({ "rollouts_new": { "flags": { "checkout": { "weight": 500_000 } } } });
    let (status, diff) = served.post("diff", to_half).await;
    assert_eq!(status, 200, "{diff}");
    assert_eq!(diff["flags"][0]["sentence"], "checkout: 45.00 % of users move from stable to next; nobody else moves.");
    let pair = json!({ "old": DOCUMENT, "document": DOCUMENT, "users": [candidate] });
    assert_eq!(served.post("diff", pair).await, (200, json!({ "flags": [], "users": 1 })));
}

#[tokio::test]
async fn wrong_questions_are_refused_with_every_finding() {
    let served = served().await;
    let anybody = json!({ "flag": "checkout", "context": {} });
    for (verb, body) in [("eval", anybody.clone()), ("export", json!({})), ("diff", json!({ "document": DOCUMENT }))] {
        let (status, failure) = served.post(verb, body).await;
        assert_eq!(status, 404, "{failure}");
        assert!(failure["error"].as_str().unwrap().contains("no document is applied yet"), "{failure}");
    }
    served.post("apply", json!({ "document": DOCUMENT })).await;
    assert_eq!(served.post("eval", json!({ "flag": "nothing", "context": {} })).await.0, 404);
    let body = json!({ "flag": 7, "context": [], "type": "text", "at": "soon", "explain": 1, "rollouts": 1, "document": 1, "x": 1 });
    let (status, failure) = served.post("eval", body).await;
    assert_eq!(status, 400);
    let named = ["$.x", "$.document", "$.rollouts", "$.flag", "$.context", "$.type", "$.at", "$.explain"];
    assert_eq!(paths(&failure), named);
    assert_eq!(paths(&served.post("eval", json!({})).await.1), ["$.flag", "$.context"]);
    assert_eq!(paths(&served.post("diff", json!({})).await.1), ["$.document"]);
    assert_eq!(paths(&served.post("diff", json!({ "old": DOCUMENT, "users": ["a", 1] })).await.1), ["$.users[1]"]);

    let bad = json!({ "flags": { "a": { "state": "ON", "variants": {} } } }).to_string();
    for (verb, body) in [
        ("eval", json!({ "flag": "a", "context": {}, "document": bad })),
        ("export", json!({ "document": bad })),
        ("diff", json!({ "document": bad })),
        ("diff", json!({ "old": bad })),
    ] {
        let (status, failure) = served.post(verb, body).await;
        assert_eq!((status, paths(&failure)[0]), (422, "$.flags.a.state"), "{failure}");
    }
    let strange = json!({ "rollouts": { "flags": { "chekout": { "kill": true } } } });
    for verb in ["export", "diff"] {
        let mut body = strange.clone();
        if verb == "diff" {
            body["document"] = json!(DOCUMENT);
        }
        let (status, failure) = served.post(verb, body).await;
        assert_eq!((status, paths(&failure)), (422, vec!["$.state.flags.chekout"]), "{failure}");
    }
}
