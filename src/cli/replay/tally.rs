//! How far a replay has come, on standard error: a bar on a terminal, else a line now and then.

use super::recording::{Kind, Piece};
use crate::cli::complain;
use crate::cli::progress::Progress;
use std::time::Duration;
use tokio::time::Instant;

const TERMINAL_PERIOD: Duration = Duration::from_millis(250);
const FILE_PERIOD: Duration = Duration::from_secs(5);
/// So many pieces that are no documents are told one by one.
const TOLD: u64 = 20;

/// What was sent, and what was not.
pub struct Tally {
    /// Written to the connection in full.
    pub documents: u64,
    pub bytes: u64,
    /// Pieces that are no documents.
    passed_over: u64,
    /// Those among them that were documents once: cut off, or too large.
    lost: u64,
    began: Option<Instant>,
    next: Instant,
    /// While something is sent.
    bar: Option<Progress>,
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            documents: 0,
            bytes: 0,
            passed_over: 0,
            lost: 0,
            began: None,
            next: Instant::now(),
            bar: None,
        }
    }

    /// The first byte is about to leave, of so many where that is known.
    pub fn begin(&mut self, total: Option<u64>) {
        let bar = total.map_or_else(|| Progress::endless("bytes"), Progress::of_bytes);
        self.bar = Some(bar).filter(Progress::is_shown);
        self.began = Some(Instant::now());
        self.next = Instant::now() + self.period();
    }

    /// Resolves when it is time to show something.
    pub fn due(&self) -> tokio::time::Sleep {
        tokio::time::sleep_until(self.next)
    }

    /// Tells of a piece that is no document.
    pub fn tell(&mut self, piece: &Piece, sent: bool) {
        self.passed_over += 1;
        self.lost += u64::from(!sent && piece.kind != Kind::Stray);
        let what = match piece.kind {
            Kind::Document | Kind::Stray => format!("{} bytes that belong to no document", piece.bytes.len()),
            Kind::Unfinished => format!("a document of {} bytes without its end", piece.bytes.len()),
            Kind::Oversize { size } => format!("{size} bytes, too many for a document"),
        };
        let fate = if sent { "sent" } else { "not sent" };
        match self.passed_over {
            ..=TOLD => self.line(&format!("at byte {}: {what}: {fate}", piece.offset)),
            count if count == TOLD + 1 => self.line("more that is no document: not told one by one"),
            _ => {}
        }
    }

    pub fn show_if_due(&mut self) {
        if Instant::now() >= self.next {
            self.show();
        }
    }

    /// Shows how far it has come.
    pub fn show(&mut self) {
        self.next = Instant::now() + self.period();
        let line = self.to_string();
        match &self.bar {
            Some(bar) => {
                bar.at(self.bytes);
                bar.say(line);
            }
            None => complain(&format!("{line}\n")),
        }
    }

    /// The last line.
    pub fn finish(&mut self) {
        self.bar = None;
        if self.began.is_some() {
            self.line(&self.to_string());
        }
    }

    /// Whether every document was sent.
    pub fn complete(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.lost == 0, "{} of the recording's documents were not sent", self.lost);
        Ok(())
    }

    fn line(&self, line: &str) {
        let print = || complain(&format!("{line}\n"));
        match &self.bar {
            Some(bar) => bar.aside(print),
            None => print(),
        }
    }

    fn period(&self) -> Duration {
        if self.bar.is_some() { TERMINAL_PERIOD } else { FILE_PERIOD }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        let rate = self.documents as f64 / seconds.max(0.001);
        write!(f, "sent {} documents, {} bytes, in {seconds:.1} s ({rate:.0}/s)", self.documents, self.bytes)
    }
}
