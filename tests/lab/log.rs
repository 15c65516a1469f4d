use std::time::Duration;

use refpoint::lab::{Log, Options};

use crate::support::{Lab, PASSWORD, USER, identify, invoke, ntlm};

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
                    "return_value",
                    "fault",
                ]
                .contains(&key.as_str())
            });
            keys.join(" ")
        })
        .collect();
    assert_eq!(keys, ["time host user scheme sealed operation class method keys return_value fault"; 2]);
    let lines = lab.log.all();
    assert_eq!(lines[0]["time"], "1970-01-01T00:00:00Z");
    assert_eq!(lines[0].as_object().unwrap().len(), 11);
    assert_eq!(
        (&lines[1]["operation"], &lines[1]["method"]),
        (&"Invoke".into(), &"ExportReferencePoint".into())
    );
    assert_eq!(lines[1]["keys"]["CreationClassName"], "Msvm_VirtualSystemReferencePointService");
}

/// Fails if the answer left before the line was there: the log asks whether any byte has come.
#[tokio::test(start_paused = true)]
async fn the_line_is_flushed_before_a_byte_of_the_answer_leaves() {
    for fault in [
        "",
        "[[fault]]\nwhat = 'lost-response'",
        "[[fault]]\nwhat = 'stall'",
        "[[fault]]\nwhat = 'slow'\nseconds = 5",
    ] {
        let lab = Lab::new(fault);
        let mut client = lab.log_in().await;
        let envelope = identify();
        let asking = tokio::time::timeout(std::time::Duration::from_secs(1), client.ask_raw(&envelope));
        let _ = asking.await;
        assert_eq!(lab.log.all().len(), 1, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_line_cannot_be_written_is_not_given() {
    struct Full;
    impl std::io::Write for Full {
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
