//! Bars for long work: on standard error, and only while that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(120);

/// A bar, which is gone when this is dropped. Where standard error is no terminal nothing is shown.
pub struct Progress(ProgressBar);

impl Progress {
    /// Work of which the end is known; `what` is counted.
    pub fn of(total: u64, what: &str) -> Progress {
        Progress::styled(
            Some(total),
            &format!("{{bar:32}} {{human_pos}}/{{human_len}} {what} ({{per_sec}}, {{eta}} left) {{msg}}"),
        )
    }

    /// The same, of bytes.
    pub fn of_bytes(total: u64) -> Progress {
        Progress::styled(Some(total), "{bar:32} {percent}% {msg} ({eta} left)")
    }

    /// Work of which nobody knows how much there is.
    pub fn endless(what: &str) -> Progress {
        let progress = Progress::styled(None, &format!("{{spinner}} {{human_pos}} {what} {{msg}}"));
        progress.0.enable_steady_tick(PERIOD);
        progress
    }

    fn styled(total: Option<u64>, template: &str) -> Progress {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress(ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style))
    }

    /// Whether anybody sees it.
    pub fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// So much is done.
    pub fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// So much more is done.
    pub fn add(&self, count: u64) {
        self.0.inc(count);
    }

    /// How much is done.
    pub fn position(&self) -> u64 {
        self.0.position()
    }

    /// Where it stands, in words.
    pub fn say(&self, words: String) {
        self.0.set_message(words);
    }

    /// Prints something while the bar is out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
