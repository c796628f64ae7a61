//! Builds the resource that Envoy gets: the filter's fixed settings around a configuration that changes. Knows Envoy's messages and
//! nothing of when they are sent.
//!
//! Everything but the configuration must stay the same between pushes: Envoy reuses a worker's VM, with its cache of compiled
//! documents, only while code, `vm_id` and VM configuration are equal.

use envoy_types::pb::envoy::config::core::v3::{
    AsyncDataSource, DataSource, TypedExtensionConfig, async_data_source, data_source,
};
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::wasm::v3::{self as wasm, PluginConfig, VmConfig, plugin_config};
use envoy_types::pb::google::protobuf::{Any, StringValue};
use prost::{Message, Name};
use serde::{Deserialize, Serialize};

/// The runtime of Envoy's official builds.
const RUNTIME: &str = "envoy.wasm.runtime.v8";

/// What a proxy does when the filter's VM has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// A new VM after a backoff of about a second, 503 until then: a kill holds.
    #[default]
    FailReload,
    /// Requests pass without the filter: availability first.
    FailOpen,
    /// 503 until the next configuration.
    FailClosed,
}

/// What is the same in every push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterSettings {
    /// Name of the filter in the proxies' HTTP connection manager, which is the resource's name.
    pub resource: String,
    /// Path of the module, as the proxies see it.
    pub wasm: String,
    /// Identity of the VM; the proxies' `default_config` must have the same.
    pub vm_id: String,
    /// See [`FailurePolicy`].
    pub failure_policy: FailurePolicy,
}

/// The resource for one configuration, as it stands in a discovery response.
#[must_use]
pub fn build(settings: &FilterSettings, configuration: &str) -> Any {
    let filter = Wasm { config: Some(plugin(settings, configuration)) };
    any(&TypedExtensionConfig { name: settings.resource.clone(), typed_config: Some(any(&filter)) })
}

/// The type that such a resource has, and that a request must ask for.
#[must_use]
pub fn type_url() -> String {
    TypedExtensionConfig::type_url()
}

fn plugin(settings: &FilterSettings, configuration: &str) -> PluginConfig {
    let policy = match settings.failure_policy {
        FailurePolicy::FailReload => wasm::FailurePolicy::FailReload,
        FailurePolicy::FailOpen => wasm::FailurePolicy::FailOpen,
        FailurePolicy::FailClosed => wasm::FailurePolicy::FailClosed,
    };
    PluginConfig {
        name: settings.resource.clone(),
        root_id: settings.resource.clone(),
        configuration: Some(any(&StringValue { value: configuration.to_owned() })),
        failure_policy: policy.into(),
        vm: Some(plugin_config::Vm::VmConfig(vm(settings))),
        ..PluginConfig::default()
    }
}

fn vm(settings: &FilterSettings) -> VmConfig {
    let file = DataSource {
        specifier: Some(data_source::Specifier::Filename(settings.wasm.clone())),
        ..DataSource::default()
    };
    VmConfig {
        vm_id: settings.vm_id.clone(),
        runtime: RUNTIME.to_owned(),
        code: Some(AsyncDataSource { specifier: Some(async_data_source::Specifier::Local(file)) }),
        ..VmConfig::default()
    }
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> FilterSettings {
        FilterSettings {
            resource: "weir".into(),
            wasm: "/etc/envoy/weir_filter.wasm".into(),
            vm_id: "weir".into(),
            failure_policy: FailurePolicy::FailReload,
        }
    }

    fn unwrapped(any: &Any) -> (TypedExtensionConfig, PluginConfig) {
        let outer = TypedExtensionConfig::decode(any.value.as_slice()).unwrap();
        let inner = outer.typed_config.clone().unwrap();
        assert_eq!(inner.type_url, "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm");
        (outer, Wasm::decode(inner.value.as_slice()).unwrap().config.unwrap())
    }

    #[test]
    fn the_configuration_is_a_string_value_in_a_wasm_filter_of_the_resources_name() {
        let any = build(&settings(), "{}");
        assert_eq!(any.type_url, "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
        let (outer, plugin) = unwrapped(&any);
        assert_eq!(outer.name, "weir");
        let value = plugin.configuration.unwrap();
        assert_eq!(value.type_url, "type.googleapis.com/google.protobuf.StringValue");
        assert_eq!(StringValue::decode(value.value.as_slice()).unwrap().value, "{}");
    }

    #[test]
    fn only_the_configuration_differs_between_pushes() {
        let (_, mut one) = unwrapped(&build(&settings(), "one"));
        let (_, mut two) = unwrapped(&build(&settings(), "two"));
        assert_ne!(one.configuration, two.configuration);
        one.configuration = None;
        two.configuration = None;
        assert_eq!(one, two);
        assert_eq!(one.failure_policy, i32::from(wasm::FailurePolicy::FailReload));
    }
}
