//! Whether the server of a session is there: it is asked where nothing is heard of it, and has to answer in time.

use super::session::{Awaited, Session};
use crate::config::Asterisk;
use std::time::Duration;
use tokio::time::Instant;

impl Session<'_> {
    /// Asks a server from which nothing is heard, and notices that something is not answered.
    pub(super) async fn watch(&self) -> String {
        let Asterisk { ping, request_timeout, .. } = *self.server;
        let tick =
            (ping.min(request_timeout) / 4).clamp(Duration::from_millis(5), Duration::from_millis(500));
        let mut was_overdue = false;
        loop {
            tokio::time::sleep(tick).await;
            let now = Instant::now();
            let overdue = self.overdue(now, request_timeout);
            match overdue {
                Some(reason) if was_overdue => return reason,
                // The answer may be there and not read yet: we, not the server, may have been slow.
                Some(_) => was_overdue = true,
                None => was_overdue = false,
            }
            self.give_up_lists(now);
            let is_silent = self.heard.get() + ping <= now;
            let is_asked = matches!(self.pending.borrow().first(), Some((Awaited::Ping, _)));
            if is_silent
                && !is_asked
                && let Err(error) = self.ask("Ping", &[], Awaited::Ping)
            {
                return error.to_string();
            }
        }
    }

    /// Why the session is dead, if it is.
    fn overdue(&self, now: Instant, timeout: Duration) -> Option<String> {
        let mut pending = self.pending.borrow_mut();
        if pending.deadline(timeout).is_none_or(|deadline| deadline > now) {
            return None;
        }
        match pending.first() {
            Some((Awaited::Ping, asked)) if self.heard.get() > asked => {
                pending.give_up_first(now);
                None
            }
            Some((Awaited::Ping, _)) => {
                Some(format!("nothing is heard, and Ping not answered within {timeout:?}"))
            }
            _ => Some(format!("an action is not answered within {timeout:?}")),
        }
    }
}
