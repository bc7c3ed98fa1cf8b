//! Actions that other agents have run at this Asterisk: those of a list, and no others.

use crate::connections::asterisk::actions::{Answer, NotRun, RunAction};
use crate::connections::asterisk::ami::check_action;
use crate::connections::asterisk::orders::{Order, Orders, Reply};
use crate::wire::manager_json::Headers;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};

/// An action is run with an answer by then, or nobody knows.
const LIMIT: Duration = Duration::from_secs(10);

/// Has an action run, where the list allows it; what is told of it.
pub async fn run(action: Headers, allowed: Vec<String>, orders: Orders) -> Headers {
    let name = action.get("Action").unwrap_or_default().to_owned();
    if !allowed.iter().any(|it| it.eq_ignore_ascii_case(&name)) {
        return status(&name, Err("not allowed here".to_owned()));
    }
    let others = action
        .iter()
        .filter(|(name, _)| !["Action", "ActionID"].iter().any(|ours| name.eq_ignore_ascii_case(ours)));
    let headers = others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let action = RunAction { action: name.clone(), headers, until: Instant::now() + LIMIT };
    // What operators may not have run either, whatever the list says.
    let answer = match check_action(&action) {
        Ok(()) => ask(&orders, action, Order::Run).await,
        Err(why) => Err(why.to_string()),
    };
    status(&name, answer)
}

/// Asks Asterisk whether it is there, which needs no lease; what is told of it.
pub async fn ping(orders: Orders) -> Headers {
    let ping = RunAction { action: "Ping".to_owned(), headers: Vec::new(), until: Instant::now() + LIMIT };
    status("Ping", ask(&orders, ping, Order::Ping).await)
}

async fn ask(
    orders: &Orders,
    action: RunAction,
    order: fn(RunAction, Reply) -> Order,
) -> Result<Answer, String> {
    let until = action.until;
    let (reply, told) = Reply::new();
    orders.give(order(action, reply));
    let told = timeout_at(until, told).await.map_err(|_| NotRun::Late.to_string())?;
    told.map_err(|_| NotRun::Lost.to_string())?.map_err(|why| why.to_string())
}

/// The data of an `AsteriskActionStatus`.
fn status(action: &str, answer: Result<Answer, String>) -> Headers {
    let mut status = Headers::new().with("Action", action);
    match answer {
        Ok(answer) => {
            for (name, value) in &answer.headers {
                status = status.with(name, value);
            }
        }
        Err(why) => status = status.with("Response", "Error").with("Message", &why),
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Never infinite.
    match serde_json::Number::from_f64(now.as_millis() as f64 / 1000.0) {
        Some(now) => status.with_number("Timestamp", &now),
        None => status,
    }
}
