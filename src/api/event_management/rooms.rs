//! How much of events is in memory at once, whoever asks: bodies that come in, and pages that are written.

use super::answers::Wrong;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A unit of room for bodies, in bytes.
const UNIT: usize = 1 << 10;
/// Units of all bodies together: 64 MiB.
const BODIES: u32 = 64 << 10;
/// Pages that are read and written at once.
const PAGES: usize = 2;
/// Who has to wait longer than this for room is told to come again.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Clone)]
pub struct Rooms {
    bodies: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

/// It is given back when it is dropped.
pub type Room = OwnedSemaphorePermit;

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms { bodies: Arc::new(Semaphore::new(BODIES as usize)), pages: Arc::new(Semaphore::new(PAGES)) }
    }
}

impl Rooms {
    /// Room for a body of so many bytes at most.
    pub async fn body(&self, bytes: usize) -> Result<Room, Wrong> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(BODIES).clamp(1, BODIES);
        wait(Arc::clone(&self.bodies).acquire_many_owned(units)).await
    }

    /// Room for a page.
    pub async fn page(&self) -> Result<Room, Wrong> {
        wait(Arc::clone(&self.pages).acquire_owned()).await
    }
}

async fn wait(acquire: impl Future<Output = Result<Room, tokio::sync::AcquireError>>) -> Result<Room, Wrong> {
    let full = || Wrong::Away("too much is asked for at once".to_owned());
    timeout(PATIENCE, acquire).await.map_err(|_| full())?.map_err(|_| full())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_and_is_sent_away_in_the_end() {
        let rooms = Rooms::default();
        let half = rooms.body(32 << 20).await.expect("room");
        // One that is larger than all there is takes all there is.
        assert!(matches!(rooms.body(usize::MAX).await, Err(Wrong::Away(_))));
        let other = rooms.body(32 << 20).await.expect("room");
        assert!(matches!(rooms.body(1).await, Err(Wrong::Away(_))));
        let (waiting, ()) = tokio::join!(rooms.body(0), async { drop(half) });
        assert!(waiting.is_ok());
        drop(other);
        let pages = (rooms.page().await, rooms.page().await);
        assert!(rooms.page().await.is_err());
        drop(pages);
        assert!(rooms.page().await.is_ok());
    }
}
