//! `eventmanager asterisk action`: has the daemon run an action on an Asterisk.

use super::client::ClientOptions;
use super::say;
use super::text::plain;
use anyhow::ensure;
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// What can be done with Asterisks.
#[derive(Debug, Subcommand)]
pub enum Asterisk {
    /// Run an action on an Asterisk; exit code 1 unless it answers that it went well
    Action(Action),
}

/// Options of `asterisk action`.
#[derive(Debug, Args)]
pub struct Action {
    /// Name of the [[asterisk]] of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// Name of the action: one of its `actions` in the configuration
    #[arg(value_name = "ACTION")]
    action: String,
    /// Headers of the action; one may come several times
    #[arg(value_name = "HEADER=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("is no header such as Channel=SIP/100".to_owned()),
    }
}

impl Asterisk {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Asterisk::Action(options) => action(options),
        }
    }
}

fn action(options: &Action) -> anyhow::Result<ExitCode> {
    let mut headers = Map::new();
    for (name, value) in &options.headers {
        let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
        values.as_array_mut().into_iter().for_each(|values| values.push(Value::from(value.as_str())));
    }
    let body = json!({"action": options.action, "headers": headers, "reason": options.reason}).to_string();
    let path = format!("/api/v1/asterisk/{}/action", utf8_percent_encode(&options.name, NON_ALPHANUMERIC));
    let done = options.daemon.client()?.post_text(&path, body)?;
    ensure!(
        done["connection"] == options.name.as_str() && done["response"].is_object(),
        "what answers is no eventmanager: it does not say what it did"
    );
    say(&if options.json { format!("{done:#}\n") } else { text(&done) });
    let response = done["response"]["Response"].as_str().unwrap_or_default();
    Ok(ExitCode::from(u8::from(response.eq_ignore_ascii_case("Error"))))
}

/// The headers of the response, what was printed, and the items of a list with empty lines between them.
fn text(done: &Value) -> String {
    let mut text = headers(&done["response"]);
    for line in done["output"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}", plain(line)); // a string takes everything
    }
    for event in done["events"].as_array().into_iter().flatten() {
        text.push('\n');
        text.push_str(&headers(event));
    }
    if done["truncated"] == true {
        text.push_str("\n(there was more)\n");
    }
    text
}

fn headers(object: &Value) -> String {
    let mut text = String::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let _ = writeln!(text, "{name}: {}", plain(value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_printed_as_it_came() {
        let done = json!({
            "response": {"Response": "Success", "ChanVariable": ["a", "b"]},
            "output": ["one", ""],
            "events": [{"Event": "Peer"}, {"Event": "Done"}],
            "truncated": true,
        });
        let expected = "ChanVariable: a\nChanVariable: b\nResponse: Success\none\n\n\nEvent: Peer\n\nEvent: Done\n\n(there was more)\n";
        assert_eq!(text(&done), expected);
        assert!(header("Channel").is_err() && header("=x").is_err());
        assert_eq!(header("Variable=a=1"), Ok(("Variable".to_owned(), "a=1".to_owned())));
    }
}
