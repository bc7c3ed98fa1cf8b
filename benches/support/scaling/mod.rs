//! Curves: how one of them is made and told.

pub mod asterisks;
mod day;
pub mod hubs;
pub mod rate;
pub mod servers;
pub mod stored;
pub mod subscribers;

pub use crate::processor::spent;
use crate::row::Row;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// What one may cost, at most, of what it costs at the smallest size: more would be worse than linear.
const MORE: f64 = 2.0;

/// Cost against size. The cost at the largest size is held against that at the smallest.
pub struct Curve {
    /// Of its file.
    name: &'static str,
    /// What costs so much.
    what: &'static str,
    /// What there is more and more of.
    of: &'static str,
    points: Vec<(u64, f64)>,
}

impl Curve {
    pub fn new(name: &'static str, what: &'static str, of: &'static str) -> Curve {
        Curve { name, what, of, points: Vec::new() }
    }

    /// One more point: `count` things have cost so much together.
    pub fn add(&mut self, size: u64, spent: Duration, count: u64) {
        let each = spent.as_secs_f64() * 1e6 / count as f64;
        self.points.push((size, each));
        let row =
            Row::new(format!("{}, {size} {}", self.what, self.of), format!("{each:.1} µs of processor"));
        match self.points[0] {
            (first, cost) if self.points.len() > 1 => {
                let ratio = each / cost;
                row.of(ratio, &format!("that at {first}")).budget("≤ 2", ratio <= MORE).print();
            }
            _ => row.print(),
        }
    }
}

impl Drop for Curve {
    fn drop(&mut self) {
        let Some(directory) = std::env::var_os("EVENTMANAGER_CURVES") else { return };
        let mut text = format!("# {}\t{}\n", self.of, self.what);
        for (size, cost) in &self.points {
            _ = writeln!(text, "{size}\t{cost:.2}");
        }
        std::fs::write(Path::new(&directory).join(format!("{}.tsv", self.name)), text).expect("written");
    }
}
