use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroize;

use super::ntlm::ResponseKey;
use super::{Error, Result};

/// Who logs in, and with what proof.
///
/// ```
/// use refpoint::client::Credentials;
///
/// let with_password = Credentials::password(r"CORP\backup", "secret");
/// let with_keytab = Credentials::Keytab {
///     path: "/etc/refpoint/backup.keytab".into(),
///     principal: "backup@CORP.EXAMPLE".to_owned(),
/// };
/// let with_tickets = Credentials::Tickets { cache: None, principal: None };
/// assert!(!format!("{with_password:?}").contains("secret"), "secrets are never shown");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// A user and a password: good for Basic, NTLM and Kerberos.
    Password {
        /// Whose password.
        account: Account,
        /// The password.
        password: Secret<String>,
    },
    /// A user and the key NTLM derives from the password: good for NTLM only.
    Ntlm {
        /// Whose key.
        account: Account,
        /// The NTOWFv2 key of this account.
        key: ResponseKey,
    },
    /// Kerberos tickets that somebody else obtained (`kinit`).
    Tickets {
        /// The credential cache, `TYPE:name`. `None` leaves the choice to the system: `KRB5CCNAME`, or
        /// the default of its configuration.
        cache: Option<String>,
        /// Whose tickets, where the cache has those of several principals.
        principal: Option<String>,
    },
    /// A Kerberos keytab: no password, nothing stored beside it.
    Keytab {
        /// The keytab file.
        path: PathBuf,
        /// Whose key to use: `user@REALM`.
        principal: String,
    },
    /// The client certificate of the TLS connection.
    Certificate,
}

impl Credentials {
    /// A user, in any spelling [`Account`] knows, and a password.
    ///
    /// ```
    /// use refpoint::client::Credentials;
    ///
    /// assert_eq!(Credentials::password(r"CORP\backup", "secret").user(), Some("backup"));
    /// ```
    pub fn password(user: &str, password: impl Into<String>) -> Self {
        Self::Password { account: Account::parse(user), password: Secret::new(password.into()) }
    }

    /// Returns who logs in, where that is said and not left to tickets or a certificate.
    ///
    /// ```
    /// use refpoint::client::Credentials;
    ///
    /// assert_eq!(Credentials::password(r"CORP\backup", "secret").user(), Some("backup"));
    /// assert_eq!(Credentials::Certificate.user(), None);
    /// ```
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Password { account, .. } | Self::Ntlm { account, .. } => Some(&account.user),
            Self::Keytab { principal, .. } => Some(principal),
            Self::Tickets { principal, .. } => principal.as_deref(),
            Self::Certificate => None,
        }
    }

    /// Derives the NTLM key and drops the password: enough for NTLM on any number of connections.
    ///
    /// Other kinds come back as they were.
    ///
    /// ```
    /// use refpoint::client::Credentials;
    ///
    /// let key = Credentials::password(r"CORP\backup", "secret").into_ntlm();
    /// assert!(matches!(key, Credentials::Ntlm { .. }));
    /// ```
    pub fn into_ntlm(self) -> Self {
        match self {
            Self::Password { account, password } => {
                let key = ResponseKey::derive(&account, &password);
                Self::Ntlm { account, key }
            }
            other => other,
        }
    }

    /// Returns the account and its NTLM key.
    ///
    /// ```
    /// use refpoint::client::Credentials;
    ///
    /// let (account, _key) = Credentials::password(r"CORP\backup", "secret").ntlm()?;
    /// assert_eq!(account.user, "backup");
    /// assert!(Credentials::Certificate.ntlm().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ntlm(&self) -> Result<(Account, ResponseKey)> {
        match self {
            Self::Password { account, password } => {
                Ok((account.clone(), ResponseKey::derive(account, password)))
            }
            Self::Ntlm { account, key } => Ok((account.clone(), key.clone())),
            _ => Err(Error::Unsuitable { mechanism: "NTLM", needs: "a user name and a password" }),
        }
    }
}

/// A user as the mechanisms want him: NTLM apart by domain, Kerberos by realm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The user name; a user principal name (`user@realm`) stays whole.
    pub user: String,
    /// The NetBIOS or DNS domain, empty for a local account or a user principal name.
    pub domain: String,
}

impl Account {
    /// Reads `DOMAIN\user`, `user@realm` or `user`.
    ///
    /// A plain user keeps an empty domain: it names a local account of the server, and filling in
    /// another domain would change the hash.
    pub fn parse(text: &str) -> Self {
        match text.split_once('\\') {
            Some((domain, user)) => Self { user: user.to_owned(), domain: domain.to_owned() },
            None => Self { user: text.to_owned(), domain: String::new() },
        }
    }

    /// Takes a Kerberos principal as it is.
    pub(super) fn of_principal(principal: String) -> Self {
        Self { user: principal, domain: String::new() }
    }

    /// Returns the Kerberos principal.
    ///
    /// `user@realm` becomes `user@REALM`, since the realms of Active Directory are upper case and the
    /// system's Kerberos takes them as they are written. Of `DOMAIN\user` the domain serves as realm
    /// only if it has a dot; a NetBIOS name is not a realm, and the default realm stands in for it.
    pub fn principal(&self) -> String {
        if let Some((user, realm)) = self.user.rsplit_once('@') {
            return format!("{user}@{}", realm.to_uppercase());
        }
        match self.domain.contains('.') {
            true => format!("{}@{}", self.user, self.domain.to_uppercase()),
            false => self.user.clone(),
        }
    }

    /// Says whether this names an account of the server itself: no realm, and no domain but ".".
    pub fn is_local(&self) -> bool {
        matches!(self.domain.as_str(), "" | ".") && !self.user.contains('@')
    }

    /// Returns the NetBIOS name of the domain, where that is all we know of it.
    pub(super) fn netbios_domain(&self) -> Option<&str> {
        let known = !self.is_local() && !self.user.contains('@') && !self.domain.contains('.');
        known.then_some(self.domain.as_str())
    }
}

impl FromStr for Account {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(Self::parse(text))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.domain.is_empty() {
            true => f.write_str(&self.user),
            false => write!(f, "{}\\{}", self.domain, self.user),
        }
    }
}

/// A value nobody prints: `Debug` shows `***`, and its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value, where it has to be used.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: &str, domain: &str) -> Account {
        Account { user: user.into(), domain: domain.into() }
    }

    #[test]
    fn the_three_spellings_of_a_user_are_read() {
        assert_eq!(Account::parse(r"LAB\mia"), account("mia", "LAB"));
        assert_eq!(Account::parse("mia@lab.test"), account("mia@lab.test", ""));
        assert_eq!(Account::parse("mia"), account("mia", ""));
        assert_eq!(Account::parse(r".\mia"), account("mia", "."));
    }

    #[test]
    fn a_principal_has_an_upper_case_realm_and_no_netbios_name() {
        assert_eq!(Account::parse("mia@lab.test").principal(), "mia@LAB.TEST");
        assert_eq!(Account::parse(r"lab.test\mia").principal(), "mia@LAB.TEST");
        assert_eq!(Account::parse(r"LAB\mia").principal(), "mia");
        assert_eq!(Account::parse("mia").principal(), "mia");
    }

    #[test]
    fn an_account_of_the_server_has_neither_realm_nor_domain() {
        for local in ["mia", r".\mia"] {
            assert!(Account::parse(local).is_local(), "{local}");
        }
        for other in [r"LAB\mia", "mia@lab.test", r"lab.test\mia"] {
            assert!(!Account::parse(other).is_local(), "{other}");
        }
        assert_eq!(Account::parse(r"LAB\mia").netbios_domain(), Some("LAB"));
        assert_eq!(Account::parse(r"lab.test\mia").netbios_domain(), None);
        assert_eq!(Account::parse("mia").netbios_domain(), None);
    }

    #[test]
    fn no_secret_is_printed() {
        let password = Credentials::password(r"LAB\mia", "hunter2-swordfish");
        let ntlm = password.clone().into_ntlm();
        for credentials in [password, ntlm] {
            let printed = format!("{credentials:?}");
            assert!(printed.contains("***") && printed.contains("mia"), "{printed}");
            assert!(!printed.contains("swordfish"), "{printed}");
        }
    }

    #[test]
    fn tickets_cannot_do_ntlm() {
        let tickets = Credentials::Tickets { cache: None, principal: None };
        assert!(matches!(tickets.ntlm(), Err(Error::Unsuitable { mechanism: "NTLM", .. })));
    }
}
