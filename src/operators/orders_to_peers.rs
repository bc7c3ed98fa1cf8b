//! What operators send to a peer: it stands in the audit before it leaves, and neither waits for anybody who is away.

use super::{Operators, Refusal};
use crate::store::{Act, Late};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// It is recorded within this time, and then sent and answered within it, or not at all.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

impl Operators {
    /// A line that is late is withdrawn. One that the writer has in hand already may come all the same: then one behind it says that
    /// nothing was sent, as far as the store takes that.
    pub(super) async fn record(&self, act: Act) -> Result<(), Refusal> {
        match self.store.record_act_within(act.clone(), LIMIT).await {
            Ok(recorded) => Ok(recorded?),
            Err(Late::Withdrawn) => Err(Refusal::StoreAway(
                "the act could not be recorded in time, and nothing is sent".to_owned(),
            )),
            Err(Late::InHand) => {
                self.store.record_act_sometime(not_sent(act));
                Err(Refusal::StoreAway(
                    "the act could not be recorded in time, and nothing is sent; the audit may show it later on, \
                     and behind it that it was not sent"
                        .to_owned(),
                ))
            }
        }
    }
}

/// What stands behind the line of an act that was not done.
fn not_sent(act: Act) -> Act {
    let what = act.detail.unwrap_or_default();
    let detail = Some(format!("not sent, since this could not be recorded in time: {what}"));
    Act { uuid: Uuid::now_v7(), at: SystemTime::now(), detail, ..act }
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
