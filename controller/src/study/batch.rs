//! Questions and answers by the line: `{"flag", "type"?, "context"?}` in, one answer a line out, in order. A line that can't be asked is answered with an
//! error, and the next goes on.

use std::io::{BufRead, Read as _, Write};

use weir_core::evaluate::Kind;
use weir_core::json::Json;

use super::eval::{Answered, Asked, Flags, INVALID_CONTEXT, KINDS, kind};

/// When answers leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each line: somebody waits for it.
    EachLine,
    /// When a buffer is full: a file or a program at the other end.
    WhenFull,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines read.
    pub lines: u64,
    /// Lines whose answer is an error.
    pub errors: u64,
}

/// The longest line, in bytes: a context larger than that is no context.
const LONGEST: u64 = 16 << 20;

/// Answers every line of `input` on `output`.
///
/// # Errors
/// Reading or writing failed.
pub fn run(
    flags: &Flags,
    now_ms: u64,
    mut input: impl BufRead,
    (mut output, flush): (impl Write, Flush),
) -> std::io::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    let mut answer = Vec::new();
    loop {
        line.clear();
        answer.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            output.flush()?;
            return Ok(tally);
        }
        tally.lines += 1;
        let whole = line.ends_with(b"\n") || (line.len() as u64) < LONGEST;
        if !whole {
            input.skip_until(b'\n')?;
        }
        let question = if whole { Line::read(&line) } else { Err(Unreadable::too_long()) };
        tally.errors += u64::from(self::answer(flags, now_ms, &question, &mut answer)?);
        answer.push(b'\n');
        output.write_all(&answer)?;
        if flush == Flush::EachLine {
            output.flush()?;
        }
    }
}

/// Writes the answer; whether it is an error.
fn answer(flags: &Flags, now_ms: u64, line: &Result<Line, Unreadable>, out: &mut Vec<u8>) -> std::io::Result<bool> {
    let (failed, written) = match line {
        Ok(Line { flag, kind, context }) => {
            let resolution = flags.resolve(&Asked { flag, kind: *kind, context, now_ms });
            let answered = Answered::new(flag, &resolution);
            (answered.failed(), serde_json::to_writer(out, &answered))
        }
        Err(Unreadable { flag, code, message }) => {
            (true, serde_json::to_writer(out, &Answered::refused(flag, code, message)))
        }
    };
    written.map(|()| failed).map_err(Into::into)
}

/// One question.
struct Line {
    flag: String,
    kind: Option<Kind>,
    context: Json,
}

/// Why a line is none.
struct Unreadable {
    flag: String,
    code: &'static str,
    message: String,
}

impl Unreadable {
    fn new(message: String) -> Self {
        Self { flag: String::new(), code: "PARSE_ERROR", message }
    }

    fn too_long() -> Self {
        Self::new(format!("a line of more than {LONGEST} bytes"))
    }
}

impl Line {
    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).map_err(|error| Unreadable::new(error.to_string()))?;
        let json = Json::read(text).map_err(|error| Unreadable::new(format!("the line is no JSON: {error}")))?;
        let Json::Object(fields) = json else {
            return Err(Unreadable::new(format!("the line is {json}, not an object of flag, type and context")));
        };
        let (mut flag, mut kind_of, mut context) = (Json::Null, Json::Null, None);
        for (key, json) in fields {
            match key.as_str() {
                "flag" => flag = json,
                "type" => kind_of = json,
                "context" => context = Some(json),
                _ => return Err(Unreadable::new(format!("{key:?} is none of flag, type, context"))),
            }
        }
        let Json::String(flag) = flag else {
            return Err(Unreadable::new(format!("flag is {flag}, not the key of a flag")));
        };
        let kind = match kind_of {
            Json::Null => None,
            json => match json.as_str().and_then(kind) {
                Some(kind) => Some(kind),
                None => {
                    let message = format!("type is {json}, not one of {}", KINDS.join(", "));
                    return Err(Unreadable { flag, ..Unreadable::new(message) });
                }
            },
        };
        match context.unwrap_or_else(|| Json::Object(Vec::new())) {
            context @ Json::Object(_) => Ok(Self { flag, kind, context }),
            other => {
                let message = format!("context is {other}, not an object");
                Err(Unreadable { flag, code: INVALID_CONTEXT, message })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_core::check::check;
    use weir_core::evaluate::FlagSet;

    use super::*;

    const DOCUMENT: &str = r#"{"metadata": {"team": "shop"}, "flags": {
        "on": {"state": "ENABLED", "variants": {"yes": true, "no": false}, "defaultVariant": "yes", "metadata": {"owner": "a"}},
        "size": {"state": "ENABLED", "variants": {"big": 10, "half": 0.5}, "defaultVariant": "big",
          "targeting": {"if": [{"==": [{"var": "plan"}, "free"]}, "half"]}},
        "off": {"state": "DISABLED", "variants": {"yes": true}, "defaultVariant": "yes"}}}"#;

    fn batch(lines: &[u8]) -> (Vec<String>, Tally) {
        let flags = Flags { set: FlagSet::new(check(DOCUMENT).unwrap()), state: None };
        let mut out = Vec::new();
        let tally = run(&flags, 0, lines, (&mut out, Flush::WhenFull)).unwrap();
        (String::from_utf8(out).unwrap().lines().map(str::to_owned).collect(), tally)
    }

    #[test]
    fn every_line_has_its_answer_in_order() {
        let team = r#""metadata":{"team":"shop"}"#;
        let rows = [
            (r#"{"flag":"on","type":"boolean","context":{}}"#, r#"{"flag":"on","value":true,"variant":"yes","reason":"STATIC","metadata":{"owner":"a","team":"shop"}}"#.to_owned()),
            (r#"{"flag":"size","type":"integer","context":{"plan":"free"}}"#, format!(r#"{{"flag":"size","reason":"ERROR","errorCode":"TYPE_MISMATCH","errorMessage":"the value is 0.5, and a whole number was asked for",{team}}}"#)),
            (r#"{"context":{"plan":"free"},"flag":"size","type":"float"}"#, format!(r#"{{"flag":"size","value":0.5,"variant":"half","reason":"TARGETING_MATCH",{team}}}"#)),
            (r#"{"flag":"size"}"#, format!(r#"{{"flag":"size","value":10,"variant":"big","reason":"DEFAULT",{team}}}"#)),
            (r#"{"flag":"off"}"#, format!(r#"{{"flag":"off","reason":"DISABLED",{team}}}"#)),
            (r#"{"flag":"gone"}"#, format!(r#"{{"flag":"gone","reason":"ERROR","errorCode":"FLAG_NOT_FOUND","errorMessage":"no flag has the key \"gone\"",{team}}}"#)),
            (r#"{"flag":"on","context":[1]}"#, r#"{"flag":"on","reason":"ERROR","errorCode":"INVALID_CONTEXT","errorMessage":"context is an array of 1, not an object"}"#.to_owned()),
            (r#"{"flag":"on","type":"bool"}"#, r#"{"flag":"on","reason":"ERROR","errorCode":"PARSE_ERROR","errorMessage":"type is \"bool\", not one of boolean, string, number, integer, float, object"}"#.to_owned()),
            ("", r#"{"flag":"","reason":"ERROR","errorCode":"PARSE_ERROR","errorMessage":"the line is no JSON: EOF while parsing a value at line 2 column 0"}"#.to_owned()),
            (r#"{"flag":"on"}"#, r#"{"flag":"on","value":true,"variant":"yes","reason":"STATIC","metadata":{"owner":"a","team":"shop"}}"#.to_owned()),
        ];
        let lines: Vec<&str> = rows.iter().map(|(line, _)| *line).collect();
        let (answers, tally) = batch(lines.join("\n").as_bytes());
        let expected: Vec<&str> = rows.iter().map(|(_, answer)| answer.as_str()).collect();
        assert_eq!(answers, expected);
        assert_eq!(tally, Tally { lines: 10, errors: 5 });
    }

    #[test]
    fn bytes_that_are_no_text_and_lines_without_end_are_errors_of_one_line() {
        let mut bytes = b"{\"flag\":\"\xff\"}\n{\"flag\":\"".to_vec();
        bytes.resize(bytes.len() + (17 << 20), b'x');
        bytes.extend(b"\"}\n{\"flag\":\"on\"}\n");
        let (answers, tally) = batch(&bytes);
        assert_eq!(tally, Tally { lines: 3, errors: 2 });
        assert!(answers[0].contains("PARSE_ERROR") && answers[1].contains("more than"), "{answers:?}");
        assert!(answers[2].contains(r#""value":true"#));
    }
}
