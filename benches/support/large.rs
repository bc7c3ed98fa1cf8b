//! A large operator, and the program as a process of its own: memory with nothing to do and at the end of a long outage, how soon it
//! is ready then and has ended, and what it spends while nothing happens.

use super::processor::spent;
use super::row::Row;
use crate::testing::daemon::{Daemon, Site, eventually};
use crate::testing::documents;
use crate::testing::peers::config;
use crate::testing::ports::any;
use bytes::{Bytes, BytesMut};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator, encode};
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const SUBSCRIBERS: u32 = 1_000_000;
const PENDING: u32 = 100_000;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);

/// The rows of a large operator, made by the database itself.
const SEED: &str = "insert into srd_user (id, group_id, sipurl, user_type, phonecontext, association_id, e164, created)
    with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n + 1 < ?1)
    select printf('user%07d@tele.gl', n), printf('KNI-%05d', n / 20), printf('user%07d@tele.gl', n), 'user', 'nuk.tg.gl',
        printf('%032x', n), printf('%06d', n), current_timestamp from numbers";

/// Prints all of it.
pub fn print() {
    let broadworks = BroadworksSimulator::start(any()).expect("an application server");
    let ema = EmaSimulator::start(EmaOptions::default()).expect("an ema");
    let text = config(&broadworks.addr().to_string(), &ema.url(), "");
    let site = Site::quiet(&text);
    let daemon = site.start();
    print_memory("memory, idle", &daemon, 40.0);
    print_idle(&daemon);
    daemon.terminate();
    site.database().execute(SEED, [SUBSCRIBERS]).expect("subscribers");
    ema.refuse(true).expect("it is away");
    let daemon = site.start();
    fill(&broadworks, &daemon);
    print_memory("memory, 1 million subscribers and 100 thousand events waiting", &daemon, 200.0);
    daemon.terminate();
    let (daemon, took) = start(&site);
    let millis = took.as_secs_f64() * 1e3;
    Row::new("from exec to READY with these", format!("{millis:.0} ms"))
        .budget("≤ 300", millis <= 300.0)
        .print();
    let began = Instant::now();
    known(&daemon);
    let more = (took + began.elapsed()).as_secs_f64();
    Row::new("from exec until all that waits is known again", format!("{more:.2} s")).print();
    print_memory("memory, the same after a restart", &daemon, 200.0);
    ema.refuse(false).expect("it is back");
    eventually("it is at work", || (unfinished(&daemon)? < u64::from(PENDING)).then_some(()));
    let began = Instant::now();
    assert_eq!(daemon.terminate(), Some(0), "it ends in order");
    let took = began.elapsed().as_secs_f64();
    Row::new("from SIGTERM to the end, in the midst of these", format!("{took:.2} s"))
        .budget("≤ 5", took <= 5.0)
        .print();
}

/// Starts it as systemd does; how long it took until it said that it is ready.
fn start(site: &Site) -> (Daemon, Duration) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let began = Instant::now();
    let ready = std::thread::spawn(move || {
        let mut said = [0; 4096];
        loop {
            let length = socket.recv(&mut said).expect("it says something");
            if String::from_utf8_lossy(&said[..length]).lines().any(|line| line == "READY=1") {
                return began.elapsed();
            }
        }
    });
    let daemon = Daemon::start_with(command(&site.config()).env("NOTIFY_SOCKET", &path));
    (daemon, ready.join().expect("it is ready"))
}

fn command(config: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    program.args(["run", "--config"]).arg(config);
    program
}

/// Sends what the EMA cannot take, each for another subscriber, and waits until the daemon knows all of it.
fn fill(broadworks: &BroadworksHandle, daemon: &Daemon) {
    let mut pending = BytesMut::new();
    for number in 0..PENDING {
        let (user, phone) = (format!("user{number:07}@tele.gl"), (2_000_000 + number).to_string());
        pending.extend_from_slice(&encode(&documents::set_phone(number.into(), &user, &phone)));
    }
    broadworks.send_many(Bytes::from(pending));
    known(daemon);
}

fn known(daemon: &Daemon) {
    eventually("all events are known", || (unfinished(daemon)? == u64::from(PENDING)).then_some(()));
}

fn unfinished(daemon: &Daemon) -> Option<u64> {
    let status: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/status").1).ok()?;
    status["backlog"]["unfinished"].as_u64()
}

/// Resident memory, which is to be so many megabytes at most, and the part of it that is not of files.
fn print_memory(what: &str, daemon: &Daemon, most: f64) {
    let megabytes = |name| daemon.memory(name) as f64 * 1024.0 / 1e6;
    let resident = megabytes("VmRSS");
    Row::new(what, format!("{:.1} MB of its own and {resident:.1} MB resident", megabytes("RssAnon")))
        .budget(&format!("≤ {most}"), resident <= most)
        .print();
}

/// What it spends while nothing happens, in hundredths of a processor.
fn print_idle(daemon: &Daemon) {
    let before = spent(daemon);
    std::thread::sleep(IDLE);
    let part = (spent(daemon) - before).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    Row::new("processor, idle", format!("{part:.2} %")).budget("< 1", part < 1.0).print();
}
