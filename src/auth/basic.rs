use std::fmt;

use zeroize::Zeroizing;

use super::{
    Account, Chosen, Credentials, Error, Mechanism, Protection, Report, Result, Scheme, Step, Token,
};

/// Basic, [RFC 7617]: the password itself. Whether it may go over a clear connection is decided by who
/// opens the connection; this mechanism has no seal to give.
#[derive(Debug)]
pub struct Basic {
    account: Account,
    token: Token,
}

impl Basic {
    /// Takes a user and a password. The user name may not contain a colon, which ends it on the wire.
    ///
    /// `protection` says what guards the bodies: asked for [`Protection::Seal`], Basic refuses.
    pub fn new(credentials: &Credentials, protection: Protection) -> Result<Self> {
        if protection == Protection::Seal {
            return Err(Error::CannotSeal { missing: "sealing (Basic has none)".into() });
        }
        Self::in_clear(credentials)
    }

    /// The same without any protection of the bodies, for those who allow clear text on purpose.
    pub fn in_clear(credentials: &Credentials) -> Result<Self> {
        let Credentials::Password { account, password } = credentials else {
            return Err(Error::Unsuitable { mechanism: "Basic", needs: "a user name and a password" });
        };
        let user = account.to_string();
        if user.contains(':') {
            return Err(Error::Unsuitable { mechanism: "Basic", needs: "a user name without a colon" });
        }
        let token = [user.as_bytes(), b":", password.expose().as_bytes()].concat();
        Ok(Self { account: account.clone(), token: Token::new(token) })
    }
}

impl Mechanism for Basic {
    fn scheme(&self) -> Scheme {
        Scheme::Basic
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        if token.is_some() {
            return Err(Error::OutOfTurn { what: "token for Basic" });
        }
        let report = Report { account: Some(self.account.clone()), ..Report::new(Chosen::Basic) };
        Ok(Step::Done { token: Some(self.token.clone()), seal: None, report })
    }
}

/// The acceptor's side of Basic.
pub struct BasicAcceptor {
    check: Check,
}

/// Says whether that is the password of that account.
type Check = Box<dyn Fn(&Account, &str) -> bool + Send>;

impl BasicAcceptor {
    /// Takes the function that knows the passwords.
    pub fn new(check: impl Fn(&Account, &str) -> bool + Send + 'static) -> Self {
        Self { check: Box::new(check) }
    }
}

impl Mechanism for BasicAcceptor {
    fn scheme(&self) -> Scheme {
        Scheme::Basic
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        let token = token.ok_or(Error::OutOfTurn { what: "missing Basic token" })?;
        let text = Zeroizing::new(String::from_utf8(token.to_vec()).map_err(|_| malformed("not UTF-8"))?);
        let (user, password) = text.split_once(':').ok_or(malformed("no colon"))?;
        let account = Account::parse(user);
        if !(self.check)(&account, password) {
            return Err(Error::LogonFailure);
        }
        let report = Report { account: Some(account), ..Report::new(Chosen::Basic) };
        Ok(Step::Done { token: None, seal: None, report })
    }
}

impl fmt::Debug for BasicAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicAcceptor")
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::Malformed { what: "Basic credentials", reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acceptor() -> BasicAcceptor {
        BasicAcceptor::new(|account, password| account.user == "mia" && password == "pä:ss")
    }

    fn token() -> Token {
        let mut basic = Basic::new(&Credentials::password(r"LAB\mia", "pä:ss"), Protection::Tls).unwrap();
        let Step::Done { token: Some(token), seal: None, .. } = basic.step(None).unwrap() else {
            panic!("Basic is one token");
        };
        token
    }

    #[test]
    fn user_and_password_arrive() {
        let token = token();
        assert_eq!(token.as_bytes(), "LAB\\mia:pä:ss".as_bytes());
        let Step::Done { report, .. } = acceptor().step(Some(token.as_bytes())).unwrap() else {
            panic!("Basic is one token");
        };
        assert_eq!(report.account, Some(Account::parse(r"LAB\mia")));
    }

    #[test]
    fn a_colon_in_the_user_name_is_refused() {
        let credentials = Credentials::password("a:b", "c");
        assert!(matches!(Basic::in_clear(&credentials), Err(Error::Unsuitable { .. })));
    }

    #[test]
    fn basic_cannot_seal() {
        let credentials = Credentials::password("a", "b");
        assert!(matches!(Basic::new(&credentials, Protection::Seal), Err(Error::CannotSeal { .. })));
    }

    #[test]
    fn each_flipped_bit_of_user_or_password_is_refused_or_is_another_domain() {
        let token = token();
        for bit in 0..token.as_bytes().len() * 8 {
            let mut bad = token.as_bytes().to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Step::Done { report, .. }) = acceptor().step(Some(&bad)) {
                assert_eq!(report.account.unwrap().user, "mia");
                assert!(bit / 8 < 3, "bit {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = acceptor().step(Some(&bytes));
        }
    }
}
