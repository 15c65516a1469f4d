use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use refpoint::lab::{Channel, Log, Options, serve_stream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::support::{Client, Lab, PASSWORD, USER, identify, invoke, ntlm};

#[tokio::test(start_paused = true)]
async fn each_operation_is_one_line_with_the_keys_of_the_contract() {
    let lab = Lab::with("", |options: &mut Options| options.started = Some(Duration::ZERO));
    let mut client = lab.log_in().await;
    client.identify().await;
    client.ask(&invoke()).await;
    let keys: Vec<_> = lab
        .log
        .text()
        .lines()
        .map(|line| {
            let mut keys: Vec<_> = line.split('"').skip(1).step_by(2).map(str::to_owned).collect();
            keys.retain(|key| {
                [
                    "time",
                    "host",
                    "user",
                    "scheme",
                    "sealed",
                    "operation",
                    "class",
                    "method",
                    "keys",
                    "arguments",
                    "return_value",
                    "fault",
                ]
                .contains(&key.as_str())
            });
            keys.join(" ")
        })
        .collect();
    assert_eq!(
        keys,
        ["time host user scheme sealed operation class method keys arguments return_value fault"; 2]
    );
    let lines = lab.log.all();
    assert_eq!(lines[0]["time"], "1970-01-01T00:00:00Z");
    assert_eq!(lines[0].as_object().unwrap().len(), 12);
    assert_eq!(
        (&lines[1]["operation"], &lines[1]["method"]),
        (&"Invoke".into(), &"ExportReferencePoint".into())
    );
    assert_eq!(lines[1]["keys"]["CreationClassName"], "Msvm_VirtualSystemReferencePointService");
}

#[tokio::test(start_paused = true)]
async fn the_line_is_flushed_before_a_byte_of_the_answer_leaves() {
    for fault in
        ["", "what = 'slow'\nseconds = 5", "what = 'cut'\nafter_bytes = 10", "what = 'status'\nstatus = 503"]
    {
        let events = Events::default();
        let scenario = if fault.is_empty() { String::new() } else { format!("[[fault]]\n{fault}") };
        let lab = Lab::with(&scenario, |options| options.log = Some(Log::new(events.clone())));
        let (near, far) = duplex(64 << 10);
        let stream = Recorded { stream: far, events: events.clone() };
        tokio::spawn(serve_stream(lab.hosts.clone(), 0, stream, Channel::Http));
        let mut client = Client::new(near);
        client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
        events.0.lock().unwrap().clear();
        let _ = client.ask_raw(&identify()).await;
        let events = events.0.lock().unwrap().clone();
        assert_eq!(events[..3], ["written", "flushed", "answered"], "{fault}");
        assert!(events[3..].iter().all(|event| *event == "answered"), "{fault}: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_is_there_although_the_answer_never_comes() {
    for fault in ["what = 'lost-response'", "what = 'stall'", "what = 'stall'\nside = 'request'"] {
        let lab = Lab::new(&format!("[[fault]]\n{fault}"));
        let mut client = lab.log_in().await;
        let envelope = identify();
        let _ = tokio::time::timeout(Duration::from_secs(1), client.ask_raw(&envelope)).await;
        assert_eq!(lab.log.all().len(), 1, "{fault}");
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<&'static str>>>);

impl Write for Events {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        assert_eq!(bytes.last(), Some(&b'\n'), "a line is written whole");
        self.0.lock().unwrap().push("written");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().unwrap().push("flushed");
        Ok(())
    }
}

/// A stream that says when something is written to it.
struct Recorded {
    stream: DuplexStream,
    events: Events,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.events.0.lock().unwrap().push("answered");
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_line_cannot_be_written_is_not_given() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lab = Lab::with("", |options| options.log = Some(Log::new(Full)));
    let mut client = lab.log_in().await;
    assert!(client.ask_raw(&identify()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_several_hosts_at_once_do_not_mix() {
    let lab = Lab::with("", |options| options.hosts = 8);
    let tasks: Vec<_> = (0..8)
        .map(|index| {
            let mut client = lab.connect_to(index);
            tokio::spawn(async move {
                client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
                for _ in 0..50 {
                    client.identify().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let lines = lab.log.all();
    assert_eq!(lines.len(), 400);
    for number in 1..=8 {
        let of_host = lines.iter().filter(|line| line["host"] == format!("HV0{number}"));
        assert_eq!(of_host.count(), 50);
    }
}
