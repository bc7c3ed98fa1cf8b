//! `eventmanager simulate …`: one of the peers as a program of its own, until Ctrl-C or SIGTERM.

mod asterisk;
mod opensips;

use super::manual::SCRIPT;
use crate::cli::units::duration;
use crate::simulators::broadworks::{BroadworksHandle, BroadworksOptions, BroadworksSimulator, END, encode};
use crate::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, faults};
use crate::simulators::script;
use crate::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use crate::simulators::traffic::{Families, Traffic, TrafficOptions};
use crate::wire::Secret;
use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// The peer to be.
#[derive(Debug, Subcommand)]
pub enum Simulate {
    /// An application server that sends OCI-R documents
    Broadworks(Broadworks),
    /// An Ericsson EMA with HSS and ENUM behind it, in memory alone: ended, it has forgotten everything. For an outage
    /// use --script, or kill -STOP and -CONT
    Ema(Ema),
    /// An Asterisk with devices whose states change at random, and its manager interface (AMI), in memory alone as with ema
    Asterisk(asterisk::Asterisk),
    /// An OpenSIPS with users that register and call, and its management interface (MI), at which programs subscribe to its events
    Opensips(opensips::Opensips),
    /// A SurgeMail with domains and accounts, in memory alone as with ema
    Surgemail(Surgemail),
}

/// Options of `simulate broadworks`.
#[derive(Debug, Args)]
pub struct Broadworks {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,
    /// Documents a second [default: 10, or all at once with --file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Send the documents of this file, once, instead of invented ones
    #[arg(long, value_name = "DOCS")]
    file: Option<PathBuf>,
    /// The same seed invents the same documents
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Users at the same time, of invented documents
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// What invented documents are about: users, all, or some of trunks, services, portals, voicemail, lamps, passwords,
    /// groups and domains, with commas between them
    #[arg(long, value_name = "NAMES", default_value = "users")]
    families: Families,
    /// Time between server status documents
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    keepalive: Duration,
}

/// Options of `simulate ema`.
#[derive(Debug, Args)]
pub struct Ema {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Between a request and its answer, such as 5ms
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// Rules for what shall go wrong, in JSON; --help has the format
    #[arg(long, value_name = "FILE", long_help = SCRIPT)]
    script: Option<PathBuf>,
    /// Name that may log in
    #[arg(long, default_value = "emauser")]
    username: String,
    /// Its password
    #[arg(long, default_value = "emapass")]
    password: String,
    /// Sessions open at the same time, at most
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
}

/// Options of `simulate surgemail`.
#[derive(Debug, Args)]
pub struct Surgemail {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7026")]
    listen: SocketAddr,
    /// Rules for what shall go wrong, in JSON; --help has the format
    #[arg(long, value_name = "FILE", long_help = SCRIPT)]
    script: Option<PathBuf>,
    /// The administrator's name
    #[arg(long, default_value = "mailadmin")]
    username: String,
    /// The administrator's password
    #[arg(long, default_value = "mailpass")]
    password: String,
    /// Password of the administrators of domains that were not made here
    #[arg(long, default_value = "domainpass")]
    domain_password: String,
}

impl Simulate {
    /// Runs the peer until a signal ends it.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self {
                Simulate::Broadworks(options) => broadworks(options).await,
                Simulate::Ema(options) => ema(options).await,
                Simulate::Asterisk(options) => asterisk::run(options).await,
                Simulate::Opensips(options) => opensips::run(options).await,
                Simulate::Surgemail(options) => surgemail(options).await,
            }
        })
    }
}

async fn broadworks(args: Broadworks) -> anyhow::Result<()> {
    let options = BroadworksOptions {
        addr: args.listen,
        keepalive: Some(args.keepalive),
        ..BroadworksOptions::default()
    };
    let mut documents = match &args.file {
        Some(file) => Documents::Recorded(recorded(file)?.into_iter()),
        None => {
            let options = TrafficOptions {
                users: args.users.max(1),
                families: args.families,
                ..TrafficOptions::default()
            };
            Documents::Invented(Box::new(Traffic::new(args.seed, options)))
        }
    };
    let server = BroadworksSimulator::start_with(options).with_context(|| listening(args.listen))?;
    say(&format!("simulated BroadWorks at {}", server.addr()));
    let rate = args.rate.or(args.file.is_none().then_some(10));
    let status = || {
        let progress = server.progress();
        format!(
            "{} documents sent, {} connections, {} open",
            progress.sent, progress.connections, progress.connected
        )
    };
    tokio::select! {
        result = until_stopped(status) => result,
        never = send(&server, &mut documents, rate) => match never {},
    }
}

/// What `simulate broadworks` sends.
enum Documents {
    Invented(Box<Traffic>),
    Recorded(std::vec::IntoIter<Bytes>),
}

impl Documents {
    fn next(&mut self) -> Option<Bytes> {
        match self {
            Documents::Invented(traffic) => Some(encode(&traffic.next_message().document)),
            Documents::Recorded(documents) => documents.next(),
        }
    }
}

/// Sends while somebody is connected: `rate` documents a second, or everything there is.
async fn send(
    server: &BroadworksHandle,
    documents: &mut Documents,
    rate: Option<u32>,
) -> std::convert::Infallible {
    /// Documents that may wait for a client that reads slowly.
    const AHEAD: u64 = 10_000;
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut due = 0.0;
    let mut given = 0;
    loop {
        if server.progress().connected == 0 {
            server.wait_client().await;
            last = Instant::now();
        }
        ticks.tick().await;
        due += rate.map_or(f64::MAX, |rate| last.elapsed().as_secs_f64() * f64::from(rate));
        last = Instant::now();
        due = due.min(AHEAD.saturating_sub(given - server.sent().min(given)) as f64);
        let mut batch = Vec::new();
        let mut ended = false;
        while due >= 1.0 && !ended {
            due -= 1.0;
            let Some(document) = documents.next() else {
                ended = true;
                continue;
            };
            batch.extend_from_slice(&document);
            given += 1;
        }
        if !batch.is_empty() {
            server.send_many(batch.into());
        }
        if ended {
            std::future::pending::<()>().await;
        }
    }
}

/// The documents of a file, with whatever stands before each.
fn recorded(file: &Path) -> anyhow::Result<Vec<Bytes>> {
    let bytes = Bytes::from(std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    let mut documents = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(&bytes, END) {
        let end = at + END.len();
        documents.push([&bytes[start..end], b"\n"].concat().into());
        start = end;
    }
    anyhow::ensure!(!documents.is_empty(), "{} holds no OCI-R document", file.display());
    Ok(documents)
}

async fn ema(args: Ema) -> anyhow::Result<()> {
    let options = EmaOptions {
        addr: args.listen,
        username: args.username,
        password: Secret::new(args.password),
        latency: args.latency,
        session_limit: args.sessions,
        journal: 0,
        ..EmaOptions::default()
    };
    let rules = rules(args.script.as_deref())?;
    let server = EmaSimulator::start(options).with_context(|| listening(args.listen))?;
    server.script(rules);
    say(&format!("simulated EMA at {}", server.url()));
    say(&format!("its codes, for the configuration:\n\n{}", fault_classes()));
    until_stopped(|| ema_status(&server)).await
}

/// The section `[ema.faults]` that fits this EMA.
fn fault_classes() -> String {
    let lines = |codes: &[u32], class: &str| {
        codes.iter().map(|code| format!("{code} = \"{class}\"\n")).collect::<String>()
    };
    format!("[ema.faults]\n{}{}", lines(faults::EXISTS, "exists"), lines(faults::ABSENT, "absent"))
}

fn ema_status(server: &EmaHandle) -> String {
    let counts = server.counts();
    let (associations, records) = server.holds();
    format!(
        "{} requests ({} hss, {} enum, {} refused, {} unanswered), {} associations, {} enum records, \
         {} of {} sessions open",
        counts.requests,
        counts.hss,
        counts.enumerations,
        counts.faults,
        counts.unanswered,
        associations,
        records,
        server.open_sessions().len(),
        counts.logins
    )
}

async fn surgemail(args: Surgemail) -> anyhow::Result<()> {
    let options = SurgemailOptions {
        addr: args.listen,
        username: args.username,
        password: Secret::new(args.password),
        domain_password: Some(Secret::new(args.domain_password)),
    };
    let rules = rules(args.script.as_deref())?;
    let server = SurgemailSimulator::start(options).with_context(|| listening(args.listen))?;
    server.script(rules);
    say(&format!("simulated SurgeMail at http://{}", server.addr()));
    until_stopped(|| {
        let (domains, accounts) = server.state().counts();
        format!("{} requests, {domains} domains, {accounts} accounts", server.requests())
    })
    .await
}

fn rules(file: Option<&Path>) -> anyhow::Result<Vec<script::Rule>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    script::parse(&text).with_context(|| format!("{} is not a script", file.display()))
}

fn listening(addr: SocketAddr) -> String {
    format!("cannot listen at {addr}")
}

/// Tells the status now and then when it has changed, and once more when a signal ends the program.
async fn until_stopped(status: impl Fn() -> String) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut ticks = interval(Duration::from_secs(5));
    let mut told = status();
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = ticks.tick() => {}
        }
        let now = status();
        if now != told {
            say(&now);
            told = now;
        }
    }
    say(&format!("ended: {}", status()));
    Ok(())
}

/// A line on standard output; nobody may be reading any more.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
