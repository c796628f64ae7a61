//! What Prometheus is asked and what it says: the form of an instant query, and the one number of its answer. Pure; reads bytes from
//! outside and never panics on them.

use form_urlencoded::Serializer;
use serde::Deserialize;
use serde_json::Value;

use super::tidy;

/// Where instant queries are answered, below the address of the server.
pub const PATH: &str = "/api/v1/query";
/// Of what kind [`form`] is.
pub const KIND: &str = "application/x-www-form-urlencoded";

/// The body of an instant query at a time in milliseconds since the Unix epoch.
#[must_use]
pub fn form(query: &str, at_ms: u64) -> String {
    let at = format!("{}.{:03}", at_ms / 1_000, at_ms % 1_000);
    Serializer::new(String::new()).append_pair("query", query).append_pair("time", &at).finish()
}

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

/// The number that an answer gives; `None` if the query gives nothing, which is never 0.
///
/// # Errors
/// In words, why it gives no number: the query is refused, gives several series, no finite number, or the answer is not Prometheus's.
pub fn read(status: u16, body: &[u8]) -> Result<Option<f64>, String> {
    let Ok(reply) = serde_json::from_slice::<Reply>(body) else {
        return Err(match status {
            200 => "the answer is not Prometheus's".to_owned(),
            _ => format!("Prometheus answered {status}"),
        });
    };
    let Some(data) = reply.data.filter(|_| reply.status == "success" && status == 200) else {
        return Err(format!("Prometheus answered {status}: {}", tidy(&reply.error)));
    };
    match (data.kind.as_str(), data.result) {
        ("scalar", sample) => number(&sample).map(Some),
        ("vector", Value::Array(series)) => match series.as_slice() {
            [] => Ok(None),
            [one] => number(one.get("value").ok_or("the query gives a histogram, not a number")?).map(Some),
            several => Err(format!("the query gives {} series, not one", several.len())),
        },
        (kind, _) => Err(format!("the query gives a {}, not a number", tidy(kind))),
    }
}

/// `[TIME, "NUMBER"]`.
fn number(sample: &Value) -> Result<f64, String> {
    let text = sample.get(1).and_then(Value::as_str).unwrap_or_default();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(format!("the query gives {}", tidy(text))),
        Err(_) => Err("the answer is not Prometheus's".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_sent_as_a_form_with_its_instant() {
        let form = form(r#"sum(rate(a{v="x y"}[1m])) + 1 & 2"#, 1_700_000_000_007);
        assert_eq!(form, "query=sum%28rate%28a%7Bv%3D%22x+y%22%7D%5B1m%5D%29%29+%2B+1+%26+2&time=1700000000.007");
    }

    #[test]
    fn an_answer_is_one_finite_number_nothing_or_a_reason() {
        let success = |kind: &str, result: &str| {
            format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}},"warnings":["w"]}}"#)
        };
        let one = |text: &str| success("vector", &format!(r#"[{{"metric":{{"v":"a"}},"value":[1.5,"{text}"]}}]"#));
        for (status, body, expected) in [
            (200, one("0.031"), Ok(Some(0.031))),
            (200, one("-1e-7"), Ok(Some(-1e-7))),
            (200, success("scalar", r#"[1435781451.781,"1"]"#), Ok(Some(1.0))),
            (200, success("vector", "[]"), Ok(None)),
            (200, one("NaN"), Err("the query gives NaN")),
            (200, one("+Inf"), Err("the query gives +Inf")),
            (200, one("-Inf"), Err("the query gives -Inf")),
            (200, one("1e999"), Err("the query gives 1e999")),
            (200, one("much"), Err("the answer is not Prometheus's")),
            (
                200,
                success("vector", r#"[{"value":[1,"1"]},{"value":[1,"2"]}]"#),
                Err("the query gives 2 series, not one"),
            ),
            (
                200,
                success("vector", r#"[{"metric":{},"histogram":[1,{}]}]"#),
                Err("the query gives a histogram, not a number"),
            ),
            (200, success("vector", r#"[7]"#), Err("the query gives a histogram, not a number")),
            (200, success("vector", r#"[{"value":7}]"#), Err("the answer is not Prometheus's")),
            (200, success("vector", "null"), Err("the query gives a vector, not a number")),
            (200, success("matrix", "[]"), Err("the query gives a matrix, not a number")),
            (200, success("string", r#"[1,"1"]"#), Err("the query gives a string, not a number")),
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"parse\n error"}"#.to_owned(),
                Err("Prometheus answered 400: parse error"),
            ),
            (
                503,
                r#"{"status":"error","errorType":"timeout","error":"timed out"}"#.to_owned(),
                Err("Prometheus answered 503: timed out"),
            ),
            (503, one("1"), Err("Prometheus answered 503: ")),
            (502, "<html>".to_owned(), Err("Prometheus answered 502")),
            (200, "<html>".to_owned(), Err("the answer is not Prometheus's")),
            (200, String::new(), Err("the answer is not Prometheus's")),
            (200, r#"{"status":"success"}"#.to_owned(), Err("Prometheus answered 200: ")),
        ] {
            assert_eq!(read(status, body.as_bytes()), expected.map_err(str::to_owned), "{status} {body}");
        }
    }
}
