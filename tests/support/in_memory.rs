// Included by the examples in the documentation: a simulated host on streams in memory, its machines those of
// `examples/scenarios/default.toml`. Whoever includes it has a runtime with a paused clock.

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

/// A dialler whose connections all end at simulated hosts.
fn dial(scenario: refpoint::lab::Scenario) -> Anyhow<refpoint::client::Dial> {
    let mut options = refpoint::lab::Options::new(scenario);
    options.password = Some("Swordfish-7391".to_owned().into());
    let hosts = refpoint::lab::Hosts::new(options)?;
    Ok(refpoint::client::Dial::new(move |endpoint: refpoint::client::Endpoint, options| {
        let hosts = hosts.clone();
        async move {
            let (near, far) = tokio::io::duplex(64 << 10);
            tokio::spawn(refpoint::lab::serve_stream(hosts, 0, far, refpoint::lab::Channel::Http));
            refpoint::client::Connection::over(near, &endpoint, options).await
        }
    }))
}

/// A target whose login those hosts take.
fn target() -> refpoint::client::Target {
    use refpoint::client::{Credentials, Login, Options, Target};
    let login = Login::new(Credentials::password(r"LAB\operator", "Swordfish-7391"));
    Target::new("hv01".parse().expect("a name"), Options::new(login))
}

/// A session with a host.
async fn session() -> Anyhow<refpoint::client::Session> {
    let dial = dial(refpoint::lab::Scenario::default())?;
    Ok(refpoint::client::Session::with(target(), dial).await?)
}

/// A Hyper-V host.
async fn host() -> Anyhow<refpoint::hyperv::Host> {
    Ok(refpoint::hyperv::Host::new(session().await?))
}

/// A folder that goes when this does.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("refpoint-doc-{}-{}", std::process::id(), uuid::Uuid::new_v4());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The path of the machine `web01`.
fn web01() -> refpoint::cim::ObjectPath {
    refpoint::cim::ObjectPath::new("root/virtualization/v2", "Msvm_ComputerSystem")
        .with_key("CreationClassName", "Msvm_ComputerSystem")
        .with_key("Name", "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91")
}
