//! Which of our crates may depend on which: `tests -> {filter, controller} -> core`, and xtask on none. Core stays pure and the two
//! planes never learn of each other; they meet in core's snapshot (down) and names (up).

use anyhow::{Result, bail};

use crate::build::Workspace;

const ALLOWED: [(&str, &[&str]); 5] = [
    ("weir-core", &[]),
    ("weir-filter", &["weir-core"]),
    ("weir-controller", &["weir-core"]),
    ("weir-tests", &["weir-core", "weir-filter", "weir-controller"]),
    ("xtask", &[]),
];

/// Fails on any other edge between our crates, of any kind: normal, for tests, or for build scripts.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let members = workspace.metadata.workspace_packages();
    let ours: Vec<&str> = members.iter().map(|p| p.name.as_str()).collect();
    let edges = members.iter().flat_map(|package| {
        let to = package.dependencies.iter().map(|d| d.name.as_str()).filter(|name| ours.contains(name));
        to.map(|to| (package.name.as_str(), to))
    });
    let faults = faults(&ours, edges);
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!("{} crates, every dependency in the allowed direction", ours.len());
    Ok(())
}

fn faults<'a>(ours: &[&str], edges: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let allowed = |from: &str| ALLOWED.iter().find(|(name, _)| *name == from).map(|(_, to)| *to);
    let unknown = ours.iter().filter(|name| allowed(name).is_none());
    let mut faults: Vec<String> =
        unknown.map(|name| format!("{name} is new: say in xtask/src/direction.rs what it may depend on")).collect();
    faults.extend(
        edges
            .filter(|(from, to)| allowed(from).is_some_and(|list| !list.contains(to)))
            .map(|(from, to)| format!("{from} must not depend on {to}")),
    );
    faults
}

#[cfg(test)]
mod tests {
    use super::faults;

    #[test]
    fn every_edge_against_the_direction_is_named() {
        let ours = ["weir-core", "weir-filter", "weir-controller", "weir-tests", "xtask"];
        for (edge, good) in [
            (("weir-filter", "weir-core"), true),
            (("weir-tests", "weir-controller"), true),
            (("weir-filter", "weir-controller"), false),
            (("weir-controller", "weir-filter"), false),
            (("weir-core", "weir-tests"), false),
            (("xtask", "weir-core"), false),
        ] {
            assert_eq!(faults(&ours, [edge].into_iter()).is_empty(), good, "{edge:?}");
        }
        assert_eq!(faults(&["weir-new"], std::iter::empty()).len(), 1);
    }
}
