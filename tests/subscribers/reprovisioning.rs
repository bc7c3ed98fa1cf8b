//! A row is sent to HSS, ENUM and mail once more.

use crate::given::*;
use crate::support::daemon::eventually;
use crate::support::documents::{drop_phone, password, report, voicemail};
use crate::support::http;
use crate::support::peers::Peers;
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::{EnumRequest, HssRequest};
use serde_json::{Value, json};

/// Somebody removes what the HSS holds of Anna, or what ENUM does, past the daemon.
fn lose(peers: &Peers, hss: bool, enumeration: bool) {
    let association_id = peers.ema.state().associations.keys().next().cloned().expect("an association");
    if hss {
        peers.ema.apply_hss(HssRequest::DeleteAssociation { association_id }).expect("deleted");
    }
    if enumeration {
        peers.ema.apply_enum(EnumRequest::Delete { msisdn: format!("tel:299{PHONE}") }).expect("deleted");
    }
}

fn sip_password(peers: &Peers) -> Option<Secret> {
    peers.ema.state().associations.values().next().expect("an association").password.clone()
}

#[test]
fn what_the_core_has_lost_is_there_again_and_a_lost_password_is_told() {
    let (peers, site, daemon) = site();
    let before = peers.ema.state().without_passwords();
    let rows = crate::support::peers::subscribers(&site);
    lose(&peers, true, true);
    assert_eq!(peers.ema.holds(), (0, 0));
    let seen = json(&daemon, &reprovision_path(ANNA));
    let warnings = &seen["plan"]["outcome"]["requests"]["warnings"];
    assert!(warnings[0].as_str().expect("a warning").starts_with("lost SIP password, where"), "{seen}");
    let event = ended(&daemon, reprovision(&daemon, ANNA));
    assert_eq!(event["status"], "completed", "{event}");
    assert_eq!(event["warnings"], json!(["lost SIP password"]));
    assert_eq!((&event["source"], &event["user"]), (&"local".into(), &"local".into()));
    assert_eq!(event["subscriber"], ANNA);
    assert_eq!(peers.ema.state().without_passwords(), before);
    assert_eq!(crate::support::peers::subscribers(&site), rows, "the row is what it was");
    eventually("the warning is told", || daemon.log().contains("event ended with a warning").then_some(()));
    let shown = json(&daemon, "/api/v1/subscribers/anna@tele.gl");
    assert_eq!(shown["events"][0]["command"], "SubscriberReprovision");
    let acts = json(&daemon, "/api/v1/audit")["acts"].clone();
    let act = &acts[0];
    assert_eq!(
        (&act["act"], &act["object"], &act["actor"]),
        (&"reprovision".into(), &ANNA.into(), &"local".into())
    );
    assert_eq!(act["detail"], "lost in the HSS");
}

#[test]
fn what_is_there_keeps_its_password_and_is_brought_to_the_row() {
    let (peers, site, daemon) = site();
    peers.broadworks.send(&password(3, ANNA, "hemmelig"));
    site.wait_ended(3);
    let before = peers.ema.state();
    // The HSS has another phone context, ENUM another identity, as after a restored backup of theirs.
    let association_id = before.associations.keys().next().cloned().expect("an association");
    let other = HssRequest::SetPhoneContext {
        association_id,
        service_profile_id: ANNA.into(),
        phone_context: "old.gl".into(),
    };
    peers.ema.apply_hss(other).expect("changed");
    lose(&peers, false, true);
    let stale =
        EnumRequest::Create { msisdn: format!("tel:299{PHONE}"), public_id: "sip:old@tele.gl".into() };
    peers.ema.apply_enum(stale).expect("created");
    let event = ended(&daemon, reprovision(&daemon, ANNA));
    assert_eq!((&event["status"], &event["warnings"]), (&"completed".into(), &json!([])), "{event}");
    assert_eq!(peers.ema.state(), before);
    assert_eq!(sip_password(&peers), Some(Secret::new("hemmelig")));
    assert!(event["steps"][0]["answer"].as_str().expect("an answer").contains("ALREADY DEFINED"));
}

#[test]
fn a_mailbox_is_made_with_the_password_of_the_row() {
    let (peers, site, daemon) = site();
    peers.broadworks.send(&voicemail(3, ANNA, Some(("anna@mail.gl", "s3cret-post"))));
    site.wait_ended(3);
    assert_eq!(site.count(&["completed"]), 3, "{:?}", site.events());
    let event = ended(&daemon, reprovision(&daemon, ANNA));
    assert_eq!(event["status"], "completed", "{event}");
    let steps = event["steps"].as_array().expect("steps");
    assert_eq!(steps.last().expect("a step")["request"], "create mail account anna@mail.gl");
    let sent = peers.surgemail.calls();
    let created = sent.iter().filter(|call| format!("{call:?}").contains("user_create")).count();
    assert_eq!(created, 2, "{sent:?}");
    assert!(!event.to_string().contains("s3cret-post"));
}

#[test]
fn a_kill_in_the_middle_is_no_end_of_it() {
    let (peers, site, daemon) = site();
    let before = peers.ema.state().without_passwords();
    lose(&peers, true, true);
    // The association is made; its answer and what follows wait until the daemon is gone.
    peers.ema.script(vec![Rule::new(Action::ProcessAndHang).op("Create").times(1)]);
    let calls = requests(&peers).len();
    let id = reprovision(&daemon, ANNA);
    eventually("the request is under way", || (requests(&peers).len() > calls).then_some(()));
    daemon.kill();
    peers.ema.script(vec![]);
    let daemon = site.start();
    let event = ended(&daemon, id);
    assert_eq!(event["status"], "completed", "{event}");
    assert_eq!(event["attempt"], 1);
    assert!(event["warnings"][0].as_str().expect("a warning").starts_with("lost SIP password"), "{event}");
    assert_eq!(peers.ema.state().without_passwords(), before);
}

#[test]
fn an_outage_is_waited_for_and_a_refusal_fails_it() {
    let (peers, _site, daemon) = site();
    lose(&peers, true, false);
    peers.ema.refuse(true).expect("refusing");
    let id = reprovision(&daemon, ANNA);
    eventually("it waits", || {
        let status = json(&daemon, "/api/v1/status");
        (status["backlog"]["unfinished"] == 1 && status["backlog"]["waiting"] != json!([])).then_some(())
    });
    assert_eq!(json(&daemon, &format!("/api/v1/events/{id}"))["status"], "pending");
    peers.ema.refuse(false).expect("serving");
    assert_eq!(ended(&daemon, id)["status"], "completed");
    let refuse = Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::ErrorCode };
    peers.ema.script(vec![Rule::new(refuse).op("Set").times(1)]);
    let event = ended(&daemon, reprovision(&daemon, ANNA));
    assert_eq!(event["status"], "failed");
    assert!(event["reason"].as_str().expect("a reason").contains("set profile anna@tele.gl"), "{event}");
}

#[test]
fn it_has_its_turn_after_what_the_subscriber_waits_for() {
    let (peers, site, daemon) = site();
    let seen = json(&daemon, &reprovision_path(ANNA));
    assert_eq!(post(&daemon, "/api/v1/systems/hss/pause", &json!({})).status, 200);
    peers.broadworks.send(&drop_phone(3, ANNA));
    eventually("it waits", || (site.count(&["pending"]) == 1).then_some(()));
    let answer = post(&daemon, &reprovision_path(ANNA), &json!({"digest": seen["digest"]}));
    assert_eq!(answer.status, 202, "the row is still the one that was seen: {}", answer.body);
    assert_eq!(post(&daemon, "/api/v1/systems/hss/resume", &json!({})).status, 200);
    let event = ended(&daemon, answer.json()["id"].as_i64().expect("an id"));
    assert_eq!(event["status"], "completed", "{event}");
    assert!(event["warnings"][0].as_str().expect("a warning").contains("has changed"), "{event}");
    assert_eq!(peers.ema.holds(), (1, 0), "the phone that was dropped does not come back");
}

#[test]
fn another_plan_than_the_one_seen_is_not_sent() {
    let (peers, site, daemon) = site();
    let path = reprovision_path(ANNA);
    let seen = json(&daemon, &path)["digest"].clone();
    peers.broadworks.send(&drop_phone(3, ANNA));
    site.wait_ended(3);
    let before = requests(&peers).len();
    let check = |body: &Value, status: u16, says: &str| {
        let answer = post(&daemon, &path, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.body.contains(says), "{body}: {}", answer.body);
    };
    check(&json!({"digest": seen}), 409, "not the one that was seen");
    check(&json!({"digest": ""}), 409, "not the one that was seen");
    check(&json!({}), 400, "digest");
    check(&json!({"digest": null}), 400, "digest");
    check(&json!({"digest": 5}), 400, "digest");
    check(&json!({"digest": seen, "force": true}), 400, "force");
    check(&json!({"digest": seen, "reason": "x".repeat(501)}), 400, "501");
    check(&json!([]), 400, "");
    assert_eq!(post(&daemon, &reprovision_path("nobody"), &json!({"digest": seen})).status, 404);
    let put = http::send(
        daemon.http,
        &format!("PUT {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n"),
    );
    assert_eq!((put.status, put.header("Allow")), (405, Some("GET, HEAD, POST")));
    let plain = format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}");
    assert_eq!(http::send(daemon.http, &plain).status, 415);
    assert_eq!((site.events().len(), requests(&peers).len()), (3, before), "nothing has come of it");
    assert_eq!(json(&daemon, "/api/v1/audit")["acts"], json!([]));
}

#[test]
fn who_wishes_it_again_before_it_has_ended_is_told_which_event_does_it() {
    let (_peers, site, daemon) = site();
    let path = reprovision_path(ANNA);
    let wish = json!({"digest": json(&daemon, &path)["digest"]});
    assert_eq!(post(&daemon, "/api/v1/systems/hss/pause", &json!({})).status, 200);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(|| post(&daemon, &path, &wish))).collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!(taken.len(), 1, "{refused:?}");
    let id = taken[0].json()["id"].as_i64().expect("an id");
    for answer in &refused {
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert!(answer.body.contains(&format!("event {id} does the same")), "{}", answer.body);
    }
    assert_eq!(site.events().len(), 3, "{:?}", site.events());
    let acts = json(&daemon, "/api/v1/audit")["acts"].as_array().expect("a list").len();
    assert_eq!(acts, 2, "the pause and the one that was taken");
    daemon.kill();
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    assert_eq!(post(&daemon, &path, &wish).status, 409, "it is in the store");
    assert_eq!(post(&daemon, "/api/v1/systems/hss/resume", &json!({})).status, 200);
    assert_eq!(ended(&daemon, id)["status"], "completed");
    assert_ne!(reprovision(&daemon, ANNA), id, "what has ended stands in nobody's way");
}

#[test]
fn no_peer_can_wish_it() {
    let (peers, site, _daemon) = site();
    let before = requests(&peers).len();
    peers.broadworks.send(&report(3, "SubscriberReprovision", &format!("<userId>{ANNA}</userId>")));
    site.wait_ended(3);
    assert_eq!(site.events()[2].status, "ignored");
    assert_eq!(requests(&peers).len(), before);
}

#[test]
fn a_shadow_plans_it_and_sends_nothing() {
    let (peers, site, daemon) = site();
    drop(daemon);
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let text = text.replacen("[processing]\n", "[processing]\nmode = \"shadow\"\n", 1);
    std::fs::write(site.config(), text).expect("written");
    let daemon = site.start();
    let before = requests(&peers).len();
    let event = ended(&daemon, reprovision(&daemon, ANNA));
    assert_eq!(event["status"], "completed", "{event}");
    assert_eq!(event["steps"][0]["state"], "planned");
    assert_eq!(requests(&peers).len(), before);
}

#[test]
fn a_retry_remembers_what_the_attempt_before_has_lost() {
    let (peers, _site, daemon) = site();
    lose(&peers, true, false);
    let refuse = Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::ErrorCode };
    peers.ema.script(vec![Rule::new(refuse).op("Set").times(1)]);
    let id = reprovision(&daemon, ANNA);
    assert_eq!(ended(&daemon, id)["status"], "failed");
    let answer = post(&daemon, &format!("/api/v1/events/{id}/retry"), &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event = ended(&daemon, id);
    assert_eq!((&event["status"], &event["attempt"]), (&"completed".into(), &2.into()), "{event}");
    assert!(event["warnings"][0].as_str().expect("a warning").starts_with("lost SIP password"), "{event}");
}
