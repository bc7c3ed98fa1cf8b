//! What of hubs can be seen in metrics.
//!
//! It is written for Prometheus here and not by the recorder of the process, which keeps every series that there ever was: with a hub
//! go its own.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

const DELIVERIES: &str = "eventmanager_hub_deliveries_total";
const BACKLOG: &str = "eventmanager_hub_backlog";
const HALTED: &str = "eventmanager_hub_halted";

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Delivered,
    /// It is tried again.
    Retried,
    /// The hub is halted by it.
    Halted,
    /// The hub is halted by it: the callback is gone.
    Gone,
    /// An operator has had the event passed over.
    Skipped,
}

impl Outcome {
    /// The word in metrics and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Retried => super::retry::RETRIED,
            Outcome::Halted => "halted",
            Outcome::Gone => "gone",
            Outcome::Skipped => "skipped",
        }
    }
}

/// The figures of all hubs that there are. Clones are of the same; they outlive whatever fails.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<Uuid, Figures>>>);

/// Those of one.
#[derive(Debug, Default)]
struct Figures {
    attempts: BTreeMap<Outcome, u64>,
    standing: Option<Standing>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    backlog: u64,
    is_halted: bool,
}

impl Tally {
    /// There is such a hub, new or still.
    pub(super) fn begin(&self, hub: Uuid) {
        self.lock().entry(hub).or_default();
    }

    /// The hub is gone. What comes of requests that were under way is counted no more.
    pub(super) fn forget(&self, hub: Uuid) {
        self.lock().remove(&hub);
    }

    /// There are no others.
    pub(super) fn keep_only(&self, hubs: &HashSet<Uuid>) {
        self.lock().retain(|hub, _| hubs.contains(hub));
    }

    /// Counts one more attempt.
    pub(super) fn count(&self, hub: Uuid, outcome: Outcome) {
        if let Some(figures) = self.lock().get_mut(&hub) {
            *figures.attempts.entry(outcome).or_default() += 1;
        }
    }

    /// How far it is behind, and whether it is halted.
    pub(super) fn show(&self, hub: Uuid, backlog: u64, is_halted: bool) {
        if let Some(figures) = self.lock().get_mut(&hub) {
            figures.standing = Some(Standing { backlog, is_halted });
        }
    }

    /// In the text format of Prometheus.
    pub fn render(&self) -> String {
        let all = self.lock();
        let mut text = String::new();
        let about = "Attempts to deliver events to hubs, by what came of them";
        let series = all.iter().flat_map(|(hub, figures)| {
            let labels = move |outcome: Outcome| format!("hub=\"{hub}\",outcome=\"{}\"", outcome.as_str());
            figures.attempts.iter().map(move |(outcome, count)| (labels(*outcome), *count))
        });
        family(&mut text, (DELIVERIES, "counter", about), series);
        let standing = || all.iter().filter_map(|(hub, figures)| Some((hub, figures.standing?)));
        let series = standing().map(|(hub, it)| (format!("hub=\"{hub}\""), it.backlog));
        family(&mut text, (BACKLOG, "gauge", "Events of its topic that a hub has not passed"), series);
        let series = standing().map(|(hub, it)| (format!("hub=\"{hub}\""), u64::from(it.is_halted)));
        family(&mut text, (HALTED, "gauge", "Whether a hub is halted, 1 or 0"), series);
        text
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Figures>> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All series of a metric with their labels; nothing where there are none.
fn family(
    text: &mut String,
    (name, kind, about): (&str, &str, &str),
    series: impl Iterator<Item = (String, u64)>,
) {
    let mut series = series.peekable();
    if series.peek().is_some() {
        text.push_str(&format!("# HELP {name} {about}\n# TYPE {name} {kind}\n"));
        series.for_each(|(labels, value)| {
            writeln!(text, "{name}{{{labels}}} {value}").expect("text takes all");
        });
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_has_its_series_as_long_as_it_is_there() {
        let (tally, hub, other) = (Tally::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(tally.render(), "");
        [hub, other].into_iter().for_each(|hub| tally.begin(hub));
        tally.count(hub, Outcome::Delivered);
        tally.count(hub, Outcome::Delivered);
        tally.count(hub, Outcome::Gone);
        tally.show(hub, 7, true);
        // It is begun anew with the daemon that comes back, and counts on.
        tally.begin(hub);
        let lines = |text: &str| {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = [
            format!("{DELIVERIES}{{hub=\"{hub}\",outcome=\"delivered\"}} 2"),
            format!("{DELIVERIES}{{hub=\"{hub}\",outcome=\"gone\"}} 1"),
            String::new(),
            format!("{BACKLOG}{{hub=\"{hub}\"}} 7"),
            String::new(),
            format!("{HALTED}{{hub=\"{hub}\"}} 1"),
            String::new(),
        ];
        assert_eq!(lines(&tally.render()), expected);
        tally.keep_only(&[hub].into());
        assert_eq!(lines(&tally.render()), expected);
        tally.forget(hub);
        // A request was still under way.
        tally.count(hub, Outcome::Retried);
        tally.show(other, 1, false);
        assert_eq!(tally.render(), "");
    }
}
