//! Subscriptions end with the daemon, whatever OpenSIPS has answered, and nothing makes it forget that it is to end.

use crate::scripted::{Scripted, well};
use crate::support::daemon::eventually;
use crate::trial::Trial;
use eventmanager::simulators::opensips::{
    Misbehaviour, OpensipsHandle, OpensipsOptions, OpensipsSimulator, named,
};
use serde_json::json;

fn opensips() -> OpensipsHandle {
    OpensipsSimulator::start(OpensipsOptions::default()).expect("an OpenSIPS")
}

#[test]
fn what_was_made_and_not_answered_is_ended() {
    let opensips = opensips();
    opensips.misbehave(Misbehaviour::Silent);
    let mi = opensips.udp().expect("an address");
    let keys = format!(
        "mi = \"udp:{mi}\"\nmi_format = \"json\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_PIKE_BLOCKED\"]"
    );
    let trial = Trial::start(&keys, "");
    eventually("it is made", || {
        (opensips.raise("E_PIKE_BLOCKED", named([("a", "b")])).sent > 0).then_some(())
    });
    assert_eq!(trial.daemon.terminate(), Some(0));
    let left = opensips.subscribers();
    assert!(left.iter().all(|it| it.expire == 0), "{left:?}");
}

#[test]
fn each_is_ended_though_no_end_is_answered() {
    let opensips = opensips();
    let mi = opensips.udp().expect("an address");
    let keys = format!(
        "mi = \"udp:{mi}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_PIKE_BLOCKED\", \"E_TEST\", \"E_ACC_CDR\"]"
    );
    let trial = Trial::subscribed(&keys, "");
    opensips.misbehave(Misbehaviour::Silent);
    assert_eq!(trial.daemon.terminate(), Some(0));
    let left = opensips.subscribers();
    assert!(left.iter().all(|it| it.expire == 0), "{left:?}");
}

#[test]
fn what_was_never_seen_is_not_told_to_be_lost() {
    let mut lists = 0;
    let mi = Scripted::start(move |request| {
        if request["method"] != "subscribers_list" {
            return vec![well(request)];
        }
        lists += 1;
        // The session that has made it ends with the first one.
        let error = json!({"code": 404, "message": "Event not published"});
        let none = json!({"jsonrpc": "2.0", "error": error, "id": request["id"]}).to_string();
        if lists <= 3 { Vec::new() } else { vec![none] }
    });
    let socket = "listen = \"udp:127.0.0.1:0\"\nadvertise = \"127.0.0.1:9001\"\nevents = [\"E_X\"]";
    let keys =
        format!("mi = \"udp:{}\"\n{socket}\nrequest_timeout = \"300ms\"\nverify = \"200ms\"", mi.address);
    let trial = Trial::start(&keys, "");
    trial.daemon.logged(&["opensips has answered OK and not subscribed us", "E_X"]);
    assert_eq!(trial.metric("subscriptions_lost_total", ""), 0.0);
}

#[test]
fn a_stop_is_not_forgotten_where_the_file_of_the_socket_goes_meanwhile() {
    let opensips = opensips();
    let directory = tempfile::tempdir().expect("a directory");
    let (mi, path) = (opensips.udp().expect("an address"), directory.path().join("events.sock"));
    let keys = format!(
        "mi = \"udp:{mi}\"\nlisten = \"unix:{}\"\nevents = [\"E_PIKE_BLOCKED\"]\nverify = \"10m\"",
        path.display()
    );
    let trial = Trial::subscribed(&keys, "");
    // The farewell takes its whole time, and the file is looked for within it.
    opensips.misbehave(Misbehaviour::Silent);
    let asked = opensips.asked("event_subscribe");
    trial.daemon.signal("TERM");
    eventually("it says farewell", || (opensips.asked("event_subscribe") > asked).then_some(()));
    std::fs::remove_file(&path).expect("removed");
    let (ended, log) = trial.daemon.ended_logged();
    assert!(ended == Some(0) && !log.contains("did not stop in time"), "{ended:?} {log}");
    assert!(!log.contains("the file of the socket is gone"), "{log}");
}
