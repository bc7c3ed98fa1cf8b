//! One row of the table of all benches, which `benches/run` puts together of what each of them prints.
//!
//! ```text
//! | OCI-R documents to owned commands | 296 thousand documents/s, ≥ 250 | 0.87 of the bare walk, ≥ 0.6 | yes |
//! ```

use std::fmt::Write;

/// What is measured, and what it is held against.
pub struct Row {
    what: String,
    measured: String,
    bound: String,
    /// Whether the budgets are kept; `None`: there is none.
    is_kept: Option<bool>,
}

impl Row {
    /// A figure with its unit.
    pub fn new(what: impl Into<String>, measured: impl Into<String>) -> Row {
        Row { what: what.into(), measured: measured.into(), bound: String::new(), is_kept: None }
    }

    /// So much of what `bound` does.
    pub fn of(mut self, ratio: f64, bound: &str) -> Row {
        let more = if self.bound.is_empty() { "" } else { "; " };
        _ = write!(self.bound, "{more}{ratio:.2} of {bound}");
        self
    }

    /// What the last of these is to be, and whether it is.
    pub fn budget(mut self, budget: &str, is_kept: bool) -> Row {
        let cell = if self.bound.is_empty() { &mut self.measured } else { &mut self.bound };
        _ = write!(cell, ", {budget}");
        self.is_kept = Some(is_kept && self.is_kept != Some(false));
        self
    }

    /// Prints it.
    pub fn print(&self) {
        let kept = match self.is_kept {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        println!("| {} | {} | {} | {kept} |", self.what, self.measured, self.bound);
    }
}
