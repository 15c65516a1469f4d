//! Who logs in, in words and in commands.

use refpoint::client::{Credentials, Target};

use super::finding::quoted;

/// Returns who logs in, where that is said: `DOMAIN\user`, `user@REALM`, `user`.
pub(super) fn said(target: &Target) -> Option<String> {
    match &target.options.login.credentials {
        Credentials::Password { account, .. } | Credentials::Ntlm { account, .. } => {
            Some(account.to_string())
        }
        other => other.user().map(str::to_owned),
    }
}

/// Returns who logs in, as a word in a sentence.
pub(super) fn named(target: &Target) -> String {
    said(target).unwrap_or_else(|| match target.options.login.credentials {
        Credentials::Certificate => "the owner of the certificate".to_owned(),
        _ => "the owner of the ticket".to_owned(),
    })
}

/// Returns the command that makes it a member of one of the host's groups.
pub(super) fn join(target: &Target, group: &str) -> String {
    let member = said(target).unwrap_or_else(|| r"DOMAIN\USER".to_owned());
    format!("Add-LocalGroupMember -Group {} -Member {}", quoted(group), quoted(&member))
}

/// The group that may use WinRM.
pub(super) const REMOTE_USERS: &str = "Remote Management Users";
/// The group that may use Hyper-V.
pub(super) const HYPERV_ADMINISTRATORS: &str = "Hyper-V Administrators";

#[cfg(test)]
mod tests {
    use refpoint::client::{Login, Method, Options};

    use super::*;

    #[test]
    fn an_account_keeps_its_domain_also_where_its_password_is_gone() {
        for (user, method) in
            [(r"LAB\mia", Method::Negotiate), (r"LAB\mia", Method::Ntlm), ("mia", Method::Negotiate)]
        {
            let login = Login::new(Credentials::password(user, "x")).with(method);
            let target = Target::new("hv01".parse().unwrap(), Options::new(login));
            assert_eq!(said(&target).as_deref(), Some(user));
        }
        let login = Login::new(Credentials::Tickets { cache: None, principal: None });
        let target = Target::new("hv01".parse().unwrap(), Options::new(login));
        assert_eq!(
            join(&target, REMOTE_USERS),
            r"Add-LocalGroupMember -Group 'Remote Management Users' -Member 'DOMAIN\USER'"
        );
    }
}
