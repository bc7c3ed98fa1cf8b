//! Commands of operators to the script of a Kamailio: recorded first, then written.
//!
//! Whoever gives one wants to know now what became of it: it waits for no store, and for no connection that is away.

use super::orders_to_peers::{LIMIT, act, there_are};
use super::{Operators, Refusal};
use crate::connections::kamailio::{NotSent, Payload};
use crate::wire::mask_secrets;
use actix::Message;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// Has a command sent; gives its size in bytes.
#[derive(Message)]
#[rtype(result = "Result<usize, Unsent>")]
pub struct SendCommand {
    /// The name of the endpoint.
    pub kamailio: String,
    pub command: Map<String, Value>,
    pub actor: String,
    pub reason: Option<String>,
}

/// Why a command was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    #[error("there is no kamailio {name:?}; {}", there_are(.known))]
    Unknown { name: String, known: Vec<String> },
    #[error("{}", why(.kamailio, .reason))]
    NotSent { kamailio: String, reason: NotSent },
    #[error("{0}")]
    Refused(#[from] Refusal),
}

fn why(kamailio: &str, reason: &NotSent) -> String {
    match reason {
        NotSent::NotConnected(_) => format!("{kamailio} is {reason}"),
        _ => format!("{kamailio}: {reason}"),
    }
}

impl Operators {
    /// Sends a command once it stands in the audit. What cannot be sent as things stand is refused before.
    pub(super) async fn send(&self, wish: SendCommand) -> Result<usize, Unsent> {
        let SendCommand { kamailio: name, command, actor, reason } = wish;
        let unknown = || Unsent::Unknown { name: name.clone(), known: self.kamailios.names() };
        let kamailio = self.kamailios.find(&name).ok_or_else(unknown)?;
        let not_sent = |reason| Unsent::NotSent { kamailio: name.clone(), reason };
        let text = Value::Object(command).to_string();
        let shown = mask_secrets(&text);
        let bytes = text.len();
        let payload = Payload::new(text).map_err(not_sent)?;
        kamailio.check().map_err(not_sent)?;
        self.check_store()?;
        self.record(act(&actor, "send", &name, shown, reason)).await?;
        let sent = kamailio.send(payload, Instant::now() + LIMIT).await;
        match &sent {
            Ok(()) => tracing::info!(act = "send", actor, object = name, bytes, "act of an operator"),
            Err(reason) => {
                tracing::warn!(act = "send", actor, object = name, bytes, %reason, "an operator's command was not sent");
            }
        }
        sent.map(|()| bytes).map_err(not_sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_command_is_not_sent_is_told_by_name() {
        let check = |unsent: Unsent, says: &str| assert_eq!(unsent.to_string(), says);
        let unknown = |known: &[&str]| Unsent::Unknown {
            name: "k9".to_owned(),
            known: known.iter().map(|name| (*name).to_owned()).collect(),
        };
        check(unknown(&[]), "there is no kamailio \"k9\"; none is configured");
        check(unknown(&["k1"]), "there is no kamailio \"k9\"; there is k1");
        check(unknown(&["k1", "k2", "k3"]), "there is no kamailio \"k9\"; there are k1, k2 and k3");
        let not_sent = |reason| Unsent::NotSent { kamailio: "k1".to_owned(), reason };
        check(not_sent(NotSent::NotConnected("refused".to_owned())), "k1 is not connected: refused");
        check(not_sent(NotSent::TooLarge(8_001)), "k1: 8001 bytes, of which the far side takes 8000 at most");
    }
}
