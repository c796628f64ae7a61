//! Paths that the documents name: each must exist, so that nobody is sent to a file that has moved.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "docs/flags.md",
    "docs/statistics.md",
    "envoy-config/README.md",
    "istio/README.md",
];

/// Fails on every path in one of the documents that exists neither from the root nor from the document.
pub(crate) fn check(root: &Path) -> Result<()> {
    let tops: BTreeSet<String> = std::fs::read_dir(root)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "target" && name != ".git")
        .collect();
    let mut faults = Vec::new();
    let mut seen = 0;
    for document in DOCUMENTS.map(|d| root.join(d)).iter().filter(|d| d.exists()) {
        let text = std::fs::read_to_string(document).with_context(|| document.display().to_string())?;
        let beside = document.parent().unwrap_or(root);
        for path in named(&text, &tops) {
            seen += 1;
            if !root.join(&path).exists() && !beside.join(&path).exists() {
                faults.push(format!("{} names {path}, which does not exist", document.display()));
            }
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!("{seen} paths named by the documents, all there");
    Ok(())
}

/// Targets of links that are not web addresses or anchors, and code spans that look like a path of ours: they begin with a top-level
/// entry of the repository, or end like one of its files.
fn named(text: &str, tops: &BTreeSet<String>) -> BTreeSet<String> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let links = links.filter(|t| !t.contains("://") && !t.starts_with(['#', '/'])).filter_map(|t| t.split('#').next());
    // Every second part of a text that is cut at its backticks stands between two of them; blocks (three in a row) cut evenly too.
    let spans = text.split('`').skip(1).step_by(2).filter(|span| is_path(span, tops));
    links.chain(spans).filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

fn is_path(span: &str, tops: &BTreeSet<String>) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let Some((top, _)) = span.split_once('/') else { return false };
    let file = [".rs", ".md", ".toml", ".yaml", ".json"].iter().any(|end| span.ends_with(end));
    !span.starts_with('/') && span.chars().all(plain) && top != "target" && (tops.contains(top) || file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_path_of_the_repository_is_taken_for_one() {
        let tops: BTreeSet<String> = ["core", "istio", "README.md"].map(str::to_owned).into();
        for (text, paths) in [
            ("see `core/src/check.rs` and `core/`", vec!["core/", "core/src/check.rs"]),
            ("a moved crate: `gone/src/lib.rs`", vec!["gone/src/lib.rs"]),
            ("no path: `weir/checkout`, `cargo test`, `/stats`, `target/tools/envoy`, `GET /x.json`", vec![]),
            (
                "a link to [it](istio/x.yaml#top), not to [the web](https://example.com/a.md) or [here](#x)",
                vec!["istio/x.yaml"],
            ),
            ("```\ncore/in/a/block\n``` `istio/a`", vec!["istio/a"]),
        ] {
            assert_eq!(named(text, &tops).into_iter().collect::<Vec<_>>(), paths, "{text}");
        }
    }
}
