use std::sync::Arc;

use super::follow::within_after;
use super::record::Record;
use super::report::{Failure, Kind, Outcome, ReceiptReport};
use super::unit::Work;
use super::verdict::Verdict;
use crate::client::codes::Treatment;
use crate::hyperv::{Contents, Job, JobError, ObjectPath, Receipt, Seen, advice};
use crate::ledger::{self, Claim};

impl Work<'_> {
    /// The host was done when it answered: there is no job, and no receipt.
    pub(super) async fn done_at_once(&mut self, record: &Record, claim: Arc<Claim>) -> Verdict {
        let outcome = self.without_receipt(record).await;
        self.end(claim, (outcome, None)).await
    }

    /// The host says that it is done and not what it has written: all that can be looked at is the directory.
    async fn without_receipt(&mut self, record: &Record) -> Outcome {
        let seen = within_after(self.around, self.around.host.contents(&record.directory)).await;
        let seen = seen.unwrap_or_else(|_| Ok(Seen::Hidden(String::new())));
        if record.kind == ledger::Kind::Group && matches!(seen, Ok(Seen::Known(Contents::Something))) {
            self.warn(format!(
                "the host says that it is done and not which machines it has exported; look into {}",
                record.directory
            ));
            return Outcome::CompletedWithWarnings;
        }
        match seen {
            Ok(Seen::Known(Contents::Something)) if self.is_another => Outcome::CompletedWithWarnings,
            Ok(Seen::Known(Contents::Something)) => Outcome::Completed,
            Ok(Seen::Known(_)) => {
                self.warn(format!("the host says that it is done, and {} is empty", record.directory));
                Outcome::CompletedWithWarnings
            }
            Ok(Seen::Hidden(_)) | Err(_) => {
                self.warn(
                    "the host says that it is done and not what it has written; look into the directory"
                        .to_owned(),
                );
                Outcome::CompletedWithWarnings
            }
        }
    }

    /// Decides from a job that has ended how the export did, and copies what will soon be gone.
    pub(super) async fn judge(&mut self, record: &Record, path: &ObjectPath, job: &Job) -> Verdict {
        let receipt = job.export.as_ref().map(|facts| facts.receipt.clone()).unwrap_or_default();
        self.draft.receipt = ReceiptReport::from(&receipt);
        let treatment = job.treatment();
        let errors = if treatment == Treatment::Succeeded {
            Vec::new()
        } else {
            let errors = within_after(self.around, self.around.host.job_errors(path)).await;
            errors.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_default()
        };
        self.draft.see(job, &errors);
        match treatment {
            Treatment::Succeeded if receipt.files().next().is_none() => {
                (self.without_receipt(record).await, None)
            }
            Treatment::Succeeded => {
                let is_all = self.check_all(record, job, &receipt);
                match self.check_files(&receipt).await && is_all && !self.is_another {
                    true => (Outcome::Completed, None),
                    false => (Outcome::CompletedWithWarnings, None),
                }
            }
            Treatment::SucceededWithWarnings => {
                let said = errors.iter().map(|error| error.message.clone());
                let said: Vec<_> = said.chain([job.error_description.clone(), UNSAID.to_owned()]).collect();
                // What it says of itself, and of what it does not say that it was not said.
                let count = errors.len().max(1);
                said.into_iter().filter(|text| !text.is_empty()).take(count).for_each(|text| self.warn(text));
                self.check_all(record, job, &receipt);
                self.check_files(&receipt).await;
                (Outcome::CompletedWithWarnings, None)
            }
            Treatment::Cancelled => {
                let message = format!("the job was {}; files may be left in the directory", job.state_name());
                let failure = Failure::new(Kind::Cancelled, message);
                let hint = "look into the directory; the same command exports anew once it is empty";
                (Outcome::Cancelled, Some(failure.with_hint(hint)))
            }
            _ => {
                let said = said(job, &errors).map_or_else(String::new, |said| format!(": {said}"));
                let (state, code) = (job.state_name(), job.error_code);
                let message = format!("the job ended as {state} with error code {code}{said}");
                let failure = Failure::new(Kind::JobFailed, message).with_code(code);
                (Outcome::Failed, Some(failure.with_hint(advice(job, &errors))))
            }
        }
    }

    /// Says whether the job has all that was to be exported.
    fn check_all(&mut self, record: &Record, job: &Job, receipt: &Receipt) -> bool {
        let machines = job.export.as_ref().map(|facts| &*facts.machines).unwrap_or_default();
        let lacks = record.lacks(machines, receipt);
        let is_all = lacks.is_empty();
        lacks.into_iter().for_each(|message| self.warn(message));
        is_all
    }

    /// Says whether every file that the receipt names is where it says, as far as that can be seen.
    async fn check_files(&mut self, receipt: &Receipt) -> bool {
        let mut whole = true;
        if !receipt.pairs() {
            let (disks, files) = (receipt.disks.len(), receipt.log_files.len());
            self.warn(format!(
                "the host names {disks} disks and {files} files: which belong together is not known"
            ));
            whole = false;
        }
        let files: Vec<_> = receipt.files().map(str::to_lowercase).collect();
        for (place, path) in receipt.files().enumerate() {
            if files[..place].contains(&files[place]) {
                self.warn(format!("the receipt names {path} twice: what was written first may be lost"));
                whole = false;
                continue;
            }
            let Ok(seen) = within_after(self.around, self.around.host.file(path)).await else {
                self.warn("the files were not checked: there was no time".to_owned());
                break;
            };
            match seen {
                Ok(Seen::Known(Some(_))) => {}
                Ok(Seen::Known(None)) => {
                    self.warn(format!("the receipt names {path}, and the host does not have it"));
                    whole = false;
                }
                Ok(Seen::Hidden(why)) => {
                    self.warn(format!("the files were not checked: {why}"));
                    break;
                }
                Err(error) => {
                    self.warn(format!("the files were not checked: {error}"));
                    break;
                }
            }
        }
        whole
    }
}

/// Returns what a job that has ended says for itself: its errors, or else its description.
fn said(job: &Job, errors: &[JobError]) -> Option<String> {
    let sentences: Vec<_> =
        errors.iter().map(|error| error.message.trim()).filter(|text| !text.is_empty()).collect();
    let said = if sentences.is_empty() { job.error_description.clone() } else { sentences.join("; ") };
    Some(said).filter(|said| !said.is_empty())
}

/// What is said where a job that ended with warnings does not say which.
const UNSAID: &str = "the job ended with warnings and does not say which: the log \
    Microsoft-Windows-Hyper-V-VMMS-Admin on the host may";
