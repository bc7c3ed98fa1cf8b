//! Ten times what the daemon is built for is offered on all paths at once: its memory stays bounded, application servers wait, what a
//! Kamailio or an OpenSIPS sends beyond what can be taken is dropped and counted to the last event, states become fewer, and afterwards
//! everything that was taken has ended and nothing waits.
//!
//! It lasts some seconds; `EVENTMANAGER_SECONDS` stretches it, as `./tests/run --long` does:
//!
//! ```text
//! EVENTMANAGER_SECONDS=60 cargo test --test load
//! ```

#[path = "../support/mod.rs"]
mod support;

mod offered;
#[path = "../hubs/receiver.rs"]
#[allow(dead_code)]
mod receiver;

use crate::offered::{Bytes, documents, frames};
use crate::receiver::{Receiver, Reply};
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http;
use crate::support::peers::config;
use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions, AsteriskSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use eventmanager::simulators::opensips::{OpensipsHandle, OpensipsOptions, OpensipsSimulator, named};
use eventmanager::states::DeviceState;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the daemon may need at most, in KiB.
const MEMORY: u64 = 400 << 10;
/// Hubs of one topic, one of which takes its time.
const HUBS: usize = 4;
/// Devices of each Asterisk, and Asterisks.
const DEVICES: usize = 500;
const ASTERISKS: usize = 3;
/// Events of an OpenSIPS a second: ten times what a busy one raises.
const EVI: u64 = 20_000;
/// So long of the time an application server waits that has more than can be stored.
const WAITS: f64 = 0.2;

fn duration() -> Duration {
    let seconds = std::env::var("EVENTMANAGER_SECONDS").ok();
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().expect("a number of seconds")))
}

/// Everybody who offers something, and the daemon to which it is offered.
struct World {
    broadworks: Bytes,
    kamailio: Bytes,
    ema: EmaHandle,
    asterisks: Vec<AsteriskHandle>,
    opensips: OpensipsHandle,
    hubs: Vec<Receiver>,
    site: Site,
    daemon: Daemon,
}

impl World {
    fn start() -> World {
        let (broadworks, kamailio) = (Bytes::new(), Bytes::new());
        let ema = EmaSimulator::start(EmaOptions { journal: 0, ..EmaOptions::default() }).expect("an ema");
        let asterisk =
            |_| AsteriskSimulator::start(AsteriskOptions { journal: 0, ..AsteriskOptions::default() });
        let asterisks: Vec<_> = (0..ASTERISKS).map(|at| asterisk(at).expect("an Asterisk")).collect();
        let opensips = OpensipsSimulator::start(OpensipsOptions::default()).expect("an OpenSIPS");
        let hubs: Vec<_> = (0..HUBS).map(|_| Receiver::start()).collect();
        hubs[0].answer(|_, _| Reply::Late(204, Duration::from_millis(2)));
        let mut text = config(&broadworks.address.to_string(), &ema.url(), "");
        text += "[device_state]\n[event_management]\n";
        for hub in &hubs {
            let host = hub.address;
            text += &format!(
                "[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n"
            );
        }
        for (at, asterisk) in asterisks.iter().enumerate() {
            let (address, AsteriskOptions { username, secret, .. }) =
                (asterisk.addr(), AsteriskOptions::default());
            text += &format!(
                "[[asterisk]]\nname = \"pbx{at}\"\naddress = \"{address}\"\nusername = {username:?}\nsecret = {:?}\n",
                secret.expose()
            );
        }
        text += &format!(
            "[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\nqueue = 200\n[[route]]\nsource = \"k1\"\nevent = \"CALL\"\nstore = true\n\
             [[opensips]]\nname = \"sbc\"\nmi = \"udp:{}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_PIKE_BLOCKED\"]\n",
            kamailio.address,
            opensips.udp().expect("an address")
        );
        let site = Site::quiet(&text);
        let daemon = site.start();
        let world = World { broadworks, kamailio, ema, asterisks, opensips, hubs, site, daemon };
        for connection in ["as1", "k1", "pbx0", "pbx1", "pbx2", "sbc"] {
            let label = format!("connection=\"{connection}\"");
            eventually(connection, || (world.metric("connection_up", &label) == 1.0).then_some(()));
        }
        for hub in &world.hubs {
            world.post("hub", &format!(r#"{{"callback":"{}"}}"#, hub.url()));
        }
        world
    }

    fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }

    /// Posts there; 503 is waited for.
    fn post(&self, path: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "POST /psi-api/event/v2/topic/order/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        eventually("it is taken", || {
            let answer = http::exchange(self.daemon.http, &request).ok()?;
            (answer.status == 201).then_some(())
        });
    }

    /// Phones are picked up and put down as fast as it goes; how often.
    fn change(&self, is_over: &AtomicBool) -> u64 {
        let mut random = fastrand::Rng::with_seed(3);
        let mut changes = 0;
        while !is_over.load(Ordering::Relaxed) {
            for _ in 0..1_000 {
                let (at, device) = (random.usize(..ASTERISKS), random.usize(..DEVICES));
                let state = if random.bool() { DeviceState::InUse } else { DeviceState::NotInUse };
                self.asterisks[at].set_device(format!("SIP/{at}{device:03}"), state);
            }
            changes += 1_000;
        }
        changes
    }

    /// Where an Asterisk holds something else than the others say.
    fn differences(&self) -> usize {
        let held: Vec<_> = self.asterisks.iter().map(AsteriskHandle::devices).collect();
        let own = held.iter().enumerate().flat_map(|(at, devices)| {
            devices.iter().filter(|(name, _)| !name.starts_with("Custom:")).map(move |one| (at, one))
        });
        let differs = |(at, (name, state)): &(usize, (&String, &DeviceState))| {
            let mirrored = format!("Custom:{name}");
            held.iter().enumerate().any(|(other, held)| other != *at && held.get(&mirrored) != Some(state))
        };
        own.filter(differs).count()
    }

    fn stored(&self, source: &str) -> u64 {
        let sql = "select count(*) from em_event where source = ?";
        let count: i64 = self.site.database().query_row(sql, [source], |row| row.get(0)).expect("a count");
        count as u64
    }
}

/// What was offered.
struct Offered {
    documents: u64,
    waited: Duration,
    frames: u64,
    changes: u64,
    evi: u64,
    posted: i64,
}

fn offer(world: &World) -> Offered {
    let (is_over, until) = (AtomicBool::new(false), Instant::now() + duration());
    std::thread::scope(|scope| {
        let documents = scope.spawn(|| world.broadworks.offer(documents, &is_over));
        let frames = scope.spawn(|| world.kamailio.offer(frames, &is_over));
        let changes = scope.spawn(|| world.change(&is_over));
        let count = EVI * duration().as_secs();
        let params = |_| named([("ip", "203.0.113.7")]);
        let flood = world.opensips.flood("E_PIKE_BLOCKED", count, None, params).expect("a flood");
        let mut posted = 0;
        while Instant::now() < until {
            posted += 1;
            world.post("event", &format!(r#"{{"event":{{"n":{posted}}}}}"#));
        }
        is_over.store(true, Ordering::Relaxed);
        let (documents, waited) = documents.join().expect("documents");
        let (frames, _) = frames.join().expect("frames");
        let changes = changes.join().expect("changes");
        Offered { documents, waited, frames, changes, evi: flood.join().sent, posted }
    })
}

#[test]
fn ten_times_the_load_on_all_paths_is_borne_and_leaves_nothing_behind() {
    let world = World::start();
    let offered = offer(&world);
    let Offered { documents, waited, frames, changes, evi, posted } = offered;
    println!(
        "{documents} documents, {frames} frames, {changes} changes, {evi} events of EVI, {posted} posted in {:?}",
        duration()
    );
    assert!(waited > duration().mul_f64(WAITS), "the application server waited for {waited:?} only");

    // What was taken has ended.
    wait(&world, "every document is stored", || documents - world.stored("as1"));
    let frames_read = || world.metric("events_received_total", "source=\"k1\"") as u64;
    wait(&world, "every frame is read", || frames - frames_read());
    let frames_left = || world.metric("dropped_total", "connection=\"k1\"") as u64 + world.stored("k1");
    wait(&world, "every frame is stored, or dropped and counted", || frames.abs_diff(frames_left()));
    let evi_left = || {
        let of = |name: &str, label: &str| world.metric(name, label) as u64;
        of("events_received_total", "source=\"sbc\"")
            + of("dropped_total", "connection=\"sbc\"")
            + of("receive_lost_total", "connection=\"sbc\"")
    };
    wait(&world, "every event of EVI is read or counted as lost", || evi.abs_diff(evi_left()));
    wait(&world, "all servers hold what the others say", || world.differences() as u64);
    for hub in &world.hubs {
        wait(&world, "every hub has everything", || {
            posted as u64 - hub.latest().map_or(0, |it| it.n() as u64)
        });
        assert_eq!(hub.ns(), (1..=posted).collect::<Vec<_>>(), "in order, once");
    }
    wait(&world, "nothing is pending", || world.metric("events_pending", "") as u64);
    assert_eq!(world.site.count(&["failed"]), 0);
    assert_eq!(world.ema.state().associations.len() as u64, documents.div_ceil(offered::PROVISIONED));

    // What could not be borne has become less, as designed.
    assert!(
        world.metric("dropped_total", "connection=\"k1\"") > 0.0,
        "nothing was dropped: this is no overload"
    );
    assert!(world.metric("state_coalesced_total", "") > 0.0);
    for queue in ["state_queue", "state_divergence", "hub_backlog"] {
        wait(&world, queue, || world.metric(queue, "") as u64);
    }
    let memory = world.daemon.memory("VmHWM");
    println!("{} MiB at most", memory / 1024);
    assert!(memory < MEMORY, "{memory} KiB");
    assert_eq!(world.metric("actor_restarts_total", ""), 0.0);
    assert_eq!(world.daemon.get("/readyz").0, 200);
    // And it goes on as if nothing had been.
    world.post("event", r#"{"event":{"n":0}}"#);
    eventually("the next is delivered", || (world.hubs[1].latest()?.n() == 0).then_some(()));
    assert_eq!(world.daemon.terminate(), Some(0));
}

/// Waits until nothing is left, for as long as it becomes less.
#[track_caller]
fn wait(world: &World, what: &str, left: impl Fn() -> u64) {
    let (mut least, mut since) = (u64::MAX, Instant::now());
    while least > 0 {
        let now = left();
        if now < least {
            (least, since) = (now, Instant::now());
        }
        assert!(
            since.elapsed() < support::daemon::PATIENCE,
            "{what}: {least} are left\n{}",
            world.daemon.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
