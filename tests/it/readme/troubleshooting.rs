//! The page on trouble: each message that it quotes is brought about on a simulated host, and ends with the code beside it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::page::{Folder, Step, has_printed, quotes, rows, steps};
use super::simulated::Simulated;

const PAGE: &str = "docs/troubleshooting.md";

/// Who may what, and machines as they are without a scenario: `db01` has a point with data.
const USERS: &str = r#"
[[user]]
name = 'LAB\operator'
password = "Swordfish-7391"
[[user]]
name = 'LAB\reader'
password = "Swordfish-7391"
rights = { winrm = true, namespace = true, hyper_v = false }
[[user]]
name = 'LAB\guest'
password = "Swordfish-7391"
rights = { winrm = true, namespace = false, hyper_v = false }
[[user]]
name = 'LAB\nobody'
password = "Swordfish-7391"
rights = "none"
"#;

const EXPORT: &str = r"refpoint export HTTP --vm db01 --point E4282031-639C-4FD7-8059-B192D4F5E637 --to 'D:\exports\x' --poll 500ms";

/// What a page says in a first cell, what the host is like then, and the command that meets it.
struct Case {
    cell: &'static str,
    scenario: String,
    command: String,
}

fn case(cell: &'static str, scenario: impl Into<String>, command: impl Into<String>) -> Case {
    Case { cell, scenario: scenario.into(), command: command.into() }
}

fn fault(what: &str) -> String {
    format!("[[fault]]\nwhat = {what}\n")
}

fn export_returns(code: u32) -> String {
    format!("[[job]]\nmethod = \"ExportReferencePoint\"\nreturn_value = {code}\n")
}

fn job_fails(hresult: &str) -> String {
    format!("[[job]]\nmethod = \"ExportReferencePoint\"\nstate = 10\n[[job.error]]\nhresult = {hresult}\n")
}

fn reaching() -> Vec<Case> {
    vec![
        case("`name … not resolved`", "", "refpoint identify nosuch.invalid"),
        case("`unreachable: … Connection refused`", "", "refpoint identify 127.1.250.77:1"),
        case("`answer is not HTTP`", "", "refpoint identify http://ON-TLS"),
        case(
            "`what listens there does not speak TLS: is it the http port?`",
            "",
            "refpoint identify https://ON-HTTP",
        ),
        case(
            "`host answered 200 with something other than SOAP`",
            fault("\"page\"\nstatus = 200"),
            "refpoint identify HTTP",
        ),
        case("`host answered 404`", fault("\"status\"\nstatus = 404"), "refpoint identify HTTP"),
        case("`host answered 503`", fault("\"status\"\nstatus = 503"), "refpoint identify HTTP"),
        case(
            "`host answered 500 without a word`",
            fault("\"status\"\nstatus = 500"),
            "refpoint identify HTTP",
        ),
        case(
            "`not finished after`",
            fault("\"stall\"\nside = \"request\""),
            "refpoint identify HTTP --operation-timeout 1s --deadline 3s",
        ),
    ]
}

fn logging_in() -> Vec<Case> {
    let unbound = "umask 077; mkdir -p .config/refpoint; printf '[defaults]\\nbind_channel = false\\n' \
                   > .config/refpoint/config.toml; refpoint identify TLS --insecure";
    vec![
        case("`login refused with Negotiate`", "", "REFPOINT_PASSWORD=wrong refpoint identify HTTP"),
        case(
            "`login refused with Negotiate` with the right password, only over https",
            "[service]\nchannel_bindings = \"strict\"\n",
            unbound,
        ),
        case(
            "`login refused with Negotiate` with the right password, without a domain",
            "",
            "refpoint identify HTTP --user operator",
        ),
        case(
            "`login refused with Negotiate` with the right password",
            "",
            r"refpoint identify HTTP --user 'LAB\nobody'",
        ),
        case(
            "`host has forgotten the login, or the account may not use WinRM`",
            fault("\"status\"\nstatus = 401"),
            "refpoint identify HTTP",
        ),
        case(
            "`host does not offer Negotiate, Kerberos (it offers nothing)`",
            "[service]\nntlm = false\n",
            "refpoint identify HTTP",
        ),
        case(
            "`host does not offer Basic (it offers Negotiate)`",
            "",
            "refpoint identify TLS --insecure --auth basic",
        ),
        case(
            "`basic over http would show the password to everybody on the way`",
            "",
            "refpoint identify HTTP --auth basic",
        ),
        case("`seal does not hold`", fault("\"wrong-seal\""), "refpoint identify HTTP"),
        case(
            "`certificate of the host is signed by nobody who is trusted (sha256:…)`",
            "",
            "refpoint identify TLS",
        ),
        case(
            "`certificate of the host is sha256:…, and not sha256:…`",
            "",
            format!("refpoint identify TLS --pin sha256:{}", "0".repeat(64)),
        ),
    ]
}

fn rights_and_lists() -> Vec<Case> {
    vec![
        case("`AccessDenied 2150859012 (0x80338104)`", "", r"refpoint vm list HTTP --user 'LAB\guest'"),
        case("`AccessDenied 5 (0x00000005)`", fault("\"access-denied\""), "refpoint vm list HTTP"),
        case("`ExportReferencePoint returned 32769 (access-denied)`", export_returns(32769), EXPORT),
        case("`no machine is shown`", "", r"refpoint vm list HTTP --user 'LAB\reader'"),
        case("`the host shows no machine at all to this user`", "", format!(r"{EXPORT} --user 'LAB\reader'")),
        case(
            "`DestinationUnreachable 2147749902 (0x8004100E)`",
            "",
            "refpoint vm list HTTP --namespace root/nowhere",
        ),
        case(
            "`DestinationUnreachable 2147749904 (0x80041010)`",
            "",
            "refpoint cim list HTTP Msvm_ComputerSytem",
        ),
    ]
}

fn busy() -> Vec<Case> {
    let merging = "[[machine]]\nid = \"7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44\"\nname = \"db01\"\nbusy = \"merging\"\n\
                   [[machine.disk]]\nfile = 'D:\\VMs\\db01\\db.vhdx'\nsize = \"1GiB\"\n\
                   [[point]]\nid = \"E4282031-639C-4FD7-8059-B192D4F5E637\"\nmachine = \"db01\"\ntype = \"log\"\n";
    vec![
        case("`the host is merging disks …, tried 5 times`", merging, EXPORT),
        case(
            "`ExportReferencePoint returned 32775 (invalid-state), tried 5 times`",
            export_returns(32775),
            EXPORT,
        ),
        case(
            "`QuotaLimit 2150859174 (0x803381A6)`",
            fault("\"quota\""),
            "refpoint vm list HTTP --deadline 20s",
        ),
    ]
}

fn exporting() -> Vec<Case> {
    let vanishes = "[[job]]\nmethod = \"ExportReferencePoint\"\nvanishes_after = \"1s\"\n";
    vec![
        case(
            "`the job ended as exception with error code 32768: …('0x80070070')`",
            job_fails("0x80070070"),
            EXPORT,
        ),
        case(
            "`the job ended as exception with error code 32768: …('0x80070005')`",
            "",
            EXPORT.replace(r"D:\exports", r"\\nas1\closed"),
        ),
        case(
            "`the job ended as exception with error code 32768: …('0x8009030E')`",
            "[[host.share]]\npath = '\\\\nas1\\second-hop'\naccess = \"no-credentials\"\n",
            EXPORT.replace(r"D:\exports", r"\\nas1\second-hop"),
        ),
        case(
            "`the job ended as exception with error code 32768: …('0x80070050')`",
            job_fails("0x80070050"),
            EXPORT,
        ),
        case("`ExportReferencePoint returned 32770 (not-supported)`", export_returns(32770), EXPORT),
        case("`ExportReferencePoint returned 32773 (invalid-parameter)`", export_returns(32773), EXPORT),
        case("`is not empty`", "", format!("{EXPORT} > first && {EXPORT}")),
        case(
            "`the export directory is a Unix path, but the host writes it`",
            "",
            EXPORT.replace(r"D:\exports\x", "/srv/exports/x"),
        ),
        case(
            "`hosts do not say which is the newest`",
            "",
            r"refpoint export HTTP --vm db01 --point latest --to 'D:\exports\x'",
        ),
        case(
            "`has 3 reference points, not only one`",
            "",
            r"refpoint export HTTP --vm db01 --point only --to 'D:\exports\x'",
        ),
        case(
            "`Outcome …completed-with-warnings`",
            "[[job]]\nmethod = \"ExportReferencePoint\"\nstate = 32768\n",
            EXPORT,
        ),
        case(
            "`the deadline has passed; job … may still run`",
            "[[job]]\nmethod = \"ExportReferencePoint\"\nduration = \"300s\"\n",
            format!("{EXPORT} --deadline 5s"),
        ),
        case(
            "`nobody can tell what became of the export: the host no longer has job …, and nobody saw it end`",
            vanishes,
            EXPORT.replace(r"D:\exports", r"\\nas1\hvexports").replace("500ms", "2s"),
        ),
    ]
}

fn ledgers() -> Vec<Case> {
    let slow = "[[job]]\nmethod = \"ExportReferencePoint\"\nduration = \"300s\"\n";
    // The first one is at work, and leaves its job to the host when it is ended.
    let meanwhile = format!(
        "{EXPORT} > first.out 2> first.err & first=$!; \
         until grep -q 'has begun' first.err; do kill -0 $first || exit 99; done; \
         {EXPORT}; code=$?; kill -TERM $first; wait $first; exit $code"
    );
    vec![
        case("`another refpoint is …`", slow, meanwhile),
        case("`is damaged`", "", format!("yes 'once a ledger' | head -c 9000 > ledger.db; {EXPORT}")),
        case("`is locked`", "", format!("{LOCKED} {EXPORT}")),
        case("`cannot open the ledger`", "", format!("{EXPORT} --ledger /proc/nowhere/ledger.db")),
    ]
}

/// Stands for a ledger that another process writes; the test holds it while the command runs.
const LOCKED: &str = "# locked\n";

#[test]
fn every_message_that_the_page_on_trouble_quotes_is_printed_and_ends_with_the_code_beside_it() {
    let mut told = rows(PAGE);
    told.retain(|row| row.first().is_none_or(|cell| cell != "it says"));
    let cases: Vec<Case> = [reaching(), logging_in(), rights_and_lists(), busy(), exporting(), ledgers()]
        .into_iter()
        .flatten()
        .collect();
    let on_the_page: BTreeSet<&str> = told.iter().map(|row| row[0].as_str()).collect();
    let tried: BTreeSet<&str> = cases.iter().map(|case| case.cell).collect();
    assert_eq!(on_the_page, tried);
    assert_eq!((told.len(), cases.len()), (tried.len(), tried.len()), "each once");
    // Some of them take half a minute, in which the program waits: several at a time.
    let (left, wrong) = (Mutex::new(cases.into_iter().enumerate()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((number, case)) = { left.lock().unwrap().next() } {
                    let row = told.iter().find(|row| row[0] == case.cell).unwrap();
                    wrong.lock().unwrap().extend(what_is_wrong(number, &case, &row[1]));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Returns what does not happen as the page says.
fn what_is_wrong(number: usize, case: &Case, code: &str) -> Option<String> {
    let folder = Folder::new(&format!("trouble-{number}"));
    let speed = "[speed]\nexport = { seconds = 1 }\n";
    std::fs::write(folder.path().join("host.toml"), format!("{USERS}{speed}{}", case.scenario)).unwrap();
    let words = ["lab", "serve", "--tls", "127.1.0.1:0", "--scenario", "host.toml"];
    let host = Simulated::serve(folder.path(), &words);
    let ledger = folder.path().join("ledger.db");
    let lock = case.command.starts_with(LOCKED).then(|| {
        drop(refpoint::ledger::Ledger::open(&ledger).unwrap());
        let lock = rusqlite::Connection::open(&ledger).unwrap();
        lock.execute_batch("pragma locking_mode = exclusive; begin exclusive").unwrap();
        lock
    });
    let after = |url: &str| url.split_once("://").unwrap().1.to_owned();
    let command = case
        .command
        .replace("http://ON-TLS", &format!("http://{}", after(&host.tls)))
        .replace("https://ON-HTTP", &format!("https://{}", after(&host.target)))
        .replace(" HTTP", &format!(" {}", host.target))
        .replace(" TLS", &format!(" {}", host.tls));
    let known = format!(
        "export REFPOINT_USER='LAB\\operator' REFPOINT_PASSWORD=Swordfish-7391 REFPOINT_LEDGER='{}'\n",
        ledger.display()
    );
    let output = folder.shell(&(known + &command));
    drop(lock);
    let printed =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_said = quotes(case.cell).iter().all(|quote| has_printed(&printed, quote));
    let ended = output.status.code().map(|code| code.to_string());
    let is_right = is_said && ended.as_deref() == Some(code);
    (!is_right).then(|| format!("{} ({code}): {command}\nended with {ended:?}\n{printed}", case.cell))
}

#[test]
fn a_clock_that_is_wrong_does_not_stop_ntlm_as_the_page_on_trouble_says() {
    let page = std::fs::read_to_string(super::root().join(PAGE)).unwrap();
    assert!(page.contains("NTLM minds no clock"));
    let wrong = case("", fault("\"clock-skew\"\nseconds = 3600"), "refpoint identify HTTP --auth ntlm");
    assert_eq!(what_is_wrong(99, &wrong, "0"), None);
}

#[test]
fn what_the_page_on_trouble_adds_to_a_report_can_be_made_and_holds_no_secret() {
    let folder = Folder::new("report");
    let host = Simulated::start();
    let mut lines = 0;
    for step in steps(PAGE) {
        let Step::Line { text, code } = step else { panic!("no host of its own") };
        let here =
            text.replace(" hv01 ", &format!(" {} ", host.target)).replace(r"CORP\backup", r"LAB\operator");
        let output = folder.shell(&format!("export REFPOINT_PASSWORD='{}'\n{here}", host.password));
        let printed =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{here}\n{printed}");
        assert!(!printed.contains(&host.password), "{printed}");
        lines += 1;
    }
    assert_eq!(lines, 3);
    let dumped: Vec<_> = std::fs::read_dir(folder.path().join("dump")).unwrap().collect();
    assert!(dumped.len() >= 2);
    for file in dumped {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(text.contains("Envelope") && !text.contains(&host.password), "{text}");
    }
}
