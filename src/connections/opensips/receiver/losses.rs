//! What the kernel has dropped because nobody read it in time.
//!
//! It says so with the next datagram (`SO_RXQ_OVFL`), which may be long in coming; of UDP `/proc/net/udp` says it at once. Both are the
//! same counter of the socket.

use nix::sys::stat::fstat;
use socket2::Socket;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How often the table of the kernel is read.
const PERIOD: Duration = Duration::from_secs(5);
const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// The losses of one socket.
pub struct Losses {
    drops: KernelDrops,
    /// By which the tables name the socket.
    inode: Option<u64>,
}

/// The kernel's counter as it was last seen. Clones are of the same one.
#[derive(Clone)]
pub struct KernelDrops {
    seen: Arc<AtomicU32>,
    lost: metrics::Counter,
    connection: Arc<str>,
}

impl Losses {
    /// Of a socket for which the kernel holds so many bytes.
    pub fn new(connection: &str, socket: &Socket, granted: usize) -> Losses {
        let label = || connection.to_owned();
        metrics::gauge!("eventmanager_receive_buffer_bytes", "connection" => label()).set(granted as f64);
        let lost = metrics::counter!("eventmanager_receive_lost_total", "connection" => label());
        lost.increment(0);
        let drops = KernelDrops { seen: Arc::default(), lost, connection: connection.into() };
        Losses { drops, inode: fstat(socket.as_fd()).ok().map(|stat| stat.st_ino) }
    }

    /// For who reads the socket.
    pub fn counter(&self) -> KernelDrops {
        self.drops.clone()
    }

    /// Reads the tables again and again.
    pub async fn watch(&self) -> Infallible {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.look().await;
        }
    }

    /// Reads the tables once.
    pub async fn look(&self) {
        let Some(inode) = self.inode else { return };
        for table in TABLES {
            let text = read(table).await;
            if let Some(dropped) = dropped(&text, inode) {
                self.drops.are(dropped);
            }
        }
    }
}

impl KernelDrops {
    /// The counter stands at `total`. It wraps, and both who read it may pass each other.
    pub fn are(&self, total: u32) {
        let mut seen = self.seen.load(Ordering::Relaxed);
        loop {
            let new = total.wrapping_sub(seen);
            if new == 0 || new > u32::MAX / 2 {
                return;
            }
            match self.seen.compare_exchange(seen, total, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.tell(new, total),
                Err(other) => seen = other,
            }
        }
    }

    fn tell(&self, new: u32, total: u32) {
        self.lost.increment(u64::from(new));
        // As often as it doubles: a flood must not fill the log.
        if total.checked_next_power_of_two() != (total - new).checked_next_power_of_two() {
            let connection = &*self.connection;
            tracing::warn!(
                connection,
                lost = total,
                "the kernel has dropped events that came faster than they were read"
            );
        }
    }
}

/// A table of many sockets takes the kernel a while.
async fn read(table: &'static str) -> String {
    let text = spawn_blocking(move || std::fs::read_to_string(table)).await;
    text.ok().and_then(Result::ok).unwrap_or_default()
}

/// The last column of the row of this socket.
fn dropped(table: &str, inode: u64) -> Option<u32> {
    let mut number = String::new();
    let _ = write!(number, "{inode}"); // a string takes everything
    let row = table.lines().skip(1).find(|row| row.split_whitespace().nth(9) == Some(&number))?;
    row.split_whitespace().nth(12)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  264: 0100007F:2329 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
  265: 0100007F:232A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 1234
";

    #[test]
    fn the_table_says_what_was_dropped_by_inode() {
        assert_eq!([4711, 4712, 471].map(|inode| dropped(TABLE, inode)), [Some(0), Some(1234), None]);
        assert_eq!(dropped("", 4711), None);
    }

    #[test]
    fn what_is_seen_twice_counts_once_and_the_counter_wraps() {
        let drops =
            KernelDrops { seen: Arc::default(), lost: metrics::Counter::noop(), connection: "s1".into() };
        let mut seen = |total| {
            drops.are(total);
            drops.seen.load(Ordering::Relaxed)
        };
        // What the other reader saw earlier comes late.
        assert_eq!([5, 5, 3, 9].map(&mut seen), [5, 5, 5, 9]);
        drops.seen.store(u32::MAX - 1, Ordering::Relaxed);
        drops.are(3);
        assert_eq!(drops.seen.load(Ordering::Relaxed), 3);
    }
}
