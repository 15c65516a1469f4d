//! What Windows says of itself in `root/cimv2`: the system, its drives, and the files that exports wrote.

use super::super::draft::Draft;
use super::super::scenario::Role;
use super::super::site::Site;
use super::super::world::World;
use super::files::File;

impl World {
    pub(in crate::lab) fn draft_operating_system(&self, site: Site<'_>) -> Draft {
        let build = site.build();
        let version = match build {
            0..10240 => format!("6.3.{build}"),
            _ => format!("10.0.{build}"),
        };
        let product = match build {
            0..14393 => "Microsoft Windows Server 2012 R2 Datacenter",
            14393..17763 => "Microsoft Windows Server 2016 Datacenter",
            17763..20348 => "Microsoft Windows Server 2019 Datacenter",
            20348..26100 => "Microsoft Windows Server 2022 Datacenter",
            _ => "Microsoft Windows Server 2025 Datacenter",
        };
        let mut draft = Draft::of("Win32_OperatingSystem");
        draft
            .set("Caption", product)
            .set("Name", format!("{product}|C:\\Windows|\\Device\\Harddisk0\\Partition4"))
            .set("CSName", site.name)
            .set("Version", version)
            .set("BuildNumber", build.to_string())
            .set("OSArchitecture", "64-bit")
            .set("OSLanguage", site.locale().lcid())
            .set("ProductType", 3_u32)
            .set("LocalDateTime", site.time(site.now))
            .set("LastBootUpTime", site.start());
        draft
    }

    /// The service whose process the jobs of Hyper-V live in.
    pub(in crate::lab) fn draft_management_process(&self, site: Site<'_>) -> Draft {
        let is_stopped = site.scenario.host.hyper_v == Role::Stopped;
        let is_running = self.restarting.is_none() && !is_stopped;
        let state = match is_stopped {
            true => "Stopped",
            false if is_running => "Running",
            false => "Start Pending",
        };
        let process = 2852_u32.wrapping_add(self.restarts.wrapping_mul(4));
        let mut draft = Draft::of("Win32_Service");
        draft
            .set("Name", "vmms")
            .set("DisplayName", "Hyper-V Virtual Machine Management")
            .set("ProcessId", if is_running { process } else { 0 })
            .set("Started", is_running)
            .set("StartMode", "Auto")
            .set("State", state)
            .set("Status", "OK")
            .set("SystemName", site.name);
        draft
    }

    /// Returns the size of a file at this moment: while it is written, as much as is there.
    pub(in crate::lab) fn size_of(&self, file: &File, site: Site<'_>) -> u64 {
        let writer = file.writer.and_then(|serial| self.jobs.get(&serial));
        let percent = u64::from(writer.map_or(100, |job| job.percent(site.now)));
        file.size / 100 * percent + file.size % 100 * percent / 100
    }

    fn free_space(&self, at: usize, site: Site<'_>) -> u64 {
        let drive = &site.scenario.host.drives[at];
        drive.free.saturating_sub(self.files.taken(drive.letter, |file| self.size_of(file, site)))
    }

    pub(in crate::lab) fn draft_drive(&self, at: usize, site: Site<'_>) -> Draft {
        let drive = &site.scenario.host.drives[at];
        let letter = format!("{}:", drive.letter.to_ascii_uppercase());
        let mut draft = Draft::of("Win32_LogicalDisk");
        draft
            .set("DeviceID", letter.as_str())
            .set("Name", letter)
            .set("DriveType", 3_u32)
            .set("FileSystem", "NTFS")
            .set("Size", drive.size)
            .set("FreeSpace", self.free_space(at, site))
            .set("VolumeName", "")
            .set("VolumeSerialNumber", format!("5E0C00{at:02X}"));
        draft
    }

    pub(in crate::lab) fn draft_volume(&self, at: usize, site: Site<'_>) -> Draft {
        let drive = &site.scenario.host.drives[at];
        let letter = format!("{}:", drive.letter.to_ascii_uppercase());
        let id = site.guid(&format!("5E0C00{at:02X}-1111-4222-8333-444455556666"));
        let mut draft = Draft::of("Win32_Volume");
        draft
            .set("DeviceID", format!("\\\\?\\Volume{{{}}}\\", id.to_lowercase()))
            .set("DriveLetter", letter.as_str())
            .set("Name", format!("{letter}\\"))
            .set("DriveType", 3_u32)
            .set("FileSystem", "NTFS")
            .set("BlockSize", 4096_u64)
            .set("Capacity", drive.size)
            .set("FreeSpace", self.free_space(at, site));
        draft
    }

    pub(in crate::lab) fn draft_file(&self, place: usize, site: Site<'_>) -> Option<Draft> {
        let file = self.files.at(place)?;
        let (drive, rest) = file.path.split_at_checked(2)?;
        let (directory, name) = rest.rsplit_once('\\')?;
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !file.is_directory => (stem, extension),
            _ => (name, ""),
        };
        let written = if file.writer.is_some() { site.now } else { file.made };
        let mut draft = Draft::of(if file.is_directory { "Win32_Directory" } else { "CIM_DataFile" });
        draft
            // WMI spells paths in lower case.
            .set("Name", file.path.to_lowercase())
            .set("Drive", drive.to_lowercase())
            .set("Path", format!("{}\\", directory.to_lowercase()))
            .set("FileName", stem.to_lowercase())
            .set("Extension", extension.to_lowercase())
            .set("CreationDate", site.time(file.made))
            .set("LastModified", site.time(written));
        if !file.is_directory {
            draft.set("FileSize", self.size_of(file, site));
        }
        Some(draft)
    }
}
