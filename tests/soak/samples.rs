//! What was measured, and whether it grows.

use std::time::Duration;

/// Memory at a time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub at: Duration,
    /// In KiB.
    pub resident: u64,
}

const TEN_MINUTES: f64 = 600.0;

/// By how many hundredths of its mean it grows in ten minutes: the slope of the straight line that has the least squares of distances.
pub fn growth(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |value: fn(&Sample) -> f64| samples.iter().map(value).sum::<f64>() / count;
    let (time, memory) = (mean(seconds), mean(kibibytes));
    let together: f64 = samples.iter().map(|it| (seconds(it) - time) * (kibibytes(it) - memory)).sum();
    let spread: f64 = samples.iter().map(|it| (seconds(it) - time).powi(2)).sum();
    together / spread * TEN_MINUTES / memory * 100.0
}

fn seconds(sample: &Sample) -> f64 {
    sample.at.as_secs_f64()
}

fn kibibytes(sample: &Sample) -> f64 {
    sample.resident as f64
}

#[test]
fn growth_is_that_of_a_straight_line() {
    let line = |slope: f64, noise: [f64; 2]| {
        let sample = |at: u64| Sample {
            at: Duration::from_secs(at),
            resident: (100_000.0 + slope * at as f64 + noise[at as usize % 2]) as u64,
        };
        growth(&(0..1_200).map(sample).collect::<Vec<_>>())
    };
    assert!(line(0.0, [0.0, 0.0]).abs() < 0.001);
    assert!(line(0.0, [500.0, -500.0]).abs() < 0.05);
    // 2 % of 100 MB in ten minutes.
    assert!((line(2_000.0 / 600.0, [0.0, 0.0]) - 2.0).abs() < 0.1);
    assert!(line(-2_000.0 / 600.0, [300.0, -300.0]) < -1.9);
}
