use std::collections::HashMap;
use std::fmt;

use crate::auth::ntlm::NtHash;
use crate::auth::{Account, Secret};

use super::super::{Caller, Scenario};

/// Who may log in, with what, and as whom.
pub(super) struct Accounts {
    known: Vec<Known>,
    domain: String,
    realm: String,
}

struct Known {
    account: Account,
    password: Secret<String>,
    hash: NtHash,
    caller: Caller,
}

impl Accounts {
    /// Takes the users of a scenario; those without a password get this one.
    pub(super) fn of(scenario: &Scenario, password: &Secret<String>) -> Self {
        let known = scenario.users.iter().map(|user| {
            let password = user.password.as_ref().unwrap_or(password).clone();
            Known {
                account: Account::parse(&user.name),
                hash: NtHash::of(password.expose()),
                password,
                caller: Caller { user: user.name.clone(), rights: user.rights },
            }
        });
        Self {
            known: known.collect(),
            domain: scenario.host.domain.clone(),
            realm: scenario.host.dns_domain.clone(),
        }
    }

    /// Returns the hash that NTLM needs; nothing for an account that is not known on this host.
    pub(super) fn hash(&self, account: &Account, host: &str) -> Option<NtHash> {
        self.find(account, host).map(|known| known.hash.clone())
    }

    /// Says whether that is the password of that account.
    pub(super) fn is_password(&self, account: &Account, password: &str, host: &str) -> bool {
        self.find(account, host).is_some_and(|known| known.password.expose() == password)
    }

    /// Returns as whom an account that has proved itself acts.
    pub(super) fn caller(&self, account: &Account, host: &str) -> Option<Caller> {
        self.find(account, host).map(|known| known.caller.clone())
    }

    fn find(&self, account: &Account, host: &str) -> Option<&Known> {
        let (user, place) = self.place(account, host);
        self.known.iter().find(|known| {
            let (known_user, known_place) = self.place(&known.account, host);
            same(known_user, user) && known_place == place
        })
    }

    /// Returns user and domain apart. An empty domain, `.` and the host's name are the host itself; the
    /// domain's DNS name is the domain.
    fn place<'a>(&'a self, account: &'a Account, host: &str) -> (&'a str, Place<'a>) {
        let (user, domain) = match account.user.rsplit_once('@') {
            Some((user, realm)) if account.domain.is_empty() => (user, realm),
            _ => (&*account.user, &*account.domain),
        };
        let place = match domain {
            "" | "." => Place::Host,
            domain if same(domain, host) => Place::Host,
            domain if same(domain, &self.domain) || same(domain, &self.realm) => Place::Domain,
            other => Place::Elsewhere(other),
        };
        (user, place)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Host,
    Domain,
    Elsewhere(&'a str),
}

/// Compares names as Windows does, without regard to letter case.
fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: HashMap<_, _> = self.known.iter().map(|known| (&known.account, "***")).collect();
        f.debug_tuple("Accounts").field(&users).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_under_each_of_its_names_and_no_other() {
        let scenario = Scenario::read(
            "[[user]]\nname = 'LAB\\operator'\npassword = 'a'\n[[user]]\nname = 'local'\npassword = 'b'",
        );
        let accounts = Accounts::of(&scenario.unwrap(), &Secret::new("c".to_owned()));
        let caller = |name: &str| accounts.caller(&Account::parse(name), "HV01").map(|caller| caller.user);
        for name in [r"LAB\operator", r"lab\OPERATOR", r"lab.example\operator", "operator@lab.example"] {
            assert_eq!(caller(name).as_deref(), Some(r"LAB\operator"), "{name}");
        }
        for name in ["local", r".\local", r"HV01\local", r"hv01\Local"] {
            assert_eq!(caller(name).as_deref(), Some("local"), "{name}");
        }
        for name in
            ["operator", r"HV01\operator", r"OTHER\operator", r"LAB\local", r"HV02\local", "", r"LAB\"]
        {
            assert_eq!(caller(name), None, "{name}");
        }
    }

    #[test]
    fn a_user_without_a_password_has_that_of_the_start() {
        let accounts = Accounts::of(&Scenario::default(), &Secret::new("this start's".to_owned()));
        let operator = Account::parse(r"LAB\operator");
        assert!(accounts.is_password(&operator, "this start's", "HV01"));
        for wrong in ["", "this start", "This start's", "this start's "] {
            assert!(!accounts.is_password(&operator, wrong, "HV01"), "{wrong}");
        }
        assert!(!format!("{accounts:?}").contains("start"));
    }
}
