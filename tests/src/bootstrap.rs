//! The files of `envoy-config/`, run as they stand but for ports, addresses, the filter's path and the document: those are put in here,
//! by name, so that a template in which something is missing fails at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::parts;
use crate::port::Port;

/// Which template, and what only it needs.
#[derive(Clone, Debug)]
pub enum Template {
    /// `static.yaml` with this plugin configuration: a flag document or an envelope.
    Static {
        /// The whole plugin configuration.
        configuration: String,
    },
    /// `ecds-grpc.yaml`.
    EcdsGrpc {
        /// Where the controller serves xDS.
        controller: SocketAddr,
    },
}

/// What is put into a template.
#[derive(Clone, Debug)]
pub struct Site {
    /// The template.
    pub template: Template,
    /// The node's id.
    pub node: String,
    /// The upstream `control`.
    pub control: SocketAddr,
    /// The upstream `candidate`.
    pub candidate: SocketAddr,
    /// The filter.
    pub wasm: PathBuf,
    /// In place of the template's own `FAIL_RELOAD`.
    pub failure_policy: Option<&'static str>,
    /// In place of the template's own `initial_fetch_timeout`, such as `0.2s`.
    pub initial_fetch_timeout: Option<&'static str>,
}

/// Ports to listen on.
#[derive(Debug)]
pub struct Ports {
    /// The admin interface.
    pub admin: Port,
    /// Users.
    pub ingress: Port,
    /// The read-only statistics.
    pub stats: Port,
}

/// A file of `envoy-config/` as a value.
///
/// # Errors
/// It is not there or not YAML.
pub fn template(name: &str) -> Result<Value> {
    let path = parts::root().join("envoy-config").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_yaml_ng::from_str(&text).with_context(|| path.display().to_string())
}

/// The bootstrap for a site.
///
/// # Errors
/// The template lacks a place that something must be put into.
pub fn bootstrap(site: &Site, ports: &Ports) -> Result<Value> {
    let name = match &site.template {
        Template::Static { .. } => "static.yaml",
        Template::EcdsGrpc { .. } => "ecds-grpc.yaml",
    };
    let mut value = template(name)?;
    *at(&mut value, "/node/id")? = json!(site.node);
    *at(&mut value, "/admin/address/socket_address/port_value")? = json!(ports.admin.number());
    for (listener, port) in [("ingress", &ports.ingress), ("stats", &ports.stats)] {
        let listener = named(&mut value, "/static_resources/listeners", listener)?;
        *at(listener, "/address/socket_address/port_value")? = json!(port.number());
    }
    cluster(&mut value, "control", site.control)?;
    cluster(&mut value, "candidate", site.candidate)?;
    cluster(&mut value, "admin", ports.admin.address())?;
    put_template(site, &mut value)?;
    let wasm = site.wasm.to_str().context("the filter's path is not UTF-8")?;
    put(&mut value, "filename", &json!(wasm))?;
    if let Some(policy) = site.failure_policy {
        put(&mut value, "failure_policy", &json!(policy))?;
    }
    Ok(value)
}

fn put_template(site: &Site, value: &mut Value) -> Result<()> {
    match &site.template {
        Template::Static { configuration } => {
            *at(filter(value)?, "/typed_config/config/configuration/value")? = json!(configuration);
        }
        Template::EcdsGrpc { controller } => cluster(value, "weir-controller", *controller)?,
    }
    if let Some(timeout) = site.initial_fetch_timeout {
        *at(filter(value)?, "/config_discovery/config_source/initial_fetch_timeout")? = json!(timeout);
    }
    Ok(())
}

/// The filter `weir` of the listener for users.
///
/// # Errors
/// There is none.
pub fn filter(value: &mut Value) -> Result<&mut Value> {
    let listener = named(value, "/static_resources/listeners", "ingress")?;
    named(listener, "/filter_chains/0/filters/0/typed_config/http_filters", "weir")
}

fn cluster(value: &mut Value, name: &str, address: SocketAddr) -> Result<()> {
    let cluster = named(value, "/static_resources/clusters", name)?;
    let place = at(cluster, "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address")?;
    *place = json!({ "address": address.ip().to_string(), "port_value": address.port() });
    Ok(())
}

fn at<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    value.pointer_mut(pointer).with_context(|| format!("the template has no {pointer}"))
}

fn named<'a>(value: &'a mut Value, list: &str, name: &str) -> Result<&'a mut Value> {
    let list = at(value, list)?.as_array_mut().context("not a list")?;
    list.iter_mut().find(|item| item["name"] == name).with_context(|| format!("the template has no {name}"))
}

/// Replaces the values of a key wherever it stands.
fn put(value: &mut Value, key: &str, new: &Value) -> Result<()> {
    fn walk(value: &mut Value, key: &str, new: &Value) -> usize {
        match value {
            Value::Object(map) => map
                .iter_mut()
                .map(|(k, v)| {
                    if k == key {
                        *v = new.clone();
                        1
                    } else {
                        walk(v, key, new)
                    }
                })
                .sum(),
            Value::Array(items) => items.iter_mut().map(|item| walk(item, key, new)).sum(),
            _ => 0,
        }
    }
    if walk(value, key, new) == 0 {
        bail!("the template has no {key}");
    }
    Ok(())
}
