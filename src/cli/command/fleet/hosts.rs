//! Which hosts: the arguments of every command on many of them.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use refpoint::client::Secret;
use refpoint::fleet::inventory::{
    Error as InventoryError, Files, HostEntry, Inventory, Limit, Source, known_variables,
};

use crate::cli::config;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::suggest;
use crate::cli::ui::Ui;

/// Where the hosts stand, and which of them are meant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HostsArgs {
    /// The hosts: a file (TOML, or Ansible's INI, YAML, JSON), a folder, `hv01,hv02,`, or - for what ansible-inventory
    /// --list prints; of several the later ones count more
    #[arg(short, long, value_name = "INVENTORY", env = "REFPOINT_INVENTORY", hide_env_values = true)]
    inventory: Vec<String>,
    /// Only these hosts: names and groups with * and ?, joined by commas; !X takes away, &X must be too, ~X is a regular
    /// expression, X[0:2] counts, @FILE has one a line
    #[arg(short, long, value_name = "PATTERN")]
    limit: Vec<String>,
}

impl HostsArgs {
    /// Returns the same, with these where nothing else is said.
    pub(crate) fn or(&self, inventories: &[String], limit: Option<&str>) -> Self {
        let mut hosts = self.clone();
        if hosts.inventory.is_empty() {
            hosts.inventory = inventories.to_vec();
        }
        if hosts.limit.is_empty() {
            hosts.limit.extend(limit.map(str::to_owned));
        }
        hosts
    }

    /// Returns the inventories that count: those of the arguments, or else those of a plan, whose files are meant
    /// relative to the plan's.
    pub(crate) fn names(&self, of_plan: &[String], plan: Option<&Path>) -> Vec<String> {
        if !self.inventory.is_empty() {
            // Whoever takes the run up may stand elsewhere.
            return self.inventory.iter().map(|word| absolute(word, None)).collect();
        }
        if of_plan.is_empty() {
            return config::profile().inventories().to_vec();
        }
        let folder = plan.and_then(Path::parent);
        of_plan.iter().map(|word| absolute(word, folder)).collect()
    }

    /// Returns the limit as it was said.
    pub(crate) fn limit(&self) -> Option<String> {
        Some(self.limit.join(",")).filter(|limit| !limit.is_empty())
    }

    /// Reads the inventories of the arguments, or else those of a plan.
    pub(crate) fn read_or(
        &self,
        of_plan: &[String],
        plan: Option<&Path>,
        ui: &mut Ui,
    ) -> Result<Inventory, Error> {
        Self { inventory: self.names(of_plan, plan), ..self.clone() }.read(ui)
    }

    /// Reads the inventories, and says what is odd about them.
    pub(crate) fn read(&self, ui: &mut Ui) -> Result<Inventory, Error> {
        let inventories = match self.inventory.as_slice() {
            [] => config::profile().inventories(),
            said => said,
        };
        if inventories.is_empty() {
            return Err(Error::usage("there is no inventory").hint(
                "-i FILE says where the hosts stand, or REFPOINT_INVENTORY, or the key inventory of a plan",
            ));
        }
        let files = Files::Disk;
        let mut sources = Vec::new();
        for word in inventories {
            sources.push(match word.as_str() {
                "-" => Source::Listing(stdin()?),
                word => Source::parse(word, &files),
            });
        }
        let inventory = Inventory::read(&sources, &files).map_err(of_inventory)?;
        inventory.warnings().iter().for_each(|warning| ui.warn(warning));
        Ok(inventory)
    }

    /// Returns the hosts that are meant, and says what is odd about them.
    pub(crate) fn limited<'i>(
        &self,
        inventory: &'i Inventory,
        ui: &mut Ui,
    ) -> Result<Vec<&'i HostEntry>, Error> {
        let hosts = if self.limit.is_empty() {
            inventory.hosts().iter().collect()
        } else {
            let limit = Limit::parse(&self.limit.join(","), &Files::Disk).map_err(of_inventory)?;
            let (hosts, unmatched) = inventory.limited(&limit).map_err(of_inventory)?;
            unmatched.iter().for_each(|word| ui.warn(&format!("no host or group is like {word:?}")));
            hosts
        };
        warn_of_slips(&hosts, ui);
        Ok(hosts)
    }
}

/// Says which variables look as if they were about the connection, and are none.
fn warn_of_slips(hosts: &[&HostEntry], ui: &mut Ui) {
    let ignored = hosts.iter().flat_map(|host| &host.ignored).filter(|ignored| ignored.is_suspicious);
    let slips: BTreeSet<_> =
        ignored.map(|ignored| (ignored.variable.as_str(), ignored.origin.to_string())).collect();
    for (variable, origin) in slips {
        let meant = suggest::nearest(variable, known_variables());
        let meant = meant.map(|name| format!(": {name} is")).unwrap_or_default();
        ui.warn(&format!("{origin}: {variable} is no setting{meant}"));
    }
}

/// Returns the absolute path of what is a file or a folder, seen from a folder; anything else stays as it is.
fn absolute(word: &str, from: Option<&Path>) -> String {
    if word == "-" || word.contains(',') {
        return word.to_owned();
    }
    let path = from.map_or_else(|| PathBuf::from(word), |folder| folder.join(word));
    std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned()
}

fn stdin() -> Result<Secret<String>, Error> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| Error::usage("cannot read the inventory from standard input").because(error))?;
    Ok(Secret::new(text))
}

/// More than the inventory of a hundred thousand hosts.
const LONGEST: u64 = 1 << 30;

/// Returns the error of an inventory, with what to do.
pub(crate) fn of_inventory(error: InventoryError) -> Error {
    let hints = match &error {
        InventoryError::UnknownKey { key, known, .. } => {
            vec![match suggest::nearest(key, known.iter().copied()) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("there are {}", known.join(", ")),
            }]
        }
        InventoryError::ClearPassword { .. } => {
            vec!["use password_file or password_command, or REFPOINT_PASSWORD".to_owned()]
        }
        InventoryError::Script(file) => vec![
            format!("run it: {} --list | refpoint fleet inventory -i -", file.display()),
            "or take its execute permission away, if it is a text".to_owned(),
        ],
        InventoryError::Plugin { place, .. } => {
            vec![format!(
                "ansible-inventory -i {} --list | refpoint fleet inventory -i -",
                place.file.display()
            )]
        }
        InventoryError::Vault(file) => vec![format!(
            "ansible-inventory -i {} --ask-vault-pass --list | refpoint fleet inventory -i -",
            file.display()
        )],
        _ => Vec::new(),
    };
    let kind = match &error {
        InventoryError::NoMatch(_) | InventoryError::Missing(_) => Exit::NotFound,
        _ => Exit::Usage,
    };
    let message = match &error {
        InventoryError::Missing(_) | InventoryError::NoMatch(_) => error.to_string(),
        _ => "cannot use the inventory".to_owned(),
    };
    let shown = Error::new(kind, message);
    let shown = match kind {
        Exit::NotFound => shown,
        _ => shown.because(error),
    };
    hints.into_iter().fold(shown, Error::hint)
}
