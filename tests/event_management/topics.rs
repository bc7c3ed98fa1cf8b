//! Topics can be listed (REQ 01-01), below every base path that is in use.

use crate::given::*;
use eventmanager::simulators::asterisk::{AsteriskOptions, AsteriskSimulator};
use eventmanager::states::DeviceState;

const BASES: [&str; 5] =
    ["/psi-api/event/v2", "/event/v2", "/psi/event/v2", "/eventManagement/v2", "/own/v9"];

#[test]
fn topics_are_listed_below_every_base_path() {
    let routes = "[[route]]\nsource = \"k1\"\nto = [\"calls\"]\n";
    let (_site, daemon) = start(&format!("base_path = \"/own/v9\"\n{routes}"));
    for base in BASES {
        let topics = body_of(&ask_at(&daemon, "GET", &format!("{base}/topic"), "", ""), 200);
        let mut names = all(&topics, "id");
        assert_eq!(names, all(&topics, "name"));
        names.sort();
        assert_eq!(
            names,
            ["alarm", "asterisk", "broadworks", "calls", "inquiry", "kamailio", "opensips", "order"]
        );
        for topic in topics.as_array().expect("a list") {
            let href = text(topic, "href");
            assert_eq!(href, format!("{base}/topic/{}", text(topic, "id")));
            assert_eq!(body_of(&ask_at(&daemon, "GET", &href, "", ""), 200), *topic);
        }
    }
    error_of(&get(&daemon, "/topic/ordre"), 404);
}

#[test]
fn a_list_is_asked_for_with_head_as_well() {
    let (_site, daemon) = start("");
    let (whole, head) = (get(&daemon, "/topic"), ask(&daemon, "HEAD", "/topic", "", ""));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-type", "content-length", "x-total-count", "x-result-count"] {
        assert!(whole.header(name).is_some(), "{name}: {}", whole.head);
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    assert_eq!(ask(&daemon, "HEAD", "/topic/none", "", "").status, 404);
}

#[test]
fn where_it_is_not_configured_there_is_nothing() {
    let site = Site::quiet("");
    let daemon = site.start();
    for base in &BASES[..4] {
        let answer = ask_at(&daemon, "GET", &format!("{base}/topic"), "", "");
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/problem+json")));
    }
    assert_eq!(daemon.get("/api/v1/hubs").0, 404);
}

#[test]
fn a_reload_changes_topics_and_base_path() {
    let (site, daemon) = start("base_path = \"/old\"\n");
    let changed = |from: &str, to: &str| {
        let file = std::fs::read_to_string(site.config()).expect("a configuration");
        std::fs::write(site.config(), file.replacen(from, to, 1)).expect("written");
        daemon.signal("HUP");
    };
    changed("base_path = \"/old\"\n", "base_path = \"/new\"\ntopics = [\"mine\"]\n");
    eventually("the new path is there", || {
        (ask_at(&daemon, "GET", "/new/topic", "", "").status == 200).then_some(())
    });
    assert_eq!(ask_at(&daemon, "GET", "/old/topic", "", "").status, 404);
    let mut names = all(&body_of(&get(&daemon, "/topic"), 200), "id");
    names.sort();
    assert_eq!(names, ["alarm", "inquiry", "mine", "order"]);
}

#[test]
fn a_state_that_changes_at_an_asterisk_is_an_event_of_its_topic() {
    let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
    let receiver = Receiver::start();
    let section = format!(
        "{}[[asterisk]]\nname = \"pbx\"\naddress = \"{}\"\nusername = \"eventmanager\"\nsecret = \"amisecret\"\n\
         [[route]]\nsource = \"pbx\"\nevent = \"DeviceStateChange\"\nto = [\"asterisk\"]\n",
        peer(receiver.address, ""),
        asterisk.addr()
    );
    let (_site, daemon) = start(&section);
    body_of(&post(&daemon, "/topic/asterisk/hub", &json!({"callback": receiver.callback()})), 201);
    // What the route wants is asked for once it is connected, and nothing tells from outside when that stands.
    let mut states = [DeviceState::InUse, DeviceState::Ringing].into_iter().cycle();
    let delivered = eventually("a change is delivered", || {
        asterisk.set_device("SIP/100", states.next()?);
        receiver.taken().first().cloned()
    });
    let events = body_of(&get(&daemon, "/topic/asterisk/event"), 200);
    assert_eq!(events[0]["eventId"], delivered["eventId"]);
    assert_eq!(
        (&events[0]["eventType"], &events[0]["domain"]),
        (&json!("DeviceStateChange"), &json!("asterisk"))
    );
    assert_eq!(events[0]["source"], json!({"id": "pbx", "name": "pbx"}));
    assert_eq!(events[0]["event"]["Device"], json!("SIP/100"), "{events}");
    let state = text(&events[0]["event"], "State");
    assert!(["INUSE", "RINGING"].contains(&state.as_str()), "{events}");
}
