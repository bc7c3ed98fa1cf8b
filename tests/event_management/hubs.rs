//! Registering (REQ 02-01 to 02-03), looking, and withdrawing (REQ 04-01).

use crate::given::*;
use std::net::SocketAddr;
use std::process::Command;

const HUBS: &str = "/topic/order/hub";

fn register(daemon: &Daemon, topic: &str, headers: &str, hub: &Value) -> Answer {
    ask(daemon, "POST", &format!("/topic/{topic}/hub"), &format!("{JSON}{headers}"), &hub.to_string())
}

/// Nobody listens there.
fn host() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

#[test]
fn a_callback_is_registered_found_and_withdrawn() {
    let (site, daemon) = start(&peer(host(), ""));
    let (callback, query) = (format!("http://{}/in?key=sesame", host()), "eventType=created");
    let made = register(&daemon, "order", "", &json!({"callback": callback, "query": query}));
    let hub = body_of(&made, 201);
    let (id, href) = (text(&hub, "id"), text(&hub, "href"));
    assert_eq!(
        hub,
        json!({"id": id, "href": format!("{BASE}{HUBS}/{id}"), "callback": callback, "query": query})
    );
    assert_eq!(made.header("location"), Some(href.as_str()));
    for path in [&href, &format!("{BASE}/hub/{id}")] {
        assert_eq!(body_of(&ask_at(&daemon, "GET", path, "", ""), 200), hub);
    }
    assert_eq!(body_of(&get(&daemon, HUBS), 200), json!([hub]));
    assert_eq!(body_of(&get(&daemon, "/topic/inquiry/hub"), 200), json!([]));
    error_of(&get(&daemon, &format!("/topic/inquiry/hub/{id}")), 404);
    error_of(&ask(&daemon, "DELETE", &format!("/topic/inquiry/hub/{id}"), "", ""), 404);
    // Registered once more it is the same; with another filter, or for another topic, another.
    assert_eq!(
        body_of(&register(&daemon, "order", "", &json!({"callback": callback, "query": query})), 201),
        hub
    );
    let others = [
        ("order", json!({"callback": callback})),
        ("inquiry", json!({"callback": callback, "query": query})),
    ];
    let others = others.map(|(topic, hub)| text(&body_of(&register(&daemon, topic, "", &hub), 201), "id"));
    assert!(others[0] != others[1] && !others.contains(&id));
    daemon.kill();
    let daemon = site.start();
    ready(&daemon);
    assert_eq!(body_of(&ask_at(&daemon, "GET", &href, "", ""), 200), hub);
    let gone = ask_at(&daemon, "DELETE", &href, "", "");
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    error_of(&ask_at(&daemon, "DELETE", &href, "", ""), 404);
    error_of(&ask_at(&daemon, "GET", &href, "", ""), 404);
    assert_eq!(ask(&daemon, "DELETE", &format!("/hub/{}", others[1]), "", "").status, 204);
    assert_eq!(all(&body_of(&get(&daemon, HUBS), 200), "id"), [others[0].as_str()]);
}

#[test]
fn a_callback_that_may_not_be_is_refused() {
    let (_site, daemon) = start(&format!(
        "{}[[event_management.peer]]\nhost = \"secure.example:443\"\n[[event_management.peer]]\nhost = \"127.0.0.1:10\"\nallow_http = true\n",
        peer(host(), "topics = \"order\"\n")
    ));
    let refused = |topic: &str, callback: &str, status: u16| {
        let answer = register(&daemon, topic, "", &json!({"callback": callback}));
        let reason = error_of(&answer, status);
        assert!(!reason.contains("sesame"), "{reason}");
    };
    for callback in [
        "",
        "x",
        "/in",
        "ftp://secure.example/",
        "file:///etc/passwd",
        "https:secure.example",
        "https://user:sesame@secure.example/",
        "https://secure.example/#sesame",
        "https://secure.example\\@evil.example/",
        "https://secure.example/a b",
        "https://secure.example:0/",
        "http://2130706433:10/",
        "http://127.1:10/",
        "https://secure.example:99999/",
        "https://secure.example/\r\nX: y",
        &format!("https://secure.example/{}", "x".repeat(3_000)),
    ] {
        refused("order", callback, 400);
    }
    for callback in [
        "https://evil.example/?sesame",
        "https://secure.example:8443/",
        "https://secure.example.evil.example/",
        "http://secure.example:443/",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:10/",
        "https://[::1]/",
    ] {
        refused("order", callback, 403);
    }
    // The host is there, but not for this topic.
    refused("alarm", &format!("http://{}/", host()), 403);
    assert_eq!(body_of(&get(&daemon, HUBS), 200), json!([]));
}

#[test]
fn there_are_no_more_hubs_than_may_be() {
    let (_site, daemon) = start(&format!("max_hubs = 2\n{}", peer(host(), "")));
    let hub = |n: usize| json!({"callback": format!("http://{}/{n}", host())});
    let first = body_of(&register(&daemon, "order", "", &hub(1)), 201);
    body_of(&register(&daemon, "order", "", &hub(2)), 201);
    error_of(&register(&daemon, "order", "", &hub(3)), 409);
    assert_eq!(body_of(&register(&daemon, "order", "", &hub(1)), 201), first, "it is there already");
    assert_eq!(ask_at(&daemon, "DELETE", &text(&first, "href"), "", "").status, 204);
    body_of(&register(&daemon, "order", "", &hub(3)), 201);
}

#[test]
fn no_owner_has_more_hubs_than_its_share() {
    let tokens = token("pss", "peer") + &token("oss", "peer");
    let site = Site::quiet(&format!("{tokens}[event_management]\nmax_hubs = 4\n{}", peer(host(), "")));
    let daemon = site.start();
    ready(&daemon);
    let hub = |n: usize| json!({"callback": format!("http://{}/{n}", host())});
    let by = |token: &str, n: usize| register(&daemon, "order", &shown(token), &hub(n));
    let first = body_of(&by("pss", 1), 201);
    body_of(&by("pss", 2), 201);
    assert!(error_of(&by("pss", 3), 409).contains("2 hubs of this owner"), "half of them");
    assert_eq!(body_of(&by("pss", 1), 201), first, "it is there already");
    body_of(&by("oss", 1), 201);
    let path = format!("/hub/{}", text(&first, "id"));
    assert_eq!(ask(&daemon, "DELETE", &path, &shown("pss"), "").status, 204);
    body_of(&by("pss", 3), 201);
}

#[test]
fn a_caller_sees_its_own_hubs_and_an_operator_all() {
    let tokens =
        token("pss", "peer") + &token("oss", "peer") + &token("desk", "viewer") + &token("noc", "operator");
    let site = Site::quiet(&format!("{tokens}[event_management]\n{}", peer(host(), "")));
    let daemon = site.start();
    ready(&daemon);
    // It is answered as soon as hubs are known.
    assert_eq!(ask_at(&daemon, "GET", "/api/v1/hubs", &shown("desk"), "").status, 200);
    let hub = json!({"callback": format!("http://{}/in?key=sesame", host())});
    let made = ["pss", "oss"].map(|token| body_of(&register(&daemon, "order", &shown(token), &hub), 201));
    assert_ne!(made[0]["id"], made[1]["id"], "one for each");
    let ask = |token: &str, method: &str, path: &str| ask(&daemon, method, path, &shown(token), "");
    for (token, own, other) in [("pss", 0, 1), ("oss", 1, 0)] {
        assert_eq!(body_of(&ask(token, "GET", HUBS), 200), json!([made[own]]));
        let path = format!("/hub/{}", text(&made[other], "id"));
        error_of(&ask(token, "GET", &path), 404);
        error_of(&ask(token, "DELETE", &path), 404);
    }
    assert_eq!(body_of(&ask("noc", "GET", HUBS), 200), json!([]));
    error_of(&ask("noc", "GET", &format!("/hub/{}", text(&made[0], "id"))), 404);
    let listed = ask_at(&daemon, "GET", "/api/v1/hubs", &shown("desk"), "");
    assert_eq!(all(&listed.json()["hubs"], "owner"), ["pss", "oss"]);
    assert!(!listed.body.contains("sesame"), "{}", listed.body);
    assert_eq!(ask("noc", "DELETE", &format!("/hub/{}", text(&made[0], "id"))).status, 204);
    assert_eq!(body_of(&ask("pss", "GET", HUBS), 200), json!([]));
    let remove = |token: &str| {
        let path = format!("/api/v1/hubs/{}", text(&made[1], "id"));
        ask_at(&daemon, "DELETE", &path, &shown(token), "").status
    };
    assert_eq!((remove("desk"), remove("oss"), remove("noc"), remove("noc")), (403, 403, 200, 404));
    assert_eq!(body_of(&ask("oss", "GET", HUBS), 200), json!([]));
    let audit = ask_at(&daemon, "GET", "/api/v1/audit", &shown("desk"), "").json();
    assert!(all(&audit["acts"], "actor").contains(&"noc".to_owned()), "{audit}");
}

#[test]
fn the_commands_list_show_and_act() {
    let receiver = Receiver::start();
    let (_site, daemon) = start(&peer(receiver.address, ""));
    let hub = body_of(&register(&daemon, "order", "", &json!({"callback": receiver.callback()})), 201);
    let id = text(&hub, "id");
    let run = |words: &[&str], code: i32| {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .arg("hubs")
            .args(words)
            .args(["--url", &format!("http://{}", daemon.http)])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        said
    };
    assert!(run(&["list"], 0).contains(&id));
    assert!(run(&["list", "--topic", "alarm"], 0).contains("nobody has registered"));
    let listed: Value = serde_json::from_str(&run(&["list", "--json"], 0)).expect("JSON");
    assert_eq!((&listed["hubs"][0]["id"], &listed["hubs"][0]["state"]), (&json!(id), &json!("active")));
    let shown: Value = serde_json::from_str(&run(&["show", &id, "--json"], 0)).expect("JSON");
    assert_eq!((&shown["attempts"], &shown["dead_letters"]), (&json!([]), &json!([])));
    assert!(run(&["show", &id], 0).contains("order"));
    assert!(run(&["resume", &id, "--reason", "why not"], 1).contains("not halted"));
    assert!(run(&["skip", &id], 1).contains("not halted"));
    let halted = run(&["halt", &id, "--reason", "they want a rest"], 0);
    assert!(halted.contains("until it is resumed: an operator has halted it: they want a rest"), "{halted}");
    assert!(run(&["halt", &id], 1).contains("halted already"));
    assert!(run(&["list"], 0).contains("HALTED"));
    assert!(run(&["skip", &id], 0).contains("nothing waited for it, so that nothing was skipped"));
    assert!(run(&["replay", &id, "--since", "1h"], 1).contains("409"));
    body_of(&post(&daemon, "/topic/order/event", &json!({"event": 1})), 201);
    eventually("it is delivered", || (receiver.taken().len() == 1).then_some(()));
    eventually("it is known as delivered", || {
        run(&["list", "--json"], 0).contains("\"sequence\": 1").then_some(())
    });
    assert!(run(&["replay", &id, "--since", "1h"], 0).starts_with("up to 1 event"));
    eventually("it is delivered again", || (receiver.taken().len() == 2).then_some(()));
    assert_eq!(receiver.taken()[0], receiver.taken()[1]);
    run(&["halt", &id], 0);
    assert!(run(&["replay", &id, "--since", "1h"], 0).contains(&format!("hubs resume {id}")));
    run(&["replay", &id, "--since", "nonsense"], 1);
    let unasked = run(&["remove", &id], 2);
    assert!(unasked.contains(&id) && unasked.contains("--yes is needed"), "{unasked}");
    assert!(run(&["list"], 0).contains(&id));
    assert!(run(&["remove", &id, "--yes"], 0).contains("is removed"));
    assert!(run(&["list"], 0).contains("nobody has registered"));
    assert!(run(&["remove", &id, "--yes"], 1).contains("no such hub"));
    let audit = http::get(daemon.http, "/api/v1/audit", "").json();
    assert_eq!(
        (&audit["acts"][0]["act"], &audit["acts"][0]["object"]),
        (&json!("unsubscribe"), &json!(format!("hub {id}")))
    );
    run(&["show", "7"], 1);
}

#[test]
fn pages_of_hubs_follow_each_other() {
    let (_site, daemon) = start(&peer(host(), ""));
    let mut made: Vec<String> = (0..5)
        .map(|n| json!({"callback": format!("http://{}/{n}", host())}))
        .map(|hub| text(&body_of(&register(&daemon, "order", "", &hub), 201), "id"))
        .collect();
    made.sort();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = http::get(daemon.http, &format!("/api/v1/hubs?limit=2{cursor}"), "").json();
        found.extend(all(&page["hubs"], "id"));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, made);
    assert_eq!(daemon.get("/api/v1/hubs?limit=0").0, 400);
    assert_eq!(daemon.get("/api/v1/hubs?cursor=x").0, 400);
}
