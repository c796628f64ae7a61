//! What a webhook is told and what it says. Pure; reads bytes from outside and never panics on them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Question, tidy};
use crate::observation::Said;

/// What is sent, as JSON.
#[must_use]
pub fn body(question: &Question) -> Value {
    json!({
        "flag": question.flag,
        "attempt": question.attempt,
        "phase": question.phase(),
        "stage": question.stage,
        "weight_ppm": question.weight_ppm,
        "control": question.control,
        "candidate": question.candidate,
        "check": question.name,
    })
}

#[derive(Deserialize)]
struct Reply {
    answer: Said,
    #[serde(default)]
    why: Option<String>,
}

/// What an answer says, with its words. Whatever is not clearly yes or no is unknown: an outage of the webhook says nothing of the candidate.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> (Said, String) {
    let empty = body.iter().all(u8::is_ascii_whitespace);
    match (status, empty) {
        (204, _) | (200, true) => (Said::Yes, String::new()),
        (200, false) => match serde_json::from_slice::<Reply>(body) {
            Ok(Reply { answer, why }) => (answer, tidy(&why.unwrap_or_default())),
            Err(_) => {
                (Said::Unknown, "the webhook's answer is not {\"answer\": \"yes\", \"no\" or \"unknown\"}".to_owned())
            }
        },
        (status, _) => (Said::Unknown, format!("the webhook answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::custom::Source;

    #[test]
    fn it_is_told_where_the_rollout_stands() {
        let question = Question {
            flag: "checkout".to_owned(),
            name: "smoke".to_owned(),
            attempt: 3,
            stage: Some(0),
            weight_ppm: 50_000,
            control: "stable".to_owned(),
            candidate: "next".to_owned(),
            source: Source::Webhook("smoke".to_owned()),
            every_ms: 1_000,
        };
        let expected = json!({"flag": "checkout", "attempt": 3, "phase": "running", "stage": 0, "weight_ppm": 50_000,
            "control": "stable", "candidate": "next", "check": "smoke"});
        assert_eq!(body(&question), expected);
        let waiting = body(&Question { stage: None, ..question });
        assert_eq!((&waiting["phase"], &waiting["stage"]), (&json!("baseline"), &Value::Null));
    }

    #[test]
    fn only_a_clear_word_is_an_answer() {
        use Said::{No, Unknown, Yes};
        for (status, body, said, why) in [
            (204, "", Yes, ""),
            (204, "x", Yes, ""),
            (200, "", Yes, ""),
            (200, " \r\n", Yes, ""),
            (200, r#"{"answer":"yes"}"#, Yes, ""),
            (200, r#"{"answer":"no","why":"2 of 9\nfailed","more":[]}"#, No, "2 of 9 failed"),
            (200, r#"{"answer":"unknown","why":null}"#, Unknown, ""),
            (200, r#"{"answer":"maybe"}"#, Unknown, "not {\"answer\""),
            (200, r#"{"answer":"Yes"}"#, Unknown, "not {\"answer\""),
            (200, r#"{"why":"x"}"#, Unknown, "not {\"answer\""),
            (200, "ok", Unknown, "not {\"answer\""),
            (200, "null", Unknown, "not {\"answer\""),
            (201, r#"{"answer":"yes"}"#, Unknown, "answered 201"),
            (302, "", Unknown, "answered 302"),
            (404, r#"{"answer":"no"}"#, Unknown, "answered 404"),
            (500, "", Unknown, "answered 500"),
        ] {
            let (got, words) = read(status, body.as_bytes());
            assert!(got == said && words.contains(why), "{status} {body}: {got:?} {words:?}");
            assert_eq!(words.is_empty(), why.is_empty(), "{status} {body}: {words:?}");
        }
    }
}
