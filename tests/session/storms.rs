//! Sessions in any weather: whatever each request meets, what a session says is true.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use refpoint::client::Session;
use refpoint::wsman::{Incoming, Request};
use tokio::time::Instant;

use crate::support::{
    Answer, Host, Machines, busy, call, http_answer, impatient, invoked, message, not_found, number, path,
    quota, refuse, succeed, timed_out, too_large, unreportable,
};

/// What becomes of one request.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Fair,
    /// Carried out, and the connection closed behind the answer.
    FairAndClosed,
    /// Carried out, and the answer is lost.
    LostAnswer(Loss),
    /// Carried out, or on the way to it, and a fault for an answer.
    DoneWithFault(LateFault),
    /// Not carried out.
    NotDone(Refusal),
}

#[derive(Clone, Copy, Debug)]
enum Loss {
    Closed,
    Silent,
    Garbage,
    Another,
    Nobodys,
}

#[derive(Clone, Copy, Debug)]
enum LateFault {
    TimedOut,
    TooLarge,
    Unreportable,
    Busy,
}

#[derive(Clone, Copy, Debug)]
enum Refusal {
    Closed,
    Quota,
    NotFound,
    Unavailable,
    Forgotten,
    TimedOut,
}

fn weather() -> impl Strategy<Value = Weather> {
    let loss = prop_oneof![
        Just(Loss::Closed),
        Just(Loss::Silent),
        Just(Loss::Garbage),
        Just(Loss::Another),
        Just(Loss::Nobodys)
    ];
    let late = prop_oneof![
        Just(LateFault::TimedOut),
        Just(LateFault::TooLarge),
        Just(LateFault::Unreportable),
        Just(LateFault::Busy)
    ];
    let refusal = prop_oneof![
        Just(Refusal::Closed),
        Just(Refusal::Quota),
        Just(Refusal::NotFound),
        Just(Refusal::Unavailable),
        Just(Refusal::Forgotten),
        Just(Refusal::TimedOut)
    ];
    prop_oneof![
        6 => Just(Weather::Fair),
        1 => Just(Weather::FairAndClosed),
        2 => loss.prop_map(Weather::LostAnswer),
        2 => late.prop_map(Weather::DoneWithFault),
        3 => refusal.prop_map(Weather::NotDone),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Get,
    Invoke,
    ListAll,
    ListSome(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Get),
        3 => Just(Step::Invoke),
        1 => Just(Step::ListAll),
        1 => (1_usize..10).prop_map(Step::ListSome),
    ]
}

/// A host under a sky: what it has carried out, it knows.
#[derive(Clone)]
struct Sky {
    weathers: Arc<Mutex<std::vec::IntoIter<Weather>>>,
    machines: Machines,
    invoked: Arc<Mutex<usize>>,
    /// How many enumerations the session cannot know of, or was not let end.
    excused: Arc<Mutex<usize>>,
}

impl Sky {
    fn serve(&self, incoming: &Incoming) -> Answer {
        let weather = self.weathers.lock().unwrap().next().unwrap_or(Weather::Fair);
        let is_excused = match incoming.request {
            Request::Enumerate(_) | Request::Pull(_) => matches!(weather, Weather::LostAnswer(_)),
            Request::Release(_) => !matches!(weather, Weather::Fair | Weather::FairAndClosed),
            _ => false,
        };
        *self.excused.lock().unwrap() += usize::from(is_excused);
        match weather {
            Weather::Fair => self.carry_out(incoming),
            Weather::FairAndClosed => match self.carry_out(incoming) {
                Answer::Message(text) => Answer::AndClose(text),
                other => other,
            },
            Weather::LostAnswer(loss) => {
                self.carry_out(incoming);
                match loss {
                    Loss::Closed => Answer::Close,
                    Loss::Silent => Answer::Silence,
                    Loss::Garbage => Answer::Message("<s:Envelope>".into()),
                    Loss::Another => Answer::Message(message(Some("uuid:another"), &call(), Ok(&invoked(7)))),
                    Loss::Nobodys => Answer::Message(message(None, &call(), Ok(&invoked(7)))),
                }
            }
            Weather::DoneWithFault(fault) => {
                let is_invoke = matches!(incoming.request, Request::Invoke(_));
                if is_invoke {
                    self.carry_out(incoming);
                }
                refuse(
                    incoming,
                    &match fault {
                        LateFault::TimedOut => timed_out(),
                        LateFault::TooLarge => too_large(),
                        // To anything but a call it would be no answer that a host gives.
                        LateFault::Unreportable if is_invoke => unreportable(),
                        LateFault::Unreportable | LateFault::Busy => busy(),
                    },
                )
            }
            Weather::NotDone(refusal) => match refusal {
                Refusal::Closed => Answer::Close,
                Refusal::Quota => refuse(incoming, &quota()),
                Refusal::NotFound => refuse(incoming, &not_found()),
                Refusal::Unavailable => http_answer(503, ""),
                Refusal::Forgotten => http_answer(401, "WWW-Authenticate: Basic realm=\"WSMAN\"\r\n"),
                Refusal::TimedOut => refuse(incoming, &timed_out()),
            },
        }
    }

    fn carry_out(&self, incoming: &Incoming) -> Answer {
        match incoming.request {
            Request::Enumerate(_) | Request::Pull(_) | Request::Release(_) => self.machines.serve(incoming),
            _ => {
                *self.invoked.lock().unwrap() += usize::from(matches!(incoming.request, Request::Invoke(_)));
                succeed(incoming)
            }
        }
    }

    fn invoked(&self) -> usize {
        *self.invoked.lock().unwrap()
    }
}

const TOTAL: usize = 20;
const LIMIT: Duration = Duration::from_secs(100);

async fn take(step: Step, session: &mut Session, sky: &Sky) {
    let began = Instant::now();
    match step {
        Step::Get => {
            if let Ok(machine) = session.get(&path()).await {
                assert_eq!(number(&machine), 1);
            }
        }
        Step::Invoke => {
            let before = sky.invoked();
            let result = session.invoke(&call()).await;
            let times = sky.invoked() - before;
            assert!(times <= 1, "carried out {times} times: {result:?}");
            match result {
                Ok(invoked) => assert_eq!((invoked.code(), times), (Some(0), 1)),
                Err(error) if error.is_result_lost() => assert_eq!(times, 1, "{error:?}"),
                Err(error) if error.is_outcome_unknown() => {}
                Err(error) => assert_eq!(times, 0, "{error:?}"),
            }
        }
        Step::ListAll => {
            let mut came = Vec::new();
            let mut list = session.enumerate("Msvm_ComputerSystem");
            let mut error = None;
            while let Some(item) = list.next_instance().await {
                match item {
                    Ok(machine) => came.push(number(&machine)),
                    Err(failed) => error = Some(failed),
                }
            }
            let expected = if error.is_none() { TOTAL } else { came.len() };
            assert!(came.iter().copied().eq(0..expected), "{came:?} {error:?}");
        }
        Step::ListSome(some) => {
            let mut list = session.enumerate("Msvm_ComputerSystem");
            for expected in 0..some {
                match list.next_instance().await {
                    Some(Ok(machine)) => assert_eq!(number(&machine), expected),
                    _ => break,
                }
            }
        }
    }
    // Five pages at most, each with its own limit.
    let most = if matches!(step, Step::Get | Step::Invoke) { LIMIT } else { LIMIT * 8 };
    assert!(began.elapsed() <= most, "{step:?} took {:?}", began.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_session_says_of_the_host_is_true(
        weathers in prop::collection::vec(weather(), 0..40),
        steps in prop::collection::vec(step(), 1..8),
        fits in 1_usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let sky = Sky {
                weathers: Arc::new(Mutex::new(weathers.into_iter())),
                machines: Machines::new(TOTAL, fits),
                invoked: Arc::default(),
                excused: Arc::default(),
            };
            let host = Host::new({
                let sky = sky.clone();
                move |incoming| sky.serve(incoming)
            });
            let mut session = host.session_with(impatient(LIMIT)).await.unwrap();
            for step in steps {
                take(step, &mut session, &sky).await;
            }
            drop(session);
            crate::support::settle().await;
            assert_eq!(host.open_connections(), 0);
            let excused = *sky.excused.lock().unwrap();
            assert!(sky.machines.open() <= excused, "{} left, {excused} excused", sky.machines.open());
        });
    }
}
