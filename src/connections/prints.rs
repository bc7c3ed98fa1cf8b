//! What makes two notifications the same, and how that is found again after a restart.
//!
//! ```text
//! event's uuid (version 7):   48 bits  milliseconds of the epoch, when it was received
//!                             12 bits  a counter
//!                             62 bits  its print: server or cluster, notification id, command and document
//! ```
//!
//! The uuids of the last minutes are all that has to be read to recognise the duplicates of what was stored before a restart: an
//! index gives them in the order of time. With their documents that would take seconds, in which nothing is stored.

use crate::config::Broadworks;
use md5::{Digest, Md5};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::{Builder, Uuid};

/// The bits of a uuid behind its variant.
const PRINT: u128 = (1 << 62) - 1;

/// The notification of one server or cluster, with what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Print(u64);

impl Print {
    /// The print in the uuid of an event that has a notification id.
    pub fn of(event: Uuid) -> Print {
        Print((event.as_u128() & PRINT) as u64)
    }
}

/// The name under which the notifications of a server are compared: its own, or that of its cluster.
pub fn cluster(server: &Broadworks) -> Arc<str> {
    match &server.cluster {
        Some(cluster) => format!("cluster {cluster}").into(),
        None => format!("server {}", server.name).into(),
    }
}

/// Makes the uuids of the events of one connection.
pub struct Uuids {
    cluster: Arc<str>,
    counter: Cell<u16>,
}

impl Uuids {
    /// For events of this server or cluster.
    pub fn new(cluster: Arc<str>) -> Self {
        // Members of a cluster bring the same at the same moment: their uuids differ all the same.
        Uuids { cluster, counter: Cell::new(fastrand::u16(..)) }
    }

    /// The uuid of an event that was received then; without a notification id no other has its print.
    pub fn make(
        &self,
        received: SystemTime,
        notification_id: Option<&str>,
        command_index: usize,
        document: &str,
    ) -> Uuid {
        let print = match notification_id {
            Some(id) => self.print(id, command_index, document),
            None => fastrand::u64(..),
        };
        let milliseconds = received.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        self.counter.set(self.counter.get().wrapping_add(1));
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.counter.get().to_be_bytes());
        random[2..].copy_from_slice(&print.to_be_bytes());
        Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }

    fn print(&self, notification_id: &str, command_index: usize, document: &str) -> u64 {
        let mut digest = Md5::new();
        for part in [&self.cluster, notification_id] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.update((command_index as u64).to_be_bytes());
        digest.update(document.as_bytes());
        let digest: [u8; 16] = digest.finalize().into();
        u64::from_be_bytes(digest[..8].try_into().expect("eight of sixteen"))
    }
}

/// The first uuid of events that were received then or later.
pub fn first_since(since: SystemTime) -> Uuid {
    let milliseconds = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// When the event with this uuid was received.
pub fn received(event: Uuid) -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_millis((event.as_u128() >> 80) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn uuids(cluster: &str) -> Uuids {
        Uuids::new(cluster.into())
    }

    #[test]
    fn what_is_the_same_has_the_same_print_and_another_uuid() {
        let (at, later) = (UNIX_EPOCH + Duration::from_secs(1_772_366_400), Duration::from_millis(7));
        let one = uuids("cluster nuuk");
        let make = |uuids: &Uuids, id: &str, index: usize, document: &str, at: SystemTime| {
            uuids.make(at, Some(id), index, document)
        };
        let first = make(&one, "write1", 0, "document", at);
        assert_eq!((first.get_version_num(), received(first)), (7, at));
        let same = [
            make(&one, "write1", 0, "document", at),
            make(&uuids("cluster nuuk"), "write1", 0, "document", at + later),
        ];
        for again in same {
            assert!(Print::of(again) == Print::of(first) && again != first);
        }
        let others = [
            make(&one, "write2", 0, "document", at),
            make(&one, "write1", 1, "document", at),
            make(&one, "write1", 0, "other", at),
            make(&uuids("server as1"), "write1", 0, "document", at),
            one.make(at, None, 0, "document"),
            one.make(at, None, 0, "document"),
        ];
        let mut prints: Vec<Print> =
            others.iter().map(|uuid| Print::of(*uuid)).chain([Print::of(first)]).collect();
        prints.sort_by_key(|print| print.0);
        prints.dedup();
        assert_eq!(prints.len(), 7);
    }

    #[test]
    fn uuids_are_in_the_order_of_time() {
        let at = UNIX_EPOCH + Duration::from_secs(1_772_366_400);
        let uuid = uuids("x").make(at, Some("write1"), 0, "document");
        assert!(first_since(at) <= uuid && uuid < first_since(at + Duration::from_millis(1)));
        assert!(first_since(UNIX_EPOCH - Duration::from_secs(1)) < uuid);
    }

    #[test]
    fn a_repeat_within_a_millisecond_has_another_uuid() {
        let (at, uuids) = (UNIX_EPOCH + Duration::from_secs(1), uuids("x"));
        let mut made: Vec<Uuid> = (0..4096).map(|_| uuids.make(at, Some("write1"), 0, "document")).collect();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 4096);
    }
}
