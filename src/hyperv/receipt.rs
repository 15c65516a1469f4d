use crate::cim::Instance;

/// What an export wrote, as its job tells once it has ended. Jobs are removed five minutes later, so it is
/// copied at the first look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The disks, each with its file where counts pair.
    pub disks: Vec<ExportedDisk>,
    /// The data files, in the order in which the job names them.
    pub log_files: Vec<String>,
    /// The machines' configurations (`.vmcx`).
    pub config_files: Vec<String>,
    /// The machines' states (`.vmrs`).
    pub runtime_files: Vec<String>,
    /// The guests' states (`.vmgs`).
    pub guest_state_files: Vec<String>,
}

/// One disk that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedDisk {
    /// The disk's identifier.
    pub id: String,
    /// The file with its data. That disk and file belong together by position is what the names suggest;
    /// where there are more of one than of the other, nobody can tell.
    pub log_file: Option<String>,
}

impl Receipt {
    /// Reads the receipt from an export job, of one machine or of a group.
    pub fn read(job: &Instance) -> Self {
        let texts = |name: &str| -> Vec<String> {
            job.texts(name).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        // The job of a group says Paths where that of a machine says Path.
        let files = |singular: &str, plural: &str| {
            let mut files = texts(plural);
            files.extend(job.text(singular).filter(|text| !text.is_empty()).map(str::to_owned));
            files
        };
        let (disks, log_files) = (texts("ExportedDisks"), texts("ExportedLogFilePaths"));
        let pair = disks.len() == log_files.len();
        let file_of = |at: usize| log_files.get(at).filter(|_| pair).cloned();
        let disks = disks
            .into_iter()
            .enumerate()
            .map(|(at, id)| ExportedDisk { id, log_file: file_of(at) })
            .collect();
        Self {
            disks,
            config_files: files("ExportedConfigFilePath", "ExportedConfigFilePaths"),
            runtime_files: files("ExportedRuntimeFilePath", "ExportedRuntimeFilePaths"),
            guest_state_files: files("ExportedGuestStateFilePath", "ExportedGuestStateFilePaths"),
            log_files,
        }
    }

    /// Returns every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        [&self.log_files, &self.config_files, &self.runtime_files, &self.guest_state_files]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// Says whether disks and files can be told to belong together.
    pub fn pairs(&self) -> bool {
        self.disks.len() == self.log_files.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Value;

    fn texts(texts: &[&str]) -> Value {
        Value::from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_machines_job_and_a_groups_job_give_the_same_receipt() {
        let machine = Instance::new("Msvm_VirtualSystemReferencePointExportJob")
            .with("ExportedDisks", texts(&["a", "b"]))
            .with("ExportedLogFilePaths", texts(&["a.hrl", "b.hrl"]))
            .with("ExportedConfigFilePath", "c.vmcx")
            .with("ExportedRuntimeFilePath", "c.vmrs")
            .with("ExportedGuestStateFilePath", "");
        let group = Instance::new("Msvm_CollectionReferencePointExportJob")
            .with("ExportedDisks", texts(&["a", "b"]))
            .with("ExportedLogFilePaths", texts(&["a.hrl", "b.hrl"]))
            .with("ExportedConfigFilePaths", texts(&["c.vmcx"]))
            .with("ExportedRuntimeFilePaths", texts(&["c.vmrs"]));
        let receipt = Receipt::read(&machine);
        assert_eq!(receipt, Receipt::read(&group));
        assert_eq!(receipt.files().collect::<Vec<_>>(), ["a.hrl", "b.hrl", "c.vmcx", "c.vmrs"]);
        assert_eq!(receipt.disks[1], ExportedDisk { id: "b".into(), log_file: Some("b.hrl".into()) });
    }

    #[test]
    fn disks_and_files_of_different_number_are_not_paired() {
        let job = Instance::new("Msvm_VirtualSystemReferencePointExportJob")
            .with("ExportedDisks", texts(&["a", "b"]))
            .with("ExportedLogFilePaths", texts(&["x.hrl"]));
        let receipt = Receipt::read(&job);
        assert!(!receipt.pairs());
        assert!(receipt.disks.iter().all(|disk| disk.log_file.is_none()));
        assert_eq!(receipt.log_files, ["x.hrl"]);
    }

    #[test]
    fn a_job_that_wrote_nothing_has_an_empty_receipt() {
        assert_eq!(Receipt::read(&Instance::new("Msvm_ConcreteJob")), Receipt::default());
    }
}
