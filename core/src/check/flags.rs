//! flagd's part of the document: keys, state, variants, defaultVariant. Knows nothing of what stands under `weir`.

use super::fields::Fields;
use super::{MAX_FLAGS, MAX_NAME_BYTES, MAX_VARIANTS};
use crate::document::Flag;
use crate::fault::{Faults, Path};
use crate::json::Json;

/// All flags, in the order of the file.
pub(super) fn read(document: &Fields<'_>, faults: &mut Faults) -> Vec<Flag> {
    let path = document.path.key("flags");
    let Some(json) = document.get("flags") else {
        faults.add(&path, "nothing", "an object of flags by key");
        return Vec::new();
    };
    if matches!(json, Json::Array(_)) {
        faults.add(&path, json, "an object of flags by key (the array form is not supported in this version)");
        return Vec::new();
    }
    let Some(flags) = Fields::any(json, &path, faults) else { return Vec::new() };
    if flags.len() > MAX_FLAGS {
        faults.add(&path, format_args!("{} flags", flags.len()), format!("at most {MAX_FLAGS} flags"));
        return Vec::new();
    }
    flags.iter().filter_map(|(key, json)| flag(key, json, &path.key(key), faults)).collect()
}

fn flag(key: &str, json: &Json, path: &Path<'_>, faults: &mut Faults) -> Option<Flag> {
    if key.is_empty() || key.len() > MAX_NAME_BYTES {
        faults.add(path, format_args!("a key of {} bytes", key.len()), format!("a key of 1 to {MAX_NAME_BYTES} bytes"));
    }
    let known = ["state", "variants", "defaultVariant", "targeting", "metadata"];
    let fields = Fields::read(json, path, &known, faults)?;
    fields.object("metadata", faults);
    targeting(&fields, faults);
    let enabled = match fields.get("state").and_then(Json::as_str) {
        Some("ENABLED") => true,
        Some("DISABLED") => false,
        _ => {
            // The flag is read on, so that its other faults are named too and whatever refers to it finds it.
            fields.fault("state", "\"ENABLED\" or \"DISABLED\"", faults);
            true
        }
    };
    let variants = variants(&fields, faults)?;
    let default_variant = default_variant(&fields, &variants, faults);
    Some(Flag { key: key.to_owned(), enabled, variants, default_variant, output: None, rollout: None })
}

fn targeting(fields: &Fields<'_>, faults: &mut Faults) {
    match fields.get("targeting") {
        None | Some(Json::Null) => {}
        Some(Json::Object(rule)) if rule.is_empty() => {}
        Some(_) => fields.fault("targeting", "absent, null or {} (targeting is not supported in this version)", faults),
    }
}

fn variants(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let Some(json) = fields.get("variants") else {
        fields.fault("variants", "an object of at least one variant", faults);
        return None;
    };
    let path = fields.path.key("variants");
    let variants = Fields::any(json, &path, faults)?;
    if variants.len() == 0 || variants.len() > MAX_VARIANTS {
        faults.add(&path, format_args!("{} variants", variants.len()), format!("1 to {MAX_VARIANTS} variants"));
        return None;
    }
    for (name, value) in variants.iter() {
        if name.len() > MAX_NAME_BYTES {
            faults.add(
                &path.key(name),
                format_args!("a name of {} bytes", name.len()),
                format!("at most {MAX_NAME_BYTES} bytes"),
            );
        }
        if matches!(value, Json::Null) {
            faults.add(&path.key(name), value, "a boolean, string, number, object or array");
        }
    }
    Some(variants.iter().map(|(name, _)| name.to_owned()).collect())
}

fn default_variant(fields: &Fields<'_>, variants: &[String], faults: &mut Faults) -> Option<usize> {
    match fields.get("defaultVariant") {
        None | Some(Json::Null) => None,
        Some(json) => {
            let index = json.as_str().and_then(|name| variants.iter().position(|variant| variant == name));
            if index.is_none() {
                fields.fault("defaultVariant", format!("one of the flag's variants: {}", quoted(variants)), faults);
            }
            index
        }
    }
}

/// The names in quotes, the first ten of many.
pub(super) fn quoted(names: &[String]) -> String {
    let mut text = names.iter().take(10).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > 10 {
        text.push_str(", …");
    }
    text
}
