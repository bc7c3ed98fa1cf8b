//! Bars for long work: on standard error, and only while that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, which is gone when this is dropped. Where standard error is no terminal nothing is shown.
pub struct Progress(ProgressBar);

impl Progress {
    /// Bytes of which the end is known.
    pub fn of_bytes(total: u64) -> Progress {
        Progress::styled(Some(total), "{bar:32} {percent}% {msg} ({eta} left)")
    }

    fn styled(total: Option<u64>, template: &str) -> Progress {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress(ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style))
    }

    /// So much is done.
    pub fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Where it stands, in words.
    pub fn say(&self, words: String) {
        self.0.set_message(words);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
