/// What Kerberos stumbled over, by the number of the library's error; its words are for the reader alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KerberosTrouble {
    /// The password is not the account's, or the key in the keytab is an old one.
    WrongPassword,
    /// The account is locked, disabled or expired.
    AccountRevoked,
    /// The password has expired, and has to be changed first.
    PasswordExpired,
    /// The KDC knows no such account.
    AccountUnknown,
    /// The KDC knows no such service: the host is called otherwise there, or has no such name at all.
    ServiceUnknown,
    /// The clocks are too far apart.
    ClockSkew,
    /// No KDC of the realm answers.
    KdcUnreachable,
    /// Nobody knows where a KDC of the realm is.
    RealmUnknown,
    /// There is no ticket cache, or nothing in it.
    NoTickets,
    /// The ticket has expired.
    TicketExpired,
    /// The keytab is not there, or has no key of that name.
    NoKey,
    /// No cipher is allowed by both sides.
    Cipher,
    /// Anything else.
    #[default]
    Other,
}

impl KerberosTrouble {
    /// Returns what a number of the library's table `krb5` means.
    pub(super) fn of(code: i32) -> Self {
        KNOWN.iter().find(|(known, _)| *known == code).map_or(Self::Other, |(_, trouble)| *trouble)
    }
}

use KerberosTrouble as T;

/// Numbers of MIT's `krb5_err.et`.
const KNOWN: [(i32, KerberosTrouble); 22] = [
    // KRB5KDC_ERR_NAME_EXP, KRB5KDC_ERR_CLIENT_REVOKED
    (-1_765_328_383, T::AccountRevoked),
    (-1_765_328_366, T::AccountRevoked),
    // KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN
    (-1_765_328_378, T::AccountUnknown),
    // KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN
    (-1_765_328_377, T::ServiceUnknown),
    // KRB5KDC_ERR_ETYPE_NOSUPP, KRB5_PROG_ETYPE_NOSUPP
    (-1_765_328_370, T::Cipher),
    (-1_765_328_234, T::Cipher),
    // KRB5KDC_ERR_KEY_EXP
    (-1_765_328_361, T::PasswordExpired),
    // KRB5KDC_ERR_PREAUTH_FAILED, KRB5KRB_AP_ERR_BAD_INTEGRITY, KRB5_PREAUTH_FAILED
    (-1_765_328_360, T::WrongPassword),
    (-1_765_328_353, T::WrongPassword),
    (-1_765_328_174, T::WrongPassword),
    // KRB5KRB_AP_ERR_TKT_EXPIRED
    (-1_765_328_352, T::TicketExpired),
    // KRB5KRB_AP_ERR_TKT_NYV, KRB5KRB_AP_ERR_SKEW, KRB5_KDCREP_SKEW
    (-1_765_328_351, T::ClockSkew),
    (-1_765_328_347, T::ClockSkew),
    (-1_765_328_236, T::ClockSkew),
    // KRB5_REALM_UNKNOWN, KRB5_REALM_CANT_RESOLVE, KRB5_CONFIG_NODEFREALM
    (-1_765_328_230, T::RealmUnknown),
    (-1_765_328_164, T::RealmUnknown),
    (-1_765_328_160, T::RealmUnknown),
    // KRB5_KDC_UNREACH
    (-1_765_328_228, T::KdcUnreachable),
    // KRB5_CC_NOTFOUND, KRB5_FCC_NOFILE
    (-1_765_328_243, T::NoTickets),
    (-1_765_328_189, T::NoTickets),
    // KRB5_KT_NOTFOUND, KRB5_KT_KVNONOTFOUND
    (-1_765_328_203, T::NoKey),
    (-1_765_328_154, T::NoKey),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_one_thing_and_an_unknown_one_nothing() {
        let mut numbers: Vec<_> = KNOWN.iter().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), KNOWN.len());
        assert_eq!(KerberosTrouble::of(-1_765_328_347), KerberosTrouble::ClockSkew);
        assert_eq!(KerberosTrouble::of(0), KerberosTrouble::Other);
    }
}
