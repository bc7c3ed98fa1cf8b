//! What the demo shows while it runs and when it ends.

use super::latency::{self, Latency};
use crate::cli::say;
use crate::store::{Counts, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// On a terminal one line is written over and over; elsewhere a line now and then.
const TERMINAL_PERIOD: Duration = Duration::from_millis(250);
const FILE_PERIOD: Duration = Duration::from_secs(5);

/// The progress line.
pub struct Board {
    store: Store,
    metrics: PrometheusHandle,
    terminal: bool,
    shown: Option<Instant>,
}

impl Board {
    /// Nothing is shown yet.
    pub fn new(store: Store, metrics: PrometheusHandle) -> Self {
        Board { store, metrics, terminal: std::io::stdout().is_terminal(), shown: None }
    }

    /// Shows where things stand, unless that was done just now.
    pub async fn show(&mut self, sent: u64, elapsed: Duration) {
        let period = if self.terminal { TERMINAL_PERIOD } else { FILE_PERIOD };
        if self.shown.is_some_and(|shown| shown.elapsed() < period) {
            return;
        }
        self.shown = Some(Instant::now());
        let Ok(counts) = self.store.counts().await else { return };
        let rate = counts.completed as f64 / elapsed.as_secs_f64().max(0.001);
        let latency = latency::of(&self.metrics.render()).map_or("-".into(), |latency| latency.to_string());
        let line = format!(
            "{:>5.0} s  sent {sent}  completed {}  pending {}  failed {}  {rate:.0}/s  latency {latency}",
            elapsed.as_secs_f64(),
            counts.completed,
            counts.pending,
            counts.failed,
        );
        let mut out = std::io::stdout();
        // A terminal that has gone away is no reason to end.
        let _ = if self.terminal { write!(out, "\r\x1b[K{line}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }

    /// Waits until every event that was sent has its final status, or the limit passes.
    pub async fn settle(&mut self, sent: u64, began: Instant, limit: Duration) {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            match self.store.counts().await {
                Ok(counts) if counts.completed + counts.failed + counts.ignored >= sent => return,
                _ => self.show(sent, began.elapsed()).await,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Leaves the progress line for what comes next.
    pub fn end_line(&self) {
        if self.terminal {
            say("\n");
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} ms (p99 {:.0} ms)", self.median * 1000.0, self.p99 * 1000.0)
    }
}

/// What came of it all.
pub struct Summary {
    pub sent: u64,
    pub took: Duration,
    pub counts: Counts,
    /// To the EMA and to the mail server.
    pub requests: (u64, u64),
    /// Associations and ENUM records in the end.
    pub core: (usize, usize),
    /// Mail domains and accounts in the end.
    pub mail: (usize, usize),
    pub latency: Option<Latency>,
    pub core_is_right: bool,
    pub mail_is_right: bool,
    pub subscribers_are_right: bool,
}

impl Summary {
    /// Whether every event completed and everything is where it should be.
    pub fn is_good(&self) -> bool {
        let all_is_right = self.core_is_right && self.mail_is_right && self.subscribers_are_right;
        self.counts.completed == self.sent && all_is_right
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { completed, failed, pending, ignored, .. } = self.counts;
        let rate = completed as f64 / self.took.as_secs_f64().max(0.001);
        let verdict = |right| if right { "exactly what was asked for" } else { "NOT what was asked for" };
        writeln!(f, "\nsummary")?;
        writeln!(
            f,
            "  events      {} sent, {completed} completed, {failed} failed, {pending} pending, {ignored} ignored",
            self.sent
        )?;
        writeln!(f, "  rate        {rate:.0} completed a second over {:.1} s", self.took.as_secs_f64())?;
        if let Some(latency) = self.latency {
            writeln!(f, "  latency     {latency} from receipt to final status")?;
        }
        let (to_ema, to_surgemail) = self.requests;
        writeln!(f, "  requests    {to_ema} to the EMA, {to_surgemail} to SurgeMail")?;
        let (associations, records) = self.core;
        writeln!(
            f,
            "  core        {associations} associations and {records} ENUM records: {}",
            verdict(self.core_is_right)
        )?;
        let (domains, accounts) = self.mail;
        writeln!(
            f,
            "  mail        {domains} domains and {accounts} accounts: {}",
            verdict(self.mail_is_right)
        )?;
        writeln!(f, "  subscribers {}", verdict(self.subscribers_are_right))?;
        writeln!(f, "{}", if self.is_good() { "every event completed" } else { "NOT every event completed" })
    }
}
