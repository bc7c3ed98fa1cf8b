//! What each path is built for, and what was offered and taken: a figure and no promise, since it is the machine's.

use crate::offered::Offered;
use std::fmt;
use std::time::Duration;

/// A path, in things a second.
pub struct Path {
    pub name: &'static str,
    /// What the daemon is built for: the benches measure whether it is.
    pub budget: f64,
    /// What whoever offers had ready, had it never had to wait.
    pub offered: f64,
    pub taken: f64,
}

impl Path {
    /// Of what was offered; so many of it were taken within this time.
    pub fn new(name: &'static str, budget: u32, offered: Offered, taken: u64, within: Duration) -> Path {
        let taken = taken as f64 / within.as_secs_f64();
        Path { name, budget: budget.into(), offered: offered.rate(), taken }
    }

    /// The same where each thing that was offered is so many, or a part, of another.
    pub fn each(self, times: f64) -> Path {
        Path { offered: self.offered * times, taken: self.taken * times, ..self }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Path { name, budget, offered, taken } = self;
        // Who writes what is encoded already is faster than anybody who would have to make it.
        let ratio = match offered / budget {
            many if many > 100.0 => "> 100".to_owned(),
            ratio => format!("{ratio:.1}"),
        };
        write!(f, "| {name:<23} | {budget:>7.0} | {offered:>11.0} | {taken:>7.0} | {ratio:>14} |")
    }
}

/// All of them as a table.
pub fn print(paths: &[Path]) {
    println!("| path, things a second   |  budget |     offered |   taken | offered/budget |");
    println!("|---|---|---|---|---|");
    paths.iter().for_each(|path| println!("{path}"));
}
