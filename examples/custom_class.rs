//! Reads objects of a class that this library does not know: nothing has to be declared, and what MOF says of a
//! class types its values.
//!
//! ```sh
//! cargo run --example custom_class
//! ```

mod simulated;

use std::error::Error;
use std::sync::Arc;

use refpoint::cim::Catalog;
use refpoint::client::Session;

const MOF: &str = r"
class Msvm_ComputerSystem
{
    [key] string CreationClassName;
    [key] string Name;
    string ElementName;
    uint16 EnabledState;
};
";

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (_server, mut target) = simulated::host().await?;
    // Only what stands in this MOF is known now, as it would be of a class of your own.
    target.catalog = Some(Arc::new(Catalog::from_mof([MOF])?));
    let mut session = Session::open(target).await?;
    for instance in session.query("SELECT * FROM Msvm_ComputerSystem").instances().await? {
        let name = instance.text("ElementName").unwrap_or_default();
        println!("{name}: state {}", instance.require_number("EnabledState")?);
    }
    session.close().await?;
    Ok(())
}
