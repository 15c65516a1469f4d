//! `refpoint doctor`, the real program, through Kerberos of MIT's KDC. Run by
//! [`kerberos_against_a_real_realm`](crate::kerberos::kerberos_against_a_real_realm).
//!
//! For clocks that are apart libfaketime shows the program, and the library in it, a time of its own; the KDC and the
//! simulated host have that of the machine.

#[cfg(feature = "cli")]
mod inside {
    use std::path::PathBuf;
    use std::process::{Command, Output, Stdio};

    use serde_json::Value;

    use crate::HOST;
    use crate::kerberos::{directory, server_environment};
    use crate::lab::{Lab, PASSWORD as NTLM_PASSWORD};
    use crate::realm::{PASSWORD, REALM};

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

    /// Returns a copy of the cache with the ticket of the realm's user, and one for the host's service where it is
    /// to be there already.
    fn cache(name: &str, has_service: bool) -> PathBuf {
        let cache = directory().join(format!("cache-{name}"));
        std::fs::copy(directory().join("cache"), &cache).unwrap();
        if has_service {
            let mut kvno = Command::new("kvno");
            kvno.arg("-c").arg(&cache).arg(format!("HTTP/{HOST}@{REALM}")).envs(server_environment());
            let output = kvno.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        cache
    }

    /// Runs the program where the clock is that far from everybody else's.
    fn skewed(lab: &Lab, command: &str, words: &[&str], shift: &str, more: &[(&str, PathBuf)]) -> Output {
        // Debian puts it beside the libraries of each architecture.
        let architecture = std::env::consts::ARCH;
        let library = format!("/usr/lib/{architecture}-linux-gnu/faketime/libfaketimeMT.so.1");
        assert!(std::path::Path::new(&library).exists(), "{library}: run tests/interop/install.sh first");
        let mut program = Command::new(env!("CARGO_BIN_EXE_refpoint"));
        program.args([command, &lab.http(), "--spn-host", HOST]).args(words).stdin(Stdio::null());
        let environment = server_environment();
        program.envs(environment.into_iter().filter(|(name, _)| *name != "KRB5_KTNAME"));
        // What waits waits as long as it says.
        program.env("LD_PRELOAD", library).env("FAKETIME", shift).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        program.env("REFPOINT_PASSWORD", PASSWORD).env("XDG_STATE_HOME", directory());
        program.envs(more.iter().map(|(name, value)| (name, value)));
        program.output().unwrap()
    }

    fn found(output: &Output) -> Found {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"));
        Found { value, code: output.status.code() }
    }

    /// A ticket from before the clock went wrong. Behind it, the library does not use what is not valid yet; ahead of
    /// it, MIT's KDC still gives a ticket for the host, and the host, which is asked then or has been asked before,
    /// refuses what is said to be from another time, without a word on why.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn clocks_that_are_apart_are_told_as_that_with_how_far_and_what_to_do() {
        let lab = lab();
        for (name, has_service, shift, apart) in [
            ("ahead", false, "+20m", "20 min behind ours"),
            ("behind", false, "-20m", "20 min ahead of ours"),
            ("ahead-there", true, "+20m", "20 min behind ours"),
        ] {
            let tickets = [("KRB5CCNAME", cache(name, has_service))];
            let words = ["--auth", "kerberos", "-o", "json"];
            let found = found(&skewed(&lab, "doctor", &words, shift, &tickets));
            found.is("kerberos", "fail", apart);
            let layer = found.layer("kerberos");
            assert_eq!((found.code, &layer["facts"]["trouble"]), (Some(5), &"ClockSkew".into()), "{layer:#}");
            assert_eq!(layer["fix"]["command"], "timedatectl", "{name}");
            assert!(layer["fix"]["text"].as_str().unwrap().contains("five minutes"), "{layer:#}");
            let seconds = layer["facts"]["host_ahead_by_seconds"].as_i64().unwrap();
            assert!((1195..=1205).contains(&seconds.abs()), "{name}: {seconds}");
        }
        assert!(lab.log().is_empty(), "nobody was let in");
    }

    /// With a password the library sets its own clock by the KDC's, and the login is good; that the clocks are apart
    /// is told all the same. Where it is told not to, it refuses the KDC's answer.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_password_logs_in_with_a_wrong_clock_unless_the_library_is_told_not_to_mend_it() {
        let lab = lab();
        let words = ["--user", "guarded@lab.test", "-o", "json"];
        let mia = ["--user", "mia@lab.test", "-o", "json"];
        let good = found(&skewed(&lab, "doctor", &mia, "+20m", &[]));
        good.is("login", "pass", "Kerberos");
        good.is("clock", "warn", "20 min behind ours: more than the five minutes");
        assert_eq!(good.code, Some(3));
        let text = std::fs::read_to_string(directory().join("server.conf")).unwrap();
        let strict = directory().join("strict.conf");
        std::fs::write(&strict, text.replace("[libdefaults]", "[libdefaults]\n kdc_timesync = 0")).unwrap();
        for words in [words, mia] {
            let bad = found(&skewed(&lab, "doctor", &words, "+20m", &[("KRB5_CONFIG", strict.clone())]));
            // The KDC gives tickets all the same; the host takes none from that time.
            bad.is("kerberos", "warn", "20 min behind ours");
            assert_eq!((bad.code, &bad.value["failed_layer"]), (Some(5), &"login".into()));
            assert_eq!(bad.layer("kerberos")["facts"]["trouble"], "ClockSkew");
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_login_with_a_wrong_clock_says_so_and_what_to_ask() {
        let lab = lab();
        for (name, has_service, shift, says, hint, more) in [
            // The library looks at the ticket's own time.
            ("behind", false, "-20m", "Ticket not yet valid", "hint: set the clocks", "KRB5KRB_AP_ERR_SKEW"),
            // The host refuses, and does not say why.
            ("ahead", false, "+20m", "login refused with Kerberos", "more than five minutes apart", "exit:5"),
            (
                "ahead-there",
                true,
                "+20m",
                "login refused with Kerberos",
                "more than five minutes apart",
                "exit:5",
            ),
        ] {
            let tickets = [("KRB5CCNAME", cache(&format!("login-{name}"), has_service))];
            let output = skewed(&lab, "identify", &["--auth", "kerberos"], shift, &tickets);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(5), "{name}: {said}");
            assert!(said.contains(says) && said.contains(hint), "{name}: {said}");
            assert!(said.ends_with(&format!("more: refpoint explain {more}\n")), "{name}: {said}");
        }
    }
}
