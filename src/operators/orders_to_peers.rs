//! What operators send to a peer: it stands in the audit before it leaves, and neither waits for anybody who is away.

use super::{Operators, Refusal};
use crate::store::Act;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use uuid::Uuid;

/// It is recorded within this time, and then sent and answered within it, or not at all.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

impl Operators {
    /// Where that takes long the line is withdrawn, if it is not being written already.
    pub(super) async fn record(&self, act: Act) -> Result<(), Refusal> {
        match timeout(LIMIT, self.store.record_act(act, None)).await {
            Ok(recorded) => Ok(recorded?),
            Err(_) => Err(Refusal::StoreAway(
                "the act could not be recorded in time, and nothing is sent".to_owned(),
            )),
        }
    }
}

/// The line of the audit: `what` has been sent to `object`, and why.
pub(super) fn act(actor: &str, act: &str, object: &str, what: String, reason: Option<String>) -> Act {
    Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor: actor.to_owned(),
        act: act.to_owned(),
        object: object.to_owned(),
        detail: Some(match reason {
            Some(reason) => format!("{what}: {reason}"),
            None => what,
        }),
    }
}

/// Which there are, for who has asked for another one.
pub(super) fn there_are(known: &[String]) -> String {
    match known {
        [] => "none is configured".to_owned(),
        [one] => format!("there is {one}"),
        [others @ .., last] => format!("there are {} and {last}", others.join(", ")),
    }
}
