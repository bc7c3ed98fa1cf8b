//! Fewer and larger reads from a peer that sends very many small messages.
//!
//! Who reads whatever is there wakes up for each message of such a peer, which costs more than the message. Network cards have the same
//! trouble with interrupts, and the same cure: while more than [`RATE`] small ones come in a second, a read waits for a moment, in which
//! more of them come. Of Kamailio's events of 64 bytes a fifth more is taken in for it, on processors that both share. Large ones would
//! only fill the kernel's buffer meanwhile.

use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// Messages a second.
const RATE: u32 = 20_000;
/// Bytes of a message that is small.
const SMALL: usize = 256;
/// Messages after which the rate is looked at.
const WINDOW: u32 = 256;
/// How long a message may be left where it is.
const MOMENT: Duration = Duration::from_micros(100);

/// Of one connection.
pub struct Coalescing {
    /// Messages of this window and their bytes, and when it began.
    messages: u32,
    bytes: usize,
    since: Instant,
    /// Whether those of the last window were small and came at such a rate.
    is_fast: bool,
    timer: Option<Timer>,
}

impl Coalescing {
    /// Of a connection that begins now.
    pub fn new(now: Instant) -> Coalescing {
        Coalescing { messages: 0, bytes: 0, since: now, is_fast: false, timer: None }
    }

    /// Takes note of what a read has brought.
    pub fn take_note(&mut self, messages: usize, bytes: usize, now: Instant) {
        self.messages = self.messages.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX));
        self.bytes = self.bytes.saturating_add(bytes);
        if self.messages >= WINDOW {
            let is_small = self.bytes / self.messages as usize <= SMALL;
            let at_rate = Duration::from_secs(1) / RATE * self.messages;
            self.is_fast = is_small && now.duration_since(self.since) < at_rate;
            (self.messages, self.bytes, self.since) = (0, 0, now);
        }
    }

    /// Whether the next read is to wait: not any more when so many messages would have come by now.
    pub fn is_fast(&self, now: Instant) -> bool {
        self.is_fast && now.duration_since(self.since) < Duration::from_secs(1) / RATE * WINDOW
    }

    /// Waits for the moment. It is shorter than what timers of tokio can be set to, a millisecond; where the kernel gives no other, only
    /// the others of this thread go first.
    pub async fn wait(&mut self) {
        if self.timer.is_none() {
            self.timer = Timer::new().ok();
        }
        let waited = match &self.timer {
            Some(timer) => timer.wait(MOMENT).await.is_ok(),
            None => false,
        };
        if !waited {
            self.timer = None;
            super::give_way().await;
        }
    }
}

/// A timer of the kernel.
struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    fn new() -> io::Result<Timer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: it owns its descriptor, which is always the same and open for as long as it lives.
        Ok(Timer(unsafe { AsyncFd::register(timer) }?))
    }

    /// Set anew it forgets what it was set to before, so that a wait which is dropped does no harm.
    async fn wait(&self, long: Duration) -> io::Result<()> {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let then = Timespec { tv_sec: 0, tv_nsec: long.subsec_nanos().into() };
        let once = Itimerspec { it_interval: never, it_value: then };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            match read(&self.0, &mut [0; 8]) {
                Ok(_) => {
                    ready.clear_ready();
                    return Ok(());
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is fast after so many messages, each this long after the one before.
    fn after(coalescing: &mut Coalescing, messages: u32, distance: Duration) -> bool {
        let began = coalescing.since;
        for number in 1..=messages {
            coalescing.take_note(1, 100, began + distance * number);
        }
        coalescing.is_fast(coalescing.since)
    }

    #[test]
    fn reads_wait_while_messages_come_faster_than_each_of_them_is_worth() {
        let mut coalescing = Coalescing::new(Instant::now());
        let (fast, slow) = (Duration::from_micros(40), Duration::from_micros(60));
        assert!(!after(&mut coalescing, WINDOW - 1, fast), "too few to know");
        assert!(after(&mut coalescing, 1, fast));
        assert!(after(&mut coalescing, WINDOW, fast));
        assert!(!after(&mut coalescing, WINDOW, slow));
    }

    #[test]
    fn what_one_large_read_brings_counts_as_so_many() {
        let mut coalescing = Coalescing::new(Instant::now());
        coalescing.take_note(10_000, 64 << 10, coalescing.since + Duration::from_millis(1));
        assert!(coalescing.is_fast(coalescing.since));
        coalescing.take_note(10_000, 64 << 10, coalescing.since + Duration::from_secs(1));
        assert!(!coalescing.is_fast(coalescing.since));
    }

    #[test]
    fn for_more_large_messages_no_read_waits() {
        let mut coalescing = Coalescing::new(Instant::now());
        let soon = |coalescing: &Coalescing| coalescing.since + Duration::from_micros(WINDOW.into());
        coalescing.take_note(WINDOW as usize, SMALL * WINDOW as usize, soon(&coalescing));
        assert!(coalescing.is_fast(coalescing.since));
        coalescing.take_note(WINDOW as usize, 2 * SMALL * WINDOW as usize, soon(&coalescing));
        assert!(!coalescing.is_fast(coalescing.since));
    }

    #[test]
    fn no_read_waits_when_the_rush_is_over() {
        let mut coalescing = Coalescing::new(Instant::now());
        let (fast, rest) = (Duration::from_micros(40), Duration::from_millis(20));
        assert!(after(&mut coalescing, WINDOW, fast));
        coalescing.take_note(1, 100, coalescing.since + rest);
        assert!(!coalescing.is_fast(coalescing.since + rest));
    }

    #[tokio::test]
    async fn the_moment_ends_also_after_one_that_was_given_up() {
        let mut coalescing = Coalescing::new(Instant::now());
        tokio::select! {
            biased;
            () = coalescing.wait() => panic!("it is over at once"),
            () = std::future::ready(()) => {}
        }
        for _ in 0..3 {
            let began = Instant::now();
            coalescing.wait().await;
            assert!(began.elapsed() >= MOMENT);
        }
        assert!(coalescing.timer.is_some(), "the kernel has such timers");
    }
}
