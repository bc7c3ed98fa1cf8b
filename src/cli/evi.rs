//! `eventmanager evi`: who has subscribed to events over EVI, and acts of that kind, by hand.

mod listen;

use super::client::{Client, ClientOptions};
use super::say;
use super::table::{Cell, Table};
use super::text::plain;
use crate::wire::evi::{Param, Value as ParamValue};
use crate::wire::mi::{Request, Subscribe, json};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What can be done over EVI.
#[derive(Debug, Subcommand)]
pub enum Evi {
    /// List the events that there are, and who has subscribed to them
    List(List),
    /// Subscribe a program to an event; without its socket, show the events here as they come
    Subscribe(Subscribing),
    /// Unsubscribe a program; exit code 1 where it has not subscribed
    Unsubscribe(Unsubscribing),
    /// Raise an event
    Raise(Raising),
}

/// Options of `evi list`.
#[derive(Debug, Args)]
pub struct List {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `evi subscribe`.
#[derive(Debug, Args)]
pub struct Subscribing {
    /// Name of the event, such as E_CALL_START
    #[arg(value_name = "EVENT")]
    event: String,
    /// Where events are sent: udp:HOST:PORT, tcp:HOST:PORT or unix:/PATH [default: to this command, until it is interrupted]
    #[arg(value_name = "SOCKET")]
    socket: Option<String>,
    /// Seconds until the subscription is over; one of this command is renewed before
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    expire: Option<u32>,
    /// How events are written
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// End after the first event
    #[arg(long, conflicts_with = "count")]
    once: bool,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// How events are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Text,
}

/// Options of `evi unsubscribe`.
#[derive(Debug, Args)]
pub struct Unsubscribing {
    /// Name of the event
    #[arg(value_name = "EVENT")]
    event: String,
    /// As it was subscribed
    #[arg(value_name = "SOCKET")]
    socket: String,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `evi raise`.
#[derive(Debug, Args)]
pub struct Raising {
    /// Name of the event: E_ and capitals, digits and "_"
    #[arg(value_name = "EVENT")]
    event: String,
    /// Its parameters; one without a name is =VALUE
    #[arg(value_name = "NAME=VALUE", value_parser = parameter)]
    params: Vec<(String, String)>,
    #[command(flatten)]
    daemon: ClientOptions,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("is no parameter such as NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

impl Evi {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Evi::List(options) => list(options)?,
            Evi::Subscribe(options) => subscribe(options)?,
            Evi::Unsubscribe(options) => unsubscribe(options)?,
            Evi::Raise(options) => raise(options)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What the daemon answers to a command.
fn ask(client: &Client, request: &Request) -> anyhow::Result<Value> {
    let body = String::from_utf8(json::request(request, 1)).context("the request")?;
    let answer = client.post_text("/mi", body)?;
    if let Some(error) = answer.get("error") {
        let data = error["data"].as_str().map(|data| format!(" ({data})")).unwrap_or_default();
        bail!("refused: {} {}{}", plain(&error["code"]), plain(&error["message"]), plain(&data.into()));
    }
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => bail!("what answers is no eventmanager: it does not say what it did"),
    }
}

fn list(options: &List) -> anyhow::Result<()> {
    let client = options.daemon.client()?;
    let events = ask(&client, &Request::Events)?["Events"].clone();
    let subscribers = ask(&client, &Request::Subscribers { event: None, socket: None })?["Events"].clone();
    if options.json {
        say(&format!("{:#}\n", json!({"events": events, "subscriptions": subscribers})));
        return Ok(());
    }
    let lists = || subscribers.as_array().into_iter().flatten();
    let mut rows = Vec::new();
    for event in events.as_array().into_iter().flatten() {
        let its = lists().filter(|list| list["name"] == event["name"]);
        let before = rows.len();
        rows.extend(its.flat_map(|list| list["Subscribers"].as_array().into_iter().flatten()).map(|it| {
            let columns = ["socket", "format", "expire", "ttl", "sent", "queued", "dropped"];
            row(&event["name"], columns.map(|column| &it[column]))
        }));
        if rows.len() == before {
            rows.push(row(&event["name"], [&Value::Null; 7]));
        }
    }
    let titles = &["EVENT", "SOCKET", "FORMAT", "EXPIRE", "LEFT", "SENT", "QUEUED", "DROPPED"];
    say(&Table::whole(titles).part(&rows));
    Ok(())
}

fn row(event: &Value, columns: [&Value; 7]) -> Vec<Cell> {
    std::iter::once(event).chain(columns).map(|column| plain(column).into()).collect()
}

/// A subscription that is asked for.
fn wish(options: &Subscribing, socket: &str, expire: Option<u32>) -> Request {
    let format = match options.format {
        Format::Json => "json",
        Format::Text => "text",
    };
    let (event, socket) = (options.event.clone(), socket.to_owned());
    Request::Subscribe(Subscribe { event, socket, expire, format: Some(format.to_owned()) })
}

fn subscribe(options: &Subscribing) -> anyhow::Result<()> {
    let client = options.daemon.client()?;
    let Some(socket) = &options.socket else { return listen::listen(options, &client) };
    ask(&client, &wish(options, socket, options.expire))?;
    say(&format!("subscribed {socket} to {}\n", options.event));
    Ok(())
}

fn unsubscribe(options: &Unsubscribing) -> anyhow::Result<()> {
    let Unsubscribing { event, socket, daemon } = options;
    ask(&daemon.client()?, &end(event, socket))?;
    say(&format!("unsubscribed {socket} from {event}\n"));
    Ok(())
}

/// Nothing is sent there any more.
fn end(event: &str, socket: &str) -> Request {
    let (event, socket) = (event.to_owned(), socket.to_owned());
    Request::Subscribe(Subscribe { event, socket, expire: Some(0), format: None })
}

fn raise(options: &Raising) -> anyhow::Result<()> {
    let param = |(name, value): &(String, String)| Param {
        name: (!name.is_empty()).then(|| name.clone()),
        value: ParamValue::Text(value.clone()),
    };
    let params = options.params.iter().map(param).collect();
    ask(&options.daemon.client()?, &Request::Raise { event: options.event.clone(), params })?;
    say(&format!("raised {}\n", options.event));
    Ok(())
}
