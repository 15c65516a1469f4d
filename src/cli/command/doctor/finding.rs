//! What was found at a layer: how it stands, what was seen, and one thing to do about it.

use serde_json::{Value as Json, json};

use crate::cli::exit::Exit;

/// One thing between a name and an export. Their order is that in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Name,
    Tcp,
    Tls,
    Winrm,
    Schemes,
    Kerberos,
    Login,
    Rights,
    Quotas,
    Namespace,
    Role,
    Machines,
    Services,
    Clock,
    Directory,
}

impl Layer {
    /// Returns what scripts call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Winrm => "winrm",
            Self::Schemes => "schemes",
            Self::Kerberos => "kerberos",
            Self::Login => "login",
            Self::Rights => "rights",
            Self::Quotas => "quotas",
            Self::Namespace => "namespace",
            Self::Role => "role",
            Self::Machines => "machines",
            Self::Services => "services",
            Self::Clock => "clock",
            Self::Directory => "directory",
        }
    }

    /// Says whether it is about Hyper-V, and not about the way to it.
    pub(super) fn is_of_hyperv(self) -> bool {
        matches!(self, Self::Machines | Self::Services)
    }
}

/// How a layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    NotReached,
    Pass,
    Warn,
    Fail,
}

impl Status {
    /// Returns what scripts call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotReached => "not-reached",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What cannot be looked at when a layer has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    Nothing,
    /// What Hyper-V shows.
    HyperV,
    /// All that the host would have to be asked for.
    Everything,
}

/// Where a command is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the Hyper-V host, in PowerShell.
    Host,
    /// On this machine.
    Here,
    /// On a controller of the domain, in PowerShell.
    Domain,
    /// On the server of the share, in PowerShell.
    FileServer,
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Here => "here",
            Self::Domain => "domain-controller",
            Self::FileServer => "file-server",
        }
    }

    /// Returns what stands before a command in front of people.
    pub(super) fn prompt(self) -> &'static str {
        match self {
            Self::Host => "PS HOST>",
            Self::Here => "$",
            Self::Domain => "PS DC>",
            Self::FileServer => "PS FILESERVER>",
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fix {
    pub(super) text: String,
    pub(super) command: Option<(Place, String)>,
}

impl Fix {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None }
    }

    pub(super) fn on_host(self, command: impl Into<String>) -> Self {
        self.at(Place::Host, command)
    }

    pub(super) fn here(self, command: impl Into<String>) -> Self {
        self.at(Place::Here, command)
    }

    pub(super) fn at(mut self, place: Place, command: impl Into<String>) -> Self {
        self.command = Some((place, command.into()));
        self
    }

    fn to_json(&self) -> Json {
        let (place, command) = match &self.command {
            Some((place, command)) => (Some(place.name()), Some(command)),
            None => (None, None),
        };
        json!({"text": self.text, "command": command, "on": place})
    }
}

/// What was found at a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) layer: Layer,
    pub(super) status: Status,
    /// What was seen.
    pub(super) seen: String,
    pub(super) fix: Option<Fix>,
    /// The number closest to the cause, where there is one.
    pub(super) code: Option<String>,
    /// How the program ends, where this is the first layer that has failed.
    pub(super) exit: Exit,
    pub(super) blocks: Blocks,
    /// What was seen, for programs.
    pub(super) facts: Json,
}

impl Finding {
    pub(super) fn pass(layer: Layer, seen: impl Into<String>) -> Self {
        Self {
            layer,
            status: Status::Pass,
            seen: seen.into(),
            fix: None,
            code: None,
            exit: Exit::Done,
            blocks: Blocks::Nothing,
            facts: Json::Null,
        }
    }

    pub(super) fn warn(layer: Layer, seen: impl Into<String>, fix: Fix) -> Self {
        Self { status: Status::Warn, fix: Some(fix), exit: Exit::Warnings, ..Self::pass(layer, seen) }
    }

    /// Returns a failure behind which nothing can be reached.
    pub(super) fn fail(layer: Layer, exit: Exit, seen: impl Into<String>, fix: Fix) -> Self {
        let status = Status::Fail;
        Self { status, fix: Some(fix), exit, blocks: Blocks::Everything, ..Self::pass(layer, seen) }
    }

    pub(super) fn not_reached(layer: Layer, seen: impl Into<String>) -> Self {
        Self { status: Status::NotReached, ..Self::pass(layer, seen) }
    }

    #[must_use]
    pub(super) fn with(mut self, facts: Json) -> Self {
        self.facts = facts;
        self
    }

    #[must_use]
    pub(super) fn coded(mut self, code: Option<String>) -> Self {
        self.code = code;
        self
    }

    #[must_use]
    pub(super) fn blocking(mut self, blocks: Blocks) -> Self {
        self.blocks = blocks;
        self
    }

    /// Returns the object that scripts read.
    pub(super) fn to_json(&self) -> Json {
        let exit_code = (self.status == Status::Fail).then(|| self.exit.code());
        json!({
            "layer": self.layer.name(),
            "status": self.status.name(),
            "seen": self.seen,
            "code": self.code,
            "exit_code": exit_code,
            "fix": self.fix.as_ref().map(Fix::to_json),
            "facts": self.facts,
        })
    }
}

/// Returns how the program ends after all of these.
pub(super) fn exit_of(findings: &[Finding]) -> Exit {
    let failed = findings.iter().find(|finding| finding.status == Status::Fail);
    let warned = findings.iter().any(|finding| finding.status == Status::Warn);
    failed.map_or(if warned { Exit::Warnings } else { Exit::Done }, |finding| finding.exit)
}

/// Returns a text as PowerShell reads it back.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_says_how_it_ends_and_a_warning_only_without_one() {
        let pass = Finding::pass(Layer::Name, "x");
        let warn = Finding::warn(Layer::Tcp, "x", Fix::new("x"));
        let fail = |exit| Finding::fail(Layer::Login, exit, "x", Fix::new("x"));
        assert_eq!(exit_of(std::slice::from_ref(&pass)), Exit::Done);
        assert_eq!(exit_of(&[pass.clone(), warn.clone()]), Exit::Warnings);
        assert_eq!(exit_of(&[pass, warn, fail(Exit::Login), fail(Exit::NotFound)]), Exit::Login);
    }

    #[test]
    fn a_quote_does_not_end_what_powershell_is_given() {
        assert_eq!(quoted(r"LAB\o'neil"), r"'LAB\o''neil'");
    }
}
