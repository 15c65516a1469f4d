use std::time::Duration;

use tokio::time::sleep;

use super::follow::{Cut, is_passing, within};
use super::preflight::is_exporting;
use super::record::Record;
use super::report::Failure;
use super::unit::Work;
use crate::hyperv::{Contents, Error, Job, JobList, ObjectPath, Seen};

/// What became of a call whose answer nobody has.
pub(super) enum Fate {
    Found(ObjectPath),
    NotStarted,
    /// Everything was looked at, and nobody can tell.
    Unknown(String),
    /// It could not be looked at.
    Hidden(Failure),
    /// There was no time to look to the end.
    Cut(Cut),
}

impl Work<'_> {
    /// Looks for the job of a call whose answer is lost. That there is none proves something only once the
    /// host cannot be at work on the call any more, while it would still show a job that has ended, where its
    /// service has not been restarted and where nothing was written.
    pub(super) async fn look_for(&mut self, record: &Record) -> Fate {
        // What counts is how long it was given by the run that asked.
        let given = record.witness.timeout.unwrap_or(self.around.operation_timeout);
        let settled = given.saturating_mul(2).saturating_add(SETTLING);
        loop {
            match within(self.around, self.find_job(record)).await {
                Ok(Ok(Some(path))) => return Fate::Found(path),
                Ok(Ok(None)) => {}
                // There is time to look once more.
                Ok(Err(error))
                    if is_passing(&error) && self.elapsed(record).is_some_and(|it| it < settled) => {}
                Ok(Err(error)) => return Fate::Hidden((&error).into()),
                Err(cut) => return Fate::Cut(cut),
            }
            match self.elapsed(record) {
                Some(elapsed) if elapsed < settled => {
                    let pause = LOOK_AGAIN.min(settled - elapsed);
                    if let Err(cut) = within(self.around, sleep(pause)).await {
                        return Fate::Cut(cut);
                    }
                }
                Some(elapsed) if elapsed < REMEMBERED => break,
                Some(_) => return Fate::Unknown("the host no longer shows jobs of that time".to_owned()),
                None => return Fate::Unknown("the clock of this machine was set back since".to_owned()),
            }
        }
        self.last_look(record).await
    }

    /// Returns how long ago the host was asked; `None` where the clock was set back since.
    fn elapsed(&self, record: &Record) -> Option<Duration> {
        self.around.now().duration_since(record.sent).ok()
    }

    /// Looks for the job of a call that the host cannot be at work on any more, and for what keeps its absence
    /// from being a proof. A job that shows meanwhile is found all the same.
    pub(super) async fn last_look(&self, record: &Record) -> Fate {
        let looked = async {
            let doubt = self.proof(record).await?;
            Ok((doubt, self.find_job(record).await?))
        };
        match within(self.around, looked).await {
            Ok(Ok((_, Some(path)))) => Fate::Found(path),
            Ok(Ok((None, None))) => Fate::NotStarted,
            Ok(Ok((Some(doubt), None))) => Fate::Unknown(doubt),
            Ok(Err(error)) => {
                let error: Error = error;
                Fate::Hidden((&error).into())
            }
            Err(cut) => Fate::Cut(cut),
        }
    }

    async fn find_job(&self, record: &Record) -> Result<Option<ObjectPath>, Error> {
        let namespace = self.around.host.namespace();
        let jobs = self.new_jobs(record).await?.jobs;
        let found = jobs.iter().find(|job| record.is_like(job) && record.agrees(job));
        Ok(found.map(|job| job.path(namespace)))
    }

    /// Returns the jobs that were not there when the call was about to be sent, and belong to no other call of ours.
    /// Of two calls at one moment, from two ledgers, either job does what both asked for.
    async fn new_jobs(&self, record: &Record) -> Result<JobList, Error> {
        let (kind, subject) = (record.kind, record.subject.to_string());
        let earlier = self.around.keeper.with(move |ledger| ledger.exports_of(kind, &subject)).await;
        let earlier = earlier.unwrap_or_default();
        let namespace = self.around.host.namespace();
        let is_known = |job: &Job| {
            let mut known =
                earlier.iter().filter(|other| other.id != record.id).filter_map(|other| other.job.as_deref());
            let path = job.path(namespace);
            known.any(|known| known.parse::<ObjectPath>().is_ok_and(|known| known.is_same_object(&path)))
        };
        let mut list = self.around.host.job_list().await?;
        list.jobs.retain(|job| !record.witness.has_seen(&job.id) && !is_known(job));
        list.unreadable.retain(|id| !record.witness.has_seen(id));
        Ok(list)
    }

    /// Returns what keeps the absence of a job from proving that there never was one.
    async fn proof(&self, record: &Record) -> Result<Option<String>, Error> {
        let host = self.around.host;
        let doubt = |text: &str| Ok(Some(text.to_owned()));
        if let Some(why) = record.witness.doubt(host).await? {
            return doubt(why);
        }
        let list = self.new_jobs(record).await?;
        if list.jobs.iter().any(|job| record.is_like(job)) {
            return doubt(
                "a job exports the same to the same directory, relative to something else or with other disks",
            );
        }
        if list.jobs.iter().any(|job| record.is_of_point(job)) {
            return doubt("a job exports the same to what may be the same directory");
        }
        if !list.unreadable.is_empty() || list.jobs.iter().any(Job::is_silent_export) {
            return doubt("the host has export jobs that do not say what they export");
        }
        for machine in record.machines(host).await? {
            if is_exporting(host, &machine).await? {
                return doubt("the host says that the machine is being exported");
            }
        }
        match host.contents(&record.directory).await? {
            Seen::Known(Contents::Missing { .. } | Contents::Empty) if record.was_taken => {
                doubt("the host had begun with the call and may go on with it")
            }
            Seen::Known(Contents::Missing { .. } | Contents::Empty) => Ok(None),
            Seen::Known(Contents::Something) => doubt("there is something in the directory"),
            Seen::Hidden(_) => doubt("the directory cannot be seen"),
        }
    }
}

/// How long a host may need to show the job of a call, after twice the time that it was given: its service gives
/// up a call that takes too long, and what it has passed the call on to may go on.
pub(super) const SETTLING: Duration = Duration::from_secs(5);

pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// For how long an ended job is certainly still shown: five minutes, less what clocks and requests take.
const REMEMBERED: Duration = Duration::from_secs(270);
