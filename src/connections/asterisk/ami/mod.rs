//! The connection to one Asterisk over its manager interface (AMI).
//!
//! ```text
//! we connect                                         TCP 5038, or TLS 5039
//! ← Asterisk Call Manager/13.0.0
//! → Action: Login …                                  see [`login`]
//! → Action: Filter …                                 what is to come; see [`filters`]
//! → Action: DeviceStateList, PresenceStateList       see [`super::listing`]
//! ← Event: DeviceStateChange …                       events, whenever they happen
//! → Action: Setvar …                                 what others say, many at once; see [`writes`]
//! ```
//!
//! [`session`] reads and writes. What it does about responses is in [`responses`], about lists and changes in [`lists`], and about a server
//! that is silent in [`liveness`]. [`pending`] finds the action that a response answers; [`running`] collects the answer to an action of an
//! operator.

mod filters;
mod lists;
mod liveness;
mod login;
mod pending;
mod responses;
mod running;
mod session;
mod stream;
mod writes;

use super::actions::{NotRun, RunAction};
use super::connection::Around;
use crate::config::Ami;
use crate::connections::reconnect::{Attempt, has_stood};
use crate::wire::ami::Decoder;
use login::{LoginError, log_in};
use session::{End, Session};
use tokio::time::Instant;

/// Whether an action can be written at all.
pub(super) fn check_action(wish: &RunAction) -> Result<(), NotRun> {
    running::action(wish, "0").map(drop)
}

/// Connects by way of the manager interface.
pub struct Client {
    ami: Ami,
    refused: metrics::Counter,
}

impl Client {
    /// A client of the server `name`, which is reached as `ami` says.
    pub fn new(name: &str, ami: Ami) -> Client {
        let refused = metrics::counter!("eventmanager_logins_refused_total", "connection" => name.to_owned());
        refused.increment(0);
        Client { ami, refused }
    }

    /// One connection, from its begin to its end.
    pub async fn attempt(&self, around: &Around) -> Attempt {
        // Of one session: what answers an action of another one is known for it.
        let prefix = format!("em{:08x}-", fastrand::u32(..));
        let mut decoder = Decoder::new();
        let opened = tokio::select! {
            opened = self.open(around, &mut decoder, &prefix) => opened,
            () = around.stop.notified() => return Attempt::Stopped,
        };
        let streams = match opened {
            Ok(streams) => streams,
            Err(LoginError::Refused(reason)) => {
                self.refused.increment(1);
                let (connection, username) = (&around.server.name, &self.ami.username);
                tracing::error!(connection, username, reason, "asterisk refuses the login");
                return Attempt::Refused { reason: LoginError::Refused(reason).to_string() };
            }
            Err(error) => return Attempt::Lost { reason: error.to_string(), good: false },
        };
        let (since, address) = (Instant::now(), &self.ami.address);
        tracing::info!(connection = around.server.name, address, tls = self.ami.tls, "connected to asterisk");
        let session = Session::new(&around.server, around, prefix);
        around.link.up();
        match session.run(streams, decoder, &around.stop).await {
            End::Stopped => Attempt::Stopped,
            End::Lost(reason) => Attempt::Lost { reason, good: session.has_answered() || has_stood(since) },
        }
    }

    async fn open(
        &self,
        around: &Around,
        decoder: &mut Decoder,
        prefix: &str,
    ) -> Result<(stream::Reading, stream::Writing), LoginError> {
        let (mut read, mut write) =
            stream::open(&around.server, &self.ami).await.map_err(LoginError::Failed)?;
        let limit = around.server.request_timeout;
        log_in(&mut read, &mut write, decoder, &self.ami, limit, prefix).await?;
        Ok((read, write))
    }
}
