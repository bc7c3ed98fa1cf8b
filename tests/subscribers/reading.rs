//! What can be read of subscribers.

use crate::given::*;
use crate::support::documents::{add_to, delete, group_delete, voicemail};
use serde_json::Value;

#[test]
fn a_subscriber_is_shown_with_its_events_and_never_a_password() {
    let (peers, site, daemon) = site();
    peers.broadworks.send(&voicemail(3, ANNA, Some(("anna@mail.gl", "s3cret-post"))));
    site.wait_ended(3);
    let shown = json(&daemon, "/api/v1/subscribers/anna%40tele.gl");
    let row = &shown["subscriber"];
    assert_eq!((&row["user"], &row["group"], &row["phone"]), (&ANNA.into(), &"KNI".into(), &PHONE.into()));
    assert_eq!((&row["type"], &row["mail_user"]), (&"user".into(), &"anna@mail.gl".into()));
    assert_eq!((&row["public_identity"], &row["problem"]), (&ANNA.into(), &Value::Null));
    assert!(row["created"].as_f64() > Some(1.7e9) && row["updated"].as_f64() >= row["created"].as_f64());
    let events: Vec<&str> = shown["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event["command"].as_str().unwrap())
        .collect();
    let expected =
        ["UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest", "UserModifyRequest", "UserAddRequest"];
    assert_eq!(events, expected, "the latest first");
    assert_eq!(shown["events"][0]["status"], "completed");
    assert_eq!(json(&daemon, "/api/v1/subscribers")["subscribers"][0], *row);
    for path in ["/api/v1/subscribers", "/api/v1/subscribers/anna@tele.gl", &reprovision_path(ANNA)] {
        let body = get(&daemon, path).body;
        assert!(!body.contains("s3cret-post") && !body.contains("vmail_password"), "{path}: {body}");
    }
}

#[test]
fn who_is_gone_still_has_events_and_a_group_is_among_those_of_its_members() {
    let (peers, site, daemon) = site();
    peers.broadworks.send(&add_to(3, "KNI", "bo@tele.gl"));
    peers.broadworks.send(&delete(4, ANNA));
    peers.broadworks.send(&group_delete(5, "KNI"));
    site.wait_ended(5);
    let commands = |user: &str| -> Vec<String> {
        let shown = json(&daemon, &format!("/api/v1/subscribers/{user}"));
        assert_eq!(shown["subscriber"], Value::Null);
        let events = shown["events"].as_array().expect("a list").iter();
        events.map(|event| event["command"].as_str().expect("a command").to_owned()).collect()
    };
    assert_eq!(commands(ANNA), ["UserDeleteRequest", "UserModifyRequest", "UserAddRequest"]);
    assert_eq!(commands("bo@tele.gl"), ["GroupDeleteRequest", "UserAddRequest"]);
    let answer = get(&daemon, "/api/v1/subscribers/nobody@tele.gl");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("nobody@tele.gl"), "{}", answer.body);
}

#[test]
fn any_id_can_be_asked_for() {
    let (_peers, site, daemon) = site();
    for (user, path) in [
        ("søren ærø@tele.gl", "s%C3%B8ren%20%C3%A6r%C3%B8%40tele.gl"),
        ("a/b@tele.gl", "a%2Fb%40tele.gl"),
        ("100%@tele.gl", "100%25@tele.gl"),
        ("a%2Fb", "a%252Fb"),
        ("a+b?c#d", "a%2Bb%3Fc%23d"),
        ("../x", "..%2Fx"),
        ("\"<&>'", "%22%3C%26%3E'"),
    ] {
        site.database()
            .execute(
                "insert into srd_user (id, sipurl, user_type, association_id) values (?1, ?1, 'user', 'x')",
                [user],
            )
            .expect("inserted");
        assert_eq!(json(&daemon, &format!("/api/v1/subscribers/{path}"))["subscriber"]["user"], user);
        let plan = json(&daemon, &format!("/api/v1/subscribers/{path}/reprovision"));
        assert!(plan["plan"]["outcome"]["requests"].is_object(), "{user}: {plan}");
        assert_eq!(found(&daemon, &format!("text={path}")), [user]);
    }
    assert_eq!(get(&daemon, "/api/v1/subscribers/%FF%00").status, 404);
    assert_eq!(get(&daemon, "/api/v1/subscribers/").status, 404);
}

#[test]
fn subscribers_are_found_and_paged() {
    let (peers, site, daemon) = site();
    for (id, user) in ["bo@tele.gl", "annika@tele.gl", "cilla@tele.gl"].into_iter().enumerate() {
        peers.broadworks.send(&add_to(3 + id as u64, "OTHER", user));
    }
    site.wait_ended(5);
    assert_eq!(found(&daemon, "text=ann"), [ANNA, "annika@tele.gl"]);
    assert_eq!(found(&daemon, "text=%2B299-321044"), [ANNA]);
    assert_eq!(found(&daemon, "text=321044"), [ANNA]);
    assert_eq!(found(&daemon, "text=sip:bo@tele.gl"), ["bo@tele.gl"]);
    assert_eq!(found(&daemon, "group=OTHER&text=ann"), ["annika@tele.gl"]);
    assert_eq!(found(&daemon, "group=&text="), [ANNA, "annika@tele.gl", "bo@tele.gl", "cilla@tele.gl"]);
    let (mut users, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json(&daemon, &format!("/api/v1/subscribers?limit=3{cursor}"));
        let rows = page["subscribers"].as_array().expect("a list");
        users.extend(rows.iter().map(|row| row["user"].as_str().expect("a user").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(users, [ANNA, "annika@tele.gl", "bo@tele.gl", "cilla@tele.gl"]);
}

#[test]
fn what_cannot_be_meant_is_named() {
    let (_peers, _site, daemon) = site();
    let check = |query: &str, says: &str| {
        let answer = get(&daemon, &format!("/api/v1/subscribers?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert!(answer.body.contains(says), "{query}: {}", answer.body);
        assert_eq!(answer.header("Content-Type"), Some("application/problem+json"));
    };
    check("limit=0", "limit");
    check("limit=501", "limit");
    check("cursor=x", "cursor");
    check("cursor=f", "cursor");
    check("txt=a", "txt");
}

#[test]
fn a_row_that_cannot_be_read_says_why_and_is_not_sent() {
    let (peers, site, daemon) = site();
    site.database().execute("update srd_user set user_type = 'robot'", []).expect("updated");
    let before = requests(&peers).len();
    let shown = json(&daemon, "/api/v1/subscribers/anna@tele.gl");
    assert!(shown["subscriber"]["problem"].as_str().expect("a problem").contains("robot"));
    let answer = get(&daemon, &reprovision_path(ANNA));
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("robot"));
    assert_eq!(requests(&peers).len(), before);
}
