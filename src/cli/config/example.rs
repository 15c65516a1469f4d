//! What `config init` writes.

/// A file in which everything is a comment: what a line would say without its `# `, holds if it is taken away.
pub(crate) const EXAMPLE: &str = r##"# Settings of refpoint. Arguments come before the environment, that before an inventory, and that before this file.
# refpoint config explain shows which value counts, and where it comes from.
# Paths begin at the folder of this file, or with ~/ at your home. Passwords do not belong here.

# The profile that counts where neither --profile nor REFPOINT_PROFILE names one.
#default_profile = "production"

# What holds for every profile, and without one.
#[defaults]
#output = "table"                         # json, jsonl, yaml, name
#color = "auto"                           # always, never
#ledger = "~/.local/state/refpoint/ledger.db"
#poll = "5s"                              # how often a job is looked at

#[profile.production]
# Who logs in. Without a user: with the default Kerberos ticket cache.
#user = 'CORP\backup'
#auth = "negotiate"                       # kerberos, ntlm, basic, certificate
# Where the password is: one of three.
#password_command = "pass show corp/backup"
# password_file = "password"              # its first line
# keytab = "backup.keytab"                # Kerberos

# For Kerberos, where names differ.
#spn_service = "HTTP"
#spn_host = "hv01.corp.example"
#realm = "CORP.EXAMPLE"
# Whether logins are bound to their TLS channel; not where something in between ends TLS.
#bind_channel = true

# How hosts are reached where neither TARGET nor an inventory says it.
#scheme = "https"
#port = 5986
#path = "/wsman"

# Whose certificates are good: one of four; without, those of the system's authorities.
#trust_on_first_use = true
# ca = "corp.pem"                         # these authorities, and no others
# pin = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
# insecure = true                         # anybody's: only for a look

# A certificate of our own, for auth = "certificate".
#cert = "client.pem"
#key = "client.key"
#key_passphrase_file = "client.pass"

#proxy = "socks5://127.0.0.1:1080"        # or "env"

#operation_timeout = "60s"                # how long a host may work on one request
#read_timeout = "75s"
#connect_timeout = "20s"
#deadline = "1h"                          # for a whole command
#namespace = "root/virtualization/v2"

# The hosts of refpoint fleet, where neither -i nor a plan names them.
#inventory = ["hosts.toml"]
"##;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::key::KEYS;
    use super::super::read::Config;
    use super::EXAMPLE;

    /// Returns the example with its settings instead of comments; of what excludes each other the one of that number.
    fn uncommented(which: usize) -> String {
        let mut text = String::new();
        let mut block = Vec::new();
        for line in EXAMPLE.lines().chain([""]) {
            let setting = |line: &str| {
                line.split_once(" = ").is_some_and(|(key, _)| KEYS.iter().any(|known| known.name == key))
            };
            match (line.strip_prefix("# "), line.strip_prefix('#')) {
                (Some(other), _) if setting(other) => block.push(other),
                (None, Some(line)) => block.push(line),
                _ => {}
            }
            // A choice follows its first line.
            let is_choice = |line: &&&str| {
                ["password_", "keytab", "ca ", "pin ", "insecure", "trust_on"]
                    .iter()
                    .any(|it| line.starts_with(it))
            };
            if line.is_empty() || line.starts_with("# ") && !line.strip_prefix("# ").is_some_and(setting) {
                let choices: Vec<_> = block.iter().filter(is_choice).copied().collect();
                let kept = choices.get(which.min(choices.len().saturating_sub(1))).copied();
                for line in block.drain(..) {
                    if !is_choice(&&line) || Some(line) == kept {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            }
        }
        text
    }

    #[test]
    fn every_setting_of_the_example_is_one_and_every_setting_is_in_it() {
        let mut seen = std::collections::BTreeSet::new();
        for which in 0..4 {
            let text = uncommented(which);
            let config = Config::parse(&text, Path::new("/c/config.toml"));
            let config = config.unwrap_or_else(|error| panic!("{:?}\n{text}", error.lines()));
            let (profile, _) = config.profile(None).unwrap();
            assert_eq!(profile.name.as_deref(), Some("production"));
            seen.extend(profile.layers.iter().flat_map(|layer| &layer.said).map(|said| said.key));
        }
        let all: std::collections::BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(seen, all);
        // As it is written it says nothing.
        let (profile, _) = Config::parse(EXAMPLE, Path::new("c")).unwrap().profile(None).unwrap();
        assert!(profile.name.is_none() && profile.layers.is_empty());
    }
}
