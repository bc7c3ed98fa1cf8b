//! From what peers send to what consumers get, through the whole daemon.

use crate::consumer::Consumer;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, set_phone};
use crate::support::peers::Peers;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUTES: &str = "[[route]]\nsource = \"k1\"\nevent = \"call_*\"\nto = [\"calls\", \"all\"]\n\
    [[route]]\nevent = \"User*\"\nto = [\"users\", \"all\"]\n\
    [evapi_server]\nlisten = \"127.0.0.1:0\"\n[[evapi_server.topic]]\ntopic = \"users\"\nsend = \"multicast\"\ntag = \"crm\"\n";

/// A daemon between an application server, a Kamailio, and consumers.
struct Trial {
    peers: Peers,
    kamailio: TcpStream,
    site: Site,
    daemon: Daemon,
    address: SocketAddr,
}

impl Trial {
    fn start() -> Trial {
        let peers = Peers::start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let kamailio = format!("[[kamailio]]\nname = \"k1\"\naddress = \"{address}\"\n");
        let site = Site::new(&format!("{}{ROUTES}{kamailio}", peers.config("")));
        let daemon = site.start();
        let (kamailio, _) = listener.accept().expect("the daemon connects");
        let line = daemon.logged(&["evapi server listens", "address="]);
        let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address = address.expect("an address").parse().expect("an address");
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        Trial { peers, kamailio, site, daemon, address }
    }

    fn script_sends(&mut self, payload: &str) {
        write!(self.kamailio, "{}:{payload},", payload.len()).expect("the daemon reads");
    }
}

#[test]
fn consumers_get_what_application_servers_and_scripts_say() {
    let mut trial = Trial::start();
    let mut all = Consumer::connect(trial.address).ready();
    let mut crm = Consumer::connect(trial.address).tagged("crm");
    crm.subscribe(serde_json::json!(["users"]));
    trial.script_sends(r#"{"event":"call_start","z":1,"from":"anna"}"#);
    trial.script_sends(r#"{"event":"other"}"#);
    let call = all.payload();
    assert!(
        call.starts_with(r#"{"event":"call_start","z":1,"from":"anna","eventmanager":{"id":""#),
        "{call}"
    );
    let call: serde_json::Value = serde_json::from_str(&call).expect("JSON");
    assert_eq!(call["eventmanager"]["topics"], serde_json::json!(["all", "calls"]));
    assert_eq!(call["eventmanager"]["source"], "k1");
    trial.peers.broadworks.send(&add(1, "anna@tele.gl"));
    for consumer in [&mut all, &mut crm] {
        let user = consumer.next();
        assert_eq!(user["event"], "UserAddRequest");
        assert_eq!((&user["status"], &user["user"]), (&"completed".into(), &"anna@tele.gl".into()));
    }
    // While the database is away nothing is handed on, and nothing is forgotten.
    let database = trial.site.database();
    database.execute_batch("begin immediate").expect("a lock");
    trial.script_sends(r#"{"event":"call_end"}"#);
    trial.peers.broadworks.send(&set_phone(2, "nobody@tele.gl", "321044"));
    assert!(!all.has_more());
    database.execute_batch("rollback").expect("unlocked");
    let mut names = all.names(2);
    names.sort();
    assert_eq!(names, ["UserModifyRequest", "call_end"]);
    assert_eq!(crm.next()["status"], "failed");
    assert_eq!(trial.daemon.metric("eventmanager_dropped_total", ""), 0.0);
}

/// Its log begins with the first row again.
#[test]
fn consumers_get_what_comes_into_a_database_that_replaces_another() {
    let mut trial = Trial::start();
    let mut all = Consumer::connect(trial.address).ready();
    (0..50).for_each(|_| trial.script_sends(r#"{"event":"call_start"}"#));
    all.names(50);
    for name in ["events.db", "events.db-wal", "events.db-shm"] {
        // The companions are there only while something is in them.
        let _ = std::fs::remove_file(trial.site.directory.path().join(name));
    }
    // The place in the old log would be reached in the new one much later.
    let got = (0..30).any(|_| {
        trial.script_sends(r#"{"event":"call_end"}"#);
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && !all.has_more() {
            std::thread::sleep(Duration::from_millis(10));
        }
        all.has_more()
    });
    assert!(got, "nothing of the new log has come");
    assert_eq!(all.names(1), ["call_end"]);
    trial.daemon.logged(&["the file was removed or replaced"]);
}

#[test]
fn the_consumer_of_the_documentation_works() {
    let page = include_str!("../../docs/evapi-server.md");
    let code = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let mut trial = Trial::start();
    let code = code.replace("8448", &trial.address.port().to_string());
    let mut consumer = Command::new("python3")
        .args(["-u", "-c", &code])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    eventually("it is connected", || {
        (trial.daemon.metric("eventmanager_evapi_clients", "") == 1.0).then_some(())
    });
    trial.script_sends(r#"{"event":"call_start","from":"anna"}"#);
    let mut lines = BufReader::new(consumer.stdout.take().expect("a pipe")).lines();
    let line = lines.next().expect("a line").expect("text");
    assert!(line.starts_with("call_start ['all', 'calls'] {"), "{line}");
    drop(trial);
    assert!(consumer.wait().expect("it ends with its connection").success());
}
