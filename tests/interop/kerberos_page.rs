//! The commands of the page on Kerberos, with MIT's programs and a realm of our own. Run by
//! [`kerberos_against_a_real_realm`](crate::kerberos::kerberos_against_a_real_realm).

#[cfg(feature = "cli")]
mod inside {
    use std::path::Path;
    use std::process::Command;

    use crate::kerberos::directory;
    use crate::lab::Lab;

    fn commands(page: &str) -> Vec<String> {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
        blocks.flat_map(str::lines).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn every_command_of_the_page_on_kerberos_runs() {
        let keytab = directory().join("host.keytab");
        let lab = Lab::start(&format!(
            "[host]\ndns_domain = 'lab.test'\n[[user]]\nname = 'LAB\\keeper'\n[service]\nkeytab = '{}'\n",
            keytab.display()
        ));
        let commands = commands("docs/kerberos.md");
        assert_eq!(commands.len(), 5, "{commands:?}");
        let cache = lab.file("page.cache");
        let mut logins = 0;
        for command in commands {
            let here = command
                .replace("refpoint ", &format!("{} ", env!("CARGO_BIN_EXE_refpoint")))
                .replace(" hv01.corp.example ", &format!(" {} ", lab.http()))
                .replace("HTTP/hv01.corp.example", "HTTP/127.0.0.1@LAB.TEST")
                .replace("backup.keytab", &directory().join("mia.keytab").display().to_string())
                .replace("backup@CORP.EXAMPLE", "keeper@LAB.TEST");
            let output = Command::new("sh")
                .args(["-c", &here])
                .env("KRB5CCNAME", &cache)
                .env("HOME", "/nonexistent")
                .output()
                .unwrap();
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{command}: {out}{err}");
            if command.starts_with("refpoint ") {
                assert!(out.contains("Login     Kerberos, messages encrypted by the login"), "{out}");
                logins += 1;
            }
        }
        assert_eq!((logins, lab.log().len()), (2, 2));
        assert!(lab.log().iter().all(|line| line["user"] == r"LAB\keeper" && line["sealed"] == true));
    }
}
