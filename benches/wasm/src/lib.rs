//! Weir's evaluator in wasm32: `run(case, times)` evaluates a case so often and says how often it was true. The clock is the caller's.

use std::hint::black_box;

use weir_cases::{CASES, context, document};
use weir_core::check::check;
use weir_core::evaluate::FlagSet;
use weir_core::json::Json;
use weir_core::rule::{Attribute, Context, Value};

thread_local! {
    static READY: &'static (FlagSet, Slots) = Box::leak(Box::new(prepared()));
}

/// A context laid out by the document's numbers, as the filter has it.
struct Slots {
    json: Json,
    places: Vec<Option<usize>>,
}

impl Context for Slots {
    fn get(&self, attribute: &Attribute) -> Option<Value<'_>> {
        let place = (*self.places.get(attribute.slot)?)?;
        match &self.json {
            Json::Object(fields) => fields.get(place).map(|(_, json)| Value::from(json)),
            _ => None,
        }
    }

    fn find(&self, name: &str) -> Option<Value<'_>> {
        self.json.find(name)
    }

    fn all(&self) -> Value<'_> {
        self.json.all()
    }
}

fn prepared() -> (FlagSet, Slots) {
    let flags = FlagSet::new(check(&document()).expect("a sound document"));
    let json = Json::read(&context()).expect("a context");
    let place = |name: &String| match &json {
        Json::Object(fields) => fields.iter().position(|(key, _)| key == name),
        _ => None,
    };
    let places = flags.document().attributes.iter().map(place).collect();
    (flags, Slots { json, places })
}

/// Evaluates a case so often; how often it was true.
#[unsafe(no_mangle)]
pub extern "C" fn run(case: usize, times: u32) -> u32 {
    let (flags, context) = READY.with(|ready| *ready);
    let flag = CASES.get(case).map_or("", |case| case.flag);
    let mut yes = 0_u32;
    for _ in 0..times {
        let found = flags.evaluate(black_box(flag), context, black_box(0));
        yes += u32::from(found.value == Some(&Json::Bool(true)));
    }
    yes
}
