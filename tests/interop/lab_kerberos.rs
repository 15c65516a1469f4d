//! pypsrp and curl with tickets of MIT's KDC against the simulated host. Run by
//! [`kerberos_against_a_real_realm`](crate::kerberos::kerberos_against_a_real_realm).

mod inside {
    use std::path::PathBuf;
    use std::process::Command;

    use refpoint::client::{Credentials, Login, Method, Options, Session, Target};
    use refpoint::hyperv::Host;
    use serde_json::Value;

    use crate::HOST;
    use crate::kerberos::{DIRECTORY, server_environment};
    use crate::lab::Lab;
    use crate::realm::PASSWORD;

    fn scenario(more: &str) -> String {
        let keytab = PathBuf::from(std::env::var_os(DIRECTORY).unwrap()).join("host.keytab");
        format!(
            "[host]\ndns_domain = 'lab.test'\n[[user]]\nname = 'LAB\\mia'\n\
             [service]\nkeytab = '{}'\n{more}",
            keytab.display()
        )
    }

    /// The clients ask for host-based names, which nothing resolves.
    fn environment() -> Vec<(&'static str, PathBuf)> {
        server_environment().into_iter().filter(|(name, _)| *name != "KRB5_KTNAME").collect()
    }

    fn pypsrp(lab: &Lab, url: &str, auth: &str, user: &str, more: &[&str]) -> Result<Value, Value> {
        let arguments = [&["--user", user, "--auth", auth, "--host", HOST][..], more].concat();
        lab.client_with(PASSWORD, "pypsrp", url, &arguments, &environment())
    }

    #[track_caller]
    fn assert_way(lab: &Lab, read: Result<Value, Value>, way: &str, sealed: bool) {
        let version = read.unwrap_or_else(|error| panic!("{error}"));
        assert!(version["version"].as_str().unwrap().starts_with("OS: 10.0"), "{version}");
        let line = lab.log().pop().unwrap();
        assert_eq!((&line["user"], &line["scheme"]), (&r"LAB\mia".into(), &way.into()));
        assert_eq!(line["sealed"], sealed);
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn pypsrp_logs_in_with_a_ticket_and_opens_sealed_answers() {
        let lab = Lab::start(&scenario(""));
        // pypsrp sends Kerberos' own token under the name Negotiate, as Windows lets it.
        for (auth, way) in [("kerberos", "Kerberos"), ("negotiate", "Negotiate/Kerberos")] {
            assert_way(&lab, pypsrp(&lab, &lab.http(), auth, "mia@LAB.TEST", &[]), way, true);
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn pypsrp_exports_with_a_ticket_and_follows_the_job() {
        for auth in ["kerberos", "negotiate"] {
            let lab = Lab::start(&scenario("[speed]\nexport = { seconds = 0.3 }"));
            let read = pypsrp(&lab, &lab.http(), auth, "mia@LAB.TEST", &["--export"]);
            let read = read.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((&read["return_value"], &read["job_state"]), (&4096.into(), &7.into()), "{read}");
            assert!(lab.log().iter().all(|line| line["sealed"] == true));
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn pypsrp_logs_in_over_tls_with_bindings_demanded() {
        let lab = Lab::start(&scenario("channel_bindings = 'strict'"));
        let ca = lab.certificate();
        for (auth, way) in [("kerberos", "Kerberos"), ("negotiate", "Negotiate/Kerberos")] {
            let more = ["--ca", ca.to_str().unwrap()];
            assert_way(&lab, pypsrp(&lab, &lab.https(), auth, "mia@LAB.TEST", &more), way, false);
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_ticket_of_somebody_without_an_account_here_opens_nothing() {
        let lab = Lab::start(&scenario(""));
        for auth in ["kerberos", "negotiate"] {
            let refused = pypsrp(&lab, &lab.http(), auth, "keeper@LAB.TEST", &[]).unwrap_err();
            assert_eq!(refused["error"], "AuthenticationError", "{refused}");
        }
        assert!(lab.log().is_empty());
    }

    /// Whose job it may be that began while an answer was lost: only by that can it be told.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn who_logs_in_with_the_tickets_of_the_cache_knows_who_that_is() {
        let lab = Lab::start(&scenario(""));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for method in [Method::Kerberos, Method::Negotiate] {
                let mut login = Login::new(Credentials::Tickets { cache: None, principal: None });
                login.method = method;
                login.service_host = Some(HOST.to_owned());
                let target = Target::new(lab.http().parse().unwrap(), Options::new(login));
                let host = Host::new(Session::open(target).await.unwrap());
                host.name().await.unwrap();
                let user = host.user().await.unwrap();
                assert_eq!(user.to_lowercase(), "mia@lab.test");
            }
        });
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn curl_logs_in_with_a_ticket_over_tls() {
        let lab = Lab::start(&scenario(""));
        let (_, address) = lab.https().split_once("//").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let port = address.rsplit(':').next().unwrap().to_owned();
        let body = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
            xmlns:i='http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd'><s:Header/>\
            <s:Body><i:Identify/></s:Body></s:Envelope>";
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                "--noproxy",
                "*",
                "--negotiate",
                "--user",
                ":",
            ])
            .args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")])
            .arg("--cacert")
            .arg(lab.certificate())
            .args(["--header", "Content-Type: application/soap+xml;charset=UTF-8", "--data-binary", body])
            .arg(format!("https://{HOST}:{port}/wsman"))
            .envs(environment())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.contains("OS: 10.0"), "{out}\n{err}");
        assert_eq!(lab.log().pop().unwrap()["scheme"], "Negotiate/Kerberos");
    }
}
