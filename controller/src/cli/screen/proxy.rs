//! A proxy: whether it is seen and connected, and which generation it has.

use super::{GREEN, RED, Screen, YELLOW};
use crate::report::ProxyStatus;

impl Screen<'_> {
    pub(super) fn proxy(&self, proxy: &ProxyStatus) -> String {
        let (sign, colour, seen) = match (proxy.seen, &proxy.error, proxy.missing_since_ms) {
            (true, ..) => ("✔", GREEN, format!("seen, up {} s", proxy.uptime_s.unwrap_or(0))),
            (false, error, Some(since_ms)) => {
                let why = error.as_deref().unwrap_or("no answer");
                ("✖", RED, format!("MISSING for {}: {why}", self.ago(since_ms)))
            }
            (false, ..) if proxy.admin.is_none() => ("?", YELLOW, "not in weir.toml, so not observed".to_owned()),
            (false, ..) => ("○", YELLOW, "not seen yet".to_owned()),
        };
        let stream = match (proxy.connected, proxy.gone_since_ms) {
            (true, _) => "connected".to_owned(),
            (false, Some(gone)) => format!("DISCONNECTED for {}", self.ago(gone)),
            (false, None) => "not connected".to_owned(),
        };
        let mark =
            |mark: Option<crate::publish::Mark>| mark.map_or_else(|| "-".to_owned(), |m| m.generation.to_string());
        format!(
            "  {} {} · {} · {stream} · generation wanted {}, acknowledged {}, applied {}",
            self.style.paint(colour, sign),
            proxy.name,
            self.style.paint(colour, &seen),
            mark(proxy.wanted),
            mark(proxy.acked),
            mark(proxy.applied)
        )
    }
}
