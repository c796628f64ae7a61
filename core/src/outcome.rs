//! [`Outcome`]: how a request ended, in the six words that the metrics and the judge share. Owns their names and how Envoy's
//! stream information maps onto them; knows no variant and no metric.

/// How a request ended, as the user saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A whole answer below 400 (or gRPC status 0).
    Ok,
    /// A whole answer of 400 to 499, or a gRPC status that blames the caller.
    ClientError,
    /// An answer of 500 or above, or a gRPC status that blames the server.
    ServerError,
    /// Given up on by one of Envoy's time limits.
    Timeout,
    /// Cut off: connection failure, reset, or termination by the upstream.
    Reset,
    /// The client went away before the answer was complete: nobody's error.
    Cancelled,
}

/// Every outcome, in the order of [`Outcome::index`].
pub const OUTCOMES: [Outcome; 6] =
    [Outcome::Ok, Outcome::ClientError, Outcome::ServerError, Outcome::Timeout, Outcome::Reset, Outcome::Cancelled];

impl Outcome {
    /// The word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        OUTCOMES.into_iter().find(|o| o.name() == name)
    }

    /// Position in [`OUTCOMES`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::ClientError => 1,
            Self::ServerError => 2,
            Self::Timeout => 3,
            Self::Reset => 4,
            Self::Cancelled => 5,
        }
    }

    /// Whether it counts against a variant: server error, timeout or reset. A client error has a guardrail of its own.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::ServerError | Self::Timeout | Self::Reset)
    }
}

/// What Envoy knows of a finished stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ending {
    /// `response.code`; 0 or absent when nothing was sent.
    pub code: Option<u64>,
    /// `response.flags`, Envoy's bit set of response flags.
    pub flags: u64,
    /// `response.grpc_status` where the request was gRPC.
    pub grpc_status: Option<u64>,
}

// Envoy's response flags (envoy/stream_info/stream_info.h, the same bits since 1.10 for those below 0x10000).
const UPSTREAM_REQUEST_TIMEOUT: u64 = 0x4;
const LOCAL_RESET: u64 = 0x8;
const UPSTREAM_REMOTE_RESET: u64 = 0x10;
const UPSTREAM_CONNECTION_FAILURE: u64 = 0x20;
const UPSTREAM_CONNECTION_TERMINATION: u64 = 0x40;
const DOWNSTREAM_CONNECTION_TERMINATION: u64 = 0x4000;
const STREAM_IDLE_TIMEOUT: u64 = 0x1_0000;
const UPSTREAM_MAX_STREAM_DURATION_REACHED: u64 = 0x8_0000;
const DURATION_TIMEOUT: u64 = 0x40_0000;
const UPSTREAM_PROTOCOL_ERROR: u64 = 0x80_0000;
const DOWNSTREAM_REMOTE_RESET: u64 = 0x1000_0000;

const TIMEOUTS: u64 =
    UPSTREAM_REQUEST_TIMEOUT | STREAM_IDLE_TIMEOUT | UPSTREAM_MAX_STREAM_DURATION_REACHED | DURATION_TIMEOUT;
const RESETS: u64 = LOCAL_RESET
    | UPSTREAM_REMOTE_RESET
    | UPSTREAM_CONNECTION_FAILURE
    | UPSTREAM_CONNECTION_TERMINATION
    | UPSTREAM_PROTOCOL_ERROR;
const CANCELLED: u64 = DOWNSTREAM_CONNECTION_TERMINATION | DOWNSTREAM_REMOTE_RESET;

impl Ending {
    /// The one outcome of this ending. A client that left is `Cancelled` whatever else is set, for its leaving also resets the
    /// upstream; a time limit comes before a reset, for Envoy resets what it gives up on.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        if self.flags & CANCELLED != 0 {
            return Outcome::Cancelled;
        }
        if self.flags & TIMEOUTS != 0 {
            return Outcome::Timeout;
        }
        if self.flags & RESETS != 0 {
            return Outcome::Reset;
        }
        match self.code.unwrap_or(0) {
            0 => Outcome::Cancelled,
            400..=499 => Outcome::ClientError,
            500.. => Outcome::ServerError,
            _ => grpc(self.grpc_status),
        }
    }
}

/// gRPC statuses by whom they blame (grpc.io, "Status codes and their use"): CANCELLED is the client's leaving, DEADLINE_EXCEEDED a
/// timeout, UNKNOWN, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE and DATA_LOSS the server's, UNIMPLEMENTED too (a candidate that lost a method).
fn grpc(status: Option<u64>) -> Outcome {
    match status {
        None | Some(0) => Outcome::Ok,
        Some(1) => Outcome::Cancelled,
        Some(4) => Outcome::Timeout,
        Some(2 | 8 | 12 | 13 | 14 | 15) => Outcome::ServerError,
        Some(_) => Outcome::ClientError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_have_one_outcome() {
        let http = |code, flags| Ending { code: Some(code), flags, grpc_status: None };
        let grpc = |status| Ending { code: Some(200), flags: 0, grpc_status: Some(status) };
        for (ending, outcome) in [
            (http(200, 0), Outcome::Ok),
            (http(304, 0), Outcome::Ok),
            (http(404, 0), Outcome::ClientError),
            (http(500, 0), Outcome::ServerError),
            (http(503, UPSTREAM_CONNECTION_FAILURE), Outcome::Reset),
            (http(504, UPSTREAM_REQUEST_TIMEOUT), Outcome::Timeout),
            (http(504, UPSTREAM_REQUEST_TIMEOUT | LOCAL_RESET), Outcome::Timeout),
            (http(408, STREAM_IDLE_TIMEOUT), Outcome::Timeout),
            (http(503, UPSTREAM_CONNECTION_TERMINATION), Outcome::Reset),
            (http(0, DOWNSTREAM_CONNECTION_TERMINATION), Outcome::Cancelled),
            (http(200, DOWNSTREAM_CONNECTION_TERMINATION | UPSTREAM_REMOTE_RESET), Outcome::Cancelled),
            (http(0, DOWNSTREAM_REMOTE_RESET), Outcome::Cancelled),
            (Ending::default(), Outcome::Cancelled),
            (grpc(0), Outcome::Ok),
            (grpc(14), Outcome::ServerError),
            (grpc(4), Outcome::Timeout),
            (grpc(5), Outcome::ClientError),
            (grpc(1), Outcome::Cancelled),
        ] {
            assert_eq!(ending.outcome(), outcome, "{ending:?}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for (i, outcome) in OUTCOMES.into_iter().enumerate() {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
            assert_eq!(outcome.index(), i);
        }
    }
}
