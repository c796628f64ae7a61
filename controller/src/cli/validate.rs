//! `weir validate`: every finding in flag documents, without a controller; what a code means; the JSON Schema. Owns what a finding looks like to people.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use serde_json::{Value, json};
use weir_core::check::{Code, Examined, Finding, JSON_SCHEMA, Limits, Severity, examine};

use super::args::ValidateArgs;
use super::out;
use super::reading::text as read;
use crate::report::FindingText;

/// Wrong usage, as clap has it.
const USAGE: u8 = 2;

/// Does what was asked: exit status 1 with errors or defects, and with warnings if they are to count.
pub(super) fn validate(args: &ValidateArgs, as_json: bool) -> anyhow::Result<ExitCode> {
    if args.schema {
        out::whole(JSON_SCHEMA)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &args.explain {
        return explain(name);
    }
    let limits = args.limits.iter().fold(Limits::default(), |limits, one| limits.and(&one.0));
    let mut good = true;
    let mut report = Vec::new();
    for file in &args.files {
        let name = file.display().to_string();
        let text = match read(file) {
            Ok(text) => text,
            Err(error) => {
                good = false;
                report.push(json!({ "file": name, "valid": false, "error": format!("{error:#}") }));
                if !as_json {
                    eprintln!("{error:#}");
                }
                continue;
            }
        };
        let examined = examine(&text, &limits);
        let valid = is_valid(&examined, args.strict);
        good &= valid;
        if as_json {
            report.push(in_json(&name, valid, examined));
        } else {
            out::whole(Shown { name: &name, text: &text, style: Style::of_stdout() }.all(&examined))?;
        }
    }
    if as_json {
        out::line(json!({ "valid": good, "files": report }))?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_valid(examined: &Examined, strict: bool) -> bool {
    examined.findings.iter().all(|finding| finding.severity == Severity::Warning && !strict)
}

fn in_json(name: &str, valid: bool, examined: Examined) -> Value {
    let left_out = examined.left_out();
    let findings: Vec<FindingText> = examined.findings.into_iter().map(FindingText::from).collect();
    let mut report = json!({ "file": name, "valid": valid, "findings": findings });
    if left_out > 0 {
        report["left_out"] = left_out.into();
    }
    report
}

/// Findings that were not named, so that nobody takes the last one named for the last one.
fn left_out(examined: &Examined) -> String {
    match examined.left_out() {
        0 => String::new(),
        more => format!("; {more} of them are not named"),
    }
}

/// What a code means, or all of them.
fn explain(name: &str) -> anyhow::Result<ExitCode> {
    if name.eq_ignore_ascii_case("all") {
        out::whole(explained())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(code) = Code::parse(name) {
        out::line(format_args!("{code} ({}): {}\n\n{}", code.severity(), code.title(), code.explanation()))?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("weir: no finding has the code {name:?}; there are:");
    for code in Code::ALL {
        eprintln!("  {:<20} {}", code.name(), code.title());
    }
    Ok(ExitCode::from(USAGE))
}

/// docs/findings.md.
fn explained() -> String {
    let mut text = "# Findings\n\nWhat `weir validate`, `weir apply` and the API say of a flag document, by code. `weir validate --explain CODE` prints one of these, \
                    `--explain all` this page.\n\n\
                    - **error**: the document is refused, by the filter too.\n\
                    - **defect**: the document can be loaded, and does then what flagd does with it, but it can't mean what was written. `weir validate` exits with 1, `weir apply` \
                    refuses it unless `--allow-defects`.\n\
                    - **warning**: it means what it says, which may not be what was meant. Only `weir validate --strict` counts it.\n\n\
                    Codes are stable: none changes its meaning or is used again. At most 1,000 findings of each severity are named; how many more there are is said \
                    beside them (`left_out` in JSON).\n\n\
                    ## Limits\n\n| limit | in a document, `weir.limits` | at most, and default |\n|---|---|---|\n"
        .to_owned();
    for name in Limits::NAMES {
        let camel = if name == "document_bytes" { "documentBytes" } else { name };
        // Writing to a string can't fail.
        let _ = writeln!(text, "| `{name}` | `{camel}` | {} |", Limits::default().get(name).unwrap_or_default());
    }
    text.push_str(
        "\nThe first column is the name in `weir.toml`'s `[limits]` and in `weir validate --limit NAME=VALUE`. Work is counted in nodes visited, items of lists touched and 16-byte \
         pieces of text made; an evaluation that exceeds it ends with the error GENERAL, and the proxy serves control. Proxies go by the document, so where an operator \
         lowers `work`, documents must say it themselves.\n",
    );
    for code in Code::ALL {
        let _ = write!(text, "\n## {code}: {}\n\n{}: {}\n", code.title(), code.severity(), code.explanation());
    }
    text
}

#[derive(Clone, Copy)]
struct Style {
    /// Colours and the place in the text.
    rich: bool,
}

impl Style {
    fn of_stdout() -> Self {
        Self { rich: std::io::stdout().is_terminal() }
    }

    fn colour(self, code: &str, text: &str) -> String {
        match self.rich && std::env::var_os("NO_COLOR").is_none() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// A file's findings as people get them.
struct Shown<'a> {
    name: &'a str,
    text: &'a str,
    style: Style,
}

/// So many characters of a line are shown before and after a place.
const AROUND: usize = 50;

impl Shown<'_> {
    fn all(&self, examined: &Examined) -> String {
        let mut text = String::new();
        let lines: Vec<&str> = self.text.lines().collect();
        for finding in &examined.findings {
            text.push_str(&self.one(finding));
            let line = usize::try_from(finding.line).ok().and_then(|line| lines.get(line.checked_sub(1)?));
            if let Some(line) = line.filter(|_| self.style.rich) {
                text.push_str(&self.place(finding, line));
            }
        }
        let counts = [Severity::Error, Severity::Defect, Severity::Warning]
            .map(|severity| (examined.count(severity), severity.name()))
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        let counts: Vec<String> = counts.collect();
        let _ = match counts.is_empty() {
            true => writeln!(text, "{}: {}", self.name, self.style.colour("32", "good")),
            false => writeln!(text, "{}: {}{}", self.name, counts.join(", "), left_out(examined)),
        };
        text
    }

    fn one(&self, finding: &Finding) -> String {
        let colour = match finding.severity {
            Severity::Error => "1;31",
            Severity::Defect => "1;35",
            Severity::Warning => "1;33",
        };
        let severity = self.style.colour(colour, &format!("{}[{}]", finding.severity, finding.code));
        let Finding { path, found, allowed, line, column, .. } = finding;
        format!("{}:{line}:{column}: {severity} {path}: found {found}, allowed {allowed}\n", self.name)
    }

    /// The line and a caret below the place; of a long line what is around it.
    fn place(&self, finding: &Finding, line: &str) -> String {
        let at = usize::try_from(finding.column.saturating_sub(1)).unwrap_or_default();
        let skipped = at.saturating_sub(AROUND);
        let shown: String =
            line.chars().skip(skipped).take(AROUND * 2).map(|c| if c == '\t' { ' ' } else { c }).collect();
        let number = finding.line.to_string();
        let margin = " ".repeat(number.len());
        let caret = self.style.colour("1", "^");
        format!("{number} | {shown}\n{margin} | {}{caret}\n", " ".repeat(at - skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_the_place_with_a_caret() {
        let text = "{\"flags\": {\n  \"é\": {\"state\": \"on\", \"variants\": {\"a\": 1}}}}";
        let shown = Shown { name: "f.json", text, style: Style { rich: true } }.all(&examine(text, &Limits::default()));
        let plain = shown.replace("\x1b[1;31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert_eq!(
            plain,
            "f.json:2:18: error[E-STATE] $.flags[\"é\"].state: found \"on\", allowed \"ENABLED\" or \"DISABLED\"\n\
             2 |   \"é\": {\"state\": \"on\", \"variants\": {\"a\": 1}}}}\n  |                  ^\nf.json: 1 error\n"
        );
        let long = format!("{{\"flags\": {{\"{}\": 5}}}}", "x".repeat(200));
        let shown =
            Shown { name: "f", text: &long, style: Style { rich: true } }.all(&examine(&long, &Limits::default()));
        let place = shown.lines().nth(1).unwrap();
        assert!(place.chars().count() < 2 * AROUND + 10 && place.ends_with("\": 5}}"), "{shown}");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let flags: Vec<String> = (0..1_200).map(|i| format!("\"f{i}\": 5")).collect();
        let text = format!("{{\"flags\": {{{}}}}}", flags.join(", "));
        let examined = examine(&text, &Limits::default());
        let (findings, more) = (examined.findings.len(), examined.left_out());
        assert!(findings >= 1_000 && more >= 200, "{findings} {more}");
        let shown = Shown { name: "f", text: &text, style: Style { rich: false } }.all(&examined);
        let last = format!("f: {} errors; {more} of them are not named", examined.count(Severity::Error));
        assert_eq!(shown.lines().last(), Some(last.as_str()));
        assert_eq!(in_json("f", false, examined)["left_out"], more);
        assert!(in_json("f", true, examine("{\"flags\": {}}", &Limits::default())).get("left_out").is_none());
    }

    #[test]
    fn the_page_of_all_codes_is_the_one_in_the_docs() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings.md")).unwrap();
        assert_eq!(page, explained(), "weir validate --explain all > docs/findings.md");
    }
}
