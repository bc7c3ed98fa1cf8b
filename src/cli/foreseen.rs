//! What a command would send, as text for people: from the JSON of `plan` and of the API.

use super::text::{list, plain, tidy};
use serde_json::Value;

/// A command and its requests, as they would leave. `place` is where the command is from.
pub fn text(place: &str, foreseen: &Value) -> String {
    told(place, foreseen, request_text)
}

/// The same with what the requests are, in a line each.
pub fn brief(place: &str, foreseen: &Value) -> String {
    told(place, foreseen, request_line)
}

fn told(place: &str, foreseen: &Value, request: fn(&Value) -> String) -> String {
    let mut text =
        format!("{place}: {} given by {}\n", plain(&foreseen["command"]), plain(&foreseen["given_by"]));
    text += &begins(&foreseen["begins"]);
    let outcome = &tidy(&foreseen["outcome"]);
    if let Some(reason) = outcome["ignored"].as_str() {
        text += &format!("  ignored: {reason}\n");
    }
    if let Some(reason) = outcome["failed"].as_str() {
        text += &format!("  fails: {reason}\n");
    }
    if outcome["requests"].is_object() {
        text += &requests(&outcome["requests"], request);
    }
    text
}

/// How the run of a stored event begins.
fn begins(begins: &Value) -> String {
    if let Some(reason) = begins["anew"].as_str() {
        return format!("  planned anew: {reason}\n");
    }
    match &begins["resumes"] {
        Value::Null => String::new(),
        at => format!(
            "  resumes at step {} of {}; what is left of its plan:\n",
            plain(&at["step"]),
            plain(&at["of"])
        ),
    }
}

fn requests(planned: &Value, told: fn(&Value) -> String) -> String {
    let (requests, members) = (list(&planned["requests"]), list(&planned["members"]));
    let mut text = format!("  {}: {}", plain(&planned["processor"]), counted(requests.len(), "request"));
    if !members.is_empty() {
        text += &format!(" for {}", counted(members.len(), "member"));
    }
    text.push('\n');
    for request in requests {
        text += &told(request);
    }
    for warning in list(&planned["warnings"]) {
        text += &format!("  warning: {}\n", plain(warning));
    }
    for reason in list(&planned["unplanned"]) {
        text += &format!("  fails for a member: {}\n", plain(reason));
    }
    text
}

fn request_line(request: &Value) -> String {
    let number = plain(&request["step"]);
    format!("  {number}. {}: {}\n", plain(&request["system"]), plain(&request["summary"]))
}

fn request_text(request: &Value) -> String {
    let mut text = request_line(request) + &format!("     POST {}\n", plain(&request["url"]));
    if let Some(body) = request["body"].as_str().filter(|body| !body.is_empty()) {
        text += &format!("     {body}\n");
    }
    if let Some(effect) = request["effect"].as_str() {
        text += &format!("     then {effect}\n");
    }
    text
}

/// `1 request`, `2 requests`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
