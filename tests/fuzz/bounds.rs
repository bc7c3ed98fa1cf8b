//! What holds of every target beside its own promises: an input takes a bounded part of memory and time.

use crate::memory::most_held;
use crate::targets::Target;
use std::time::{Duration, Instant};

/// Bytes of memory, whatever the input is: a large configuration is built of little.
const ROOM: usize = 4 << 20;
/// And of each byte of it. A tree of JSON takes much more than its text, and a target reads its input several times.
const OF_EACH_BYTE: usize = 500;
/// Longer than any input may take on a machine that is busy, unoptimised.
const LONGEST: Duration = Duration::from_secs(4);

/// Runs a target with an input; panics where it does not hold what it promises.
pub fn check(target: &Target, input: &[u8]) {
    let began = Instant::now();
    let most = most_held(|| (target.run)(input));
    let bound = ROOM + OF_EACH_BYTE * input.len();
    assert!(most <= bound, "{} bytes of input took {most} of memory", input.len());
    if began.elapsed() > LONGEST {
        // Perhaps others were busy, and what counts is the time that it was given.
        let before = on_processor();
        (target.run)(input);
        let took = on_processor().saturating_sub(before);
        assert!(took <= LONGEST, "{} bytes of input took {took:?}", input.len());
    }
}

/// How long this thread has been on a processor.
fn on_processor() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = figures.split(' ').next().and_then(|figure| figure.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
