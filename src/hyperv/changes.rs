//! What of a disk has changed since a reference point.

use super::host::begun;
use super::{Begun, Error, Guid, Host, is_same_disk};
use crate::cim::{Catalog, Instance, Value, embedded, wql_literal};
use crate::client::Invoke;

/// A disk of a machine as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its identifier, which is that of the slot it is in.
    pub id: String,
    /// Its file.
    pub file: String,
}

/// The ranges of a disk that have changed, as the guest sees the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// How large the disk is: all of it was looked at.
    pub size: u64,
    /// Where a range begins and how long it is, in their order; none touches the next.
    pub ranges: Vec<(u64, u64)>,
}

impl Disk {
    /// Reads one; what is put into a drive and taken out again, an image of a CD, is none that is backed up.
    fn read(row: &Instance) -> Option<Self> {
        let sort = row.text("ResourceSubType").unwrap_or_default();
        if MEDIA.iter().any(|media| media.eq_ignore_ascii_case(sort)) {
            return None;
        }
        let file = row.texts("HostResource").next()?.to_owned();
        Some(Self { id: row.text("InstanceID")?.to_owned(), file })
    }
}

impl Changes {
    /// Returns how many octets have changed.
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|(_, length)| length).sum()
    }

    /// Takes what one answer tells of the disk from there on, and returns where to go on. What makes no sense is
    /// an error: a range that was passed over would be missing in what somebody restores.
    fn take(&mut self, from: u64, until: u64, answer: &Answer) -> Result<u64, Error> {
        let Answer { processed, offsets, lengths } = answer;
        let end = from.checked_add(*processed).filter(|end| *end > from && *end <= until);
        let Some(end) = end else {
            return Err(unreadable(format!("it has looked at {processed} of {} octets", until - from)));
        };
        if offsets.len() != lengths.len() {
            return Err(unreadable(format!("{} offsets and {} lengths", offsets.len(), lengths.len())));
        }
        for (start, length) in offsets.iter().zip(lengths) {
            let Some(stop) = start.checked_add(*length).filter(|stop| *start >= from && *stop <= self.size)
            else {
                return Err(unreadable(format!("a range of {length} octets at {start}")));
            };
            match self.ranges.last_mut() {
                Some((last, so_far)) if *start < *last => {
                    return Err(unreadable(format!("a range at {start} behind one at {last} of {so_far}")));
                }
                // What touches or overlaps is one range.
                Some((last, so_far)) if *start <= *last + *so_far => {
                    *so_far = (*so_far).max(stop - *last);
                }
                _ if *length == 0 => {}
                _ => self.ranges.push((*start, *length)),
            }
        }
        Ok(end)
    }
}

/// What one call has answered.
struct Answer {
    processed: u64,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl Host {
    /// Returns the disks of a machine as it is now.
    pub async fn disks(&self, machine: &Guid) -> Result<Vec<Disk>, Error> {
        let pattern = format!("Microsoft:{machine}%");
        let wql = format!(
            "SELECT InstanceID, HostResource, ResourceSubType FROM Msvm_StorageAllocationSettingData \
             WHERE ResourceType = 31 AND InstanceID LIKE {}",
            wql_literal(&pattern)
        );
        let rows = self.session().await.query(wql).instances().await?;
        Ok(rows.iter().filter_map(Disk::read).collect())
    }

    /// Returns how large the guest sees the disk in a file.
    pub async fn disk_size(&self, file: &str) -> Result<u64, Error> {
        let call = Invoke::new(self.service(SERVICE).await?, SETTINGS).with("Path", file);
        let invoked = self.session().await.invoke(&call).await?;
        let text = match begun(SERVICE, SETTINGS, &invoked)? {
            Begun::Done => invoked.value("SettingData").and_then(Value::as_str).unwrap_or_default(),
            Begun::Job(_) => return Err(unreadable("it answers later, and then nowhere".to_owned())),
        };
        let settings = embedded::read_declared(text, Catalog::bundled())?;
        Ok(settings.require_number("MaxInternalSize")?)
    }

    /// Returns what of the disk in a file has changed since the point of that tracking identifier, asked for
    /// until the end of the disk: an answer may be of less than it was asked for.
    pub async fn changes(&self, file: &str, tracking: &str, size: u64) -> Result<Changes, Error> {
        let service = self.service(SERVICE).await?;
        let mut changes = Changes { size, ranges: Vec::new() };
        let mut from = 0;
        while from < size {
            // Its page wants a length below the size of the disk, so that no disk is asked for as a whole.
            let until = size.min(from + STEP.min(size.div_ceil(2)));
            let call = Invoke::new(service.clone(), METHOD)
                .with("Path", file)
                .with("LimitId", tracking)
                .with("TargetSnapshotId", Value::Null)
                .with("ByteOffset", from)
                .with("ByteLength", until - from);
            let invoked = self.session().await.invoke(&call).await?;
            if let Begun::Job(_) = begun(SERVICE, METHOD, &invoked)? {
                // Jobs have no results: the ranges come with the answer or not at all.
                if invoked.value("ProcessedByteLength").is_none_or(Value::is_null) {
                    return Err(unreadable("it answers later, and then nowhere".to_owned()));
                }
            }
            from = changes.take(from, until, &Answer::read(&invoked)?)?;
        }
        Ok(changes)
    }
}

impl Answer {
    fn read(invoked: &crate::client::Invoked) -> Result<Self, Error> {
        let numbers = |name: &str| -> Result<Vec<u64>, Error> {
            let all = invoked.value(name).into_iter().flat_map(Value::scalars);
            all.map(|value| value.as_u64().ok_or_else(|| unreadable(format!("{name} holds no number"))))
                .collect()
        };
        let processed = invoked.value("ProcessedByteLength").and_then(Value::as_u64);
        Ok(Self {
            processed: processed.ok_or_else(|| unreadable("it does not say how far it came".to_owned()))?,
            offsets: numbers("ChangedByteOffsets")?,
            lengths: numbers("ChangedByteLengths")?,
        })
    }
}

/// Returns the tracking identifier that a point has of a disk.
pub fn tracking_of<'p>(point: &'p super::Point, disk: &str) -> Option<&'p str> {
    let at = point.disks.iter().position(|covered| is_same_disk(covered, disk))?;
    point.tracking.get(at).map(String::as_str)
}

fn unreadable(what: String) -> Error {
    Error::Unexpected { what: format!("{METHOD} answered what cannot be read: {what}") }
}

const SERVICE: &str = "Msvm_ImageManagementService";
const METHOD: &str = "GetVirtualDiskChanges";
const SETTINGS: &str = "GetVirtualHardDiskSettingData";

/// `ResourceSubType` of what is of the same class as disks are, and is none.
const MEDIA: [&str; 2] = ["Microsoft:Hyper-V:Virtual CD/DVD Disk", "Microsoft:Hyper-V:Virtual Floppy Disk"];

/// So much of a disk is asked for at once.
const STEP: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(processed: u64, ranges: &[(u64, u64)]) -> Answer {
        let (offsets, lengths) = ranges.iter().copied().unzip();
        Answer { processed, offsets, lengths }
    }

    /// With an image of a CD in its drive every machine had a disk that no point covers.
    #[test]
    fn an_image_in_a_drive_is_no_disk() {
        let row = |sort: &str, file: &str| {
            let row =
                Instance::new("Msvm_StorageAllocationSettingData").with("InstanceID", r"Microsoft:A\B\0\1\L");
            let row = row.with("ResourceType", 31_u16).with("ResourceSubType", sort);
            Disk::read(&row.with("HostResource", vec![file.to_owned()]))
        };
        assert_eq!(row("Microsoft:Hyper-V:Virtual CD/DVD Disk", r"D:\setup.iso"), None);
        let disk = row("Microsoft:Hyper-V:Virtual Hard Disk", r"D:\os.vhdx").unwrap();
        assert_eq!((&*disk.id, &*disk.file), (r"Microsoft:A\B\0\1\L", r"D:\os.vhdx"));
    }

    #[test]
    fn ranges_that_touch_are_one_across_answers() {
        let mut changes = Changes { size: 1000, ranges: Vec::new() };
        let next = changes.take(0, 500, &answer(300, &[(0, 100), (100, 50), (290, 10)])).unwrap();
        let next = changes.take(next, 500, &answer(200, &[(300, 20), (400, 0)])).unwrap();
        assert_eq!((next, changes.take(next, 1000, &answer(500, &[])).unwrap()), (500, 1000));
        assert_eq!((changes.ranges.clone(), changes.bytes()), (vec![(0, 150), (290, 30)], 180));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_an_error_and_no_range_less() {
        let taken = |processed, ranges: &[(u64, u64)]| {
            Changes { size: 1000, ranges: vec![(150, 10)] }.take(200, 600, &answer(processed, ranges))
        };
        assert!(taken(0, &[]).is_err(), "it would never end");
        assert!(taken(401, &[]).is_err() && taken(u64::MAX, &[]).is_err());
        assert!(taken(400, &[(100, 10)]).is_err() && taken(400, &[(990, 11)]).is_err());
        assert!(taken(400, &[(u64::MAX, 2)]).is_err());
        assert!(taken(400, &[(300, 10), (250, 10)]).is_err());
        let uneven = Answer { processed: 400, offsets: vec![300], lengths: Vec::new() };
        assert!(Changes { size: 1000, ranges: Vec::new() }.take(200, 600, &uneven).is_err());
        assert!(taken(400, &[(300, 10)]).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_answered_the_ranges_are_in_order_within_the_disk_and_apart(
            answers in proptest::collection::vec(
                (0_u64..500, proptest::collection::vec((0_u64..1200, 0_u64..300), 0..6)), 0..8)
        ) {
            let mut changes = Changes { size: 1000, ranges: Vec::new() };
            let mut from = 0;
            for (processed, ranges) in &answers {
                match changes.take(from, 1000, &answer(*processed, ranges)) {
                    Ok(next) => { prop_assert!(next > from && next <= 1000); from = next; }
                    Err(_) => break,
                }
                if from == 1000 { break; }
            }
            for pair in changes.ranges.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1 < pair[1].0);
            }
            prop_assert!(changes.ranges.iter().all(|(start, length)| start + length <= 1000 && *length > 0));
        }
    }
}
