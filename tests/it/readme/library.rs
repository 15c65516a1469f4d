//! The library guide: its code is that of examples and of a test here, and its commands run.

use std::error::Error;
use std::time::SystemTime;

use refpoint::client::{Connection, Credentials, Dial, Login, Options, Session, Target};
use refpoint::fleet::{ExportPlan, Keeper, Outcome, PointChoice, Surroundings, Wanted, export};
use refpoint::hyperv::{Directory, Host, Selector};
use refpoint::lab::{self, Channel, Hosts, Scenario, serve_stream};
use refpoint::ledger::Ledger;

use super::{commands_of, root, succeeds};

const PAGE: &str = "docs/library.md";

/// A host in memory, on a clock that jumps to whatever is waited for.
fn simulated(scenario: &str) -> Result<(Target, Dial), Box<dyn Error>> {
    let mut options = lab::Options::new(Scenario::read(scenario)?);
    options.password = Some("Swordfish-7391".to_owned().into());
    let hosts = Hosts::new(options)?;
    let dial = Dial::new(move |endpoint, options| {
        let hosts = hosts.clone();
        async move {
            let (near, far) = tokio::io::duplex(64 << 10);
            tokio::spawn(serve_stream(hosts, 0, far, Channel::Http));
            Connection::over(near, &endpoint, options).await
        }
    });
    let login = Login::new(Credentials::password(r"LAB\operator", "Swordfish-7391"));
    Ok((Target::new("hv01".parse()?, Options::new(login)), dial))
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_looked_for() -> Result<(), Box<dyn Error>> {
    let scenario = r#"
        [[fault]]
        what = "lost-response"
        when = { method = "ExportReferencePoint" }
        times = 1
    "#;
    let (target, dial) = simulated(scenario)?;
    let host = Host::new(Session::with(target, dial).await?);
    let folder = std::env::temp_dir().join(format!("refpoint-lost-{}", std::process::id()));
    let keeper = Keeper::new(Ledger::open(folder.join("ledger.db"))?);
    let plan = ExportPlan::new(
        Wanted::Machine(Selector::parse("db01")),
        PointChoice::parse("E4282031-639C-4FD7-8059-B192D4F5E637"),
        Directory::parse(r"D:\exports\db01")?,
    );
    let report = export(&Surroundings::new("hv01", &host, &keeper, SystemTime::now), &plan).await;
    assert_eq!(report.outcome, Outcome::Completed);
    assert!(report.return_value.is_none(), "nobody heard what the call returned");
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

#[test]
fn the_code_of_the_library_guide_is_code_that_runs() {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let sources = ["examples/guide.rs", "examples/fleet_export.rs", "tests/it/readme/library.rs"];
    let sources = sources.map(|file| std::fs::read_to_string(root().join(file)).unwrap());
    let blocks: Vec<&str> =
        page.split("```rust\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 6, "{}", blocks.len());
    for block in blocks {
        assert!(sources.iter().any(|source| source.contains(block)), "this runs nowhere:\n{block}");
    }
}

#[test]
fn the_library_guide_names_the_version_and_the_oldest_compiler_of_the_crate() {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let version = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    assert!(page.contains(&format!("refpoint = {{ version = \"{version}\", default-features = false }}")));
    assert!(page.contains(&format!("Rust {}", env!("CARGO_PKG_RUST_VERSION"))));
}

#[test]
fn every_command_of_the_library_guide_runs() {
    let commands = commands_of(PAGE);
    assert!(!commands.is_empty() && commands.iter().all(|it| it.starts_with("cargo ")), "{commands:?}");
    for command in commands {
        let output =
            std::process::Command::new("sh").arg("-c").arg(&command).current_dir(root()).output().unwrap();
        succeeds(&command, &output);
    }
}
