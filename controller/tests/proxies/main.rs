//! The controller's two sides to a proxy, over real sockets on ports that the kernel chooses: discovery with a client that plays
//! proxies, observation with servers that play admin interfaces.

mod applying;
mod fake_admin;
mod fake_proxy;
mod observing;
mod protocol;
