//! Actions that operators have run on an Asterisk: recorded first, then sent, and answered with what the server says.
//!
//! Only those that the configuration of the server allows. Whoever has one run wants to know now what came of it: it waits for no store,
//! and for no connection that is away.

use super::orders_to_peers::{LIMIT, act, there_are};
use super::{Operators, Refusal};
use crate::connections::asterisk::{Answer, Headers, NotRun, RunAction};
use crate::failpoints;
use crate::wire::mask_secrets;
use actix::Message;
use serde_json::Value;
use tokio::time::Instant;

/// Has an action run; gives what the server answers.
#[derive(Message)]
#[rtype(result = "Result<Answer, NoAnswer>")]
pub struct RunOnAsterisk {
    /// The name of the endpoint.
    pub asterisk: String,
    pub action: String,
    pub headers: Headers,
    pub actor: String,
    pub reason: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("there is no asterisk {name:?}; {}", there_are(.known))]
    Unknown { name: String, known: Vec<String> },
    #[error("{action:?} is not among the actions of {asterisk}: {}", allowed(.actions))]
    NotAllowed { asterisk: String, action: String, actions: Vec<String> },
    #[error("{}", why(.asterisk, .reason))]
    NotRun { asterisk: String, reason: NotRun },
    #[error("{0}")]
    Refused(#[from] Refusal),
}

fn allowed(actions: &[String]) -> String {
    match actions {
        [] => "it has none".to_owned(),
        actions => actions.join(", "),
    }
}

fn why(asterisk: &str, reason: &NotRun) -> String {
    match reason {
        NotRun::NotConnected(_) => format!("{asterisk} is {reason}"),
        _ => format!("{asterisk}: {reason}"),
    }
}

impl Operators {
    /// Has an action run once it stands in the audit. What cannot be sent as things stand is refused before.
    pub(super) async fn run_action(&self, wish: RunOnAsterisk) -> Result<Answer, NoAnswer> {
        let RunOnAsterisk { asterisk: name, action, headers, actor, reason } = wish;
        let unknown = || NoAnswer::Unknown { name: name.clone(), known: self.asterisks.names() };
        let asterisk = self.asterisks.find(&name).ok_or_else(unknown)?;
        if !asterisk.actions().iter().any(|allowed| allowed.eq_ignore_ascii_case(&action)) {
            let actions = asterisk.actions().to_vec();
            return Err(NoAnswer::NotAllowed { asterisk: name, action, actions });
        }
        let not_run = |reason| NoAnswer::NotRun { asterisk: name.clone(), reason };
        let shown = mask_secrets(&as_json(&action, &headers));
        let mut order = RunAction { action: action.clone(), headers, until: Instant::now() };
        asterisk.check(&order).map_err(not_run)?;
        self.check_store()?;
        self.record(act(&actor, "action", &name, shown, reason)).await?;
        order.until = Instant::now() + LIMIT;
        failpoints::pass("operator.action.before").await;
        let answer = asterisk.run(order).await;
        failpoints::pass("operator.action.after").await;
        match &answer {
            Ok(_) => tracing::info!(act = "action", actor, object = name, action, "act of an operator"),
            Err(reason) => {
                tracing::warn!(act = "action", actor, object = name, action, %reason, "an operator's action has no answer");
            }
        }
        answer.map_err(not_run)
    }
}

/// On one line, in order.
fn as_json(action: &str, headers: &Headers) -> String {
    let first = ("Action".to_owned(), action.to_owned());
    let member = |(name, value): &(String, String)| {
        format!("{}:{}", Value::from(name.as_str()), Value::from(value.as_str()))
    };
    let members: Vec<String> = std::iter::once(&first).chain(headers).map(member).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_answer_is_told_by_name() {
        let check = |no_answer: NoAnswer, says: &str| assert_eq!(no_answer.to_string(), says);
        let not_allowed = |actions: &[&str]| NoAnswer::NotAllowed {
            asterisk: "pbx-a".to_owned(),
            action: "Originate".to_owned(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        };
        check(not_allowed(&[]), "\"Originate\" is not among the actions of pbx-a: it has none");
        let two = not_allowed(&["CoreStatus", "Ping"]);
        check(two, "\"Originate\" is not among the actions of pbx-a: CoreStatus, Ping");
        let not_run = |reason| NoAnswer::NotRun { asterisk: "pbx-a".to_owned(), reason };
        check(not_run(NotRun::NotConnected("refused".to_owned())), "pbx-a is not connected: refused");
        check(not_run(NotRun::Busy), "pbx-a: too many actions wait already");
    }

    #[test]
    fn the_audit_shows_an_action_without_its_secrets() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let text = as_json("Originate", &vec![header("Channel", "SIP/\"1"), header("Secret", "s3cret")]);
        let shown = mask_secrets(&text);
        assert_eq!(shown, r#"{"Action":"Originate","Channel":"SIP/\"1","Secret":"***"}"#);
    }
}
