//! What a peer's answers mean: purely.

use super::plan::Listed;
use crate::topics::hubs::outbound::Answer;
use serde_json::{Map, Value};

/// Letters of a hub's id, at most.
const LONGEST_ID: usize = 256;

/// What came of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    Listed(Vec<Listed>),
    /// There is no list to be seen.
    NotShown,
    Failed(String),
}

/// The answer to a GET of the hubs of a topic.
pub fn looked(answer: &Answer) -> Looked {
    match answer.status {
        200..=299 => match list(answer) {
            Some(listed) => Looked::Listed(listed),
            None => Looked::Failed("its list of hubs is no such list".to_owned()),
        },
        // Nobody has a hub of a topic that is not there.
        404 => Looked::Listed(Vec::new()),
        405 | 501 => Looked::NotShown,
        status => Looked::Failed(refusal(status)),
    }
}

/// The id of what a POST has registered.
pub fn registered(answer: &Answer) -> Result<String, String> {
    if !(200..=299).contains(&answer.status) {
        return Err(refusal(answer.status));
    }
    let body = serde_json::from_slice::<Map<String, Value>>(&answer.body).ok();
    let of_body = body.and_then(|hub| id(&hub));
    let last = |location: &String| location.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    let of_location = || answer.location.as_ref().and_then(last).filter(|id| is_id(id));
    of_body.or_else(of_location).ok_or_else(|| "it does not say what it calls the hub".to_owned())
}

/// Whether a DELETE has ended it, or it was not there.
pub fn ended(answer: &Answer) -> Result<(), String> {
    match answer.status {
        200..=299 | 404 | 410 => Ok(()),
        status => Err(refusal(status)),
    }
}

fn refusal(status: u16) -> String {
    let why = match status {
        300..=399 => ": it sends us elsewhere, where we do not go",
        401 => ": it does not know who we are",
        403 => ": it does not let us",
        404 => ": there is no such topic",
        _ => "",
    };
    format!("it answers {status}{why}")
}

/// What is no hub in it is left out: it may be an extension.
fn list(answer: &Answer) -> Option<Vec<Listed>> {
    if !answer.is_whole {
        return None;
    }
    let hubs: Vec<Value> = serde_json::from_slice(&answer.body).ok()?;
    let listed = |hub: &Value| {
        let hub = hub.as_object()?;
        let text = |name: &str| hub.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Listed { id: id(hub)?, callback: text("callback")?, query: text("query") })
    };
    Some(hubs.iter().filter_map(listed).collect())
}

/// Some have numbers there.
fn id(hub: &Map<String, Value>) -> Option<String> {
    let id = match hub.get("id")? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    is_id(&id).then_some(id)
}

/// What can stand in a path: dots alone would name another one.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_ID
        && !text.bytes().all(|byte| byte == b'.')
        && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.into(), is_whole: true, location: None }
    }

    #[test]
    fn a_list_has_what_is_a_hub() {
        let hub = |id: &str| Listed { id: id.to_owned(), callback: "https://em/x".to_owned(), query: None };
        let check = |status, body: &str, expected: Looked| {
            assert_eq!(looked(&answer(status, body)), expected, "{status} {body}");
        };
        let listed = Looked::Listed;
        check(200, "[]", listed(vec![]));
        check(
            200,
            r#"[{"id":"h1","callback":"https://em/x","query":null,"href":"/h1"}]"#,
            listed(vec![hub("h1")]),
        );
        check(
            200,
            r#"[{"id":7,"callback":"https://em/x"},{"id":"h2"},3,{"id":"..","callback":"x"}]"#,
            listed(vec![hub("7")]),
        );
        let bad = || Looked::Failed("its list of hubs is no such list".to_owned());
        check(200, "{}", bad());
        check(204, "", bad());
        check(200, "[", bad());
        check(404, "", listed(vec![]));
        check(405, "", Looked::NotShown);
        for (status, says) in [(401, "who we are"), (403, "let us"), (302, "do not go"), (500, "answers 500")]
        {
            let Looked::Failed(reason) = looked(&answer(status, "[]")) else { panic!("{status}") };
            assert!(reason.contains(says), "{reason}");
        }
        let half = Answer { is_whole: false, ..answer(200, "[]") };
        assert_eq!(looked(&half), bad(), "there may be more of it");
    }

    #[test]
    fn what_a_hub_is_called_stands_in_the_body_or_in_the_location() {
        let check = |status, body: &str, location: Option<&str>, expected: Option<&str>| {
            let answer = Answer { location: location.map(str::to_owned), ..answer(status, body) };
            assert_eq!(registered(&answer).ok().as_deref(), expected, "{status} {body} {location:?}");
        };
        check(201, r#"{"id":"h1","callback":"x"}"#, Some("/hub/h2"), Some("h1"));
        check(200, r#"{"id":12}"#, None, Some("12"));
        check(201, "", Some("https://pss/topic/order/hub/h2/"), Some("h2"));
        check(201, "{}", Some("/hub/.."), None);
        check(201, "{}", None, None);
        check(201, &format!(r#"{{"id":"{}"}}"#, "x".repeat(257)), None, None);
        check(409, r#"{"id":"h1"}"#, None, None);
        check(307, r#"{"id":"h1"}"#, Some("/hub/h2"), None);
    }

    #[test]
    fn what_is_not_there_has_ended() {
        for (status, expected) in
            [(204, true), (200, true), (404, true), (410, true), (403, false), (302, false), (500, false)]
        {
            assert_eq!(ended(&answer(status, "")).is_ok(), expected, "{status}");
        }
    }
}
