//! Where and when: what everything that a host says depends on.

use std::time::Duration;

use crate::cim::{DateTime, Interval, ObjectPath, Timestamp};

use super::scenario::{PointIds, Questions, Scenario};
use super::text::{Locale, Text};

/// The namespace of Hyper-V.
pub(super) const VIRTUALIZATION: &str = "root/virtualization/v2";
/// The namespace of Hyper-V before Windows Server 2012, which knew no reference points.
pub(super) const OLD_VIRTUALIZATION: &str = "root/virtualization";
/// The namespace of Windows.
pub(super) const CIMV2: &str = "root/cimv2";
/// The namespace of Windows' newer classes.
pub(super) const STANDARD_CIMV2: &str = "root/StandardCimv2";

/// The first build of Windows Server 2016, which has reference points.
pub(super) const BUILD_2016: u32 = 14393;
/// Version 1703, which has jobs for their exports.
pub(super) const BUILD_1703: u32 = 15063;
/// Version 1709, which has guest-state files.
pub(super) const BUILD_1709: u32 = 16299;
/// The first build of Windows Server 2025.
pub(super) const BUILD_2025: u32 = 26100;

/// A host at a moment.
#[derive(Clone, Copy)]
pub(super) struct Site<'h> {
    /// What is simulated.
    pub(super) scenario: &'h Scenario,
    /// The place of the host in the fleet.
    pub(super) index: usize,
    /// The NetBIOS name.
    pub(super) name: &'h str,
    /// The time since the host was made.
    pub(super) now: Duration,
    /// By how many seconds its clock is wrong.
    pub(super) skew: i64,
}

impl<'h> Site<'h> {
    /// Returns what the host's clock shows at a moment, in whole seconds, as jobs have it.
    pub(super) fn time(&self, at: Duration) -> DateTime {
        let start = self.scenario.host.start;
        let since = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        let seconds = start.unix_seconds().saturating_add(since).saturating_add(self.skew);
        // A clock that runs out of the calendar stands still.
        DateTime::Absolute(Timestamp::new(seconds, 0, 0).unwrap_or(start))
    }

    /// Returns what the host's clock shows at its start, for what was there before.
    pub(super) fn start(&self) -> DateTime {
        self.time(Duration::ZERO)
    }

    pub(super) fn text(&self, text: Text) -> &'static str {
        self.locale().text(text)
    }

    pub(super) fn locale(&self) -> Locale {
        self.scenario.host.locale
    }

    pub(super) fn questions(&self) -> &'h Questions {
        &self.scenario.questions
    }

    pub(super) fn build(&self) -> u32 {
        self.scenario.host.build
    }

    /// Returns a GUID of the scenario as it is on this host: on the first as it stands there.
    pub(super) fn guid(&self, id: &str) -> String {
        vary(id, u32::try_from(self.index).unwrap_or(u32::MAX))
    }

    /// Returns the `InstanceID` of a point.
    pub(super) fn point_id(&self, machine: &str, point: &str) -> String {
        let with_machine = match self.questions().point_ids {
            PointIds::OfBuild => self.build() < BUILD_2025,
            PointIds::MachineAndPoint => true,
            PointIds::PointAlone => false,
        };
        match with_machine {
            true => format!("Microsoft:{machine}\\{point}"),
            false => format!("Microsoft:{point}"),
        }
    }
}

/// Returns a GUID with other first eight digits: the same for 0, another for each number, in the same letter case.
pub(super) fn vary(id: &str, number: u32) -> String {
    let Some((head, tail)) = id.split_at_checked(8).filter(|_| number != 0) else {
        return id.to_owned();
    };
    let first = u32::from_str_radix(head, 16).unwrap_or_default() ^ number.wrapping_mul(0x9E37_79B1);
    match head.bytes().any(|byte| byte.is_ascii_lowercase()) {
        true => format!("{first:08x}{tail}"),
        false => format!("{first:08X}{tail}"),
    }
}

/// Returns the path of a class of Hyper-V.
pub(super) fn class_path(class: &str) -> ObjectPath {
    ObjectPath::new(VIRTUALIZATION, class)
}

/// Returns a length of time as a value, in whole microseconds, as WMI has it.
pub(super) fn interval(duration: Duration) -> DateTime {
    let cut = Duration::new(duration.as_secs(), duration.subsec_micros() * 1000);
    DateTime::Interval(Interval::new(cut))
}

/// Returns the date that stands for "never".
pub(super) fn never() -> DateTime {
    DateTime::Absolute(Timestamp::new(-11_644_473_600, 0, 0).expect("1601 is in the calendar"))
}

/// Makes up identifiers: always the same ones for the same host and the same seed.
#[derive(Clone, Debug)]
pub(super) struct Identifiers {
    state: u64,
}

impl Identifiers {
    pub(super) fn new(index: usize, seed: Option<u64>) -> Self {
        let host = 0x5EED_0000_0000_0000 ^ (index as u64).wrapping_mul(0xD134_2543_DE82_EF95);
        // One step away from its neighbours, so that seeds that follow each other have nothing in common.
        let mut start = Self { state: seed.unwrap_or_default() };
        Self { state: host ^ seed.map_or(0, |_| start.next()) }
    }

    /// Returns the next GUID, in upper case.
    pub(super) fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08X}-{:04X}-4{:03X}-{:04X}-{:012X}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            low >> 48 & 0x3FFF | 0x8000,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_itself_on_the_first_host_and_another_on_each_other() {
        let id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
        assert_eq!(vary(id, 0), id);
        let others: std::collections::HashSet<_> = (0..5000).map(|number| vary(id, number)).collect();
        assert_eq!(others.len(), 5000);
        assert!(others.iter().all(|other| other.len() == 36 && other[8..] == id[8..]));
        assert!(
            vary("3f2c9a10-6b7e-4c55-9e1d-0a4b8c7d2e91", 1).bytes().all(|byte| !byte.is_ascii_uppercase())
        );
    }

    #[test]
    fn made_up_identifiers_differ_and_are_the_same_each_time() {
        let ten = |index, seed| {
            let mut identifiers = Identifiers::new(index, seed);
            (0..10).map(|_| identifiers.guid()).collect::<Vec<_>>()
        };
        let all = [(0, None), (1, None), (0, Some(0)), (0, Some(1)), (1, Some(0)), (1, Some(1))];
        let different: std::collections::HashSet<_> =
            all.iter().flat_map(|(index, seed)| ten(*index, *seed)).collect();
        assert_eq!(different.len(), 60);
        assert!(all.iter().all(|(index, seed)| ten(*index, *seed) == ten(*index, *seed)));
        assert_eq!(ten(0, None)[0].len(), 36);
        assert_eq!(&ten(0, None)[0][14..15], "4");
    }
}
