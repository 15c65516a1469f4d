//! The codes with which MIT Kerberos says why a login failed, as its messages and `KRB5_TRACE` have them.
//!
//! They are negative there (-1765328377); here they stand without a sign, 0x96C73A00 and up: the numbers of
//! \[RFC4120\] "Error codes" from the base, and MIT's own behind them. Names and numbers are those of `krb5.h`.

use super::code::{Code, codes, find};

/// Finds a code of MIT Kerberos by its number without a sign.
pub fn kerberos(number: u32) -> Option<&'static Code> {
    find(CODES, number)
}

pub(super) static CODES: &[Code] = codes! {
    0x96C7_3A06 "client-unknown" "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN" Never
        meaning "The realm does not know the user."
        cause   "A spelling error in the user or the realm, or a realm other than the account's own."
        advice  "Write `--user user@REALM` with the account's own realm, in capitals.";
    0x96C7_3A07 "server-unknown" "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN" Never
        meaning "The realm knows no service principal of the name that was asked for."
        cause   "TARGET is an address or an alias, or the host has no principal HTTP or WSMAN by that name."
        advice  "Name the host by its own full name; `--spn-host` and `--spn-service` name the principal otherwise.";
    0x96C7_3A0C "policy" "KRB5KDC_ERR_POLICY" Never
        meaning "A policy of the realm forbids this ticket."
        cause   "Restrictions on the account: where from, at what hours, or for what it may ask."
        advice  "Look at the account's log-on restrictions, or use another account.";
    0x96C7_3A0E "encryption-not-supported" "KRB5KDC_ERR_ETYPE_NOSUPP" Never
        meaning "The realm and this machine have no kind of encryption in common for this ticket."
        cause   "One side allows AES alone and the other RC4 alone, by policy or by an account's old keys."
        advice  "Allow AES for the account and set its password once more; see permitted_enctypes in krb5.conf.";
    0x96C7_3A12 "client-revoked" "KRB5KDC_ERR_CLIENT_REVOKED" Never
        meaning "The account is disabled, locked or expired."
        cause   "Too many wrong passwords, or somebody has switched it off."
        advice  "Unlock or enable the account; find what still tries an old password.";
    0x96C7_3A17 "password-expired" "KRB5KDC_ERR_KEY_EXP" Never
        meaning "The password has expired."
        cause   "The account's password is older than the policy allows."
        advice  "Set a new password for the account, and make its keytab anew.";
    0x96C7_3A18 "pre-authentication-failed" "KRB5KDC_ERR_PREAUTH_FAILED" Never
        meaning "The password or the key is wrong."
        cause   "A spelling error, a changed password, or a keytab older than the password."
        advice  "Check the password; make the keytab anew. Repeated attempts may lock the account.";
    0x96C7_3A1F "bad-integrity" "KRB5KRB_AP_ERR_BAD_INTEGRITY" Never
        meaning "What was encrypted cannot be opened with this key."
        cause   "A wrong password, or a keytab older than the password."
        advice  "Check the password; make the keytab anew.";
    0x96C7_3A20 "ticket-expired" "KRB5KRB_AP_ERR_TKT_EXPIRED" Never
        meaning "The ticket has expired."
        cause   "The cache holds a ticket of yesterday."
        advice  "Get a new one with kinit; for a timer use a keytab, which gets its own.";
    0x96C7_3A21 "ticket-not-yet-valid" "KRB5KRB_AP_ERR_TKT_NYV" Never
        meaning "The ticket is not valid yet."
        cause   "The clocks of this machine and the realm differ."
        advice  "Set the clock of this machine (NTP), and get a new ticket.";
    0x96C7_3A25 "clock-skew" "KRB5KRB_AP_ERR_SKEW" Never
        meaning "The clocks differ by more than Kerberos allows."
        cause   "This machine, the host or the domain controller has a wrong clock; five minutes are allowed by \
                default."
        advice  "Set the clocks (NTP) of this machine and of the host.";
    0x96C7_3A29 "modified" "KRB5KRB_AP_ERR_MODIFIED" Never
        meaning "The host cannot open the ticket that was meant for it."
        cause   "The service principal belongs to another account than the one WinRM runs as, or the name leads \
                to another host."
        advice  "See with `setspn -Q HTTP/HOST` who holds the principal; name the host by its own full name.";
    0x96C7_3A8D "credentials-not-found" "KRB5_CC_NOTFOUND" Never
        meaning "The ticket cache holds no fitting ticket."
        cause   "The cache belongs to another user or realm."
        advice  "See what klist shows, and get a ticket with kinit.";
    0x96C7_3A9A "realm-unknown" "KRB5_REALM_UNKNOWN" Never
        meaning "No domain controller is known for the realm."
        cause   "The realm stands neither in krb5.conf nor in DNS, or is not written in capitals."
        advice  "Write the realm in capitals; give it a kdc in krb5.conf, or let DNS find it.";
    0x96C7_3A9C "kdc-unreachable" "KRB5_KDC_UNREACH" Never
        meaning "No domain controller of the realm can be reached."
        cause   "They are down, or a firewall is in between (port 88)."
        advice  "Check the network to the domain controllers, and their names in krb5.conf or DNS.";
    0x96C7_3AB5 "key-not-found" "KRB5_KT_NOTFOUND" Never
        meaning "The keytab holds no key of that name."
        cause   "It is another user's, or its keys are older than the account's."
        advice  "See what `klist -k FILE` shows, and say that name with `--user`.";
    0x96C7_3AC3 "no-ticket-cache" "KRB5_FCC_NOFILE" Never
        meaning "There is no ticket cache."
        cause   "Nobody has run kinit for this user, or KRB5CCNAME names another file, as under a timer."
        advice  "Get a ticket with kinit, or log in with `--keytab` and `--user`.";
};

#[cfg(test)]
mod tests {
    use super::super::code::tests::assert_sound;
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert_sound(CODES);
    }

    /// The numbers as `krb5.h` has them.
    #[test]
    fn the_codes_have_the_numbers_of_the_header() {
        for (number, symbol) in [
            (-1_765_328_378, "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN"),
            (-1_765_328_377, "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN"),
            (-1_765_328_372, "KRB5KDC_ERR_POLICY"),
            (-1_765_328_370, "KRB5KDC_ERR_ETYPE_NOSUPP"),
            (-1_765_328_366, "KRB5KDC_ERR_CLIENT_REVOKED"),
            (-1_765_328_361, "KRB5KDC_ERR_KEY_EXP"),
            (-1_765_328_360, "KRB5KDC_ERR_PREAUTH_FAILED"),
            (-1_765_328_353, "KRB5KRB_AP_ERR_BAD_INTEGRITY"),
            (-1_765_328_352, "KRB5KRB_AP_ERR_TKT_EXPIRED"),
            (-1_765_328_351, "KRB5KRB_AP_ERR_TKT_NYV"),
            (-1_765_328_347, "KRB5KRB_AP_ERR_SKEW"),
            (-1_765_328_343, "KRB5KRB_AP_ERR_MODIFIED"),
            (-1_765_328_243, "KRB5_CC_NOTFOUND"),
            (-1_765_328_230, "KRB5_REALM_UNKNOWN"),
            (-1_765_328_228, "KRB5_KDC_UNREACH"),
            (-1_765_328_203, "KRB5_KT_NOTFOUND"),
            (-1_765_328_189, "KRB5_FCC_NOFILE"),
        ] {
            assert_eq!(kerberos(i32::cast_unsigned(number)).map(|code| code.symbol), Some(symbol));
        }
        assert_eq!(CODES.len(), 17);
    }
}
