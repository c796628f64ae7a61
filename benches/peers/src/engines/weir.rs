//! Our own: the context laid out by the document's numbers, as the filter has it, or as a JSON object whose names are looked for.

use anyhow::{Result, anyhow};
use weir_core::check::check;
use weir_core::evaluate::FlagSet;
use weir_core::json::Json;
use weir_core::rule::{Context, Laid as Slots};

use super::Engine;

pub(crate) struct Laid {
    flags: FlagSet,
    context: Slots<'static>,
}

pub(crate) struct AsJson {
    flags: FlagSet,
    context: Json,
}

impl Engine for Laid {
    const NAME: &'static str = "weir";
    const NOTE: &'static str = "native; the context laid out by the document's attributes, as the filter has it";

    fn document() -> String {
        weir_cases::document()
    }

    fn big_document() -> String {
        weir_cases::big_document()
    }

    fn load(document: &str) -> Result<Self> {
        let flags = flags(document)?;
        // For the whole run.
        let context: &'static Json = Box::leak(Box::new(Json::read(&weir_cases::context())?));
        let context = flags.lay_out(context);
        Ok(Self { flags, context })
    }

    fn ask(&mut self, flag: &str) -> bool {
        is_true(&self.flags, flag, &self.context)
    }
}

impl Engine for AsJson {
    const NAME: &'static str = "weir, JSON context";
    const NOTE: &'static str = "native; attributes looked for by name in an object of 23";

    fn document() -> String {
        weir_cases::document()
    }

    fn big_document() -> String {
        weir_cases::big_document()
    }

    fn load(document: &str) -> Result<Self> {
        Ok(Self { flags: flags(document)?, context: Json::read(&weir_cases::context())? })
    }

    fn ask(&mut self, flag: &str) -> bool {
        is_true(&self.flags, flag, &self.context)
    }
}

fn flags(document: &str) -> Result<FlagSet> {
    check(document).map(FlagSet::new).map_err(|findings| anyhow!("{findings:?}"))
}

fn is_true(flags: &FlagSet, flag: &str, context: &dyn Context) -> bool {
    flags.evaluate(flag, context, 1_700_000_000_000).value == Some(&Json::Bool(true))
}
