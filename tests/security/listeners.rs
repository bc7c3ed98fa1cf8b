//! Where the daemon listens, and that nobody from elsewhere is served there whom the configuration does not know.

use crate::given::*;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::ports::lasting;
use std::collections::BTreeSet;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A file that is refused is refused long before.
const GOES_ON: Duration = Duration::from_secs(20);
/// The configuration's file that is shipped has every key (`the_shipped_file_is_the_defaults`).
const SHIPPED: &str = include_str!("../../config/eventmanager.toml");

/// Keys of listeners, the section of each with `@` for its address, and what refuses it beyond loopback.
const LISTENERS: [(&str, &str, &str); 7] = [
    ("http.listen", "[http]\nlisten = \"@\"\n", "needs a [[http.token]]"),
    ("opensips.listen", OPENSIPS_UDP, "needs allow_from"),
    ("opensips.listen", OPENSIPS_TCP, "needs allow_from"),
    ("zmq_server.pull", "[zmq_server]\npub = \"127.0.0.1:0\"\npull = \"@\"\n", "needs allow_from"),
    ("zmq_server.pub", "[zmq_server]\npull = \"127.0.0.1:0\"\npub = \"@\"\n", "needs allow_from"),
    ("evapi_server.listen", "[evapi_server]\nlisten = \"@\"\n", "needs allow_from"),
    ("evi.udp", "[evi]\nudp = \"@\"\n", "needs allow_from"),
];
const OPENSIPS_UDP: &str = "[[opensips]]\nname = \"sbc\"\nmi = \"udp:127.0.0.1:9\"\nevents = [\"E_A\"]\nadvertise = \"em:9\"\nlisten = \"udp:@\"\n";
const OPENSIPS_TCP: &str = "[[opensips]]\nname = \"sbc\"\nmi = \"udp:127.0.0.1:9\"\nevents = [\"E_A\"]\nadvertise = \"em:9\"\nlisten = \"tcp:@\"\n";
/// Keys whose values look like those of listeners, at which we connect to others.
const CONNECTED_TO: [&str; 2] = ["asterisk.cmd", "asterisk.evt"];

/// Section and key of each line of the file that has an address of IP and port.
fn keys_with_addresses() -> BTreeSet<String> {
    let (mut section, mut keys) = (String::new(), BTreeSet::new());
    for line in SHIPPED.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            section = line.trim_matches(|c| c == '[' || c == ']').to_owned();
        }
        let Some((key, value)) = line.split_once(" = \"") else { continue };
        let value = value.trim_end_matches('"');
        let address = value.split_once(':').filter(|(kind, _)| matches!(*kind, "udp" | "tcp"));
        if address.map_or(value, |(_, address)| address).parse::<SocketAddr>().is_ok() {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

/// A new key of a listener fails here, until it stands in the list and so in the tests below.
#[test]
fn every_listener_of_the_configuration_is_among_those_that_are_tried() {
    let known = LISTENERS.iter().map(|(key, ..)| *key).chain(CONNECTED_TO);
    assert_eq!(keys_with_addresses(), known.map(str::to_owned).collect());
}

/// What a command says of a file with this, and its exit code; none where it goes on with it.
fn says(command: &str, config: &str) -> (String, Option<i32>) {
    let site = site(config);
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args([command, "--config"])
        .arg(site.config())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let since = Instant::now();
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended.code();
        }
        if since.elapsed() > GOES_ON {
            child.kill().expect("killed");
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    child.wait().expect("ended");
    (said, ended)
}

#[test]
fn a_listener_that_others_reach_and_that_knows_nobody_is_refused_at_the_start_by_its_name() {
    for (key, section, problem) in LISTENERS {
        for address in
            ["0.0.0.0:7001", "192.0.2.1:7001", "[::]:7001", "[::ffff:0.0.0.0]:7001", "[2001:db8::1]:7001"]
        {
            if key == "opensips.listen" && address.starts_with('[') {
                // It speaks IPv4 alone.
                continue;
            }
            for command in ["run", "check"] {
                let (said, code) = says(command, &section.replace('@', address));
                let expected = format!("{key}: can be reached from other hosts, which {problem}");
                assert!(said.contains(&expected), "{command} {key} {address}: {said}");
                assert!(matches!(code, Some(1..=100)), "{command} {key} {address}: {code:?}");
            }
        }
        let nobody = if key == "http.listen" { "token = []" } else { "allow_from = []" };
        let (said, code) = says("run", &format!("{}{nobody}\n", section.replace('@', "0.0.0.0:7001")));
        assert!(said.contains(key) || said.contains("names nobody"), "{key}: {said}");
        assert!(matches!(code, Some(1..=100)), "{key}: {code:?}");
    }
    let (said, code) = says("check", "[http]\nlisten = \"0.0.0.0:7001\"\n");
    assert!(said.contains("eventmanager.toml:4:"), "with its line: {said}");
    assert_eq!(code, Some(1));
}

/// A daemon that listens everywhere it can, each with the address that `at` gives for its key.
fn everywhere(host: &str, known: &str) -> (Site, Daemon, Vec<u16>) {
    let ports: Vec<u16> = (0..5).map(|_| lasting().port()).collect();
    let [opensips, pull, publish, evapi, evi] = ports[..] else { unreachable!("five of them") };
    let site = Site::new(&format!(
        "[[opensips]]\nname = \"sbc\"\nmi = \"udp:127.0.0.1:9\"\nevents = [\"E_A\"]\nadvertise = \"em:9\"\n\
         listen = \"tcp:{host}:{opensips}\"\n{known}\
         [zmq_server]\npull = \"{host}:{pull}\"\npub = \"{host}:{publish}\"\n{known}\
         [evapi_server]\nlisten = \"{host}:{evapi}\"\n{known}\
         [evi]\nudp = \"{host}:{evi}\"\n{known}\
         [event_management]\n[device_state]\n"
    ));
    let daemon = site.start();
    (site, daemon, ports)
}

/// The local addresses of sockets of this process in a table of `/proc`, where `is_meant` holds for a row.
fn sockets(daemon: &Daemon, table: &str, is_meant: impl Fn(&[&str]) -> bool) -> BTreeSet<u16> {
    let fds = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("descriptors");
    let links = fds.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let own: BTreeSet<String> = links.map(|link| link.display().to_string()).collect();
    let rows = std::fs::read_to_string(format!("/proc/{}/net/{table}", daemon.id())).expect("a table");
    let port = |row: &str| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let is_own = own.contains(&format!("socket:[{}]", fields.get(9)?));
        let (_, port) = fields[1].rsplit_once(':')?;
        (is_own && is_meant(&fields)).then(|| u16::from_str_radix(port, 16).ok())?
    };
    rows.lines().skip(1).filter_map(port).collect()
}

#[test]
fn the_daemon_listens_where_it_is_configured_and_nowhere_else() {
    let (_site, daemon, ports) = everywhere("127.0.0.1", "");
    let mut tcp: BTreeSet<u16> = ports[..4].iter().copied().collect();
    tcp.insert(daemon.http.port());
    let is_listening = |row: &[&str]| row[3] == "0A";
    let nobody = |row: &[&str]| row[2].ends_with(":0000");
    eventually("all of them listen", || (sockets(&daemon, "tcp", is_listening) == tcp).then_some(()));
    // What was sent to OpenSIPS has an end of its own, which is connected to it.
    eventually("datagrams too", || (sockets(&daemon, "udp", nobody) == [ports[4]].into()).then_some(()));
    for table in ["tcp6", "udp6"] {
        assert_eq!(sockets(&daemon, table, |_| true), BTreeSet::new(), "{table}");
    }
}

#[test]
fn strangers_are_sent_away_by_every_listener_that_knows_who_may_come() {
    let (_site, daemon, ports) = everywhere("0.0.0.0", "allow_from = [\"127.200.0.0/16\"]\n");
    for port in &ports[..4] {
        let address = SocketAddr::from(([127, 0, 0, 1], *port));
        eventually("it listens", || std::net::TcpStream::connect(address).ok());
        let mut stranger = connect_from([127, 0, 0, 9].into(), address);
        let mut told = Vec::new();
        // A reset is an end as well.
        let _ = stranger.read_to_end(&mut told);
        assert!(told.is_empty(), "{port}: {told:?}");
        let mut known = connect_from(elsewhere(), address);
        known.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        let mut byte = [0];
        // It is greeted, or waited for.
        let stays = match known.read(&mut byte) {
            Ok(read) => read == 1,
            Err(error) => {
                matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
            }
        };
        assert!(stays, "{port}: {}", daemon.log());
    }
}
