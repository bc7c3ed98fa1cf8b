//! `eventmanager simulate opensips`: registrations, calls and blocked addresses, to whoever subscribes.

use super::{say, until_stopped};
use crate::simulators::opensips::traffic::Traffic;
use crate::simulators::opensips::{
    EVENTS, Language, OpensipsHandle, OpensipsOptions, OpensipsSimulator, Version,
};
use anyhow::{Context, ensure};
use clap::Args;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Options of `simulate opensips`.
#[derive(Debug, Args)]
pub struct Opensips {
    /// Where its management interface (MI) takes datagrams over UDP; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888")]
    udp: SocketAddr,
    /// A unix socket that takes the same
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// A FIFO that takes requests
    #[arg(long, value_name = "PATH")]
    fifo: Option<PathBuf>,
    /// Where the FIFOs of replies are
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    reply_dir: PathBuf,
    /// Where it takes POST /mi; from 3.0 on
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Which OpenSIPS it is: before 3.0 its interface speaks text, before 3.1 its events are text
    #[arg(long, default_value = "3.6.8")]
    version: Version,
    /// Events that are published, with commas between them [default: those of a usual one]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    events: Vec<String>,
    /// Has events over TCP answered (event_stream's reliable_mode)
    #[arg(long)]
    reliable: bool,
    /// Users that register
    #[arg(long, value_name = "N", default_value_t = 1000)]
    aors: u32,
    /// Events a second; 0 raises none
    #[arg(long, value_name = "N", default_value_t = 10)]
    rate: u32,
    /// The same seed invents the same events
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs it until a signal ends it.
pub(super) async fn run(args: Opensips) -> anyhow::Result<()> {
    ensure!(
        args.http.is_none() || args.version.language() == Language::Json,
        "--http: OpenSIPS {} has no JSON over HTTP, which came with 3.0",
        args.version
    );
    let events = match args.events.is_empty() {
        true => EVENTS.map(str::to_owned).to_vec(),
        false => args.events,
    };
    let options = OpensipsOptions {
        version: args.version,
        udp: Some(args.udp),
        unix: args.unix,
        fifo: args.fifo,
        reply_dir: args.reply_dir,
        http: args.http,
        events: events.clone(),
        reliable: args.reliable,
        still: false,
    };
    let server = OpensipsSimulator::start(options).context("cannot listen at all of its addresses")?;
    say(&format!("simulated OpenSIPS {} at {}", args.version, places(&server)));
    let mut traffic = Traffic::new(args.seed, args.aors, &events);
    tokio::select! {
        result = until_stopped(|| status(&server)) => result,
        never = raise(&server, &mut traffic, args.rate) => match never {},
    }
}

/// Where it takes requests, as `mi` of the configuration has it.
fn places(server: &OpensipsHandle) -> String {
    let places = [
        server.udp().map(|addr| format!("udp:{addr}")),
        server.unix().map(|path| format!("unix:{}", path.display())),
        server.fifo().map(|path| format!("fifo:{}", path.display())),
        server.http().map(|addr| format!("http://{addr}/mi")),
    ];
    places.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Raises `rate` events a second.
async fn raise(server: &OpensipsHandle, traffic: &mut Traffic, rate: u32) -> Infallible {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut due = 0.0;
    loop {
        ticks.tick().await;
        // What could not be raised within a second is left out.
        due = f64::min(due + last.elapsed().as_secs_f64() * f64::from(rate), f64::from(rate));
        last = Instant::now();
        while due >= 1.0 {
            let (event, params) = traffic.next_event();
            server.raise(event, params);
            due -= 1.0;
        }
    }
}

fn status(server: &OpensipsHandle) -> String {
    let counts = server.counts();
    format!(
        "{} requests, {} subscriptions, {} events sent, {} lost",
        counts.requests.values().sum::<u64>(),
        server.subscribers().len(),
        counts.sent,
        counts.lost
    )
}
