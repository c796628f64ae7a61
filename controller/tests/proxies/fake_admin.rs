//! An admin interface that behaves, hangs, or talks nonsense.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What an admin interface does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Answers,
    Hangs,
    HangsInTheBody,
    Babbles,
    Errs,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) uptime_s: u64,
    pub(crate) requests: u64,
    pub(crate) version: &'static str,
    pub(crate) reloads: u64,
    pub(crate) accepted: u64,
}

/// An admin interface on a port of its own.
pub(crate) struct Admin {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    pub(crate) task: JoinHandle<()>,
}

impl Admin {
    pub(crate) async fn start(node: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Answers,
            uptime_s: 100,
            requests: 50,
            version: "",
            reloads: 0,
            accepted: 0,
        }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(talk(socket, node, Arc::clone(&shared)));
            }
        });
        Self { url, state, task }
    }

    pub(crate) fn set(&self, set: impl FnOnce(&mut State)) {
        set(&mut self.state.lock().unwrap());
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(mut socket: TcpStream, node: &str, state: Arc<Mutex<State>>) {
    let mut buffer = Vec::new();
    while read_head(&mut socket, &mut buffer).await {
        let head = String::from_utf8(std::mem::take(&mut buffer)).unwrap();
        let state = *state.lock().unwrap();
        let body = if head.starts_with("GET /server_info ") {
            format!(r#"{{"uptime_current_epoch":"{}s","node":{{"id":"{node}"}}}}"#, state.uptime_s)
        } else {
            stats(&state)
        };
        let length = body.len();
        let answer = match state.mood {
            Mood::Answers => format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"),
            Mood::Hangs => std::future::pending().await,
            Mood::HangsInTheBody => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", length + 1),
            Mood::Babbles => "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\u{7f}<html".to_owned(),
            Mood::Errs => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// What Envoy would answer, both requests alike.
fn stats(state: &State) -> String {
    let value = |name: &str, value: &str| format!(r#"{{"name":"{name}","value":{value}}}"#);
    let discovery =
        |stat: &str, text: &str| value(&format!("extension_config_discovery.http_filter.weir.{stat}"), text);
    let entries = [
        value("wasmcustom.flag=.=checkout;.;variant=.=next;.;weir_started", &state.requests.to_string()),
        value("wasmcustom.weir_generation", "7"),
        discovery("version_text", &format!("{:?}", state.version)),
        discovery("config_reload", &state.reloads.to_string()),
        discovery("update_success", &state.accepted.to_string()),
        discovery("update_rejected", "0"),
    ];
    format!(r#"{{"stats":[{}]}}"#, entries.join(","))
}

async fn read_head(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    while !buffer.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => buffer.push(byte),
            Err(_) => return false,
        }
    }
    true
}
