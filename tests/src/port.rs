//! [`Port`]: a port of the kernel's choice, known before anybody listens on it and nobody else's meanwhile. Owns that promise; who listens is no
//! matter of its.
//!
//! A program that is told its port, is killed and starts again needs the port to be its own all the time: a port that was merely free a moment
//! ago may by then be the source port of any connection on this machine. So a socket is bound to it and never listens. Linux gives a port that is
//! bound to no other socket that leaves the choice to it, and lets a program bind and listen beside it, as long as both set `SO_REUSEADDR` (which
//! tokio, Envoy and Prometheus do).

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::net::TcpSocket;

/// A port on loopback, held until it is dropped.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    /// Holds a port that nobody has.
    ///
    /// # Errors
    /// The kernel has none left.
    pub fn hold() -> Result<Self> {
        let held = TcpSocket::new_v4()?;
        held.set_reuseaddr(true)?;
        held.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no port can be had")?;
        Ok(Self { address: held.local_addr()?, _held: held })
    }

    /// Where somebody may listen. Until somebody does, connections are refused.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.address.port()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_held_port_refuses_until_somebody_listens_and_is_still_held_when_nobody_does_anymore() {
        let port = Port::hold().expect("a port");
        for _ in 0..2 {
            TcpStream::connect(port.address()).expect_err("nobody listens");
            let listener = TcpListener::bind(port.address()).expect("beside the one that holds it");
            TcpStream::connect(port.address()).expect("somebody listens");
            TcpListener::bind(port.address()).expect_err("one at a time");
            drop(listener);
        }
    }

    /// The kernel is asked for ports of one parity first; so many are most of what it would try in a row.
    #[test]
    fn nobody_who_leaves_the_choice_to_the_kernel_is_given_a_held_port() {
        let port = Port::hold().expect("a port");
        for _ in 0..200 {
            let others: Vec<TcpListener> =
                (0..200).map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a port")).collect();
            assert!(others.iter().all(|other| other.local_addr().expect("its address") != port.address()));
        }
    }
}
