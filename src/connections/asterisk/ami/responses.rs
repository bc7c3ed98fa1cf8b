//! Responses: each is about an action of the session, which is found by its id.

use super::pending::UnknownId;
use super::session::{Awaited, Session};
use crate::failpoints;
use crate::managers::device_state::messages::Outcome;
use crate::wire::ami::Message;
use tokio::time::Instant;

impl Session<'_> {
    /// One has come.
    pub(super) fn response(&self, response: &Message, now: Instant) {
        let id = response.get("ActionID");
        let is_begin = response.values("EventList").any(|it| it.eq_ignore_ascii_case(b"start"));
        if is_begin && self.begins_list(response, id) {
            return;
        }
        let awaited = match self.pending.borrow_mut().take(id, now) {
            Ok(awaited) => awaited,
            Err(unknown) => return self.not_ours(unknown, response),
        };
        failpoints::pass_at_once("asterisk.answer.after");
        self.has_answered.set(true);
        match awaited {
            Awaited::Write(entry) => {
                self.around.feed.iter().for_each(|feed| feed.told(self.id, entry, self.outcome(response)));
            }
            Awaited::Ping | Awaited::GivenUp => {}
            Awaited::Filter => self.filtered(response),
            Awaited::List(list) => {
                let reason = match self.outcome(response) {
                    Outcome::Refused(reason) => reason,
                    Outcome::Set => "what answers does not begin a list".to_owned(),
                };
                self.cannot_list(list, reason);
            }
            Awaited::Run(run) => run.finish(response),
        }
    }

    /// Whether it begins a list that was asked for.
    fn begins_list(&self, response: &Message, id: Option<&[u8]>) -> bool {
        match self.pending.borrow_mut().get(id) {
            Ok(Awaited::List(_) | Awaited::GivenUp) => true,
            Ok(Awaited::Run(run)) => {
                run.begin(response);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn not_ours(&self, UnknownId(label): UnknownId, response: &Message) {
        self.around.count_bad(label);
        if let Some(so_far) = self.around.bad.count() {
            let says = self.shown(response.get("Message").unwrap_or_default());
            tracing::warn!(
                connection = self.server.name,
                reason = label,
                says,
                so_far,
                "asterisk answers what was not asked"
            );
        }
    }

    /// Old versions know no filters: more comes than is needed.
    fn filtered(&self, response: &Message) {
        if let Outcome::Refused(reason) = self.outcome(response)
            && !self.refuses_filters.replace(true)
        {
            tracing::warn!(
                connection = self.server.name,
                reason,
                "asterisk takes no filter: it sends all events"
            );
        }
    }

    /// What a response says.
    fn outcome(&self, response: &Message) -> Outcome {
        let is_good = response.get("Response").is_some_and(|it| it.eq_ignore_ascii_case(b"Success"));
        match is_good {
            true => Outcome::Set,
            false => Outcome::Refused(self.shown(response.get("Message").unwrap_or(b"it does not say why"))),
        }
    }
}
