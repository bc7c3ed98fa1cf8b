//! The idempotent writes that a group writer commits, and what comes of them.

use super::acts::{Act, PauseChange};
use super::alarms::AlarmChange;
use super::feed::Changed;
use super::followers::EviChange;
use super::hubs::HubWrite;
use super::records::{Progress, Swept};
use super::registrations::RegistrationChange;
use super::rulings::{Decided, Ruling, Verb};
use super::tenure::{Ownership, Tenure};
use crate::event::{NewEvent, Status, TopicEvent};
use crate::plan::SubscriberEffect;
use std::time::SystemTime;
use uuid::Uuid;

/// One row's worth of work: it is committed whole or rejected alone.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Append(NewEvent),
    /// An event that an operator wishes, with the line of the audit table that says so.
    Wish {
        event: NewEvent,
        act: Act,
    },
    /// Journal, verdict, and the effect where subscribers live in this database.
    Progress(Progress),
    /// The effect of a progress whose journal lives in another database.
    Effect {
        effect: SubscriberEffect,
        tenure: Option<Tenure>,
    },
    /// Nothing but that the database is ours still.
    Confirm(Tenure),
    /// What was to be written before another daemon had the database.
    Superseded,
    /// Workers have panicked over this attempt, so often by now.
    Panic {
        event: Uuid,
        attempt: u32,
        panics: u32,
    },
    /// A line of the audit table and what the act changes.
    Act {
        act: Act,
        change: Option<PauseChange>,
    },
    /// Deletes those of these events that are past their retention, with what is ours of them.
    Expire {
        ids: Vec<i64>,
        older_than: SystemTime,
    },
    /// Deletes what is ours of those of these events that are gone.
    Forget {
        events: Vec<Uuid>,
    },
    /// What an operator decides about an event.
    Decide(Ruling),
    /// A row of the topic log.
    Log(TopicEvent),
    /// Deletes these rows of the topic log.
    Shorten {
        sequences: Vec<i64>,
    },
    /// A subscription to our EVI.
    Evi(EviChange),
    /// How far a reader of the topic log has come.
    Place {
        reader: String,
        sequence: i64,
        /// How many events it has got, where it counts them.
        number: Option<i64>,
        /// In which it has come there: another log has other places.
        tenure: Option<Tenure>,
    },
    /// Who has registered for events over REST.
    Hub(HubWrite),
    Alarm(AlarmChange),
    /// Where we are registered.
    Registration(RegistrationChange),
}

/// Which events do not outlive their retention: what waits, has failed and is not resolved, or bears somebody's own word, stays.
pub(crate) const EXPIRES: &str = "(status in ('completed', 'ignored') or status is null)";

/// Our tables with rows of events, and the column that holds their uuid.
pub(crate) const OURS_BESIDE: [(&str, &str); 3] =
    [("em_journal", "uuid"), ("em_step", "uuid"), ("em_subject", "event")];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Appended {
        id: i64,
    },
    /// The status of the event's row afterwards.
    Recorded(RowStatus),
    Applied,
    Swept(Swept),
    Decided(Decided),
    /// Nothing is written: another daemon has had the database.
    Superseded,
    /// The database refuses this write for good.
    Rejected(String),
    /// Somebody has locked a row that it needs: nobody is answered before it has been tried again.
    PutOff,
}

/// What `em_event.status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowStatus {
    Gone,
    /// Somebody wrote a word that is not a status.
    Unknown,
    Is(Status),
}

impl RowStatus {
    pub fn parse(word: Option<&str>) -> RowStatus {
        word.and_then(Status::parse).map_or(RowStatus::Unknown, RowStatus::Is)
    }
}

impl Write {
    /// Bytes that it sends, roughly.
    pub fn size(&self) -> usize {
        match self {
            Write::Append(event) => event.document.len() + 200,
            Write::Wish { event, act } => {
                event.document.len() + 700 + 2 * act.detail.as_ref().map_or(0, String::len)
            }
            Write::Progress(progress) => {
                let plan = progress.plan.as_ref().map_or(0, |plan| plan.steps.len() * 800);
                let handed_on = progress.verdict.as_ref().map_or(0, |verdict| verdict.handed_on.len() * 600);
                plan + progress.steps.len() * 100 + handed_on + 500
            }
            Write::Effect { .. } => 500,
            Write::Confirm(_) | Write::Superseded => 0,
            Write::Expire { ids, .. } => 100 + 8 * ids.len(),
            Write::Forget { events } => 100 + 16 * events.len(),
            Write::Panic { .. } => 100,
            Write::Decide(Ruling { act, about, over, .. }) => {
                let about: usize = about.iter().map(String::len).sum();
                let over = over.as_ref().map_or(0, |over| over.payload.len() + 200);
                500 + about + over + 2 * act.detail.as_ref().map_or(0, String::len)
            }
            Write::Act { act, .. } => 500 + 2 * act.detail.as_ref().map_or(0, String::len),
            Write::Log(event) => event.payload.len() + event.name.len() + 200,
            Write::Shorten { sequences } => 100 + 8 * sequences.len(),
            Write::Evi(change) => 200 + change.key().0.len() + change.key().1.len(),
            Write::Place { .. } => 100,
            Write::Hub(write) => write.size(),
            Write::Alarm(_) => 300,
            Write::Registration(_) => 500,
        }
    }

    /// Leaves nothing of it where it depends on what was read before another daemon had the database.
    pub fn drop_superseded(&mut self, ownership: &Ownership) {
        let tenure = match self {
            Write::Progress(progress) => progress.tenure,
            Write::Effect { tenure, .. } => *tenure,
            Write::Confirm(tenure) => Some(*tenure),
            Write::Place { tenure, .. } => *tenure,
            _ => None,
        };
        if tenure.is_some_and(|tenure| !ownership.allows(tenure)) {
            *self = Write::Superseded;
        }
    }

    /// The rows of the topic log that it has written, if this came of it.
    pub fn handed_on(&self, outcome: &Outcome) -> &[TopicEvent] {
        match (self, outcome) {
            (Write::Log(event), Outcome::Applied) => std::slice::from_ref(event),
            (
                Write::Progress(Progress { verdict: Some(verdict), .. }),
                Outcome::Recorded(RowStatus::Is(status)),
            ) if *status == verdict.status => &verdict.handed_on,
            (
                Write::Decide(Ruling { verb: Verb::Resolve, over: Some(over), .. }),
                Outcome::Decided(Decided::Done { is_over: true, .. }),
            ) => std::slice::from_ref(over),
            _ => &[],
        }
    }

    /// The event whose line in a list it may change.
    pub fn changes(&self) -> Option<Changed> {
        match self {
            Write::Append(event) | Write::Wish { event, .. } => Some(Changed::Event(event.uuid)),
            Write::Progress(progress) => Some(Changed::Event(progress.event)),
            Write::Panic { event, .. } => Some(Changed::Event(*event)),
            Write::Decide(ruling) => Some(Changed::Row(ruling.event)),
            Write::Effect { .. } | Write::Act { .. } | Write::Expire { .. } | Write::Forget { .. } => None,
            Write::Log(_) | Write::Shorten { .. } | Write::Confirm(_) | Write::Superseded => None,
            Write::Evi(_) | Write::Place { .. } => None,
            Write::Hub(_) | Write::Alarm(_) | Write::Registration(_) => None,
        }
    }
}

/// The note of an event as it is stored, up to the id of the event that it duplicates.
pub(crate) fn note(event: &NewEvent) -> Option<String> {
    match (&event.note, event.duplicate_of) {
        (note, None) => note.clone(),
        (None, Some(_)) => Some("duplicate of ".to_owned()),
        (Some(note), Some(_)) => Some(format!("{note}; duplicate of ")),
    }
}

/// Warnings as `em_journal.warnings` holds them: every one on a line of its own, framed by line ends, so that a
/// database can tell whether a block is already there.
pub(crate) fn warning_lines(warnings: &[String]) -> Option<String> {
    if warnings.is_empty() {
        return None;
    }
    let mut lines = String::from("\n");
    for warning in warnings {
        lines.push_str(&warning.replace(['\n', '\r'], " "));
        lines.push('\n');
    }
    Some(lines)
}

/// How the reason of a resolved event begins; what stood there before comes behind it.
pub(crate) fn resolution(act: &Act) -> String {
    format!("resolved by {}: {}", act.actor, act.detail.as_deref().unwrap_or_default())
}

/// The other way round.
pub(crate) fn warnings_from(lines: Option<String>) -> Vec<String> {
    let lines = lines.unwrap_or_default();
    lines.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Microseconds since 1970, as both databases take times.
pub(crate) fn micros(time: SystemTime) -> i64 {
    let signed = |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => signed(after),
        Err(before) => -signed(before.duration()),
    }
}

/// The other way round; what no clock can show becomes 1970.
pub(crate) fn time_from(micros: i64) -> SystemTime {
    let distance = std::time::Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
