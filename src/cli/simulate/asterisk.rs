//! `eventmanager simulate asterisk`: devices whose states change at random.

use super::{listening, say, until_stopped};
use crate::simulators::asterisk::{AsteriskHandle, AsteriskOptions, AsteriskSimulator, ZmqOptions};
use crate::states::DeviceState::{self, Busy, InUse, NotInUse, OnHold, Ringing, Unavailable};
use crate::wire::Secret;
use anyhow::Context;
use clap::Args;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Options of `simulate asterisk`.
#[derive(Debug, Args)]
pub struct Asterisk {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5038")]
    listen: SocketAddr,
    /// Name that may log in
    #[arg(long, default_value = "eventmanager")]
    username: String,
    /// Its secret
    #[arg(long, default_value = "amisecret")]
    secret: String,
    /// Where its ZeroMQ manager module takes actions; with --evt
    #[arg(long, value_name = "ADDR", requires = "evt")]
    cmd: Option<SocketAddr>,
    /// Where the module publishes events; with --cmd
    #[arg(long, value_name = "ADDR", requires = "cmd")]
    evt: Option<SocketAddr>,
    /// Devices SIP/100, SIP/101 and so on
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
    /// Changes of their states a second; 0 changes none
    #[arg(long, value_name = "N", default_value_t = 10)]
    rate: u32,
    /// The same seed makes the same changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What a device becomes.
const STATES: [DeviceState; 6] = [NotInUse, InUse, Ringing, Busy, OnHold, Unavailable];

/// Runs it until a signal ends it.
pub(super) async fn run(args: Asterisk) -> anyhow::Result<()> {
    let options = AsteriskOptions {
        addr: args.listen,
        username: args.username,
        secret: Secret::new(args.secret),
        journal: 0,
        ..AsteriskOptions::default()
    };
    let server = AsteriskSimulator::start(options).with_context(|| listening(args.listen))?;
    server.set_devices((0..args.devices).map(|number| (name(number), NotInUse)));
    say(&format!("simulated Asterisk at {}", server.addr()));
    let module = match args.cmd.zip(args.evt) {
        Some((cmd, evt)) => {
            let options = ZmqOptions { cmd, evt, ..ZmqOptions::default() };
            Some(server.load_zmq(options).with_context(|| format!("cannot listen at {cmd} and {evt}"))?)
        }
        None => None,
    };
    if let Some(module) = &module {
        say(&format!("its ZeroMQ module at {} (cmd) and {} (evt)", module.cmd(), module.evt()));
    }
    tokio::select! {
        result = until_stopped(|| status(&server)) => result,
        never = change(&server, args.devices, args.rate, args.seed) => match never {},
    }
}

fn name(number: u32) -> String {
    format!("SIP/{}", 100 + number)
}

/// Changes `rate` states a second.
async fn change(server: &AsteriskHandle, devices: u32, rate: u32, seed: u64) -> Infallible {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut due = 0.0;
    loop {
        ticks.tick().await;
        // What could not be done within a second is left out.
        due = f64::min(due + last.elapsed().as_secs_f64() * f64::from(rate), f64::from(rate));
        last = Instant::now();
        while due >= 1.0 {
            // One that is in this state already is no change.
            let device = name(random.u32(..devices));
            if server.set_device(device, STATES[random.usize(..STATES.len())]) {
                due -= 1.0;
            }
        }
    }
}

fn status(server: &AsteriskHandle) -> String {
    let counts = server.counts();
    format!(
        "{} events, {} variables set ({} changed, {} refused), {} of {} connections logged in",
        counts.events,
        counts.setvars,
        counts.changed,
        counts.refused,
        server.logged_in(),
        counts.sessions
    )
}
