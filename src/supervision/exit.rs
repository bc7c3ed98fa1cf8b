//! How a child ended.

use std::any::Any;
use std::fmt;
use std::panic::{panic_any, resume_unwind};

/// How one incarnation of a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It stopped by itself or because it was asked to.
    Normal,
    /// Its code panicked, with this message.
    Panic(String),
    /// It was a supervisor that gave up, for this reason.
    Escalated(String),
    /// It did not stop within its deadline, went down with its supervisor, or lost its arbiter.
    Killed,
}

impl Exit {
    /// Everything but [`Exit::Normal`].
    pub fn is_failure(&self) -> bool {
        *self != Exit::Normal
    }

    /// What the payload of an unwound poll says.
    pub(super) fn of_unwind(payload: Box<dyn Any + Send>) -> Exit {
        let payload = match payload.downcast::<Escalation>() {
            Ok(escalation) => return Exit::Escalated(escalation.0),
            Err(other) => other,
        };
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()));
        Exit::Panic(text.unwrap_or_else(|| "payload is not text".into()))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Normal => f.write_str("normal"),
            Exit::Panic(text) => write!(f, "panic: {text}"),
            Exit::Escalated(why) => write!(f, "escalated: {why}"),
            Exit::Killed => f.write_str("killed"),
        }
    }
}

/// The payload with which a supervisor fails towards its own guardian.
struct Escalation(String);

/// Fails the supervisor that is being polled. It unwinds like a panic, but runs no panic hook: giving up is a
/// decision, not a defect, and is logged by the parent.
pub(super) fn escalate(why: String) -> ! {
    resume_unwind(Box::new(Escalation(why)))
}

/// Panics as a defect would, panic hook included, for [`Crash`](super::Crash).
pub(super) fn crash() -> ! {
    panic_any("crash was asked for")
}
