//! The image management service: how large a disk is, and which parts of it have changed.

use crate::cim::{Instance, Value, embedded};

use super::super::scenario::DiskKind;
use super::super::world::{Disk, World};
use super::{Call, Code, Returned};

/// The most ranges of one answer; whoever wants more asks again from where it stopped.
const MOST_RANGES: usize = 256;
/// Changes are tracked in units of this size.
const UNIT: u64 = 64 * 1024;

impl World {
    pub(super) fn invoke_image_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "GetVirtualDiskChanges" => self.changes(call),
            "GetVirtualHardDiskSettingData" => self.disk_settings(call),
            _ => Err(Code::NotSupported),
        }
    }

    fn disk_settings(&self, call: &Call<'_>) -> Result<Returned, Code> {
        let path = call.arguments.text("Path").ok_or(Code::InvalidParameter)?;
        let mut disks = self.machines.iter().flat_map(|machine| &machine.disks);
        let disk = disks.find(|disk| disk.file.eq_ignore_ascii_case(path)).ok_or(Code::FileNotFound)?;
        let settings = Instance::new("Msvm_VirtualHardDiskSettingData")
            .with("Path", disk.file.as_str())
            .with("MaxInternalSize", disk.size)
            .with("Format", if disk.kind == DiskKind::Vhd { 2_u16 } else { 3 });
        let text = embedded::write(&settings).map_err(|_| Code::Failed)?;
        Ok(Returned::done().with("SettingData", text))
    }

    fn changes(&self, call: &Call<'_>) -> Result<Returned, Code> {
        let path = call.arguments.text("Path").ok_or(Code::InvalidParameter)?;
        let disks = self.machines.iter().flat_map(|machine| &machine.disks);
        let mut disks = disks.filter(|disk| disk.file.eq_ignore_ascii_case(path));
        let disk = disks.next().ok_or(Code::FileNotFound)?;
        let limit = call.arguments.text("LimitId").ok_or(Code::InvalidParameter)?;
        let is_known = self.points.values().flat_map(|point| point.disks.iter().zip(&point.tracking));
        if !is_known.into_iter().any(|(id, tracking)| *id == disk.id && tracking == limit) {
            return Err(Code::InvalidParameter);
        }
        let offset = call.arguments.number("ByteOffset").ok_or(Code::InvalidParameter)?;
        let length = call.arguments.number("ByteLength").ok_or(Code::InvalidParameter)?;
        let end = offset.checked_add(length).filter(|end| *end <= disk.size && length > 0);
        let end = end.ok_or(Code::InvalidParameter)?;
        let ranges: Vec<(u64, u64)> = ranges(disk, offset, end).take(MOST_RANGES).collect();
        let processed = match ranges.last() {
            Some((start, length)) if ranges.len() == MOST_RANGES => start + length - offset,
            _ => end - offset,
        };
        let (offsets, lengths): (Vec<u64>, Vec<u64>) = ranges.into_iter().unzip();
        Ok(Returned::done()
            .with("ProcessedByteLength", processed)
            .with("ChangedByteOffsets", Value::from(offsets))
            .with("ChangedByteLengths", Value::from(lengths)))
    }
}

/// Returns the changed ranges between two offsets: spread evenly, so that together they are what the disk's
/// scenario says has changed.
fn ranges(disk: &Disk, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
    let units = (disk.changed / UNIT).max(1);
    let count = units.min(1000);
    let length = units / count * UNIT;
    let stride = (disk.size / count).max(length) / UNIT * UNIT;
    let all = (0..count).map(move |number| (number * stride, (number * stride).saturating_add(length)));
    all.filter_map(move |(start, end)| {
        let (start, end) = (start.max(from), end.min(to));
        (start < end).then(|| (start, end - start))
    })
}
