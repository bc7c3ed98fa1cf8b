//! How long a suspended transaction waits: from a MESSAGE to the answer that the script gives when it goes on.

use super::bare;
use super::ours::Ours;
use super::webhook::Webhook;
use crate::real::{Kamailio, Request};
use crate::row::Row;
use std::time::{Duration, Instant};

/// Turns of each, one after the other, and transactions of a turn, one at a time.
const TURNS: usize = 10;
const TRANSACTIONS: usize = 300;

/// Prints the round trips of all three ways to an answer, beside those of a client that answers at once.
pub fn print() {
    let (mine, others) = (Kamailio::start(&[]), Kamailio::start(&[]));
    let webhook = Webhook::start(r#"{"code":202,"reason":"webhook"}"#);
    let ours = Ours::start(&mine.evapi(), &rules(&webhook));
    let insert = "insert into srd_user (id, sipurl, user_type, association_id) values (?1, ?1, 'user', ?1)";
    ours.site.database().execute(insert, ["subscriber@tele.gl"]).expect("inserted");
    let _bare = bare::answer(&others.evapi());
    // Who asks decides how it is answered; what comes first only warms up.
    let ways = [(&others, "bare"), (&mine, "rule"), (&mine, "subscriber"), (&mine, "webhook")];
    let mut times = ways.map(|(kamailio, from)| {
        turn(kamailio, from);
        Vec::new()
    });
    for _ in 0..TURNS {
        for ((kamailio, from), times) in ways.iter().zip(&mut times) {
            times.extend(turn(kamailio, from));
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    let millis = |times: &[Duration], part: f64| {
        times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0
    };
    let bare = (millis(&times[0], 0.5), millis(&times[0], 0.99));
    let bare_times = format!("p50 {:.2} ms, p99 {:.2} ms", bare.0, bare.1);
    Row::new("Kamailio's question answered by a bare client", bare_times).print();
    for ((_, from), times) in ways.iter().zip(&times).skip(1) {
        let (p50, p99) = (millis(times, 0.5), millis(times, 0.99));
        let more = p99 - bare.1;
        let measured = format!("p50 {p50:.2} ms, p99 {p99:.2} ms: {:+.2} and {more:+.2} ms", p50 - bare.0);
        Row::new(format!("Kamailio's question answered by {from}"), measured)
            .budget("p99 ≤ +1 ms", more <= 1.0)
            .print();
    }
}

fn rules(webhook: &Webhook) -> String {
    let reply = |code: &str, reason: &str| {
        format!(
            r#"'{{"cmd":"reply","tr_index":"{{tr_index}}","tr_label":"{{tr_label}}","code":"{code}","reason":"{reason}"}}'"#
        )
    };
    let rule = |from: &str, more: &str, reply: String| {
        format!(
            "[[kamailio.answer]]\nevent = \"question\"\nwhen = {{ from = \"{from}\" }}\n{more}\nreply = {reply}\n"
        )
    };
    let default = format!("default = {}", reply("480", "default"));
    let url = format!("webhook = \"http://{}/\"\n{default}", webhook.address);
    let subscriber = format!("subscriber = \"{{from}}@tele.gl\"\n{default}");
    rule("rule", "", reply("202", "rule"))
        + &rule("subscriber", &subscriber, reply("202", "{subscriber.user_type}"))
        + &rule("webhook", &url, reply("{webhook.code}", "{webhook.reason}"))
}

fn turn(kamailio: &Kamailio, from: &str) -> Vec<Duration> {
    let time = |_| {
        let request = Request::new("MESSAGE").from(from);
        let began = Instant::now();
        let answer = kamailio.send(&request);
        let took = began.elapsed();
        assert!(answer.starts_with("SIP/2.0 202"), "{from}: {answer}");
        took
    };
    (0..TRANSACTIONS).map(time).collect()
}
