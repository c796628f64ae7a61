//! flagd's own provider for Rust, with its file resolver and without its cache of answers. Its answers are futures that are ready at once: they are
//! polled by hand, so that no runtime is measured.

use std::pin::pin;
use std::task::{Context as Polled, Poll, Waker};

use anyhow::{Result, anyhow};
use open_feature::EvaluationContext;
use open_feature::provider::FeatureProvider as _;
use open_feature_flagd::resolver::in_process::resolver::FileResolver;
use weir_cases::{TARGETING_KEY, attributes};

use super::Engine;

pub(crate) struct Flagd {
    resolver: FileResolver,
    context: EvaluationContext,
    // The resolver watches its file from a task of this runtime.
    _runtime: tokio::runtime::Runtime,
    _file: tempfile::NamedTempFile,
}

impl Engine for Flagd {
    const NAME: &'static str = "open-feature-flagd";
    const NOTE: &'static str = "FileResolver without its cache of answers; loading is from the file to its first state";

    fn document() -> String {
        weir_cases::document()
    }

    fn big_document() -> String {
        weir_cases::big_document()
    }

    fn load(document: &str) -> Result<Self> {
        let file = tempfile::Builder::new().suffix(".json").tempfile()?;
        std::fs::write(file.path(), document)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let path = file.path().to_string_lossy().into_owned();
        let resolver = runtime.block_on(FileResolver::new(path, None)).map_err(|error| anyhow!("{error:?}"))?;
        let mut context = EvaluationContext::default().with_targeting_key(TARGETING_KEY);
        for (name, value) in attributes() {
            context = match value {
                Ok(text) => context.with_custom_field(name, text),
                Err(number) => context.with_custom_field(name, i64::try_from(number)?),
            };
        }
        Ok(Self { resolver, context, _runtime: runtime, _file: file })
    }

    fn ask(&mut self, flag: &str) -> bool {
        let mut answer = pin!(self.resolver.resolve_bool_value(flag, &self.context));
        match answer.as_mut().poll(&mut Polled::from_waker(Waker::noop())) {
            Poll::Ready(Ok(details)) => details.value,
            Poll::Ready(Err(_)) | Poll::Pending => false,
        }
    }
}
