//! The inventory of a fleet: which hosts there are, and what is set for each of them.
//!
//! **Knows**: our own format (TOML, `docs/inventory.md`), and Ansible's as they are: INI, YAML, folders of them,
//! `group_vars/` and `host_vars/`, what `ansible-inventory --list` prints; which of several values of a variable
//! counts; what Ansible's variables of WinRM and PSRP mean here; patterns of hosts. Of every value it knows where
//! it comes from.
//!
//! **Deliberately does not know**: what arguments, environment and profile say, which come before and behind an
//! inventory; how to open a vault or to evaluate a template: it says where one stands.
//!
//! **Main types**: [`Inventory::read`] reads [`Source`]s by way of [`Files`]; [`Inventory::limited`] leaves the
//! [`HostEntry`]s of a [`Limit`]; [`Settings`] are what is understood of a host, and [`Refusal`]s what cannot be
//! known.
//!
//! ```
//! use std::collections::BTreeMap;
//! use refpoint::fleet::inventory::{Files, Inventory, Limit, Source};
//!
//! let files = Files::Memory(BTreeMap::from([
//!     ("hosts".into(), b"[hyperv]\nhv[01:03]\n[hyperv:vars]\nansible_port=5985\n".to_vec()),
//!     ("host_vars/hv02.yml".into(), b"ansible_host: 10.0.0.7\n".to_vec()),
//! ]));
//! let inventory = Inventory::read(&[Source::parse("hosts", &files)], &files)?;
//! let limit = Limit::parse("hyperv:!hv01", &files)?;
//! let (hosts, _) = inventory.limited(&limit)?;
//! let endpoints: Vec<_> = hosts.iter().map(|host| host.settings.endpoint().unwrap().to_string()).collect();
//! assert_eq!(endpoints, ["http://10.0.0.7:5985/wsman", "http://hv03:5985/wsman"]);
//! assert_eq!(hosts[0].settings.address.origin.to_string(), "host_vars/hv02.yml:1 (host hv02)");
//! # Ok::<(), refpoint::fleet::inventory::Error>(())
//! ```

mod beside;
mod document;
mod entry;
mod error;
mod files;
mod graph;
mod ini;
#[expect(clippy::module_inception, reason = "the room's part and its main type have one name")]
mod inventory;
mod limit;
mod listing;
mod literal;
mod own;
mod range;
mod read;
mod refusal;
mod settings;
mod target;
mod tree;
mod value;
mod words;
mod yaml;

pub use entry::{HostEntry, Ignored, known_variables};
pub use error::Error;
pub use files::{Files, Source};
pub use inventory::{GroupEntry, Inventory};
pub use limit::Limit;
pub use refusal::{Reason, Refusal};
pub use settings::{Password, Setting, Settings, TrustChoice};
pub use target::Secrets;
pub use value::{Origin, Place, Scope, Value, Variable};
