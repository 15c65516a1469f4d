//! Asks a host who it is; without arguments a simulated one within this program.
//!
//! ```sh
//! cargo run --example identify
//! ```

mod simulated;

use std::error::Error;

use refpoint::client::Session;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (_server, target) = match &*arguments {
        [host, user] => (None, simulated::target(host, user, &std::env::var("REFPOINT_PASSWORD")?)?),
        _ => simulated::host().await.map(|(server, target)| (Some(server), target))?,
    };
    let mut session = Session::open(target).await?;
    let identity = session.identify().await?;
    println!("{}", identity.vendor.unwrap_or_default());
    println!("{}", identity.version.unwrap_or_default());
    if let Some(login) = session.logged_in() {
        let seal = if login.is_sealed { "sealed by the login" } else { "not sealed by the login" };
        println!("logged in with {}, messages {seal}", login.report.chosen);
    }
    session.close().await?;
    Ok(())
}
