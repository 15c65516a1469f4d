//! Rough nights: several faults at once, at random, and a session that goes on through them.
//!
//! What it says is held against what the host has done, and against the clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use refpoint::cim::{Instance, ObjectPath};
use refpoint::client::{Enumerate, Error, Retries, Session};
use refpoint::lab::{Encoding, Like};
use refpoint::wsman::Opening;
use tokio::time::Instant;

use crate::support::{
    Meeting, NAMESPACE, POINT, SERVICE, Way, agree, export, faults_of, name, on_paused_clock, point, polled,
};

#[derive(Clone, Debug)]
struct Night {
    way: Way,
    faults: Vec<String>,
    /// How the host's own calls end, where they do not end well.
    rule: Option<String>,
    max_envelope_size: u32,
    dialect: (Like, Option<Encoding>, bool),
    call_limit: Duration,
    operation_timeout: Duration,
    deadline: Option<Duration>,
    attempts: u32,
    pipe: usize,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Identify,
    Get,
    List,
    /// So many pages of a listing, and no more.
    Leave(usize),
    Class,
    Invoke,
    /// A call that nobody waits for any more after so many polls.
    Abandon(usize),
    /// Looks at the last job.
    Follow,
    Sleep(u64),
}

/// What goes wrong with an operation that has been read.
fn harm() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..1500_usize).prop_map(|after| format!("what = 'cut'\nafter_bytes = {after}")),
        Just("what = 'lost-response'".to_owned()),
        (0..1500_usize).prop_map(|after| format!("what = 'stall'\nafter_bytes = {after}")),
        Just("what = 'stall'\nside = 'request'".to_owned()),
        select(&[200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 503][..])
            .prop_map(|status| format!("what = 'status'\nstatus = {status}")),
        (1..400_u32).prop_map(|after| format!("what = 'status'\nstatus = 503\nretry_after = {after}")),
        select(&[200, 403, 502][..]).prop_map(|status| format!("what = 'page'\nstatus = {status}")),
        Just("what = 'redirect'\nlocation = 'https://elsewhere/'".to_owned()),
        Just("what = 'quota'".to_owned()),
        Just("what = 'busy'".to_owned()),
        Just("what = 'busy'\nmachine = 'web01'".to_owned()),
        Just("what = 'timed-out'".to_owned()),
        Just("what = 'access-denied'".to_owned()),
        Just("what = 'internal-error'".to_owned()),
        (0..200_u32).prop_map(|seconds| format!("what = 'slow'\nseconds = {seconds}")),
        Just("what = 'vanish-jobs'".to_owned()),
        Just("what = 'restart-service'".to_owned()),
        Just("what = 'wrong-seal'".to_owned()),
        select(&[9_000, 200_000, 1_100_000][..])
            .prop_map(|bytes| format!("what = 'oversized-reply'\nbytes = {bytes}")),
    ]
}

/// What goes wrong before.
fn early() -> impl Strategy<Value = String> {
    let leg = prop_oneof![
        (0..400_usize).prop_map(|after| format!("what = 'cut'\nafter_bytes = {after}")),
        Just("what = 'lost-response'".to_owned()),
        Just("what = 'stall'".to_owned()),
        select(&[401, 403, 500, 503][..]).prop_map(|status| format!("what = 'status'\nstatus = {status}")),
        Just("what = 'page'".to_owned()),
        (0..90_u32).prop_map(|seconds| format!("what = 'slow'\nseconds = {seconds}")),
    ];
    let leg = leg.prop_map(|what| format!("{what}\nwhen = {{ login = true }}"));
    prop_oneof![
        leg,
        (2..5_u32).prop_map(|number| format!("what = 'refuse-connect'\nwhen = {{ connection = {number} }}")),
        Just("what = 'refuse-connect'".to_owned()),
        (-100_000_i64..100_000).prop_map(|seconds| format!("what = 'clock-skew'\nseconds = {seconds}")),
        (0..6000_usize, 1..9_u32).prop_map(|(after, request)| {
            format!("what = 'cut'\nside = 'request'\nafter_bytes = {after}\nwhen = {{ request = {request} }}")
        }),
    ]
}

const OPERATIONS: [&str; 9] =
    ["Identify", "Get", "Enumerate", "Pull", "Release", "GetClass", "Invoke", "Invoke", "*"];

fn fault() -> impl Strategy<Value = String> {
    let harm = (harm(), select(&OPERATIONS[..]), option::weighted(0.2, 1..4_u64)).prop_map(
        |(what, operation, connection)| {
            let connection = connection.map_or_else(String::new, |number| format!(", connection = {number}"));
            format!("{what}\nwhen = {{ operation = '{operation}'{connection} }}")
        },
    );
    let often = prop_oneof![
        3 => (1..4_u64).prop_map(|times| format!("times = {times}")),
        1 => Just(String::new()),
        1 => (0..3_u64, 1..3_u64).prop_map(|(skip, times)| format!("skip = {skip}\ntimes = {times}")),
        1 => (2..4_u64).prop_map(|every| format!("every = {every}")),
        1 => (1..10_u32, any::<u32>()).prop_map(|(tenths, seed)| {
            format!("probability = 0.{tenths}\nseed = {seed}")
        }),
    ];
    (prop_oneof![4 => harm.boxed(), 1 => early().boxed()], often)
        .prop_map(|(what, often)| format!("[[fault]]\n{what}\n{often}\n"))
}

/// What the host does with calls: it takes its time, so that the operation's may be over though the work goes on;
/// it refuses; it fails.
fn rule() -> impl Strategy<Value = String> {
    let how = prop_oneof![
        (1..90_u32).prop_map(|seconds| format!("delay = {seconds}")),
        select(
            &["shutting-down", "provider-failure", "internal-error", "not-capable", "busy", "timed-out"][..]
        )
        .prop_map(|fault| format!("fault = '{fault}'")),
        select(&[32768_u32, 32770, 32775, 5][..]).prop_map(|code| format!("return_value = {code}")),
    ];
    (how, option::of(1..3_u32)).prop_map(|(how, times)| {
        let times = times.map_or_else(String::new, |times| format!("times = {times}"));
        format!("[[job]]\nmethod = 'ExportReferencePoint'\n{how}\n{times}\n")
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Identify),
        2 => Just(Step::Get),
        2 => Just(Step::List),
        1 => (0..3_usize).prop_map(Step::Leave),
        1 => Just(Step::Class),
        4 => Just(Step::Invoke),
        1 => (1..12_usize).prop_map(Step::Abandon),
        2 => Just(Step::Follow),
        1 => (0..20_u64).prop_map(Step::Sleep),
    ]
}

fn night() -> impl Strategy<Value = Night> {
    let seconds = |choices: &'static [u64]| select(choices).prop_map(Duration::from_secs);
    let dialect = (
        select(&[Like::Windows, Like::Omi][..]),
        option::weighted(0.2, select(&[Encoding::Utf8, Encoding::Utf16Le][..])),
        any::<bool>(),
    );
    let patience = (
        seconds(&[1, 20, 100, 300]),
        seconds(&[1, 10, 60]),
        option::weighted(0.3, seconds(&[30, 200, 1000])),
        1..8_u32,
    );
    let pipe = select(&[200_usize, 4096, 65_536][..]);
    let faults = (vec(fault(), 1..5), option::weighted(0.4, rule()), select(&[8192_u32, 512_000][..]));
    let way = prop_oneof![3 => Just(Way::Ntlm), 1 => select(&Way::ALL[..])];
    (way, faults, dialect, patience, pipe, vec(step(), 1..8)).prop_map(
        |(
            way,
            (faults, rule, max_envelope_size),
            dialect,
            (call_limit, operation_timeout, deadline, attempts),
            pipe,
            steps,
        )| Night {
            way,
            faults,
            rule,
            max_envelope_size,
            dialect,
            call_limit,
            operation_timeout,
            deadline,
            attempts,
            pipe,
            steps,
        },
    )
}

/// What stays the same on the host whatever happens.
#[derive(Debug)]
struct Right {
    point: Instance,
    points: Vec<Instance>,
}

fn right() -> Right {
    on_paused_clock(async {
        let meeting = Meeting::new("");
        let mut session = meeting.session().await;
        let point = session.get(&point()).await.unwrap();
        Right { point, points: session.enumerate(POINT).instances().await.unwrap() }
    })
}

struct Walk<'a> {
    night: &'a Night,
    right: &'a Right,
    meeting: &'a Meeting,
    end: Option<Instant>,
    exports: usize,
    job: Option<ObjectPath>,
    /// What was seen to come of calls.
    ends: BTreeMap<String, usize>,
}

impl Walk<'_> {
    async fn take(&mut self, step: Step, session: &mut Session) {
        let began = Instant::now();
        match step {
            Step::Identify => {
                if let Ok(identity) = session.identify().await {
                    assert!(identity.version.unwrap().starts_with("OS: 10.0."));
                }
            }
            Step::Get => {
                if let Ok(point) = session.get(&point()).await {
                    assert_eq!(point, self.right.point);
                }
            }
            Step::List => {
                let came = self.pages(session, usize::MAX).await;
                assert!(came.is_err() || came.unwrap() == self.right.points, "a part is not the whole");
                return;
            }
            Step::Leave(pages) => {
                _ = self.pages(session, pages).await;
                return;
            }
            Step::Class => {
                if let Ok(class) = session.class(None, SERVICE).await {
                    assert!(class.methods.iter().any(|method| method.name == "ExportReferencePoint"));
                }
            }
            Step::Invoke => return self.invoke(session, None).await,
            Step::Abandon(polls) => return self.invoke(session, Some(polls)).await,
            Step::Follow => self.follow(session).await,
            Step::Sleep(seconds) => return tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
        self.in_time(began);
    }

    /// A call is never longer than its limit, and never goes on when everything has to be over.
    fn in_time(&self, began: Instant) {
        let took = began.elapsed();
        assert!(took <= self.night.call_limit + TICK, "took {took:?}");
        if let Some(end) = self.end {
            assert!(Instant::now() <= end.max(began) + TICK, "{:?} late", end.elapsed());
        }
    }

    async fn pages(&self, session: &mut Session, most: usize) -> Result<Vec<Instance>, Error> {
        let pages = Enumerate {
            opening: Opening::FirstPage { max_elements: Some(2) },
            ..Enumerate::new(ObjectPath::new(NAMESPACE, POINT))
        };
        let mut list = session.list(pages);
        let mut came = Vec::new();
        for _ in 0..most {
            let began = Instant::now();
            let page = list.next_page().await;
            self.in_time(began);
            let Some(page) = page else { return Ok(came) };
            for item in page? {
                let refpoint::client::Item::Object(instance) = item else { panic!("{item:?}") };
                came.push(instance);
            }
            assert!(self.right.points.starts_with(&came), "each once, and in order");
        }
        Ok(came)
    }

    async fn invoke(&mut self, session: &mut Session, polls: Option<usize>) {
        self.exports += 1;
        let directory = format!(r"D:\exports\{}", self.exports);
        let call = export(&directory);
        let before = self.meeting.invokes().len();
        let began = Instant::now();
        let said = match polls {
            None => Some(session.invoke(&call).await),
            Some(polls) => polled(session.invoke(&call), polls).await,
        };
        self.in_time(began);
        if said.as_ref().is_none_or(|said| said.as_ref().is_err_and(Error::is_outcome_unknown)) {
            // Whatever was on its way arrives, and whatever the host still works on has begun: it may have been
            // given up long before.
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        let lines = self.meeting.invokes().split_off(before);
        let exports = self.meeting.exports(&directory);
        let Some(said) = said else {
            let done = lines.iter().filter(|line| line["return_value"].is_u64()).count();
            assert!(done <= 1 && exports.len() <= 1, "{lines:#?}");
            return;
        };
        agree(&said, &lines, &exports, "a call");
        let end = said.as_ref().map_or_else(name, |invoked| invoked.code().unwrap().to_string());
        *self.ends.entry(end).or_default() += 1;
        if let Ok(invoked) = said {
            self.job = invoked.path("Job").cloned().or(self.job.take());
        }
    }

    async fn follow(&mut self, session: &mut Session) {
        let Some(job) = &self.job else { return };
        let followed = session.get(job).await;
        let id = job.key_text("InstanceID").unwrap();
        let on_host = self.meeting.objects("CIM_ConcreteJob");
        let on_host = on_host.iter().find(|job| job.text("InstanceID") == Some(&id));
        match followed {
            // The host may have gone on since, but not back.
            Ok(job) if job.number("JobState") == Some(7) => {
                if let Some(on_host) = on_host {
                    assert_eq!(on_host.number("JobState"), Some(7));
                }
            }
            Ok(_) => {}
            Err(error) if error.is_not_found() => assert!(on_host.is_none(), "{error:?}"),
            Err(_) => {}
        }
    }
}

/// The paused clock counts whole milliseconds.
const TICK: Duration = Duration::from_millis(2);

/// Goes through a night; returns how its calls ended, and which faults struck.
fn walk(night: &Night, right: &Right) -> (BTreeMap<String, usize>, Vec<String>) {
    let scenario = format!("{}{}", night.faults.concat(), night.rule.as_deref().unwrap_or_default());
    on_paused_clock(async {
        let mut meeting = Meeting::with(night.way, &scenario, |scenario| {
            let (like, encoding, chunked) = night.dialect;
            (scenario.dialect.like, scenario.dialect.encoding, scenario.dialect.chunked) =
                (like, encoding, chunked);
        });
        meeting.pipe = night.pipe;
        let mut target = meeting.target();
        target.call_limit = night.call_limit;
        target.max_envelope_size = night.max_envelope_size;
        target.operation_timeout = night.operation_timeout;
        target.deadline = night.deadline;
        target.retries = Retries { attempts: night.attempts, ..Retries::default() };
        let began = Instant::now();
        let end = night.deadline.map(|deadline| began + deadline);
        let mut walk =
            Walk { night, right, meeting: &meeting, end, exports: 0, job: None, ends: BTreeMap::new() };
        let opened = meeting.try_session(target).await;
        walk.in_time(began);
        if let Ok(mut session) = opened {
            for step in &night.steps {
                walk.take(*step, &mut session).await;
            }
            let began = Instant::now();
            _ = session.close().await;
            assert!(began.elapsed() <= night.call_limit + Duration::from_secs(6), "{:?}", began.elapsed());
        }
        let ends = walk.ends;
        let lines = meeting.lines();
        let struck = lines.iter().flat_map(faults_of).collect::<Vec<_>>();
        assert!(!struck.iter().any(|name| name == "panic"), "{lines:#?}");
        (ends, struck)
    })
}

#[test]
fn through_any_night_what_a_session_says_is_what_the_host_has_done_and_it_says_so_in_time() {
    let right = right();
    let seen = RefCell::new((BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new()));
    let default = ProptestConfig::default();
    let config = ProptestConfig { cases: default.cases * 2, failure_persistence: None, ..default };
    let walked = TestRunner::new(config).run(&night(), |night| {
        let (ends, struck) = walk(&night, &right);
        let (all_ends, all_struck) = &mut *seen.borrow_mut();
        for (end, times) in ends {
            *all_ends.entry(end).or_default() += times;
        }
        for fault in struck {
            *all_struck.entry(fault).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = walked {
        panic!("{error}");
    }
    let (ends, struck) = seen.into_inner();
    // A fault that never strikes shows nothing. Those that strike before anything is asked have no line; and by
    // chance one may be missing, each of which has its row in `faults`.
    let kinds = [
        "cut",
        "stall",
        "lost-response",
        "status",
        "page",
        "redirect",
        "quota",
        "busy",
        "timed-out",
        "access-denied",
        "internal-error",
        "slow",
        "vanish-jobs",
        "restart-service",
        "wrong-seal",
        "oversized-reply",
    ];
    let missing: Vec<_> = kinds.into_iter().filter(|kind| !struck.contains_key(*kind)).collect();
    assert!(missing.len() < 3, "{missing:?} never struck: {struck:?}");
    // Nor does a client that never knows, or always.
    let unknown = ends.keys().filter(|end| end.starts_with("unknown")).count();
    assert!(ends.contains_key("4096") && unknown >= 3 && ends.len() - unknown >= 3, "{ends:?}");
}
