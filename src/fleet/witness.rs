use crate::hyperv::Error;
use crate::hyperv::{Host, Job, Seen};

/// What a host shows right before it is asked to export: by what one can tell later whether its service has run
/// on since, and which jobs were there before. The clocks of two machines cannot say that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Witness {
    /// The run of its service, where it can be seen.
    pub(super) run: Option<String>,
    /// The jobs that exported something by then, ended ones that were still shown included.
    jobs: Vec<String>,
}

impl Witness {
    /// Looks at the host.
    pub(super) async fn of(host: &Host) -> Result<Self, Error> {
        let run = host.service_run().await?;
        let jobs =
            host.jobs().await?.into_iter().filter(|job| job.export.is_some() || job.is_silent_export());
        Ok(Self { run: run.known(), jobs: jobs.map(|job| job.id).collect() })
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    pub(super) fn read(text: &str) -> Self {
        let mut witness = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("run", run)) => witness.run = Some(run.to_owned()),
                Some(("job", id)) => witness.jobs.push(id.to_owned()),
                _ => {}
            }
        }
        witness
    }

    /// Writes it down, a line for each thing.
    pub(super) fn to_text(&self) -> String {
        let run = self.run.iter().map(|run| format!("run {}\n", one_line(run)));
        let jobs = self.jobs.iter().map(|id| format!("job {}\n", one_line(id)));
        run.chain(jobs).collect()
    }

    /// Says whether a job was there before, and is therefore not that of the call.
    pub(super) fn has_seen(&self, job: &Job) -> bool {
        let id = one_line(&job.id);
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
    use crate::hyperv::{EXPORT_JOBS, Instance};

    fn job(id: &str) -> Job {
        Job::read(&Instance::new(EXPORT_JOBS[0]).with("InstanceID", id).with("JobState", 4u16)).unwrap()
    }

    #[test]
    fn what_was_seen_comes_back() {
        for (run, jobs) in [
            (Some("vmms 812 since 20261120100000.000000+000"), &["C2A6E3F9-417A", "x y\nrun z"][..]),
            (Some("vmms 812"), &[]),
            (None, &["job 1"]),
            (None, &[]),
        ] {
            let jobs: Vec<_> = jobs.iter().map(|id| (*id).to_owned()).collect();
            let witness = Witness { run: run.map(str::to_owned), jobs: jobs.clone() };
            let read = Witness::read(&witness.to_text());
            assert_eq!((&read.run, read.jobs.len()), (&witness.run, jobs.len()));
            assert!(jobs.iter().all(|id| read.has_seen(&job(id)) && read.has_seen(&job(&id.to_lowercase()))));
            assert!(!read.has_seen(&job("another")));
        }
        assert_eq!(Witness::read("whatever stands there\n\nrun"), Witness::default());
    }
}
