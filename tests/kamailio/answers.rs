//! Suspended transactions of a real Kamailio.

use crate::peer::Peer;
use crate::real::{Kamailio, Request};
use crate::support::daemon::eventually;
use crate::support::recorder::Recorder;
use crate::trial::Trial;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// A reply with this code and reason.
fn reply(code: &str, reason: &str) -> String {
    format!(
        r#"'{{"cmd":"reply","tr_index":"{{tr_index}}","tr_label":"{{tr_label}}","code":"{code}","reason":"{reason}"}}'"#
    )
}

fn by_rule(when: &str, code: &str, reason: &str) -> String {
    format!(
        "[[kamailio.answer]]\nevent = \"question\"\nwhen = {{ {when} }}\nreply = {}\n",
        reply(code, reason)
    )
}

fn by_webhook(url: &str, deadline: &str) -> String {
    let (said, default) = (reply("{webhook.code}", "{webhook.reason}"), reply("480", "default"));
    format!(
        "[[kamailio.answer]]\nevent = \"question\"\nwebhook = \"{url}\"\ndeadline = \"{deadline}\"\nreply = {said}\ndefault = {default}\n"
    )
}

#[test]
fn the_first_rule_that_fits_answers() {
    let kamailio = Kamailio::start(&[]);
    let rules = by_rule("from = \"anna\"", "202", "for {from}") + &by_rule("to = \"bo\"", "486", "other");
    let trial = Trial::start(&kamailio.evapi(), &rules);
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("anna")), "SIP/2.0 202 for anna");
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("carl")), "SIP/2.0 486 other");
    trial.wait_answers("rule", 2.0);
    // Nobody answers what no rule is about: the transaction's own timer ends it.
    assert!(kamailio.send(&Request::new("MESSAGE").from("carl").to("dora")).contains("408"));
    trial.wait_answers("no_rule", 1.0);
}

#[test]
fn a_service_of_the_site_answers_over_http() {
    let kamailio = Kamailio::start(&[]);
    let service = Recorder::start(|asked| match asked.body.contains("\"from\":\"anna\"") {
        true => (200, r#"{"code":202,"reason":"asked"}"#.to_owned()),
        false => (500, String::new()),
    });
    let trial =
        Trial::start(&kamailio.evapi(), &by_webhook(&format!("http://{}/ask", service.address), "3s"));
    assert_eq!(kamailio.send(&Request::new("MESSAGE")), "SIP/2.0 202 asked");
    let asked = service.take();
    assert_eq!((asked.len(), asked[0].target.as_str()), (1, "/ask"));
    let event: serde_json::Value = serde_json::from_str(&asked[0].body).expect("JSON");
    assert_eq!((&event["event"], &event["to"]), (&"question".into(), &"bo".into()));
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("carl")), "SIP/2.0 480 default");
    trial.wait_answers("asked", 1.0);
    trial.wait_answers("failed", 1.0);
    trial.daemon.logged(&["got the default", "status 500"]);
}

#[test]
fn an_answer_of_a_service_that_lacks_what_is_quoted_or_has_it_twice_is_a_failure() {
    let kamailio = Kamailio::start(&[]);
    let said = [
        r#"{"reason":"no code"}"#,
        r#"{"code":null,"reason":"no code"}"#,
        r#"{"code":202,"code":486,"reason":"which"}"#,
        r#"{"code":202,"reason":"asked","more":1,"more":2}"#,
    ];
    let next = Mutex::new(said.into_iter());
    let service = Recorder::start(move |_| {
        (200, next.lock().expect("no panic").next().expect("one for each question").to_owned())
    });
    let trial = Trial::start(&kamailio.evapi(), &by_webhook(&format!("http://{}/", service.address), "3s"));
    for _ in 0..3 {
        assert_eq!(kamailio.send(&Request::new("MESSAGE")), "SIP/2.0 480 default");
    }
    // What is not quoted is no matter.
    assert_eq!(kamailio.send(&Request::new("MESSAGE")), "SIP/2.0 202 asked");
    trial.wait_answers("failed", 3.0);
    trial.wait_answers("asked", 1.0);
    trial.daemon.logged(&["got the default", "has no \\\"code\\\""]);
    trial.daemon.logged(&["got the default", "\\\"code\\\" twice"]);
}

#[test]
fn the_default_leaves_in_time_while_a_service_hangs_and_others_are_answered_meanwhile() {
    let kamailio = Kamailio::start(&[]);
    let service = Recorder::start(|_| {
        std::thread::sleep(Duration::from_secs(20));
        (200, "{}".to_owned())
    });
    let rules = by_rule("from = \"anna\"", "202", "at once")
        + &by_webhook(&format!("http://{}/", service.address), "1s");
    let trial = Trial::start(&kamailio.evapi(), &rules);
    std::thread::scope(|scope| {
        let slow: Vec<_> =
            (0..5).map(|_| scope.spawn(|| kamailio.send(&Request::new("MESSAGE").from("carl")))).collect();
        assert_eq!(kamailio.send(&Request::new("MESSAGE").from("anna")), "SIP/2.0 202 at once");
        for answer in slow {
            // The transaction's timer would say 408.
            assert_eq!(answer.join().expect("an answer"), "SIP/2.0 480 default");
        }
    });
    trial.wait_answers("late", 5.0);
    trial.wait_answers("rule", 1.0);
}

#[test]
fn the_row_of_a_subscriber_decides() {
    let kamailio = Kamailio::start(&[]);
    let rule = format!(
        "[[kamailio.answer]]\nevent = \"question\"\nsubscriber = \"{{from}}@tele.gl\"\nsubscriber_when = {{ user_type = \"user\" }}\n\
         reply = {}\ndefault = {}\n",
        reply("202", "phone {subscriber.e164}"),
        reply("403", "not ours")
    );
    let trial = Trial::start(&kamailio.evapi(), &rule);
    eventually("it is ready", || (trial.daemon.get("/readyz").0 == 200).then_some(()));
    let insert = |id: &str, kind: &str| {
        let sql = "insert into srd_user (id, sipurl, user_type, association_id, e164) values (?1, ?1, ?2, ?1, '321044')";
        trial.site.database().execute(sql, [id, kind]).expect("inserted");
    };
    insert("anna@tele.gl", "user");
    insert("bo@tele.gl", "virtual");
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("anna")), "SIP/2.0 202 phone 321044");
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("bo")), "SIP/2.0 403 not ours");
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("carl")), "SIP/2.0 403 not ours");
    // Its row lacks what the reply quotes.
    insert("dora@tele.gl", "user");
    let sql = "update srd_user set e164 = null where id = 'dora@tele.gl'";
    trial.site.database().execute(sql, []).expect("updated");
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("dora")), "SIP/2.0 403 not ours");
    trial.wait_answers("asked", 1.0);
    trial.wait_answers("refused", 3.0);
}

#[test]
fn many_questions_at_once_are_all_answered() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start(&kamailio.evapi(), &by_rule("", "202", "yes"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(kamailio.send(&Request::new("MESSAGE")), "SIP/2.0 202 yes");
                }
            });
        }
    });
    trial.wait_answers("rule", 400.0);
}

#[test]
fn what_was_asked_before_a_stop_is_answered() {
    let kamailio = Kamailio::start(&[]);
    let (asked, was_asked) = mpsc::channel();
    let (answer, may_answer) = mpsc::channel::<()>();
    let may_answer = Mutex::new(may_answer);
    let service = Recorder::start(move |_| {
        asked.send(()).expect("the test waits");
        may_answer.lock().expect("no panic").recv().expect("the test lets it answer");
        (200, r#"{"code":202,"reason":"asked"}"#.to_owned())
    });
    let trial = Trial::start(&kamailio.evapi(), &by_webhook(&format!("http://{}/", service.address), "4s"));
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| kamailio.send(&Request::new("MESSAGE")));
        was_asked.recv().expect("it asks");
        trial.daemon.signal("TERM");
        trial.daemon.logged(&["nothing more is taken"]);
        answer.send(()).expect("the service waits");
        assert_eq!(caller.join().expect("an answer"), "SIP/2.0 202 asked");
    });
    assert_eq!(trial.daemon.ended(), Some(0));
}

#[test]
fn a_connection_that_still_answers_before_a_reload_does_not_hold_kamailio_up() {
    let kamailio = Kamailio::start(&[]);
    let (asked, was_asked) = mpsc::channel();
    let service = Recorder::start(move |_| {
        asked.send(()).expect("the test waits");
        std::thread::sleep(Duration::from_secs(20));
        (200, "{}".to_owned())
    });
    let rule = by_webhook(&format!("http://{}/", service.address), "15s");
    let trial = Trial::start(&kamailio.evapi(), &format!("max_bad = 10\n{rule}"));
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| kamailio.send(&Request::new("INVITE").to("asked")));
        was_asked.recv().expect("it asks");
        let config = std::fs::read_to_string(trial.site.config()).expect("the configuration");
        let changed = config.replace("max_bad = 10", "max_bad = 11");
        std::fs::write(trial.site.config(), changed).expect("written");
        trial.daemon.signal("HUP");
        trial.daemon.logged(&["connection ends"]);
        // More than fits between the two.
        for _ in 0..12 {
            assert_eq!(kamailio.send(&Request::new("PUBLISH").body("500 1000")), "SIP/2.0 200 Sent");
        }
        assert!(kamailio.is_alive());
        assert_eq!(trial.metric("reconnects_total", "k1"), 0.0, "the question is open");
        eventually("all are read", || {
            let read = trial.received() + trial.metric("dropped_total", "k1");
            (read >= 6_001.0).then_some(())
        });
        assert!(trial.metric("dropped_total", "k1") > 0.0);
        // The transaction's timer may be earlier.
        caller.join().expect("an answer");
    });
}

/// Whoever asks it waits.
fn who_never_answers() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

fn by_nobody(service: &TcpListener, deadline: &str) -> String {
    let url = format!("http://{}/", service.local_addr().expect("an address"));
    format!(
        "[[kamailio.answer]]\nevent = \"question\"\nwebhook = \"{url}\"\ndeadline = \"{deadline}\"\nreply = '{{}}'\ndefault = {}\n",
        reply("480", "default")
    )
}

fn question(index: usize) -> String {
    let payload = format!(r#"{{"event":"question","tr_index":"{index}","tr_label":"1"}}"#);
    format!("{}:{payload},", payload.len())
}

fn check_all_are_answered(questions: usize, rule: &str, outcome: &str) {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), rule);
        let mut client = client.join().expect("a client");
        client.send((0..questions).map(question).collect::<String>().as_bytes());
        let mut answered = std::collections::HashSet::new();
        while answered.len() < questions {
            let answer: serde_json::Value = serde_json::from_str(&client.next()).expect("JSON");
            assert!(answered.insert(answer["tr_index"].as_str().expect("an index").to_owned()), "{answer}");
        }
        trial.wait_answers(outcome, questions as f64);
    });
}

#[test]
fn questions_that_come_in_a_burst_are_all_answered_before_their_deadline() {
    check_all_are_answered(5_000, &by_rule("", "202", "yes"), "rule");
    check_all_are_answered(1_000, &by_nobody(&who_never_answers(), "1s"), "late");
}

#[test]
fn a_question_with_a_long_deadline_gets_the_default_at_a_stop() {
    let (peer, service) = (Peer::start(), who_never_answers());
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), &by_nobody(&service, "30s"));
        let mut client = client.join().expect("a client");
        client.send(question(7).as_bytes());
        let _asked = service.accept().expect("it asks");
        trial.daemon.signal("TERM");
        let answer = client.next();
        assert!(answer.contains("480") && answer.contains("\"7\""), "{answer}");
        client.wait_closed();
        assert!(!trial.daemon.log().contains("did not stop in time"));
        assert_eq!(trial.daemon.ended(), Some(0));
    });
}

#[test]
fn a_service_that_closes_a_kept_connection_is_asked_once_more() {
    let kamailio = Kamailio::start(&[]);
    let service = who_never_answers();
    let url = format!("http://{}/", service.local_addr().expect("an address"));
    let trial = Trial::start(&kamailio.evapi(), &by_webhook(&url, "3s"));
    std::thread::spawn(move || {
        let mut kept = service.accept().expect("it asks").0;
        answer_http(&mut kept);
        read_http(&mut kept);
        drop(kept);
        answer_http(&mut service.accept().expect("it asks once more").0);
    });
    for _ in 0..2 {
        assert_eq!(kamailio.send(&Request::new("MESSAGE")), "SIP/2.0 202 asked");
    }
    trial.wait_answers("asked", 2.0);
}

fn read_http(stream: &mut TcpStream) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    // Its body is one object.
    while !request.ends_with(b"}") {
        let size = stream.read(&mut buffer).expect("a request");
        assert_ne!(size, 0, "a whole request");
        request.extend_from_slice(&buffer[..size]);
    }
}

fn answer_http(stream: &mut TcpStream) {
    read_http(stream);
    let body = r#"{"code":202,"reason":"asked"}"#;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("answered");
}

#[test]
fn an_answer_that_is_too_large_for_kamailio_becomes_the_default() {
    let peer = Peer::start();
    let rule = "[[kamailio.answer]]\nevent = \"q\"\nreply = '{\"large\":\"{body}\"}'\ndefault = '{\"default\":\"{tr_index}\"}'";
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), rule);
        let mut client = client.join().expect("a client");
        let ask = |index: u8, size: usize| {
            format!(r#"{{"event":"q","tr_index":{index},"tr_label":1,"body":"{}"}}"#, "x".repeat(size))
        };
        client.event(&ask(1, 8_000));
        assert_eq!(client.next(), r#"{"default":"1"}"#);
        client.event(&ask(2, 1));
        assert_eq!(client.next(), r#"{"large":"x"}"#);
        trial.wait_answers("too_large", 1.0);
        trial.wait_answers("rule", 1.0);
        // And where the default is too large as well nothing leaves.
        let index = "9".repeat(8_000);
        client.event(&format!(r#"{{"event":"q","tr_index":"{index}","tr_label":1,"body":"{index}"}}"#));
        trial.wait_answers("default_too_large", 1.0);
    });
}
