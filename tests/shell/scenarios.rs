//! How each command does well, and how it fails: what is shown of it in the snapshots.
//!
//! A line is what stands behind `refpoint` in a shell. `HOST` is a simulated host and the login to it, `FOLDER` an
//! empty folder with `plan.toml` and `hosts.toml` in it, `LINK` the address of the host alone, `SEALED` the one with TLS,
//! whose certificate is `FINGERPRINT`. The lines run in this order, each on
//! what the ones before have left.

/// One line, and how it is to end.
pub(crate) struct Scenario {
    /// The command that it is about, `cim list`.
    pub(crate) command: &'static str,
    pub(crate) line: &'static str,
    pub(crate) code: i32,
}

const fn of(command: &'static str, line: &'static str, code: i32) -> Scenario {
    Scenario { command, line, code }
}

/// The machine and the points of the simulated host have these identifiers.
pub(crate) const WORLD: &str = r#"
[[user]]
name = 'LAB\operator'
password = "Swordfish-7391"
[[user]]
name = 'LAB\nobody'
password = "Swordfish-7391"
rights = "none"
[[machine]]
id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "vm1"
[[machine.disk]]
file = 'D:\VMs\vm1\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "vm1"
type = "log"
[[machine]]
id = "4F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "web-server-with-a-long-name-for-narrow-terminals"
[[machine]]
id = "5F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "slow"
[[machine.disk]]
file = 'D:\VMs\slow\os.vhdx'
size = "900GiB"
used = "900GiB"
[[point]]
id = "B0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "slow"
type = "log"
[[machine]]
id = "6F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "medium"
[[machine.disk]]
file = 'D:\VMs\medium\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "C0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "medium"
type = "log"
[[group]]
id = "8F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "shop"
members = ["vm1"]
[[job]]
machine = "slow"
method = "ExportReferencePoint"
duration = "600s"
[[job]]
machine = "medium"
method = "ExportReferencePoint"
duration = "5s"
[host]
directories = ['D:\exports']
[[host.drive]]
letter = "D"
size = "4TiB"
free = "4TiB"
[speed]
export = { seconds = 0.3 }
"#;

/// What `fleet` is tried with.
pub(crate) const PLAN: &str = "name = \"nightly\"\n[[export]]\nhosts = \"all\"\nmachines = [\"medium\"]\n\
                               point = \"only\"\nto = 'D:\\exports\\{run}\\{vm}'\n";

/// Commands of which nothing is shown here, and why. A line each; a command that is not there is an error.
///
/// What begins with `well:` or `fails:` exempts of that half alone.
pub(crate) const EXEMPT: &[(&str, &str)] = &[
    ("lab serve", "well: it serves until it is ended; tests/cli/lab.rs looks at what it prints"),
    ("job cancel", "well: a job that was cancelled is no success, exit code 7; it is among the lines"),
    ("trust list", "fails: there is nothing in it that can go wrong but its file"),
];

/// How each command does well and how it fails, in this order.
pub(crate) const SCENARIOS: &[Scenario] = &[
    of("demo", "demo", 0),
    of("demo", "demo --vm nobody", 2),
    of("identify", "identify HOST", 0),
    of("identify", "identify http://127.0.0.1:1 --anonymous", 4),
    of("doctor", "doctor HOST", 0),
    of("doctor", "doctor HOST --to 'D:\\exports\\vm1'", 3),
    of("doctor", "doctor HOST --namespace root/nothing", 10),
    of("doctor", "doctor http://127.0.0.1:1 --user 'LAB\\operator'", 4),
    of("vm list", "vm list HOST", 0),
    of("vm list", "vm list LINK --user 'LAB\\nobody'", 5),
    of("group list", "group list HOST", 0),
    of("group list", "group list HOST --namespace root/nothing", 10),
    of("point list", "point list HOST", 0),
    of("point list", "point list HOST --vm vm9", 10),
    of("point show", "point show HOST A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3", 0),
    of("point show", "point show HOST 00000000-2F58-4B93-8C16-7D5E90B1A2F3", 10),
    of("export", "export HOST --vm vm1 --point only --to 'D:\\exports\\vm1' --dry-run", 0),
    of("export", "export HOST --vm vm1 --point only --to 'D:\\exports\\vm1'", 0),
    of("export", "export HOST --vm vm1 --point latest --to 'D:\\exports\\vm2'", 10),
    of("export", "export HOST --vm vm1 --point only --to 'exports'", 2),
    of("job list", "job list HOST", 0),
    of("job list", "job list LINK --user 'LAB\\operator' --password-file /nonexistent", 2),
    of("export", "export HOST --vm medium --point only --to 'D:\\exports\\medium' --detach", 0),
    of("job wait", "job wait HOST", 0),
    of("export", "export HOST --vm slow --point only --to 'D:\\exports\\slow' --detach", 0),
    of("job wait", "job wait HOST --deadline 1s", 8),
    of("job list", "job list HOST", 0),
    of("job show", "job show HOST", 0),
    of("job cancel", "job cancel HOST", 7),
    of("job wait", "job wait HOST 00000000-2F58-4B93-8C16-7D5E90B1A2F3", 10),
    of("job cancel", "job cancel HOST", 10),
    of("job show", "job show HOST 00000000-2F58-4B93-8C16-7D5E90B1A2F3", 10),
    of("point adopt", "point adopt HOST --vm vm1 A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3", 0),
    of("point adopt", "point adopt HOST --vm vm1 00000000-2F58-4B93-8C16-7D5E90B1A2F3", 10),
    of("point create", "point create HOST --vm vm1", 0),
    of("point create", "point create HOST --vm vm9", 10),
    of("fleet inventory", "fleet inventory -i FOLDER/hosts.toml", 0),
    of("fleet inventory", "fleet inventory -i FOLDER/plan.toml", 2),
    of("fleet plan", "fleet plan FOLDER/plan.toml -i FOLDER/hosts.toml", 0),
    of("fleet plan", "fleet plan FOLDER/nothing.toml", 2),
    of("fleet run", "fleet run FOLDER/plan.toml -i FOLDER/hosts.toml", 0),
    of("fleet run", "fleet run FOLDER/plan.toml -i FOLDER/hosts.toml --limit nobody", 10),
    of("fleet resume", "fleet resume nightly", 0),
    of("fleet resume", "fleet resume nothing", 10),
    of("fleet status", "fleet status", 0),
    of("fleet status", "fleet status nothing", 10),
    of("fleet report", "fleet report", 0),
    of("fleet report", "fleet report nothing", 10),
    of(
        "cim get",
        "cim get HOST Msvm_ComputerSystem CreationClassName=Msvm_ComputerSystem Name=3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91",
        0,
    ),
    of("cim get", "cim get HOST Msvm_ComputerSystem CreationClassName=Msvm_ComputerSystem Name=nobody", 10),
    of("cim list", "cim list HOST Msvm_ComputerSystem", 0),
    of("cim list", "cim list HOST Msvm_ComputerSytem", 10),
    of("cim query", "cim query HOST 'SELECT Name, ElementName FROM Msvm_ComputerSystem'", 0),
    of("cim query", "cim query HOST 'SELECT FROM'", 7),
    of(
        "cim associators",
        "cim associators HOST Msvm_ComputerSystem CreationClassName=Msvm_ComputerSystem Name=3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91 --result Msvm_VirtualSystemReferencePoint",
        0,
    ),
    of("cim associators", "cim associators HOST Msvm_ComputerSytem Name=nobody", 10),
    of(
        "cim invoke",
        "cim invoke HOST Msvm_VirtualSystemReferencePointService CreateReferencePoint 'AffectedSystem=@Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name=\"4F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91\"' ReferencePointType=2 'ReferencePointSettings:={\"ConsistencyLevel\": 1}'",
        0,
    ),
    of("cim invoke", "cim invoke HOST Msvm_VirtualSystemReferencePointService DestroyReferencePoint", 7),
    of(
        "cim invoke",
        "cim invoke HOST Msvm_ComputerSystem CreationClassName=Msvm_ComputerSystem Name=3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91 RequestStateChange RequestedState=Enabled --dry-run",
        0,
    ),
    of("cim invoke", "cim invoke HOST Msvm_ConcreteJob InstanceID=1", 2),
    of("cim describe", "cim describe Msvm_ConcreteJob", 0),
    of("cim describe", "cim describe Msvm_ConcretJob", 10),
    of("cim describe", "cim describe HOST Win32_Environment --namespace root/cimv2 --schema host", 0),
    of("cim describe", "cim describe Win32_Volume --schema host", 2),
    of("cim decode", "cim decode tests/data/wire/omi/93-fault-bad-class.response.xml", 0),
    of("cim decode", "cim decode nothing.xml", 11),
    of(
        "cim put",
        "cim put HOST --namespace root/cimv2 Win32_Environment Name=TEMP 'UserName=<SYSTEM>' --set 'VariableValue=D:\\temp'",
        0,
    ),
    of(
        "cim put",
        "cim put HOST --namespace root/cimv2 Win32_Environment Name=TEMP 'UserName=<SYSTEM>' --set Nothing=1",
        2,
    ),
    of("cim put", "cim put HOST --resource-uri winrm/config --set Service/Auth/Basic=true", 0),
    of("cim put", "cim put HOST --resource-uri winrm/config --set MaxConnections=10", 2),
    of(
        "cim create",
        "cim create HOST --resource-uri winrm/config/listener 'Address=*' Transport=HTTPS --set Hostname=hv01 --dry-run",
        0,
    ),
    of(
        "cim create",
        "cim create HOST --namespace root/cimv2 Win32_Environment Name=OWN 'UserName=<SYSTEM>' VariableValue=1 --schema host",
        0,
    ),
    of(
        "cim create",
        "cim create HOST --namespace root/cimv2 Win32_Environment Name=OWN 'UserName=<SYSTEM>' VariableValue=1 --schema host",
        7,
    ),
    of(
        "cim delete",
        "cim delete HOST --namespace root/cimv2 Win32_Environment Name=OWN 'UserName=<SYSTEM>' --yes",
        0,
    ),
    of(
        "cim delete",
        "cim delete HOST --namespace root/cimv2 Win32_Environment Name=OWN 'UserName=<SYSTEM>' --yes",
        10,
    ),
    of(
        "cim watch",
        "cim watch HOST 'SELECT * FROM Msvm_ComputerSystem WHERE ElementName = \"vm1\"' --poll 100ms --count 1",
        0,
    ),
    of("cim watch", "cim watch HOST 'SELECT a FROM X' --poll 1s", 2),
    of("lab serve", "lab serve --scenario nothing.toml", 2),
    of("lab serve", "lab serve --scenario FOLDER/hosts.toml", 2),
    of("backup", "backup HOST --vm medium --to 'D:\\backup\\dry' --dry-run", 0),
    of("backup", "backup HOST --vm medium --to 'D:\\exports\\backup'", 0),
    of("backup", "backup HOST --vm vm9 --to 'D:\\exports\\backup'", 10),
    of("vm changes", "vm changes HOST --vm medium --since latest", 0),
    of("vm changes", "vm changes HOST --vm vm1 --since 00000000-2F58-4B93-8C16-7D5E90B1A2F3", 10),
    of("point prune", "point prune HOST --keep-last 3 --dry-run", 0),
    of("point prune", "point prune HOST", 2),
    of(
        "point discard",
        "point discard HOST --vm slow B0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3 --foreign --yes",
        0,
    ),
    of("point discard", "point discard HOST --vm slow 00000000-2F58-4B93-8C16-7D5E90B1A2F3 --yes", 10),
    of("point destroy", "point destroy HOST --vm vm1 A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3 --yes", 0),
    of("point destroy", "point destroy HOST --vm vm1 00000000-2F58-4B93-8C16-7D5E90B1A2F3 --yes", 10),
    of(
        "point import",
        "point import HOST --vm vm1 --config 'D:\\exports\\vm1\\Virtual Machines\\3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91.vmcx' --runtime 'D:\\exports\\vm1\\Virtual Machines\\3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91.vmrs' --yes",
        0,
    ),
    of("point import", "point import HOST --vm vm9 --config 'D:\\x.vmcx' --runtime 'D:\\x.vmrs'", 2),
    of("config init", "config init", 0),
    of("config init", "config init", 2),
    of("config explain", "config explain", 0),
    of("config explain", "config explain --profile nothing", 2),
    of("trust add", "trust add SEALED --fingerprint FINGERPRINT", 0),
    of("trust add", "trust add SEALED", 2),
    of("trust add", "trust add LINK", 5),
    of("trust list", "trust list", 0),
    of("trust remove", "trust remove nobody", 10),
    of("trust remove", "trust remove SEALED", 0),
    of("explain", "explain 5", 0),
    of("explain", "explain ExportReferencePoint:32775", 0),
    of("explain", "explain --list job-state", 0),
    of("explain", "explain 0x80338028", 10),
    of("explain", "explain ExportReferencePiont:5", 10),
    of("explain", "explain --list jobs", 2),
    of("completions", "completions bash", 0),
    of("completions", "completions tcsh", 2),
    of("man", "man FOLDER/man", 0),
    of("man", "man /dev/null/man", 11),
];
