//! What else this machine does: figures of a busy one say little.

/// A line about it.
pub fn of_the_minute_before() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load of the minute before: {}", load.split(' ').next().unwrap_or_default())
}
