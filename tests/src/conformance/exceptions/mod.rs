//! The peers, and what each is known to do otherwise.

mod alike;
mod go;
mod npm;
mod pypi;

use weir_core::document::Hashing;

use super::exception::Known;

/// All peers.
pub const PEERS: [Known; 3] = [
    Known {
        name: "pypi",
        package: "openfeature-flagd-core 2.0.0 (Python)",
        hashing: Hashing::FlagdV3,
        takes_arrays: false,
        exceptions: pypi::EXCEPTIONS,
    },
    Known {
        name: "npm",
        package: "@openfeature/flagd-core 4.0.1 (JavaScript)",
        hashing: Hashing::FlagdV2,
        takes_arrays: false,
        exceptions: npm::EXCEPTIONS,
    },
    Known {
        name: "go",
        package: "github.com/open-feature/flagd/core v0.17.0 (Go)",
        hashing: Hashing::FlagdV2,
        takes_arrays: true,
        exceptions: go::EXCEPTIONS,
    },
];
