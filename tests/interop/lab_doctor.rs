//! `refpoint doctor`, the real program, through Kerberos of MIT's KDC. Run by
//! [`kerberos_against_a_real_realm`](crate::kerberos::kerberos_against_a_real_realm).
//!
//! Clocks that are apart are not among it: the library corrects its own by the KDC's, which here is that of the same
//! machine, and nothing on it shows the program another time. What its number means is tested in `auth/trouble.rs`.

#[cfg(feature = "cli")]
mod inside {
    use std::process::{Command, Stdio};

    use serde_json::Value;

    use crate::HOST;
    use crate::kerberos::{directory, server_environment};
    use crate::lab::{Lab, PASSWORD as NTLM_PASSWORD};
    use crate::realm::PASSWORD;

    fn lab() -> Lab {
        let keytab = directory().join("host.keytab");
        Lab::start(&format!(
            "[host]\ndns_domain = 'lab.test'\n[[user]]\nname = 'LAB\\mia'\n\
             [[user]]\nname = 'LAB\\both'\npassword = '{NTLM_PASSWORD}'\n[service]\nkeytab = '{}'\n",
            keytab.display()
        ))
    }

    /// What was found, and how it ended.
    struct Found {
        value: Value,
        code: Option<i32>,
    }

    impl Found {
        fn layer(&self, name: &str) -> &Value {
            let layers = self.value["layers"].as_array().unwrap();
            layers.iter().find(|layer| layer["layer"] == name).unwrap()
        }

        #[track_caller]
        fn is(&self, layer: &str, status: &str, says: &str) {
            let layer = self.layer(layer);
            assert_eq!(layer["status"], status, "{:#}", self.value);
            assert!(layer["seen"].as_str().unwrap().contains(says), "{layer:#}");
        }
    }

    fn doctor(lab: &Lab, arguments: &[&str], password: Option<&str>) -> Found {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refpoint"));
        command.args(["doctor", &lab.http(), "-o", "json"]).args(arguments).stdin(Stdio::null());
        let environment = server_environment();
        command.envs(environment.into_iter().filter(|(name, _)| *name != "KRB5_KTNAME"));
        if let Some(password) = password {
            command.env("REFPOINT_PASSWORD", password);
        }
        let output = command.output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"));
        Found { value, code: output.status.code() }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_ticket_from_the_cache_or_a_password_passes_and_names_its_service() {
        let lab = lab();
        for (words, password, origin) in [
            (&["--auth", "kerberos"][..], None, "the ticket cache"),
            (&["--user", "mia@lab.test"], Some(PASSWORD), "the password of mia@lab.test"),
        ] {
            let found = doctor(&lab, &[words, &["--spn-host", HOST]].concat(), password);
            found.is("kerberos", "pass", &format!("a ticket for HTTP/{HOST} with {origin}"));
            found.is("login", "pass", "Kerberos");
            assert_eq!((found.code, &found.layer("login")["facts"]["sealed"]), (Some(0), &true.into()));
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_service_that_the_realm_does_not_know_fails_with_the_names_that_were_tried() {
        let lab = lab();
        let found = doctor(&lab, &["--auth", "kerberos", "--spn-host", "hv99.lab.test"], None);
        for service in ["HTTP/hv99.lab.test", "WSMAN/hv99.lab.test", "HOST/hv99.lab.test"] {
            found.is("kerberos", "fail", service);
        }
        assert_eq!(found.code, Some(5));
        assert_eq!(found.layer("kerberos")["fix"]["command"], "setspn -L hv99");
        assert_eq!(found.layer("login")["status"], "not-reached");
        // Where NTLM may stand in, it does, and that is a warning.
        let words = ["--user", "both@lab.test", "--spn-host", "hv99.lab.test"];
        let found = doctor(&lab, &words, Some(NTLM_PASSWORD));
        found.is("kerberos", "warn", "NTLM stood in for Kerberos");
        found.is("login", "pass", "NTLMv2");
        assert_eq!(found.code, Some(3));
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn what_the_realm_says_to_a_password_is_told_and_no_other_way_is_tried() {
        let lab = lab();
        for (user, password, trouble, command) in [
            ("guarded@lab.test", "wrong", "WrongPassword", "kinit 'guarded@lab.test'"),
            ("locked@lab.test", PASSWORD, "AccountRevoked", "Get-ADUser 'locked'"),
        ] {
            let found = doctor(&lab, &["--user", user, "--spn-host", HOST], Some(password));
            found.is("kerberos", "fail", "refused by the KDC");
            let layer = found.layer("kerberos");
            assert_eq!((found.code, &layer["facts"]["trouble"]), (Some(5), &trouble.into()), "{layer:#}");
            assert!(layer["fix"]["command"].as_str().unwrap().starts_with(command), "{layer:#}");
        }
        // Not one login got as far as the host.
        assert!(lab.log().is_empty());
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_keytab_without_the_key_is_told() {
        let lab = lab();
        let keytab = directory().join("mia.keytab");
        let keytab = keytab.to_str().unwrap();
        let found =
            doctor(&lab, &["--user", "keeper@LAB.TEST", "--keytab", keytab, "--spn-host", HOST], None);
        // The ticket is good, and the host has no such account.
        found.is("login", "fail", "refuses keeper@LAB.TEST");
        let found = doctor(&lab, &["--user", "mia@LAB.TEST", "--keytab", keytab, "--spn-host", HOST], None);
        found.is("kerberos", "fail", "no kerberos credentials");
    }
}
