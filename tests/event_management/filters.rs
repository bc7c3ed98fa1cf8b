//! Filters: what is no filter is refused when it is registered, and what is delivered is what it wants.

use crate::given::*;

fn register(daemon: &Daemon, receiver: &Receiver, query: &Value) -> Answer {
    post(daemon, "/topic/order/hub", &json!({"callback": receiver.callback(), "query": query}))
}

#[test]
fn what_is_no_filter_is_refused() {
    let receiver = Receiver::start();
    let (_site, daemon) = start(&peer(receiver.address, ""));
    for query in [
        "state",
        "=x",
        "a=1&",
        "a..b=1",
        ".a=1",
        "a=1;b=2",
        "a*=x",
        "a=~x",
        "a.regex=x",
        "a>1",
        "a!=x",
        "a=%zz",
        "a=%ff",
        &"a.".repeat(9),
        &format!("{}=1", ["a"; 9].join(".")),
        &["a=1"; 33].join("&"),
        &format!("a={}", ["1"; 65].join(",")),
        &format!("a={}", "x".repeat(10_000)),
    ] {
        error_of(&register(&daemon, &receiver, &json!(query)), 400);
    }
    for query in [json!(null), json!(""), json!("?"), json!("?a=1"), json!("a.gte=1&b=x,y")] {
        body_of(&register(&daemon, &receiver, &query), 201);
    }
}

#[test]
fn a_hub_gets_what_its_filter_wants_in_order() {
    let wanted = [
        ("", vec![0, 1, 2, 3, 4]),
        ("eventType=created", vec![0, 3]),
        ("eventType=created,deleted", vec![0, 2, 3]),
        ("state=pending", vec![0, 1]),
        ("event.items.price.gt=10", vec![1]),
        ("eventType=updated&state=pending", vec![1]),
        ("event.n=2", vec![2]),
        ("domain=order&n.lte=1", vec![0, 1]),
        ("state=nothing", vec![]),
    ];
    let receivers: Vec<Receiver> = wanted.iter().map(|_| Receiver::start()).collect();
    let (_site, daemon) =
        start(&receivers.iter().map(|receiver| peer(receiver.address, "")).collect::<String>());
    for ((query, _), receiver) in wanted.iter().zip(&receivers) {
        body_of(&register(&daemon, receiver, &json!(query)), 201);
    }
    for (n, kind, state, price) in [
        (0, "created", "pending", 5),
        (1, "updated", "pending", 20),
        (2, "deleted", "done", 7),
        (3, "created", "done", 10),
        (4, "updated", "done", 1),
    ] {
        let event = json!({"n": n, "state": state, "items": [{"price": 1}, {"price": price}]});
        body_of(&post(&daemon, "/topic/order/event", &json!({"eventType": kind, "event": event})), 201);
        body_of(&post(&daemon, "/topic/inquiry/event", &json!({"eventType": kind, "event": event})), 201);
    }
    for ((query, expected), receiver) in wanted.iter().zip(&receivers) {
        let numbers = || -> Vec<u64> {
            receiver.taken().iter().filter_map(|event| event["event"]["n"].as_u64()).collect()
        };
        eventually(&format!("{query}: {expected:?}"), || (numbers().len() >= expected.len()).then_some(()));
        assert_eq!(numbers(), *expected, "{query}");
        assert!(receiver.taken().iter().all(|event| event["domain"] == "order"));
    }
}
