//! A simulated host for the examples, so that they run where there is no Windows.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};

use refpoint::client::{Credentials, Login, Options, Target};
use refpoint::lab::{self, Hosts, Listen, Scenario, Server};

/// Returns a simulated host, which is there as long as the server, and a target that leads to it.
pub(crate) async fn host() -> Result<(Server, Target), Box<dyn Error>> {
    let hosts = Hosts::new(lab::Options::new(Scenario::default()))?;
    let listen = Listen { http: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)), https: None };
    let server = Server::start(hosts.clone(), listen).await?;
    let address = server.http().ok_or("it does not listen")?;
    let target = target(&format!("http://{address}"), hosts.user(), hosts.password().expose())?;
    Ok((server, target))
}

/// Returns the target that leads to a host, by a password.
pub(crate) fn target(host: &str, user: &str, password: &str) -> Result<Target, Box<dyn Error>> {
    Ok(Target::new(host.parse()?, Options::new(Login::new(Credentials::password(user, password)))))
}
