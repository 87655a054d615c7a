//! Multipart uploads of an open workload that fail as a whole.

use std::collections::BTreeMap;

/// Those whose parts were sent and have not all ended; each under the key of its arrival.
#[derive(Default)]
pub struct Uploads {
    under_way: BTreeMap<u64, UploadState>,
}

/// The parts of one of them.
struct UploadState {
    /// Parts that have not ended.
    left: usize,
    has_failed: bool,
}

impl Uploads {
    /// An upload sends so many parts.
    pub fn begin(&mut self, arrival: u64, parts: usize) {
        let begun = UploadState {
            left: parts,
            has_failed: false,
        };
        self.under_way.insert(arrival, begun);
    }

    /// A part has ended, and `failed` or not. Returns whether an earlier one had failed, and whether none is left.
    pub fn part_ends(&mut self, arrival: u64, failed: bool) -> (bool, bool) {
        let Some(upload) = self.under_way.get_mut(&arrival) else {
            return (false, true);
        };
        let had_failed = upload.has_failed;
        upload.has_failed |= failed;
        upload.left -= 1;
        let is_over = upload.left == 0;
        if is_over {
            self.under_way.remove(&arrival);
        }
        (had_failed, is_over)
    }

    /// Whether a part of an upload has failed, and others have not ended.
    pub fn has_failed(&self, arrival: u64) -> bool {
        let upload = self.under_way.get(&arrival);
        upload.is_some_and(|upload| upload.has_failed)
    }
}
