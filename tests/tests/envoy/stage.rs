//! What most tests begin with: two upstreams, and Envoys in front of them.

use std::path::PathBuf;

use weir_tests::bootstrap::{Site, Template};
use weir_tests::document::HEADER;
use weir_tests::parts;
use weir_tests::upstream::Upstream;

/// Control and candidate.
pub(crate) struct Upstreams {
    pub(crate) control: Upstream,
    pub(crate) candidate: Upstream,
}

impl Upstreams {
    pub(crate) async fn start() -> Self {
        let control = Upstream::start("control", HEADER).await.expect("control starts");
        let candidate = Upstream::start("candidate", HEADER).await.expect("candidate starts");
        Self { control, candidate }
    }

    /// The site of a proxy in front of them, with the filter as users have it.
    pub(crate) fn site(&self, node: &str, template: Template) -> Site {
        self.site_with(node, template, parts::wasm().expect("the filter is built"))
    }

    /// The same with another build of the filter.
    pub(crate) fn site_with(&self, node: &str, template: Template, wasm: PathBuf) -> Site {
        Site {
            template,
            node: node.to_owned(),
            control: self.control.address(),
            candidate: self.candidate.address(),
            wasm,
            failure_policy: None,
            initial_fetch_timeout: None,
        }
    }
}
