use std::time::Duration;

use crate::hyperv::{Error, ExportRequest, Guid, Host, Seen};

/// What a host shows right before it is asked to export, by which one can tell later whether its service has run on
/// since and which jobs were there before: the clocks of two machines cannot say that. And what it was asked for, as
/// far as its answer is judged by that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Witness {
    /// The run of its service, where it can be seen.
    pub(super) run: Option<String>,
    /// The jobs that exported something by then, ended ones that were still shown included.
    pub(super) jobs: Vec<String>,
    /// How long the host was given for the call.
    pub(super) timeout: Option<Duration>,
    /// Whether a person wrote the settings.
    pub(super) has_own_settings: bool,
    /// The machines that are to be exported.
    pub(super) machines: Vec<Guid>,
    /// The disks that are to be exported.
    pub(super) disks: Vec<String>,
}

impl Witness {
    /// Looks at the host. `timeout` is how long it will be given.
    pub(super) async fn of(host: &Host, request: &ExportRequest, timeout: Duration) -> Result<Self, Error> {
        let run = host.service_run().await?;
        let listed = host.job_list().await?;
        let jobs = listed.jobs.into_iter().filter(|job| job.export.is_some() || job.is_silent_export());
        Ok(Self {
            run: run.known(),
            jobs: jobs.map(|job| job.id).chain(listed.unreadable).collect(),
            timeout: Some(timeout),
            has_own_settings: request.settings.is_some(),
            machines: request.what.machines().into_iter().cloned().collect(),
            disks: request.what.disks().into_iter().cloned().collect(),
        })
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    pub(super) fn read(text: &str) -> Self {
        let mut witness = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("run", run)) => witness.run = Some(run.to_owned()),
                Some(("job", id)) => witness.jobs.push(id.to_owned()),
                Some(("timeout", millis)) => witness.timeout = millis.parse().ok().map(Duration::from_millis),
                Some(("settings", whose)) => witness.has_own_settings = whose == "own",
                Some(("machine", id)) => witness.machines.extend(id.parse::<Guid>().ok()),
                Some(("disk", id)) => witness.disks.push(id.to_owned()),
                _ => {}
            }
        }
        witness
    }

    /// Writes it down, a line for each thing.
    pub(super) fn to_text(&self) -> String {
        let run = self.run.iter().map(|run| format!("run {}\n", one_line(run)));
        let jobs = self.jobs.iter().map(|id| format!("job {}\n", one_line(id)));
        let timeout = self.timeout.iter().map(|timeout| format!("timeout {}\n", timeout.as_millis()));
        let settings = self.has_own_settings.then(|| "settings own\n".to_owned());
        let machines = self.machines.iter().map(|id| format!("machine {id}\n"));
        let disks = self.disks.iter().map(|id| format!("disk {}\n", one_line(id)));
        run.chain(jobs).chain(timeout).chain(settings).chain(machines).chain(disks).collect()
    }

    /// Says whether a job was there before, and is therefore not that of the call.
    pub(super) fn has_seen(&self, id: &str) -> bool {
        let id = one_line(id);
        self.jobs.iter().any(|seen| seen.eq_ignore_ascii_case(&id))
    }

    /// Returns what keeps it from being the same run of the service still.
    pub(super) async fn doubt(&self, host: &Host) -> Result<Option<&'static str>, Error> {
        let Some(run) = &self.run else {
            return Ok(Some("it cannot be seen whether the host's service was restarted since"));
        };
        Ok(match host.service_run().await? {
            Seen::Known(now) if one_line(&now) == *run => None,
            Seen::Known(_) => Some("the host's service was restarted since, which forgets jobs"),
            Seen::Hidden(_) => Some("it can no longer be seen whether the host's service was restarted"),
        })
    }
}

/// An identifier is the host's word, and must not become another line.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";

    #[test]
    fn what_was_seen_comes_back() {
        for (run, jobs) in [
            (Some("vmms 812 since 20261120100000.000000+000"), &["C2A6E3F9-417A", "x y\nrun z"][..]),
            (Some("vmms 812"), &[]),
            (None, &["job 1"]),
            (None, &[]),
        ] {
            let jobs: Vec<_> = jobs.iter().map(|id| (*id).to_owned()).collect();
            let witness = Witness { run: run.map(str::to_owned), jobs: jobs.clone(), ..Witness::default() };
            let read = Witness::read(&witness.to_text());
            assert_eq!((&read.run, read.jobs.len()), (&witness.run, jobs.len()));
            assert!(jobs.iter().all(|id| read.has_seen(id) && read.has_seen(&id.to_lowercase())));
            assert!(!read.has_seen("another"));
        }
        assert_eq!(Witness::read("whatever stands there\n\nrun"), Witness::default());
    }

    #[test]
    fn what_was_asked_for_comes_back() {
        let witness = Witness {
            timeout: Some(Duration::from_millis(90_500)),
            has_own_settings: true,
            machines: vec![WEB01.parse().unwrap()],
            disks: vec![format!(r"Microsoft:{WEB01}\A B\0\0\L")],
            ..Witness::default()
        };
        assert_eq!(Witness::read(&witness.to_text()), witness);
        assert_eq!(Witness::read("timeout soon\nsettings theirs\nmachine web01\n"), Witness::default());
    }
}
