//! The verbs that ask documents without a controller, as people and CI meet them: exit codes, and what is printed where.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const DOCUMENT: &str = r#"{"metadata": {"team": "shop"}, "flags": {
    "checkout": {"state": "ENABLED", "variants": {"stable": "v1", "next": "v2"}, "defaultVariant": "stable", "metadata": {"owner": "ann"},
      "targeting": {"if": [{"in": [{"var": "targetingKey"}, ["alice", "bob"]]}, "next"]}},
    "night": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
      "targeting": {"if": [{">=": [{"var": "$flagd.timestamp"}, 1790000000]}, "on"]}},
    "dark": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"}},
  "weir": {"version": 1, "identity": [{"header": "x-user-id"}], "outputs": {"checkout": {"requestHeader": "x-weir-checkout"}},
    "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn run(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(arguments).env_remove("WEIR_API").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A verb that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[test]
fn eval_answers_as_flagd_does() {
    let directory = tempfile::tempdir().unwrap();
    let flags = file(directory.path(), "flags.json", DOCUMENT);
    let context = file(directory.path(), "alice.json", r#"{"targetingKey": "alice"}"#);
    let at = format!("@{context}");
    let eval = |more: &[&str]| run(&[&["eval", &flags, "--flag"], more].concat(), "");
    let metadata = "  metadata owner: \"ann\"\n           team: \"shop\"\n";
    for (more, code, out) in [
        (vec!["checkout", "--context", &at], 0, format!("checkout: next\n  value    \"v2\"\n  reason   TARGETING_MATCH\n{metadata}")),
        (
            vec!["checkout", "--context", &at, "--json"],
            0,
            "{\"flag\":\"checkout\",\"value\":\"v2\",\"variant\":\"next\",\"reason\":\"TARGETING_MATCH\",\"metadata\":{\"owner\":\"ann\",\"team\":\"shop\"}}\n".to_owned(),
        ),
        (
            vec!["checkout", "--context", "{}", "--type", "boolean"],
            1,
            format!("checkout: no variant, the code's own default\n  reason   ERROR\n  error    TYPE_MISMATCH: the value is \"v1\", and a boolean was asked for\n{metadata}"),
        ),
        (vec!["dark", "--context", "{}", "--json"], 0, "{\"flag\":\"dark\",\"reason\":\"DISABLED\",\"metadata\":{\"team\":\"shop\"}}\n".to_owned()),
        (vec!["night", "--context", "{}", "--at", "2026-09-21T13:33:20Z", "--json"], 0, "{\"flag\":\"night\",\"value\":false,\"variant\":\"off\",\"reason\":\"DEFAULT\",\"metadata\":{\"team\":\"shop\"}}\n".to_owned()),
        (vec!["night", "--context", "{}", "--at", "1790000000", "--json"], 0, "{\"flag\":\"night\",\"value\":true,\"variant\":\"on\",\"reason\":\"TARGETING_MATCH\",\"metadata\":{\"team\":\"shop\"}}\n".to_owned()),
    ] {
        assert_eq!(eval(&more), (code, out, String::new()), "{more:?}");
    }
    let (code, out, _) = eval(&["gone", "--context", "{}", "--json"]);
    assert!(code == 1 && out.contains("FLAG_NOT_FOUND"), "{out}");
}

#[test]
fn eval_in_a_state_answers_as_a_proxy_does() {
    let directory = tempfile::tempdir().unwrap();
    let flags = file(directory.path(), "flags.json", DOCUMENT);
    for (state, key, variant, reason) in [
        (r#"{"flags": {"checkout": {"weight": 1000000}}}"#, "carol", "next", "SPLIT"),
        (r#"{"flags": {"checkout": {"weight": 0}}}"#, "carol", "stable", "SPLIT"),
        (r#"{"flags": {"checkout": {"weight": 1000000}}}"#, "", "stable", "DEFAULT"),
        (r#"{"flags": {"checkout": {"weight": 1000000, "mask": true}}}"#, "carol", "stable", "SPLIT"),
        (r#"{"flags": {"checkout": {"mask": true}}}"#, "alice", "stable", "TARGETING_MATCH"),
        (r#"{"flags": {}}"#, "alice", "next", "TARGETING_MATCH"),
        (r#"{"flags": {"checkout": {"kill": true}}}"#, "alice", "stable", "STATIC"),
        (r#"{"kill": true, "flags": {}}"#, "alice", "stable", "STATIC"),
    ] {
        let context = format!(r#"{{"targetingKey": "{key}"}}"#);
        let (code, out, err) =
            run(&["eval", &flags, "--flag", "checkout", "--context", &context, "--rollouts", state, "--json"], "");
        let answer: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        assert_eq!(
            (code, answer["variant"].as_str(), answer["reason"].as_str()),
            (0, Some(variant), Some(reason)),
            "{state} {key}"
        );
    }
}

#[test]
fn eval_explains_itself_by_the_rule_and_the_hash() {
    let directory = tempfile::tempdir().unwrap();
    let flags = file(directory.path(), "flags.json", DOCUMENT);
    let context = r#"{"targetingKey": "carol"}"#;
    let state = r#"{"flags": {"checkout": {"weight": 250000}}}"#;
    let arguments = ["eval", &flags, "--flag", "checkout", "--context", context, "--rollouts", state, "--explain"];
    let (code, out, err) = run(&arguments, "");
    assert_eq!((code, err.as_str()), (0, ""));
    let (_, why) = out.split_once("targeting\n").unwrap();

    let expected = r#"  if → null
  ├─ condition: targetingKey in ["alice", "bob"] → false
  │  └─ targetingKey → "carol"
  └─ then: "next" (not asked)
rollout's split
  hashed  "weir/checkout/carol"
  bytes   73776569722f636865636b6f75742f6361726f6c
  hash    HASH, bucket PLACE of 1000000
  ranges  0..250000 "next"HERE
          250000..1000000 "stable"THERE
"#;
    let split = weir_core::plan::Split::new("weir/checkout", weir_core::document::Hashing::FlagdV3);
    let (here, there) = if split.place("carol") < 250_000 { ("  <- here", "") } else { ("", "  <- here") };
    let expected =
        expected.replace("HASH", &split.hash("carol").to_string()).replace("PLACE", &split.place("carol").to_string());
    assert_eq!(why, expected.replace("THERE", there).replace("HERE", here));
    let (_, out, _) = run(&[&arguments[..], &["--json"]].concat(), "");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    let split = &answer["explanation"]["split"];
    assert_eq!((&split["hashed"], &split["variant"]), (&"weir/checkout/carol".into(), &answer["variant"]));
    assert_eq!(answer["explanation"]["rule"]["steps"][1]["reached"], false);
}

#[test]
fn what_eval_can_not_ask_is_1_and_wrong_usage_is_2() {
    let directory = tempfile::tempdir().unwrap();
    let flags = file(directory.path(), "flags.json", DOCUMENT);
    let bad = file(directory.path(), "bad.json", r#"{"flags": {"a": {"state": "ON", "variants": {"x": 1}}}}"#);
    let ask = |file: &str, more: &[&str]| run(&[&["eval", file, "--flag", "checkout"], more].concat(), DOCUMENT);
    for (file, more, code, said) in [
        ("-", vec!["--context", "{}"], 0, ""),
        (flags.as_str(), vec!["--context", "[]"], 1, "INVALID_CONTEXT: the context is an array of 0, not an object"),
        (&flags, vec!["--context", "{"], 1, "INVALID_CONTEXT: the context is no JSON"),
        (&flags, vec!["--context", "@nowhere.json"], 1, "nowhere.json"),
        (
            &flags,
            vec!["--context", "{}", "--rollouts", r#"{"flags": {"checkout": {"weigth": 1}}}"#],
            1,
            "$.state.flags.checkout.weigth",
        ),
        (&flags, vec!["--context", "{}", "--rollouts", r#"{"flags": {"chekout": {}}}"#], 1, "allowed \"checkout\""),
        (&bad, vec!["--context", "{}"], 1, "$.flags.a.state"),
        (&flags, vec![], 2, "--context"),
    ] {
        let (got, _, err) = ask(file, &more);
        assert_eq!(got, code, "{more:?}: {err}");
        assert!(err.contains(said), "{more:?}: {err}");
    }
    let (code, _, err) = run(&["eval", "-", "--batch"], "");
    assert!(code == 1 && err.contains("name a file"), "{err}");
}

#[test]
fn a_batch_answers_line_by_line_and_says_by_its_status_whether_all_went_well() {
    let directory = tempfile::tempdir().unwrap();
    let flags = file(directory.path(), "flags.json", DOCUMENT);
    let line = |key: &str| {
        format!("{{\"flag\":\"checkout\",\"type\":\"string\",\"context\":{{\"targetingKey\":\"{key}\"}}}}\n")
    };
    let state = r#"{"flags": {"checkout": {"weight": 1000000}}}"#;
    let batch = |input: &str| run(&["eval", &flags, "--batch", "--rollouts", state], input);
    let (code, out, _) = batch(&(line("alice") + &line("carol")));
    let reasons: Vec<&str> =
        out.lines().map(|line| line.split("\"reason\":\"").nth(1).unwrap().split('"').next().unwrap()).collect();
    assert_eq!((code, reasons), (0, vec!["TARGETING_MATCH", "SPLIT"]));
    let (code, out, _) = batch(&(line("alice") + "nothing\n" + &line("carol")));
    assert_eq!((code, out.lines().count()), (1, 3));
    assert_eq!(batch(""), (0, String::new(), String::new()));
}

#[test]
fn export_writes_a_document_that_needs_no_weir() {
    let directory = tempfile::tempdir().unwrap();
    let flags = file(directory.path(), "flags.json", DOCUMENT);
    let state = r#"{"flags": {"checkout": {"weight": 500000}}}"#;
    let (code, out, err) = run(&["export", "--flagd", &flags, "--rollouts", state], "");
    assert_eq!(code, 0, "{err}");
    assert!(
        !out.contains("\"weir\"")
            && err.contains("note: checkout: next for 50% of those whom targeting does not answer"),
        "{out}{err}"
    );
    let plain = file(directory.path(), "flagd.json", &out);
    for user in 0..20 {
        let context = format!(r#"{{"targetingKey": "u{user}"}}"#);
        let variant = |arguments: &[&str]| {
            let common = ["--flag", "checkout", "--context", &context, "--json"];
            let (_, out, err) = run(&[arguments, &common[..]].concat(), "");
            let answer: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
            answer["variant"].as_str().unwrap().to_owned()
        };
        assert_eq!(variant(&["eval", &flags, "--rollouts", state]), variant(&["eval", &plain]), "u{user}");
    }
    let (code, out, _) = run(&["export", "--flagd", &flags, "--json"], "");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["document"]["flags"]["checkout"]["targeting"]["if"][1]), (0, &"next".into()));
    assert!(answer["notes"][0].as_str().unwrap().contains("dialect v3"));
    assert_eq!(run(&["export", "--flagd", "-"], "{").0, 1);
}

#[test]
fn diff_says_who_moves_exactly_and_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let old = file(directory.path(), "old.json", DOCUMENT);
    let new = DOCUMENT.replace("\"v2\"", "\"v3\"").replace(
        r#""on": true, "off": false}, "defaultVariant": "off""#,
        r#""on": true, "off": false}, "defaultVariant": "on""#,
    );
    let new = file(directory.path(), "new.json", &new);
    let users = file(directory.path(), "users.txt", "alice\n{\"targetingKey\": \"carol\"}\n");
    let full = |ppm: u32| format!(r#"{{"flags": {{"checkout": {{"weight": {ppm}}}}}}}"#);
    let (code, out, err) = run(&["diff", &old, &old, "--rollouts", &full(10_000), "--rollouts-new", &full(50_000)], "");
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (
            0,
            "checkout: where not (targetingKey in [\"alice\", \"bob\"]), 4.00 % of users move from stable to next; nobody else moves.\n",
            ""
        )
    );
    let (code, out, _) = run(&["diff", &old, &old], "");
    assert_eq!((code, out.as_str()), (0, "nothing changes, and nobody moves.\n"));
    let expected = "checkout: nobody moves.\n  ~ $.variants.next \"v2\" -> \"v3\"\n  of the 2 users of the list 0 move\n\
                    night: where not ($flagd.timestamp >= 1790000000), all users move from off to on; nobody else moves.\n  \
                    ~ $.defaultVariant \"off\" -> \"on\"\n  of the 2 users of the list 2 move\n    alice: off -> on\n    \
                    {\"targetingKey\": \"carol\"}: off -> on\n";
    let (code, out, err) = run(&["diff", &old, &new, "--users", &users, "--at", "0"], "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""));
    let (code, out, _) =
        run(&["diff", &old, &old, "--rollouts", &full(0), "--rollouts-new", &full(250_000), "--json"], "");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    let case = &answer["flags"][0]["cases"][1];
    assert_eq!(
        case["moves"][0]["share"],
        serde_json::json!({"numerator": "1073741824", "denominator": "4294967296"}),
        "{out}"
    );
    assert_eq!((code, &case["moves"][0]["percent"]), (0, &"25.00".into()));
    let (code, _, err) = run(&["diff", &old, &new, "--users", &file(directory.path(), "bad.txt", "a\n{\n")], "");
    assert!(code == 1 && err.contains("bad.txt:2"), "{err}");
    assert_eq!(run(&["diff", &old, "-"], "{").0, 1);
}

#[test]
fn diff_says_of_a_rule_that_is_too_much_to_take_apart_that_nothing_can_be_told() {
    let directory = tempfile::tempdir().unwrap();
    // Sixty evaluators, each of which refers twice to the next.
    let written = |name: &str, last: &str| {
        let evaluators: Vec<String> = (0..60)
            .map(|level| {
                format!(r#""e{level}": {{"and": [{{"$ref": "e{next}"}}, {{"$ref": "e{next}"}}]}}"#, next = level + 1)
            })
            .chain([format!(r#""e60": {{"==": [{{"var": "country"}}, "{last}"]}}"#)])
            .collect();
        let text = DOCUMENT.replacen('{', &format!(r#"{{"$evaluators": {{{}}}, "#, evaluators.join(", ")), 1);
        let text = text.replace(r#"{">=": [{"var": "$flagd.timestamp"}, 1790000000]}"#, r#"{"$ref": "e0"}"#);
        file(directory.path(), name, &text)
    };
    let (old, new) = (written("old.json", "NZ"), written("new.json", "AU"));
    let users = file(directory.path(), "users.txt", "{\"targetingKey\": \"carol\", \"country\": \"DE\"}\n");
    let expected = "~ $.$evaluators.e60[\"==\"][1] \"NZ\" -> \"AU\"\n\
                    night: who moves can't be told (the rule is too much to take apart: give a list of users).\n";
    assert_eq!(run(&["diff", &old, &new], ""), (0, expected.to_owned(), String::new()));
    let named = format!("{expected}  of the 1 users of the list 0 move\n");
    assert_eq!(run(&["diff", &old, &new, "--users", &users], ""), (0, named, String::new()));
    assert_eq!(run(&["diff", &old, &old], ""), (0, "nothing changes, and nobody moves.\n".to_owned(), String::new()));
}
