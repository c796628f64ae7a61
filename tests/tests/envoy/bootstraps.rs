//! The files of `envoy-config/` as users run them.

use serde_json::Value;
use weir_controller::settings::Settings;
use weir_core::name::TAGS;
use weir_tests::bootstrap::{self, Template};
use weir_tests::document::{self, HEADER, PATH};
use weir_tests::envoy::Envoy;
use weir_tests::port::Port;
use weir_tests::{http, parts};

use crate::stage::Upstreams;

fn static_template() -> Template {
    Template::Static { configuration: document::checkout().to_string() }
}

#[test]
fn the_document_in_the_static_bootstrap_has_no_fault() {
    let mut value = bootstrap::template("static.yaml").expect("the file");
    let filter = bootstrap::filter(&mut value).expect("the filter");
    let text = filter["typed_config"]["config"]["configuration"]["value"].as_str().expect("a document");
    let checked = weir_core::check::check(text).expect("no fault");
    assert_eq!(checked.flags.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), [document::FLAG]);
    let owned: Vec<&str> =
        checked.flags.iter().filter_map(|f| f.output.as_ref()).map(|o| o.request_header.as_str()).collect();
    assert_eq!(owned, [HEADER], "each owned header is one that the bootstrap strips and routes by");
}

#[test]
fn what_a_user_starts_from_fits_together() {
    let folder = parts::root().join("envoy-config");
    let flags = std::fs::read_to_string(folder.join("flags.json")).expect("the file");
    weir_core::check::check(&flags).expect("no fault");
    let readme = std::fs::read_to_string(parts::root().join("README.md")).expect("the file");
    assert!(readme.contains(&flags), "README shows the document that is shipped");

    let settings = Settings::load(&folder.join("weir.toml")).expect("no fault");
    let bootstrap = bootstrap::template("ecds-grpc.yaml").expect("the file");
    let admin = &bootstrap["admin"]["address"]["socket_address"];
    let admins: Vec<_> = settings.proxies.iter().map(|proxy| proxy.admin.clone()).collect();
    assert_eq!(admins, [format!("http://127.0.0.1:{}", admin["port_value"])]);
    let text = bootstrap.to_string();
    for part in [
        format!("\"filename\":\"{}\"", settings.filter.wasm),
        format!("\"vm_id\":\"{}\"", settings.filter.vm_id),
        format!("\"name\":\"{}\"", settings.filter.resource),
        format!("\"port_value\":{}", settings.xds.port()),
    ] {
        assert!(text.contains(&part), "{part} is not in ecds-grpc.yaml");
    }
}

#[test]
fn both_bootstraps_strip_each_owned_header_before_the_route_is_chosen_and_name_every_tag() {
    for name in ["static.yaml", "ecds-grpc.yaml"] {
        let mut value = bootstrap::template(name).expect("the file");
        let tags: Vec<&str> = value["stats_config"]["stats_tags"]
            .as_array()
            .expect("tags")
            .iter()
            .filter_map(|t| t["tag_name"].as_str())
            .collect();
        assert_eq!(tags, TAGS, "{name}");
        for (pointer, remove) in [
            ("/typed_config/early_header_mutation_extensions/0/typed_config/mutations/0/remove", HEADER),
            ("/typed_config/http_filters/0/typed_config/mutations/request_mutations/0/remove", HEADER),
            ("/typed_config/http_filters/0/name", "envoy.filters.http.header_mutation"),
        ] {
            let manager = &value["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            assert_eq!(manager.pointer(pointer), Some(&Value::from(remove)), "{name} {pointer}");
        }
        assert_eq!(value["stats_flush_interval"], "1s");
        bootstrap::filter(&mut value).expect("the filter");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_marks_routes_and_counts_with_labels() {
    let upstreams = Upstreams::start().await;
    let envoy = Envoy::start(upstreams.site("static", static_template())).await.expect("Envoy starts");
    let request = hyper::Request::get(PATH).header("x-user-id", "u1").body(http_body_util::Full::default());
    let answer = http::send(envoy.ingress(), request.expect("a request")).await.expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, "control".to_owned()));
    assert_eq!(upstreams.control.seen().get("stable"), Some(&1));
    let metrics = http::get(envoy.admin(), "/stats/prometheus").await.expect("an answer").text();
    let counted = r#"weir_requests{flag="checkout",variant="stable",result="ok"} 1"#;
    assert!(metrics.lines().any(|line| line == counted), "no {counted} in\n{}", weir_lines(&metrics));
}

fn weir_lines(metrics: &str) -> String {
    metrics.lines().filter(|line| line.contains("weir")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ecds_without_a_controller_serves_control_and_counts_that_there_is_no_snapshot() {
    let upstreams = Upstreams::start().await;
    let nobody = Port::hold().expect("a port");
    let mut site = upstreams.site("ecds", Template::EcdsGrpc { controller: nobody.address() });
    site.initial_fetch_timeout = Some("0.1s");
    let envoy = Envoy::start(site).await.expect("Envoy starts");
    let answer = http::get(envoy.ingress(), PATH).await.expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, "control".to_owned()));
    assert_eq!(envoy.stat("wasmcustom.weir_no_snapshot").await.expect("a counter"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statistics_listener_only_reads() {
    let upstreams = Upstreams::start().await;
    let mut envoy = Envoy::start(upstreams.site("static", static_template())).await.expect("Envoy starts");
    let listener = envoy.stats_listener();
    for (path, status) in [
        ("/server_info", 200),
        ("/stats?format=json&filter=weir", 200),
        ("/stats/prometheus", 200),
        ("/config_dump", 404),
        ("/stats/recentlookups", 404),
        ("/stats/../quitquitquit", 404),
        ("/stats/%2e%2e/config_dump", 404),
        ("/stats%2f..%2fconfig_dump", 400),
        ("/", 404),
    ] {
        assert_eq!(http::get(listener, path).await.expect("an answer").status, status, "GET {path}");
    }
    for path in ["/quitquitquit", "/stats", "/server_info", "/reset_counters"] {
        assert_eq!(http::post(listener, path, &Value::Null).await.expect("an answer").status, 404, "POST {path}");
    }
    assert!(envoy.process().expect("the process").runs());
}
