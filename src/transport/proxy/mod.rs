//! Proxies: which one, for whom, and how each kind is asked for a connection.

mod bypass;
mod connect;
mod error;
mod server;
mod socks5;

pub use error::{ProxyError, ProxyUrlError};
pub use server::{Proxy, ProxyProtocol};
