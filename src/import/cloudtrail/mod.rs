//! CloudTrail records, in whatever they are wrapped.
//!
//! [`container`] finds the records, [`event`] reads one with what is nested in it (`parts`), [`client`] tells the software from a user agent.

pub mod client;
pub mod container;
pub mod event;
mod parts;

use super::head::Head;

/// Whether a file that begins so holds CloudTrail records.
pub fn recognises(head: &Head) -> bool {
    let of_record = |keys: &[String]| {
        let has = |name: &str| keys.iter().any(|k| k == name);
        has("eventSource") || (has("eventVersion") && has("userIdentity")) || has("eventCategory")
    };
    of_record(&head.keys)
        || head.has_all(&["Records"])
        || (head.has_any(&["Events"])
            && head
                .inner
                .iter()
                .any(|k| k == "CloudTrailEvent" || k == "EventId"))
        || head.has_all(&["CloudTrailEvent"])
        || head.has_any(&["messageType", "logEvents"])
        || head.has_all(&["detail-type", "detail"])
        || head.has_all(&["detail-type", "source"])
}
