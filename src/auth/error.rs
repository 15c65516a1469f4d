use super::{KerberosTrouble, Scheme};

/// What the functions of this room return.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong while proving who we are. No variant carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes from outside that are not what they should be.
    #[error("{what} malformed: {reason}")]
    Malformed {
        /// The token, header or body.
        what: &'static str,
        /// The first rule it breaks.
        reason: &'static str,
    },
    /// A well-formed token that has no place at this point of the login.
    #[error("{what} out of turn")]
    OutOfTurn {
        /// What came, or was expected and did not come.
        what: &'static str,
    },
    /// The credentials at hand do not fit the mechanism.
    #[error("{mechanism} needs {needs}")]
    Unsuitable {
        /// The mechanism that was asked for.
        mechanism: &'static str,
        /// What it would take.
        needs: &'static str,
    },
    /// The peer refused the login in its own words.
    #[error("login refused by the peer{}", mechanism.map(|name| format!(" ({name})")).unwrap_or_default())]
    Refused {
        /// The mechanism that was refused, where known.
        mechanism: Option<&'static str>,
    },
    /// The acceptor does not know the account, or the proof is not that of its password. Which of them
    /// is not said on purpose.
    #[error("account unknown or password wrong")]
    LogonFailure,
    /// The peer shares no mechanism with us.
    #[error("no mechanism in common with the peer")]
    NoCommonMechanism,
    /// The peer does not offer a scheme we may use.
    #[error("no usable authentication scheme among those offered ({offered})")]
    NotOffered {
        /// What it offers, for the user to read.
        offered: String,
    },
    /// The login would have to seal and cannot.
    #[error("messages cannot be sealed: peer does not grant {missing}")]
    CannotSeal {
        /// The protections that were not granted.
        missing: String,
    },
    /// Kerberos did not prove the server's identity.
    #[error("server did not prove its identity")]
    NotMutual,
    /// A signature over the login itself is wrong or missing: somebody altered it on the way.
    #[error("{what} does not verify")]
    NotVerified {
        /// The signature.
        what: &'static str,
    },
    /// The login is not bound to this TLS channel, or to another one.
    #[error("channel bindings {0}")]
    Bindings(&'static str),
    /// A login was stepped on after it had ended.
    #[error("login is over")]
    Over,
    /// A sealed message is not what its sender sealed, or not the next one.
    #[error("seal broken: {reason}")]
    SealBroken {
        /// The first check that failed.
        reason: &'static str,
    },
    /// An earlier message broke the seal; nothing after it can be trusted.
    #[error("seal was broken by an earlier message")]
    SealPoisoned,
    /// The system's Kerberos library cannot be used.
    #[error("kerberos library not usable: {reason} (install {package})")]
    LibraryMissing {
        /// The loader's own words.
        reason: String,
        /// What to install.
        package: &'static str,
    },
    /// Kerberos could not start with these credentials.
    #[error("no kerberos credentials from {origin}: {reason}")]
    NoTickets {
        /// Where they were looked for.
        origin: String,
        /// The library's own words.
        reason: String,
        /// What they mean.
        trouble: KerberosTrouble,
    },
    /// The KDC does not take this password, or does not let this account in: no other mechanism will.
    #[error("{origin} refused by the KDC: {reason}")]
    PasswordRefused {
        /// Whose password.
        origin: String,
        /// The library's own words.
        reason: String,
        /// What they mean.
        trouble: KerberosTrouble,
    },
    /// No ticket for the service could be had.
    #[error("no kerberos ticket for the service: {}", tried(attempts))]
    NoServiceTicket {
        /// Each name that was tried and what the KDC answered.
        attempts: Vec<Attempt>,
    },
    /// The system's Kerberos library reported an error later on.
    #[error("kerberos: {reason}")]
    Kerberos {
        /// The library's own words.
        reason: String,
        /// What they mean.
        trouble: KerberosTrouble,
    },
    /// A token came for another scheme.
    #[error("token belongs to another scheme than {0}")]
    WrongScheme(Scheme),
}

/// One service name that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The name: `HTTP/host`.
    pub name: String,
    /// What the KDC, or the library on its behalf, answered.
    pub answer: String,
    /// What that means.
    pub trouble: KerberosTrouble,
}

impl Error {
    /// Returns what Kerberos stumbled over, where it was Kerberos that did; of several service names that were
    /// tried, what the last of them came to.
    pub fn trouble(&self) -> Option<KerberosTrouble> {
        match self {
            Self::NoTickets { trouble, .. }
            | Self::PasswordRefused { trouble, .. }
            | Self::Kerberos { trouble, .. } => Some(*trouble),
            Self::NoServiceTicket { attempts } => attempts.last().map(|attempt| attempt.trouble),
            _ => None,
        }
    }
}

fn tried(attempts: &[Attempt]) -> String {
    let lines: Vec<_> = attempts.iter().map(|tried| format!("{}: {}", tried.name, tried.answer)).collect();
    lines.join("; ")
}
