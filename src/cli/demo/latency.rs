//! Quantiles of the events' duration, estimated from the histogram that Prometheus would scrape.

const BUCKET: &str = "eventmanager_event_duration_seconds_bucket";

/// Seconds from receipt to final status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    pub median: f64,
    pub p99: f64,
}

/// Reads the histograms of all commands together; `None` where no event has ended.
pub fn of(metrics: &str) -> Option<Latency> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for line in metrics.lines().filter(|line| line.starts_with(BUCKET)) {
        let (labels, count) = line.rsplit_once(' ')?;
        let bound = labels.split_once("le=\"")?.1.split('"').next()?;
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
        let count: f64 = count.parse().ok()?;
        match buckets.iter_mut().find(|(known, _)| *known == bound) {
            Some((_, sum)) => *sum += count,
            None => buckets.push((bound, count)),
        }
    }
    buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    Some(Latency { median: quantile(&buckets, 0.5)?, p99: quantile(&buckets, 0.99)? })
}

/// Linear inside a bucket, as Prometheus does it; beyond the last bound, that bound.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let (_, total) = buckets.last().filter(|(_, total)| *total > 0.0)?;
    let rank = share * total;
    let (mut lower, mut below) = (0.0, 0.0);
    for &(bound, count) in buckets {
        if count >= rank {
            let inside = if count > below { (rank - below) / (count - below) } else { 0.0 };
            return Some(if bound.is_finite() { lower + (bound - lower) * inside } else { lower });
        }
        (lower, below) = (bound, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_taken_over_all_commands() {
        let line =
            |command, bound, count| format!("{BUCKET}{{command=\"{command}\",le=\"{bound}\"}} {count}\n");
        let text = [
            line("a", "0.1", 25),
            line("a", "0.2", 50),
            line("a", "+Inf", 50),
            line("b", "0.1", 25),
            line("b", "0.2", 49),
            line("b", "+Inf", 50),
        ];
        assert_eq!(of(&text.concat()), Some(Latency { median: 0.1, p99: 0.2 }));
        assert_eq!(of("something_else 1\n"), None);
    }
}
