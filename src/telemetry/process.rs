//! What Linux says of this process, under the names that every Prometheus client uses.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Ticks a second in `/proc/PID/stat`: 100 on every Linux, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// Measures anew. What `/proc` does not tell keeps its last value.
pub fn measure(started: SystemTime) {
    let started = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!("process_start_time_seconds").set(started.as_secs_f64());
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    if let Some(bytes) = resident_bytes(&read("status")) {
        metrics::gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Some(seconds) = cpu_seconds(&read("stat")) {
        // A counter holds whole numbers.
        metrics::counter!("process_cpu_seconds_total").absolute(seconds as u64);
    }
    if let Some(limit) = max_files(&read("limits")) {
        metrics::gauge!("process_max_fds").set(limit);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory that is being read.
        metrics::gauge!("process_open_fds").set(files.count().saturating_sub(1) as f64);
    }
}

/// `VmRSS:   12345 kB`
fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0)
}

/// Fields 14 and 15, user and system time; they are counted from behind the name, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11).map(str::parse::<f64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((user + system) / TICKS)
}

/// The soft limit in `Max open files            1024                 524288               files`
fn max_files(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_proc_are_read() {
        assert_eq!(resident_bytes("VmPeak:\t  20 kB\nVmRSS:\t      12 kB\n"), Some(12288.0));
        assert_eq!(resident_bytes("VmRSS:\t12\n"), None);
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 500 0 0 0 150 50 0 0 20 0 9 0 100 0 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("77 (a"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(max_files(limits), Some(1024.0));
        assert_eq!(max_files("Max open files            unlimited  unlimited  files"), None);
    }
}
