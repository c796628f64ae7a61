//! The manifests of `istio/`: read as a cluster would read them, and checked against core and each other. No istiod runs here.

use serde_json::Value;
use weir_core::check::check;
use weir_core::document::Document;
use weir_core::snapshot::{PlanCache, Snapshot};
use weir_tests::parts;

fn manifest(name: &str) -> Value {
    let path = parts::root().join("istio").join(name);
    let text = std::fs::read_to_string(&path).expect("the file");
    serde_yaml_ng::from_str(&text).expect("YAML")
}

/// As it reaches the proxy: a protobuf Struct, so every number a double.
fn plugin_configuration() -> String {
    fn doubled(value: Value) -> Value {
        match value {
            Value::Number(number) => Value::from(number.as_f64().expect("a number")),
            Value::Array(items) => items.into_iter().map(doubled).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| (key, doubled(value))).collect(),
            other => other,
        }
    }
    let text = doubled(manifest("wasmplugin.yaml")["spec"]["pluginConfig"].clone()).to_string();
    // protobuf's JSON writes a double without fraction as an integer.
    text.replace(".0,", ",").replace(".0}", "}")
}

fn document() -> Document {
    let text = plugin_configuration();
    check(&text).unwrap_or_else(|faults| panic!("{faults:?} in {text}"))
}

#[test]
fn the_plugin_configuration_of_the_wasm_plugin_is_one_that_the_filter_takes() {
    let snapshot = Snapshot::read(plugin_configuration().as_bytes(), &mut PlanCache::default())
        .expect("no fault")
        .expect("a snapshot");
    assert_eq!(snapshot.generation, 0);
    assert_eq!(document().flags.len(), 1);
}

#[test]
fn the_virtual_service_routes_by_the_documents_header_and_variant_and_to_control_without_it() {
    let document = document();
    let flag = &document.flags[0];
    let (output, rollout) = (flag.output.as_ref().expect("an output"), flag.rollout.as_ref().expect("a rollout"));
    let service = manifest("virtualservice.yaml");
    let routes = service["spec"]["http"].as_array().expect("routes");
    let [candidate, control] = routes.as_slice() else { panic!("two routes") };
    assert_eq!(candidate["match"][0]["headers"][&output.request_header]["exact"], rollout.candidate.as_str());
    assert!(control.get("match").is_none(), "the route without the header is the last and takes all");

    let rule = manifest("destinationrule.yaml");
    for (route, subset) in [(candidate, &rollout.candidate), (control, &rollout.control)] {
        let destination = &route["route"][0]["destination"];
        assert_eq!(destination["subset"], subset.as_str());
        assert_eq!(destination["host"], rule["spec"]["host"]);
        let subsets = rule["spec"]["subsets"].as_array().expect("subsets");
        assert!(subsets.iter().any(|s| s["name"] == subset.as_str()), "no subset {subset}");
    }
}

#[test]
fn every_manifest_says_what_it_is() {
    for (file, kind, group) in [
        ("wasmplugin.yaml", "WasmPlugin", "extensions.istio.io/v1alpha1"),
        ("virtualservice.yaml", "VirtualService", "networking.istio.io/v1"),
        ("destinationrule.yaml", "DestinationRule", "networking.istio.io/v1"),
    ] {
        let value = manifest(file);
        assert_eq!((value["kind"].as_str(), value["apiVersion"].as_str()), (Some(kind), Some(group)), "{file}");
        assert!(value["metadata"]["namespace"].is_string());
    }
    assert_eq!(manifest("wasmplugin.yaml")["spec"]["failStrategy"], "FAIL_RELOAD");
}
