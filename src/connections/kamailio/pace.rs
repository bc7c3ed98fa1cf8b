//! How fast the far side can be written to: what it reads at once it must have whole.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes that are written without a [`PAUSE`], at most: what the far side reads at once.
pub const AT_ONCE: usize = 14_000;
/// The far side has read what was written before.
pub const PAUSE: Duration = Duration::from_millis(5);

/// What has been written since the far side was last left the time to read.
pub struct Window {
    last: Instant,
    written: usize,
}

impl Window {
    pub fn new() -> Window {
        Window { last: Instant::now(), written: 0 }
    }

    /// Waits until a frame of this size may be written. Counted from the last frame, not from the first: what is written just
    /// before a fixed window ends and just after it is read at once as well.
    pub async fn room(&mut self, size: usize) {
        if self.last.elapsed() >= PAUSE {
            self.written = 0;
        }
        if self.written > 0 && self.written + size > AT_ONCE {
            tokio::time::sleep_until(self.last + PAUSE).await;
            self.written = 0;
        }
    }

    /// So much is being written.
    pub fn wrote(&mut self, size: usize) {
        self.written += size;
        self.last = Instant::now();
    }
}

/// Bytes that are to be written: those that wait, and those that are promised. Clones are of the same.
#[derive(Clone, Default)]
pub struct Load(Rc<Cell<usize>>);

/// A part of a [`Load`], until it is dropped.
pub struct Share {
    load: Load,
    bytes: usize,
}

impl Load {
    /// Adds to it.
    pub fn add(&self, bytes: usize) -> Share {
        self.0.set(self.0.get() + bytes);
        Share { load: self.clone(), bytes }
    }

    pub fn bytes(&self) -> usize {
        self.0.get()
    }

    /// How long it takes to write all of it. Twice what the bytes need: a frame that does not fit beside the one before leaves room
    /// unused, and timers are late.
    pub fn time(&self) -> Duration {
        PAUSE.mul_f64(2.0 * self.bytes() as f64 / AT_ONCE as f64)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.0.set(self.load.0.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_read_at_once_is_never_too_much_for_the_far_side() {
        // Whether the second of two waits, after so many tenths of a millisecond.
        for (first, tenths, second, waits) in [
            (AT_ONCE, 49, AT_ONCE, true),
            (AT_ONCE, 50, AT_ONCE, false),
            (AT_ONCE, 49, 1, true),
            (AT_ONCE - 1, 0, 1, false),
            (AT_ONCE - 1, 0, 2, true),
        ] {
            let mut window = Window::new();
            window.room(first).await;
            window.wrote(first);
            tokio::time::advance(Duration::from_micros(100) * tenths).await;
            let began = Instant::now();
            window.room(second).await;
            assert_eq!(began.elapsed() > Duration::ZERO, waits, "{first} and after {tenths} {second}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_counts_from_the_last_frame() {
        let mut window = Window::new();
        let (mut written, mut last) = (0, Instant::now());
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(1)).await;
            window.room(4_000).await;
            written = if last.elapsed() >= PAUSE { 4_000 } else { written + 4_000 };
            assert!(written <= AT_ONCE, "{written} bytes");
            window.wrote(4_000);
            last = Instant::now();
        }
    }

    #[test]
    fn a_load_is_what_is_not_written() {
        let load = Load::default();
        assert_eq!(load.time(), Duration::ZERO);
        let (half, other) = (load.add(AT_ONCE / 2), load.clone().add(AT_ONCE / 2));
        assert_eq!((load.bytes(), load.time()), (AT_ONCE, 2 * PAUSE));
        drop(half);
        assert_eq!(load.bytes(), AT_ONCE / 2);
        drop(other);
        assert_eq!(load.bytes(), 0);
    }
}
