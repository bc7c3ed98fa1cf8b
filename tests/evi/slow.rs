//! Subscribers that do not read cost themselves what they miss, and nobody else anything.

use crate::program::{ALL, Receiver, SILENCE, Served, receive, unix_socket};
use crate::support::daemon::{PATIENCE, eventually};
use serde_json::{Value, json};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;

/// What is told of the subscriber at this socket.
fn told(served: &Served, socket: &str) -> Value {
    let params = json!({"event": "E_TEST", "socket": socket});
    let answer = served.post(&crate::program::request("subscribers_list", params), "").json();
    answer["result"]["Event"]["Subscriber"].clone()
}

#[test]
fn a_unix_socket_that_is_not_read_loses_the_oldest() {
    let served = Served::start(ALL, "queue = 5");
    let path = served.site.directory.path().join("slow.sock");
    let slow = UnixDatagram::bind(&path).expect("a socket");
    let quick = Receiver::bind();
    served.subscribe("E_TEST", &unix_socket(&path), json!({}));
    served.subscribe("E_TEST", &quick.socket(), json!({}));
    for number in 0..100 {
        served.raise("E_TEST", &format!("n::{number}\n"));
        assert!(quick.next().contains(&format!("\"n\":\"{number}\"")), "nobody waits for another");
    }
    let slow_one = told(&served, &unix_socket(&path));
    assert_eq!(slow_one["queued"], 5 + 1, "one more is being sent: {slow_one}");
    let dropped = slow_one["dropped"].as_u64().expect("a number");
    assert!(dropped > 50, "{slow_one}");
    assert_eq!(served.metric("dropped_total", "connection=\"evi\""), dropped as f64);
    let mut last = String::new();
    while !last.contains("\"n\":\"99\"") {
        last = receive(&slow, PATIENCE).expect("the latest come");
    }
}

#[test]
fn a_socket_that_comes_back_gets_what_waits() {
    let served = Served::open();
    let path = served.site.directory.path().join("moved.sock");
    let first = UnixDatagram::bind(&path).expect("a socket");
    served.subscribe("E_TEST", &unix_socket(&path), json!({}));
    served.raise("E_TEST", "n::1\n");
    assert!(receive(&first, PATIENCE).is_some());
    drop(first);
    std::fs::remove_file(&path).expect("removed");
    served.raise("E_TEST", "n::2\n");
    served.raise("E_TEST", "n::3\n");
    let second = UnixDatagram::bind(&path).expect("a socket");
    for number in 2..=3 {
        let event = receive(&second, PATIENCE).expect("it is tried again");
        assert!(event.contains(&format!("\"n\":\"{number}\"")), "{event}");
    }
}

#[test]
fn a_link_that_is_put_in_the_place_of_a_socket_is_not_followed() {
    let served = Served::open();
    let place = |name: &str| served.site.directory.path().join(name);
    let (path, other) = (place("ours.sock"), place("other.sock"));
    let ours = UnixDatagram::bind(&path).expect("a socket");
    served.subscribe("E_TEST", &unix_socket(&path), json!({}));
    served.raise("E_TEST", "n::1\n");
    assert!(receive(&ours, PATIENCE).is_some());
    drop(ours);
    let others = UnixDatagram::bind(&other).expect("a socket");
    std::fs::remove_file(&path).and_then(|()| std::os::unix::fs::symlink(&other, &path)).expect("a link");
    served.raise("E_TEST", "n::2\n");
    served.daemon.logged(&["subscriber is away", "ours.sock"]);
    assert!(receive(&others, SILENCE).is_none());
    std::fs::remove_file(&path).expect("removed");
    let ours = UnixDatagram::bind(&path).expect("a socket");
    assert!(receive(&ours, PATIENCE).expect("what waits").contains("\"n\":\"2\""));
}

fn objects(stream: &mut TcpStream, count: usize) -> Vec<Value> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    serde_json::Deserializer::from_reader(stream)
        .into_iter()
        .take(count)
        .map(|it| it.expect("JSON"))
        .collect()
}

#[test]
fn over_tcp_objects_run_together_and_a_lost_connection_is_made_anew() {
    let served = Served::open();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let socket = format!("tcp:{}", listener.local_addr().expect("an address"));
    served.subscribe("E_TEST", &socket, json!({}));
    (1..=3).for_each(|number| served.raise("E_TEST", &format!("n::{number}\n")));
    let (mut stream, _) = listener.accept().expect("it connects");
    let numbers: Vec<String> =
        objects(&mut stream, 3).iter().map(|it| it["params"]["n"].to_string()).collect();
    assert_eq!(numbers, ["\"1\"", "\"2\"", "\"3\""]);
    drop(stream);
    let (mut stream, _) = listener.accept().expect("it connects again");
    served.raise("E_TEST", "n::4\n");
    assert_eq!(objects(&mut stream, 1)[0]["params"]["n"], "4");
}

#[test]
fn a_connection_that_is_not_read_is_bounded() {
    let served = Served::start(ALL, "queue = 5");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let socket = format!("tcp:{}", listener.local_addr().expect("an address"));
    let quick = Receiver::bind();
    served.subscribe("E_TEST", &socket, json!({}));
    served.subscribe("E_TEST", &quick.socket(), json!({}));
    let (mut stream, _) = listener.accept().map_or_else(
        |error| panic!("{error}"),
        |it| {
            socket2::SockRef::from(&it.0).set_recv_buffer_size(64 << 10).expect("a buffer");
            it
        },
    );
    let large = "x".repeat(40_000);
    eventually("what is not read is dropped", || {
        served.raise("E_TEST", &format!("large::{large}\n"));
        quick.next();
        (told(&served, &socket)["dropped"].as_u64() > Some(3)).then_some(())
    });
    // Behind those of which 64 kB are being written.
    assert!(told(&served, &socket)["queued"].as_u64() <= Some(5 + 2));
    // It is still a stream of whole objects.
    served.raise("E_TEST", "large::last\n");
    let mut text = String::new();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    while !text.contains("last") {
        let mut buffer = vec![0; 65_536];
        let length = stream.read(&mut buffer).expect("more comes");
        text.push_str(std::str::from_utf8(&buffer[..length]).expect("ASCII"));
    }
    let whole = serde_json::Deserializer::from_str(&text).into_iter::<Value>().all(|it| it.is_ok());
    assert!(whole);
}
