//! CloudTrail records, in whatever they are wrapped.
//!
//! [`container`] finds the records, [`csv`] those in tables, [`event`] reads one with what is nested in it (`parts`), [`client`] tells the software from a user agent.

pub mod client;
pub mod container;
pub mod csv;
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
        || head.has_any(&["messageType", "logEvents", "awslogs"])
        || (head.has_any(&["events", "Messages"])
            && head.inner.iter().any(|k| k == "message" || k == "Body"))
        || head.has_all(&["Message", "TopicArn"])
        || is_exported(head)
        || head.has_all(&["detail-type", "detail"])
        || head.has_all(&["detail-type", "source"])
}

/// Whether it is what CloudWatch Logs exports: a time before each record.
fn is_exported(head: &Head) -> bool {
    let line = head.first_line();
    let brace = memchr::memchr(b'{', &line[..line.len().min(40)]);
    brace.is_some_and(|n| super::time::iso(line[..n].trim_ascii_end()).is_some())
}
