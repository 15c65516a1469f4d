//! What is understood of inventories, and what is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use refpoint::client::{Credentials, KnownHosts, Method, Protocol, Secret, Trust, Unknown};
use refpoint::fleet::inventory::{
    Error, Files, HostEntry, Inventory, Password, Reason, Secrets, Setting, Source, TrustChoice,
};

use crate::read;

fn host<'i>(inventory: &'i Inventory, name: &str) -> &'i HostEntry {
    inventory.host(name).unwrap_or_else(|| panic!("no {name}"))
}

fn target(inventory: &Inventory, name: &str) -> String {
    host(inventory, name).settings.endpoint().unwrap().to_string()
}

#[test]
fn our_own_inventory_says_of_each_value_where_it_stands() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/inventory.toml"))
        .unwrap();
    let inventory = read(&[("fleet/inventory.toml", &text)]).unwrap();
    assert_eq!(inventory.hosts().len(), 1 + 40 + 3 + 3);
    let seven = &host(&inventory, "hv07.example").settings;
    assert_eq!(seven.endpoint().unwrap().to_string(), "https://10.0.0.7:5986/wsman");
    assert_eq!(seven.user.as_ref().unwrap().value, r"CORP\backup");
    let origin = &seven.user.as_ref().unwrap().origin;
    let line = text.lines().position(|line| line.starts_with("user = 'CORP")).unwrap() + 1;
    assert_eq!(origin.to_string(), format!("fleet/inventory.toml:{line} (group all)"));
    assert!(
        matches!(&seven.password.as_ref().unwrap().value, Password::File(file) if file == Path::new("/etc/refpoint/password"))
    );
    let lab = &host(&inventory, "lab2").settings;
    assert_eq!(lab.method.as_ref().unwrap().value, Method::Ntlm);
    assert!(
        matches!(&lab.password.as_ref().unwrap().value, Password::Command(command) if command == "pass show lab/hyperv")
    );
    assert_eq!(target(&inventory, "lab2"), "http://lab2:5985/wsman");
    let branch = host(&inventory, "branch-b.example");
    assert_eq!(branch.groups.iter().map(|group| &**group).collect::<Vec<_>>(), ["branch", "production"]);
    assert_eq!(branch.variable("tier").unwrap().value.to_text().as_deref(), Some("gold"));
    assert_eq!(branch.settings.operation_timeout.as_ref().unwrap().value, Duration::from_secs(60));
}

#[test]
fn the_nearer_says_more() {
    let text = "
hosts = ['c']
[defaults]
user = 'default'
ca = 'all.pem'
[group.a]
hosts = ['h']
user = 'a'
password_file = 'a'
[group.b]
hosts = ['h']
children = ['d']
user = 'b'
priority = 0
[group.d]
hosts = ['deep']
[host.h]
password_command = 'show'
pin = 'sha256:0000000000000000000000000000000000000000000000000000000000000000'
[host.deep]
insecure = false
[host.b]
user = 'of a host that is called like a group'
";
    let inventory = read(&[("x/fleet.toml", text)]).unwrap();
    let settings = |name: &str| &host(&inventory, name).settings;
    assert_eq!(settings("h").user.as_ref().unwrap().value, "a");
    assert_eq!(settings("deep").user.as_ref().unwrap().value, "b");
    assert_eq!(settings("c").user.as_ref().unwrap().value, "default");
    // Of settings that exclude each other the nearest is the one.
    assert!(matches!(settings("h").password.as_ref().unwrap().value, Password::Command(_)));
    assert!(matches!(settings("h").trust.as_ref().unwrap().value, TrustChoice::Pin(_)));
    assert_eq!(settings("c").trust.as_ref().unwrap().value, TrustChoice::Authorities("x/all.pem".into()));
    assert!(settings("deep").trust.is_none());
}

#[test]
fn a_mistake_in_our_own_inventory_has_its_line_and_column() {
    for (text, error) in [
        ("[defaults]\nusr = 'x'\n", "fleet.toml:2:1: unknown key \"usr\""),
        ("[group.a]\nhosts = ['h']\n[defaultz]\n", "fleet.toml:3:2: unknown key \"defaultz\""),
        ("[defaults]\n\nuser = 5\n", "fleet.toml:3:8: a text is expected"),
        ("[defaults]\nport = '5985'\n", "fleet.toml:2:8: a whole number is expected"),
        ("[defaults]\npassword = 'x'\n", "fleet.toml:2:1: a password does not belong in this file"),
        ("hosts = 'h'\n", "fleet.toml:1:9: a list of texts is expected"),
        (
            "hosts = ['h[01-100]']\n",
            "fleet.toml:1:10: host \"h[01:100]\": [01:100] is no range: begin and end have to be of the same length",
        ),
        (
            "[group.a]\nchildren = ['b']\n[group.b]\nchildren = ['a']\n",
            "fleet.toml:4:13: group a cannot be below b: b is below it",
        ),
        ("[host.h\n", "fleet.toml:1:8: "),
    ] {
        let shown = read(&[("fleet.toml", text)]).map(drop).unwrap_err().to_string();
        assert!(shown.starts_with(error), "{text:?}: {shown}");
    }
    let Err(Error::UnknownKey { known, .. }) = read(&[("fleet.toml", "[defaults]\nusr = 'x'\n")]) else {
        panic!()
    };
    assert!(known.contains(&"user") && known.contains(&"vars"));
}

#[test]
fn the_port_and_the_scheme_follow_ansible_s_rule() {
    let text = "
plain
http ansible_port=5985
other ansible_port=15986
said ansible_port=15985 ansible_winrm_scheme=http
scheme ansible_winrm_scheme=http
behind:5985
nearer ansible_port=5985 ansible_winrm_port=5986
[psrp]
p1 ansible_psrp_protocol=http
p2 ansible_psrp_port=5985 ansible_psrp_path=other
p3 ansible_winrm_port=5985
v6 ansible_host=fe80::7
[psrp:vars]
ansible_connection=ansible.builtin.psrp
";
    let inventory = read(&[("hosts", text)]).unwrap();
    for (name, url) in [
        ("plain", "https://plain:5986/wsman"),
        ("http", "http://http:5985/wsman"),
        ("other", "https://other:15986/wsman"),
        ("said", "http://said:15985/wsman"),
        ("scheme", "http://scheme:5985/wsman"),
        ("behind", "http://behind:5985/wsman"),
        ("nearer", "https://nearer:5986/wsman"),
        ("p1", "http://p1:5985/wsman"),
        ("p2", "http://p2:5985/other"),
        // The name is another plugin's.
        ("p3", "https://p3:5986/wsman"),
        ("v6", "https://[fe80::7]:5986/wsman"),
    ] {
        assert_eq!(target(&inventory, name), url);
    }
    let files = Files::Memory(BTreeMap::new());
    let listed = Inventory::read(&[Source::parse("hv01,hv[02:03]:5986,", &files)], &files).unwrap();
    assert_eq!(target(&listed, "hv01"), "http://hv01:5985/wsman");
    assert_eq!(target(&listed, "hv03"), "https://hv03:5986/wsman");
}

#[test]
fn ansible_s_variables_become_settings() {
    let text = r#"
[w]
h ansible_user=mia ansible_winrm_user='CORP\mia' ansible_password=old ansible_winrm_password=Sword#fish
[w:vars]
ansible_winrm_transport=['kerberos', 'ntlm']
ansible_winrm_server_cert_validation=ignore
ansible_winrm_ca_trust_path=/etc/ca.pem
ansible_winrm_service=HOST
ansible_winrm_kerberos_hostname_override=hv.example
ansible_winrm_kerberos_delegation=yes
ansible_winrm_send_cbt=no
ansible_winrm_operation_timeout_sec=45
ansible_winrm_read_timeout_sec=1.5
ansible_winrm_proxy=http://u:p@proxy:3128
ansible_winrm_cert_pem=/etc/c.pem
ansible_winrm_cert_key_pem=/etc/k.pem
ansible_winrm_trasport=kerberos
ansible_winrm_kinit_mode=managed
refpoint_namespace=root/cimv2
color=blue
"#;
    let inventory = read(&[("hosts", text)]).unwrap();
    let entry = host(&inventory, "h");
    let settings = &entry.settings;
    assert_eq!(settings.user.as_ref().unwrap().value, r"CORP\mia");
    let Password::Clear(password) = &settings.password.as_ref().unwrap().value else { panic!() };
    // The # begins a comment, here as for Ansible.
    assert_eq!(password.expose(), "Sword");
    assert_eq!(settings.method.as_ref().unwrap().value, Method::Negotiate);
    assert_eq!(settings.trust.as_ref().unwrap().value, TrustChoice::Anything);
    assert_eq!(settings.protocol.value, Protocol::Https);
    assert_eq!(settings.read_timeout.as_ref().unwrap().value, Duration::from_millis(1500));
    assert!(entry.refusals.is_empty(), "{:?}", entry.refusals);
    let ignored: Vec<_> =
        entry.ignored.iter().map(|ignored| (ignored.variable.as_str(), ignored.is_suspicious)).collect();
    assert_eq!(
        ignored,
        [("ansible_winrm_kinit_mode", false), ("ansible_winrm_trasport", true), ("color", false)]
    );
    let login = settings.login(Credentials::password(r"CORP\mia", "x"));
    assert_eq!((login.service.as_deref(), login.bind_channel), (Some("HOST"), false));
    assert_eq!(settings.namespace.as_ref().unwrap().value, "root/cimv2");
    let shown = format!("{entry:?}");
    assert!(!shown.contains("Sword") && !shown.contains("u:p@"), "{shown}");
}

/// A vault or a template refuses the hosts whose settings it is, and nobody else.
#[test]
fn what_cannot_be_known_refuses_the_host_it_matters_to() {
    let hosts = "
all:
  vars:
    motd: '{{ lookup(\"file\", \"motd\") }}'
    app_password: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      3331
  hosts:
    fine:
    templated:
      ansible_host: '{{ inventory_hostname }}.example'
    vaulted:
      ansible_password: !vault |
        $ANSIBLE_VAULT;1.1;AES256
        3331
    literal:
      ansible_user: !unsafe '{{ mia }}'
    typed: {ansible_port: ssh}
    escaped: {ansible_user: \"CORP\\backup\"}
  children:
    locked: {hosts: {inside: }}
";
    let inventory = read(&[
        ("fleet/hosts.yml", hosts),
        ("fleet/group_vars/locked/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n3331\n"),
    ])
    .unwrap();
    let shown =
        |name: &str| host(&inventory, name).refusals.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown("fine"), [""; 0]);
    assert_eq!(shown("literal"), [""; 0]);
    assert_eq!(
        shown("templated"),
        [
            "fleet/hosts.yml:11 (host templated): ansible_host is a Jinja template, which is not evaluated here"
        ]
    );
    assert_eq!(
        shown("vaulted"),
        ["fleet/hosts.yml:13 (host vaulted): ansible_password is encrypted with Ansible Vault"]
    );
    assert_eq!(
        shown("inside"),
        ["fleet/group_vars/locked/vault.yml (group locked): the whole file is encrypted with Ansible Vault"]
    );
    assert_eq!(shown("typed"), ["fleet/hosts.yml:18 (host typed): ansible_port: \"ssh\" is no port"]);
    assert!(shown("escaped")[0].contains("control character"), "{:?}", shown("escaped"));
    // A flag that says the setting takes the refusal away; nothing does that for a file that may hold any.
    assert!(host(&inventory, "vaulted").refusal(&["password"]).is_none());
    assert!(host(&inventory, "vaulted").refusal(&["user"]).is_some());
    assert_eq!(host(&inventory, "inside").refusal(&["password"]).unwrap().reason, Reason::VaultFile);
    assert!(
        inventory
            .hosts()
            .iter()
            .flat_map(|host| &host.refusals)
            .all(|refusal| { refusal.way_out().is_some() || matches!(refusal.reason, Reason::Malformed(_)) })
    );
}

#[test]
fn a_file_that_is_no_inventory_is_refused_by_name() {
    for (files, error) in [
        (
            vec![("hosts.yml", "plugin: azure.azcollection.azure_rm\n")],
            "hosts.yml:1:9: this configures Ansible's inventory plugin \"azure.azcollection.azure_rm\", and holds no hosts",
        ),
        (vec![("hosts", "$ANSIBLE_VAULT;1.1;AES256\n33\n")], "hosts is encrypted with Ansible Vault"),
        (
            vec![("hosts", "[web]\nh1\n"), ("group_vars/web.yml", "- a\n")],
            "group_vars/web.yml: variables are expected here, and this is a list",
        ),
        (vec![("hosts", "---\nall:\n  hosts: [\n")], "hosts:4:1: this is no YAML"),
        (vec![("hosts", "h1\nh2 = 5\n")], "hosts:2: word 3 is no variable"),
        (
            vec![("hosts.json", "{\"all\": {\"hosts\": [\"h1\"]}}")],
            "hosts.json: hosts of group all wants a mapping",
        ),
    ] {
        let shown = read(&files).map(drop).unwrap_err().to_string();
        assert!(shown.starts_with(error), "{files:?}: {shown}");
    }
    let missing = Source::Path(PathBuf::from("nowhere"));
    let error = Inventory::read(&[missing], &Files::Memory(BTreeMap::new())).map(drop).unwrap_err();
    assert!(matches!(error, Error::Missing(_)), "{error}");
}

#[test]
fn a_folder_is_read_in_the_order_of_its_names() {
    let files = Files::Memory(BTreeMap::from([
        ("d/10-b".into(), "[g]\nh1 a=2\n".into()),
        ("d/05-a.yml".into(), "g: {hosts: {h1: {a: 1, b: 1}, h2: }}\n".into()),
        ("d/20.ini".into(), "h3\n".into()),
        ("d/.hidden".into(), "h3\n".into()),
        ("d/README.md".into(), "h3\n".into()),
        ("d/group_vars/g.yml".into(), "c: 3\n".into()),
        ("d/sub/30".into(), "h4\n".into()),
    ]));
    let inventory = Inventory::read(&[Source::parse("d", &files)], &files).unwrap();
    let names: Vec<_> = inventory.hosts().iter().map(|host| &*host.name).collect();
    assert_eq!(names, ["h4", "h1", "h2"]);
    let text = |name: &str| host(&inventory, "h1").variable(name).unwrap().value.to_text().unwrap();
    assert_eq!((text("a"), text("b"), text("c")), ("2".to_owned(), "1".to_owned(), "3".to_owned()));
}

#[cfg(unix)]
#[test]
fn a_password_that_others_may_read_is_warned_of_and_a_program_is_not_run() {
    use std::os::unix::fs::PermissionsExt;

    let folder = crate::ansible::folder("modes");
    let file = folder.join("hosts");
    std::fs::write(&file, "h1 ansible_password=Swordfish\n").unwrap();
    let read = |mode: u32| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        Inventory::read(&[Source::Path(file.clone())], &Files::Disk)
    };
    assert_eq!(read(0o600).unwrap().warnings(), [""; 0]);
    let warnings = read(0o644).unwrap().warnings().join("\n");
    assert!(warnings.contains("mode 644") && !warnings.contains("Swordfish"), "{warnings}");
    std::fs::write(&file, "#!/bin/sh\necho '{}'\n").unwrap();
    assert!(matches!(read(0o755).map(drop), Err(Error::Script(_))));
}

#[test]
fn the_settings_of_a_host_become_its_target() {
    let text = "
[defaults]
operation_timeout = '2m'
read_timeout = 150
connect_timeout = 5
namespace = 'root/cimv2'
proxy = 'socks5://proxy:1080'
ca = 'ca.pem'
[host.tickets]
[host.named]
user = 'mia@corp.example'
[host.local]
user = 'LOCAL\\mia'
[host.domain]
user = 'CORP\\mia'
[host.keytab]
user = 'mia@corp.example'
keytab = 'mia.keytab'
[host.nobody]
keytab = 'mia.keytab'
[host.basic]
auth = 'basic'
user = 'mia'
[host.tls]
scheme = 'https'
[host.all]
scheme = 'https'
insecure = true
[host.proxied]
proxy = 'ftp://mia:Swordfish@proxy'
";
    let inventory = read(&[("x/fleet.toml", text)]).unwrap();
    let none = Files::Memory(BTreeMap::new());
    let target = |name: &str, password: Option<&str>| {
        let password = password.map(|password| Secret::new(password.to_owned()));
        host(&inventory, name).settings.target(&Secrets { password, ..Secrets::default() }, &none)
    };
    let tickets = target("tickets", None).unwrap();
    assert_eq!(tickets.operation_timeout, Duration::from_secs(120));
    assert_eq!(tickets.margin, Duration::from_secs(30));
    assert_eq!(tickets.options.timeouts.connect, Duration::from_secs(5));
    assert!(tickets.options.proxy.is_some());
    let credentials =
        |name: &str, password| target(name, password).unwrap().options.login.credentials.clone();
    assert!(matches!(credentials("tickets", None), Credentials::Tickets { principal: None, .. }));
    assert!(
        matches!(credentials("named", None), Credentials::Tickets { principal: Some(name), .. } if name == "mia@CORP.EXAMPLE")
    );
    assert!(matches!(credentials("named", Some("x")), Credentials::Password { .. }));
    assert!(matches!(credentials("domain", Some("x")), Credentials::Password { .. }));
    // An account of the host is nothing to ask a realm about.
    assert!(matches!(credentials("local", Some("x")), Credentials::Ntlm { .. }));
    assert!(
        matches!(credentials("keytab", None), Credentials::Keytab { path, .. } if path == Path::new("x/mia.keytab"))
    );
    assert!(matches!(target("all", None).unwrap().options.tls.trust(), Trust::Anything));
    for (name, error) in [
        (
            "nobody",
            "x/fleet.toml:20 (host nobody): keytab cannot be used: it holds keys of several users, and none is set",
        ),
        ("basic", "x/fleet.toml:22 (host basic): auth cannot be used: this way to log in needs a password"),
        ("tls", "cannot read x/ca.pem"),
    ] {
        let refused = target(name, None).map(drop).map_err(|error| error.to_string());
        assert_eq!(refused, Err(error.to_owned()), "{name}");
    }
    // Whoever trusts on first use has to know where it is remembered.
    let first =
        read(&[("a.toml", "[defaults]\nscheme = 'https'\n[host.h]\ntrust_on_first_use = true\n")]).unwrap();
    let settings = &host(&first, "h").settings;
    let refused = settings.target(&Secrets::default(), &none).map(drop).unwrap_err().to_string();
    let nowhere = "a.toml:4 (host h): trust_on_first_use cannot be used: there is nowhere to remember it";
    assert_eq!(refused, nowhere);
    let known_hosts = Some(KnownHosts::in_file("known_hosts", std::time::SystemTime::now));
    let first = settings.target(&Secrets { known_hosts, ..Secrets::default() }, &none).unwrap();
    assert!(matches!(first.options.tls.trust(), Trust::Known { unknown: Unknown::Remember, .. }));
    // What a command says is laid over what the inventory says.
    let mut said = host(&inventory, "basic").settings.clone();
    said.method = Some(Setting::of_command(Method::Kerberos, "--auth"));
    let target_of_said = said.target(&Secrets::default(), &none).unwrap();
    assert_eq!(target_of_said.options.login.method, Method::Kerberos);
    assert_eq!(said.method.unwrap().origin.to_string(), "(command)");
    let error = target("proxied", None).map(drop).unwrap_err().to_string();
    assert!(error.contains("proxy cannot be used") && !error.contains("Swordfish"), "{error}");
}
