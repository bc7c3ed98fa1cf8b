//! How one Asterisk is reached through its ZeroMQ manager module.
//!
//! ```text
//! we connect                                         SUB to evt, DEALER to cmd
//! → {"Action":"Ping","ActionID":"1"}                 Asterisk is there behind its module
//! ← [{"Response":"Success","ActionID":"1","Ping":"Pong"}]
//! → {"Action":"DeviceStateList","ActionID":"2"}      where the module gives lists
//! ← {"Event":"DeviceStateChange",…}                  events, whenever they happen
//! → {"Action":"Setvar","ActionID":"3",…}             what others say, many on their way at once
//! ```
//!
//! [`session`] has both sockets; [`events`] reads what they bring of states.

mod events;
mod session;

use super::agent::Published;
use super::connection::Around;
use crate::config::ZmqManager;
use crate::connections::reconnect::{Attempt, has_stood};
use crate::wire::manager_json::JsonError;
use session::Session;
use std::rc::Rc;
use tokio::time::Instant;

/// Connects by way of the module.
pub struct Client {
    manager: ZmqManager,
    /// What other agents are told of this server, where ours is one.
    published: Option<Rc<Published>>,
}

impl Client {
    /// A client of these sockets.
    pub fn new(manager: ZmqManager, published: Option<Rc<Published>>) -> Client {
        Client { manager, published }
    }

    /// One connection, from its begin to its end.
    pub async fn attempt(&self, around: &Around) -> Attempt {
        let opened = tokio::select! {
            opened = Session::open(around, self.published.as_deref(), &self.manager) => opened,
            () = around.stop.notified() => return Attempt::Stopped,
        };
        let mut session = match opened {
            Ok(session) => session,
            Err(reason) => return Attempt::Lost { reason, good: false },
        };
        let (since, ZmqManager { cmd, evt }) = (Instant::now(), &self.manager);
        tracing::info!(connection = around.server.name, cmd, evt, "connected to asterisk");
        around.link.up();
        self.published.iter().for_each(|published| published.asterisk_is_there());
        let reason = tokio::select! {
            reason = session.run() => Some(reason),
            () = around.stop.notified() => None,
        };
        session.end(reason.as_deref().unwrap_or("stopped"));
        self.published.iter().for_each(|published| published.asterisk_is_lost());
        match reason {
            Some(reason) => Attempt::Lost { reason, good: session.has_answered() || has_stood(since) },
            None => Attempt::Stopped,
        }
    }
}

/// Counts a message that is no JSON of the module.
fn not_understood(around: &Around, error: &JsonError) {
    around.count_bad(error.label());
    if let Some(so_far) = around.bad.count() {
        tracing::warn!(connection = around.server.name, %error, so_far, "bad message of asterisk's zmq module");
    }
}
