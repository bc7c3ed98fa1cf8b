//! The clock of the wall jumps while events wait, attempts are due and lives run: nothing is lost, nothing hangs, nothing ends early.
//!
//! libfaketime (Debian's package faketime) tells the daemon another time of day; the clock that only runs forward is the kernel's, as when
//! somebody sets the clock of a host. What another process or the kernel stamps (PostgreSQL, files) keeps its own time.

use crate::browser::{logged_in, tokens};
use crate::receiver::{Receiver, Reply};
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, report};
use crate::support::http;
use crate::support::peers::Peers;
use crate::support::ports::any;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What makes the time, where Debian puts it for this kind of machine.
fn library() -> PathBuf {
    let kinds = std::fs::read_dir("/usr/lib").expect("libraries").flatten();
    let mut found = kinds.map(|kind| kind.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).expect("apt-get install faketime")
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The clock of a daemon.
struct Clock(PathBuf);

impl Clock {
    /// One that is right.
    fn new(site: &Site) -> Clock {
        let clock = Clock(site.directory.path().join("clock"));
        clock.jump(0);
        clock
    }

    /// From now on it is so many seconds ahead of the right one.
    fn jump(&self, seconds: i64) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).expect("written");
        std::fs::rename(new, &self.0).expect("in place");
    }

    fn start(&self, site: &Site) -> Daemon {
        let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        let variables =
            [("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")];
        program.args(["run", "--config"]).arg(site.config()).env("RUST_LOG", "").env("LD_PRELOAD", library());
        Daemon::start_with(program.env("FAKETIME_TIMESTAMP_FILE", &self.0).envs(variables))
    }
}

/// A daemon to which everything happens for which a time counts.
struct World {
    peers: Peers,
    /// Of the same cluster as the first application server.
    second: BroadworksHandle,
    hub: Receiver,
    subscriber: UdpSocket,
    site: Site,
    clock: Clock,
    daemon: Daemon,
    mi: SocketAddr,
}

impl World {
    fn start() -> World {
        let (peers, hub) = (Peers::start(), Receiver::start());
        let second = BroadworksSimulator::start(any()).expect("a server");
        let sections = format!(
            "cluster = \"c\"\n[[broadworks]]\nname = \"as2\"\naddress = \"{}\"\ncluster = \"c\"\n{}\
             [event_management]\nretry_initial = \"100ms\"\nretry_max = \"2s\"\ngive_up_after = \"30m\"\n\
             [[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\n\
             [evi]\nudp = \"127.0.0.1:0\"\n[[route]]\nevent = \"E_*\"\nto = [\"all\"]\n",
            second.addr(),
            tokens(),
            hub.address
        );
        let site = Site::new(&(peers.config("") + &sections));
        let clock = Clock::new(&site);
        let daemon = clock.start(&site);
        let line = daemon.logged(&["evi takes commands", "address="]);
        let mi = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let mi = mi.expect("an address").parse().expect("an address");
        let subscriber = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        subscriber.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        World { peers, second, hub, subscriber, site, clock, daemon, mi }
    }

    /// What the daemon thinks the time is, ahead of ours, in seconds.
    fn ahead(&self) -> i64 {
        let answer = http::get(self.daemon.http, "/healthz", "");
        let date = answer.header("date").expect("a date").replace("GMT", "+0000");
        let rfc2822 = &time::format_description::well_known::Rfc2822;
        let date = time::OffsetDateTime::parse(&date, rfc2822).expect("a date");
        date.unix_timestamp() - SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() as i64
    }

    #[track_caller]
    fn jump(&self, seconds: i64) {
        self.clock.jump(seconds);
        eventually("the clock has jumped", || ((self.ahead() - seconds).abs() < 30).then_some(()));
    }

    #[track_caller]
    fn post(&self, path: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "POST /psi-api/event/v2/topic/order/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer act\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = eventually("it is answered", || {
            Some(http::send(self.daemon.http, &request)).filter(|answer| answer.status != 503)
        });
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    #[track_caller]
    fn command(&self, method: &str, params: Value) {
        let request = json!({"jsonrpc": "2.0", "method": method, "id": 1, "params": params}).to_string();
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        eventually("it is carried out", || {
            socket.send_to(request.as_bytes(), self.mi).expect("sent");
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).expect("an answer");
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            answer.contains("\"OK\"").then_some(())
        });
    }

    fn subscribe(&self) {
        let socket = format!("udp:{}", self.subscriber.local_addr().expect("an address"));
        self.command("event_subscribe", json!({"event": "E_TEST", "socket": socket, "expire": 600}));
    }

    /// An event is raised, and reaches the subscriber.
    #[track_caller]
    fn is_subscribed(&self, what: &str) {
        self.command("raise_event", json!({"event": "E_TEST"}));
        let mut buffer = [0; 4096];
        assert!(self.subscriber.recv(&mut buffer).is_ok(), "{what}: the subscription has ended");
    }

    fn retried(&self) -> f64 {
        self.daemon.metric("eventmanager_hub_deliveries_total", "outcome=\"retried\"")
    }

    /// Events wait for the core, attempts are due, a session, a subscription and a window run.
    fn set_out(&self) -> String {
        self.post("hub", &format!(r#"{{"callback":"{}"}}"#, self.hub.url()));
        self.subscribe();
        self.is_subscribed("before the jump");
        let (cookie, _) = logged_in(&self.daemon, "look");
        self.peers.broadworks.send(&add(1, "anna@tele.gl"));
        self.site.wait_ended(1);
        self.peers.ema.refuse(true).expect("refused");
        (2..=10).for_each(|id| self.peers.broadworks.send(&add(id, &format!("user{id}@tele.gl"))));
        eventually("they wait", || {
            let is_away = self.daemon.metric("eventmanager_breaker_open", "system=\"ema\"") == 1.0;
            (is_away && self.site.count(&["pending"]) == 9).then_some(())
        });
        let busy = Reply::With(503, "retry-after: 2".to_owned());
        self.hub.answer(move |_, _| busy.clone());
        self.post("event", r#"{"event":{"n":1}}"#);
        eventually("it is tried again", || (self.retried() >= 1.0).then_some(()));
        cookie
    }

    /// The same notification comes from the other server of the cluster: once before the jump and once behind it.
    fn notify(&self, first: bool) {
        let document = report(99, "GroupAddRequest", "<groupId>cluster</groupId>");
        let server = if first { &self.peers.broadworks } else { &self.second };
        server.send(&document);
        let wanted = if first { 1 } else { 2 };
        eventually("it is stored", || {
            let sql = "select count(*) from em_event where notification_id = 'write99'";
            let stored: i64 = self.site.database().query_row(sql, [], |row| row.get(0)).ok()?;
            (stored == wanted).then_some(())
        });
    }
}

#[track_caller]
fn check(seconds: i64) {
    let world = World::start();
    let what = format!("{seconds:+} s");
    let cookie = world.set_out();
    world.notify(true);
    world.jump(seconds);
    // What ran goes on running.
    world.notify(false);
    let duplicates = world.daemon.metric("eventmanager_duplicates_total", "source=\"as2\"");
    assert_eq!(duplicates, 1.0, "{what}: it was no duplicate");
    world.is_subscribed(&what);
    assert_eq!(
        http::get(world.daemon.http, "/api/v1/status", &cookie).status,
        200,
        "{what}: the session has ended"
    );
    let retried = world.retried();
    eventually(&format!("{what}: it is tried again"), || (world.retried() > retried).then_some(()));
    world.hub.answer(|_, _| Reply::Status(204));
    let before = world.hub.count();
    eventually(&format!("{what}: it is delivered"), || (world.hub.count() > before).then_some(()));
    world.peers.ema.refuse(false).expect("listening again");
    eventually(&format!("{what}: all are carried out"), || {
        (world.site.count(&["completed"]) == 10).then_some(())
    });
    assert_eq!(world.peers.ema.state().associations.len(), 10, "{what}");
    // And back.
    world.jump(0);
    world.is_subscribed(&what);
    world.post("event", r#"{"event":{"n":2}}"#);
    eventually(&format!("{what}: the next is delivered"), || {
        world.hub.latest().filter(|request| request.n() == 2)
    });
    world.peers.broadworks.send(&add(11, "eva@tele.gl"));
    eventually(&format!("{what}: the last is carried out"), || {
        (world.site.count(&["completed"]) == 11).then_some(())
    });
    eventually("nothing is pending", || {
        (world.daemon.metric("eventmanager_events_pending", "") == 0.0).then_some(())
    });
    assert_eq!(world.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0, "{what}");
    assert_eq!(world.daemon.metric("eventmanager_hub_halted", ""), 0.0, "{what}");
    assert_eq!(world.daemon.get("/readyz").0, 200, "{what}");
    assert_eq!(world.daemon.terminate(), Some(0), "{what}");
}

#[test]
fn a_clock_that_jumps_an_hour_ahead_ends_nothing_early() {
    check(HOUR);
}

#[test]
fn a_clock_that_jumps_an_hour_back_holds_nothing_up() {
    check(-HOUR);
}

#[test]
fn a_clock_that_jumps_a_day_ahead_ends_nothing_early() {
    check(DAY);
}

/// What is kept for some time is swept at a start as well: on a day that is another nothing goes that is not done with.
#[test]
fn a_start_on_a_wrong_day_deletes_nothing_that_waits() {
    let (peers, hub) = (Peers::start(), Receiver::scripted(|_, _| Reply::Status(503)));
    let site = Site::new(&format!(
        "[store]\nretention_days = 1\ntopic_log = \"1h\"\n{}[event_management]\nretry_initial = \"100ms\"\nretry_max = \"2s\"\n\
         keep_backlog = \"30d\"\n[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\n{}",
        peers.config(""),
        hub.address,
        tokens(),
    ));
    let clock = Clock::new(&site);
    let daemon = clock.start(&site);
    let post = |daemon: &Daemon, path: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST /psi-api/event/v2/topic/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer act\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        eventually("it is answered", || {
            Some(http::send(daemon.http, &request)).filter(|it| it.status == 201)
        });
    };
    post(&daemon, "order/hub", &format!(r#"{{"callback":"{}"}}"#, hub.url()));
    // What is done with, and what nobody wants: both go.
    peers.broadworks.send(&add(1, "bent@tele.gl"));
    site.wait_ended(1);
    post(&daemon, "inquiry/event", "{}");
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    eventually("it waits", || (site.count(&["pending"]) == 1).then_some(()));
    (1..=3).for_each(|n| post(&daemon, "order/event", &format!(r#"{{"event":{{"n":{n}}}}}"#)));
    assert_eq!(daemon.terminate(), Some(0));
    clock.jump(2 * DAY);
    let daemon = clock.start(&site);
    eventually("what is done with is deleted", || (site.count(&["completed"]) == 0).then_some(()));
    eventually("what nobody wants is deleted", || {
        let sql = "select count(*) from em_topic_log where topic = 'inquiry'";
        let stored: i64 = site.database().query_row(sql, [], |row| row.get(0)).ok()?;
        (stored == 0).then_some(())
    });
    assert_eq!(site.count(&["pending"]), 1);
    hub.answer(|_, _| Reply::Status(204));
    let came = hub.count();
    eventually("all three are delivered", || (hub.latest()?.n() == 3 && hub.count() > came).then_some(()));
    peers.ema.refuse(false).expect("listening again");
    eventually("it is carried out", || (site.count(&["completed"]) == 1).then_some(()));
    assert_eq!(daemon.terminate(), Some(0));
}

/// Told apart from a clock that does not jump at all.
#[test]
fn the_clock_that_jumps_is_that_of_the_wall_alone() {
    let world = World::start();
    world.jump(HOUR);
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    let took = world.daemon.metric("eventmanager_event_duration_seconds_sum", "");
    assert!(took < 60.0, "{took} s");
}
