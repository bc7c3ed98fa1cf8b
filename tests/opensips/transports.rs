//! Every way to ask, in both eras, and every way in which events come.

use crate::support::daemon::eventually;
use crate::trial::Trial;
use eventmanager::simulators::opensips::{
    Misbehaviour, OpensipsHandle, OpensipsOptions, OpensipsSimulator, Version, named,
};
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;

const EVENTS: &str = "events = [\"E_UL_AOR_INSERT\", \"E_PIKE_BLOCKED\"]";

/// An OpenSIPS that can be asked in every way that its version knows.
fn opensips(version: Version, directory: &Path) -> OpensipsHandle {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = OpensipsOptions {
        version,
        unix: Some(directory.join("mi.sock")),
        fifo: Some(directory.join("mi.fifo")),
        reply_dir: directory.to_owned(),
        http: any,
        reliable: true,
        ..OpensipsOptions::default()
    };
    OpensipsSimulator::start(options).expect("an OpenSIPS")
}

/// Subscribes, hears of what happens, and unsubscribes.
#[track_caller]
fn check(opensips: &OpensipsHandle, directory: &Path, mi: &str, listen: &str) {
    let has_files = mi.starts_with("unix:") || mi.starts_with("fifo:");
    let reply_dir = if has_files { format!("reply_dir = {directory:?}") } else { String::new() };
    let keys = format!("mi = \"{mi}\"\nlisten = \"{listen}\"\n{EVENTS}\n{reply_dir}");
    let trial = Trial::subscribed(&keys, "[[route]]\nevent = \"E_UL_AOR_INSERT\"\nstore = true\n");
    // Those of before may be told for a second more.
    let held = opensips.subscribers().iter().filter(|it| it.expire > 0).count();
    assert_eq!(held, 2, "{mi} {listen}");
    let told = opensips.raise("E_UL_AOR_INSERT", named([("domain", "location"), ("aor", "anna")]));
    assert!(told.sent + told.queued >= 1, "{mi} {listen}");
    opensips.raise("E_PIKE_BLOCKED", named([("ip", "203.0.113.7")]));
    trial.wait_received(2.0);
    eventually("what a route wants is stored", || (trial.site.count(&["ignored"]) == 1).then_some(()));
    assert_eq!(trial.metric("frames_bad_total", ""), 0.0, "{mi} {listen}");
    assert_eq!(trial.daemon.terminate(), Some(0));
    assert!(opensips.subscribers().iter().all(|it| it.expire == 0), "{mi} {listen}: still subscribed");
    // Neither sockets nor FIFOs are left behind.
    let left = std::fs::read_dir(directory).expect("the directory").count();
    assert!(left <= 2, "{mi} {listen}: {left} files");
}

fn udp(opensips: &OpensipsHandle) -> String {
    format!("udp:{}", opensips.udp().expect("an address"))
}

fn unix(opensips: &OpensipsHandle) -> String {
    format!("unix:{}", opensips.unix().expect("a path").display())
}

fn fifo(opensips: &OpensipsHandle) -> String {
    format!("fifo:{}", opensips.fifo().expect("a path").display())
}

#[test]
fn text_is_spoken_over_datagrams_and_a_fifo() {
    let directory = TempDir::new().expect("a directory");
    let opensips = opensips(Version::V2_4, directory.path());
    let events = TempDir::new().expect("a directory");
    let listen = format!("unix:{}/events.sock", events.path().display());
    for (mi, listen) in [
        (udp(&opensips), "udp:127.0.0.1:0"),
        (unix(&opensips), listen.as_str()),
        (fifo(&opensips), "udp:127.0.0.1:0"),
    ] {
        check(&opensips, directory.path(), &mi, listen);
    }
}

#[test]
fn json_is_spoken_over_datagrams_a_fifo_and_http() {
    let directory = TempDir::new().expect("a directory");
    let opensips = opensips(Version::V3_6, directory.path());
    let events = TempDir::new().expect("a directory");
    let listen = format!("unix:{}/events.sock", events.path().display());
    let http = format!("http://{}/mi", opensips.http().expect("an address"));
    for (mi, listen) in [
        (udp(&opensips), "udp:127.0.0.1:0"),
        (unix(&opensips), listen.as_str()),
        (fifo(&opensips), "tcp:127.0.0.1:0"),
        (http, "tcp:127.0.0.1:0"),
    ] {
        check(&opensips, directory.path(), &mi, listen);
    }
    let counts = opensips.counts();
    assert!(counts.acknowledged >= 4, "what comes over TCP is answered: {counts:?}");
}

#[test]
fn the_versions_between_the_eras_are_understood() {
    for version in [Version::V3_0, Version::V3_1_0] {
        let directory = TempDir::new().expect("a directory");
        let opensips = opensips(version, directory.path());
        check(&opensips, directory.path(), &udp(&opensips), "udp:127.0.0.1:0");
    }
}

#[test]
fn a_stream_that_ends_within_an_event_is_told_and_the_next_one_read() {
    let directory = TempDir::new().expect("a directory");
    let opensips = opensips(Version::V3_6, directory.path());
    let keys = format!("mi = \"{}\"\nlisten = \"tcp:127.0.0.1:0\"\n{EVENTS}", udp(&opensips));
    let trial = Trial::subscribed(&keys, "");
    opensips.misbehave(Misbehaviour::Truncating { after: 20 });
    opensips.raise("E_PIKE_BLOCKED", named([("ip", "203.0.113.7")]));
    eventually("it is told", || (trial.bad("truncated") >= 1.0).then_some(()));
    opensips.misbehave(Misbehaviour::None);
    eventually("the next one is read", || {
        opensips.raise("E_PIKE_BLOCKED", named([("ip", "203.0.113.8")]));
        (trial.received() > 0.0).then_some(())
    });
    let read = trial.received();
    let more = b"{\"jsonrpc\":\"2.0\",\"method\":7}{\"jsonrpc\":\"2.0\",\"method\":\"E_PIKE_BLOCKED\"}";
    opensips.raise_bytes("E_PIKE_BLOCKED", more);
    eventually("what is no event is told, and the next one read", || {
        (trial.bad("shape") == 1.0 && trial.received() == read + 1.0).then_some(())
    });
}
