//! Engines that Node runs: flagd's own for JavaScript, and our wasm32 on V8. The environment says where they are; what is not there is said, not passed over
//! in silence.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_cases::CASES;

use crate::report::Report;
use crate::timing::{Time, Times};

const PROGRAM: &str = include_str!("node.js");

pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let wasm = ("WEIR_BENCH_WASM", "wasm", "weir, wasm32 on V8", "in Node, timed there; the context as in the filter");
    let flagd =
        ("WEIR_BENCH_FLAGD", "flagd", "@openfeature/flagd-core", "npm, in Node; rules compiled; fractional in v2");
    for (variable, kind, name, note) in [wasm, flagd] {
        eprintln!("{name}");
        match (std::env::var("WEIR_BENCH_NODE"), std::env::var(variable)) {
            (Ok(node), Ok(path)) => report.engine(name, note, times(&node, kind, &path).with_context(|| name)?),
            _ => report.missing(name, &format!("{variable} or WEIR_BENCH_NODE is not set")),
        }
    }
    Ok(())
}

fn times(node: &str, kind: &str, path: &str) -> Result<Times> {
    let flags = CASES.map(|case| case.flag);
    let asked = json!({ "engine": kind, kind: path, "document": weir_cases::document(), "context": weir_cases::context(), "flags": flags });
    let mut child = Command::new(node).args(["-e", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(asked.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{} from Node", output.status);
    let found: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let mut times = Times::default();
    for ((time, case), row) in times.iter_mut().zip(CASES).zip(&found) {
        ensure!(case.expected.is_none_or(|yes| row["yes"] == yes), "a wrong answer: {row}");
        *time = row["best"].as_f64().zip(row["median"].as_f64()).map(|(best, median)| Time { best, median });
    }
    Ok(times)
}
