//! Proxies: which one, for whom, and how each kind is asked for a connection.

mod bypass;
mod connect;
mod error;
mod proxy;
mod socks5;

pub use error::{ProxyError, ProxyUrlError};
pub use proxy::{Proxy, ProxyProtocol};
