//! What is not taken comes again.

use crate::daemon::{Daemon, site};
use crate::peer::{management, peer};
use crate::receiver::{Receiver, Reply};
use crate::support::daemon::eventually;
use std::time::{Duration, Instant};

#[test]
fn an_event_that_is_not_taken_comes_again_with_the_same_id_and_number_before_any_other() {
    let answers = [500, 404, 301, 401, 200];
    let receiver = Receiver::scripted(move |_, at| Reply::Status(answers.get(at).copied().unwrap_or(200)));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 1..=3);
    let received = receiver.wait(7);
    assert_eq!(receiver.ns(), [1, 1, 1, 1, 1, 2, 3]);
    assert!(received[..5].iter().all(|it| it.header("webhook-id") == received[0].header("webhook-id")));
    let numbers: Vec<i64> = received.iter().map(crate::receiver::Received::sequence).collect();
    assert_eq!(numbers, [1, 1, 1, 1, 1, 2, 3]);
    let attempts = eventually("attempts are stored", || {
        let attempts = daemon.block(daemon.store.hub_attempts(hub, 100)).ok()?;
        (attempts.len() == 5).then_some(attempts)
    });
    let told: Vec<(u32, &str, Option<u16>)> =
        attempts.iter().rev().map(|it| (it.attempt, it.outcome.as_str(), it.status)).collect();
    assert_eq!(
        told,
        [
            (1, "retried", Some(500)),
            (2, "retried", Some(404)),
            (3, "retried", Some(301)),
            (4, "retried", Some(401)),
            (5, "delivered", None)
        ]
    );
}

#[test]
fn pauses_grow_and_are_no_longer_than_the_longest() {
    let receiver = Receiver::scripted(|_, at| Reply::Status(if at < 6 { 500 } else { 200 }));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    let received = receiver.wait(7);
    let pauses: Vec<u128> = received.windows(2).map(|it| (it[1].at - it[0].at).as_millis()).collect();
    for (pause, least) in pauses.iter().zip([40, 80, 160, 320, 320, 320]) {
        assert!(*pause >= least, "{pauses:?}");
    }
}

#[test]
fn a_receiver_that_wants_to_be_left_alone_is_up_to_the_longest_pause() {
    let receiver = Receiver::scripted(|_, at| match at {
        0 => Reply::With(503, "retry-after: 1".to_owned()),
        1 => Reply::With(429, "retry-after: 86400".to_owned()),
        _ => Reply::Status(200),
    });
    let site = site();
    let mut config = management(vec![peer(receiver.address)]);
    config.retry_max = Duration::from_secs(2);
    let daemon = Daemon::start(&site, config);
    daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    let received = receiver.wait(3);
    let pause = |at: usize| received[at].at - received[at - 1].at;
    assert!(pause(1) >= Duration::from_secs(1), "{:?}", pause(1));
    assert!((Duration::from_secs(2)..Duration::from_secs(20)).contains(&pause(2)), "{:?}", pause(2));
}

#[test]
fn a_redirect_is_followed_by_nobody() {
    let elsewhere = Receiver::start();
    let location = format!("location: {}", elsewhere.url());
    let receiver = Receiver::scripted(move |_, at| match at {
        0..3 => Reply::With([301, 307, 308][at], location.clone()),
        _ => Reply::Status(200),
    });
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver, &elsewhere]);
    daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    receiver.wait(4);
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_none_and_one_without_an_end_is_cut() {
    let receiver = Receiver::scripted(|_, at| match at {
        0 => Reply::Late(200, Duration::from_secs(3)),
        1 => Reply::Nothing,
        2 => Reply::Endless(500),
        3 => Reply::Endless(200),
        4 => Reply::Drip(200, Duration::from_secs(3)),
        _ => Reply::Status(200),
    });
    let site = site();
    let mut config = management(vec![peer(receiver.address)]);
    config.timeout = Duration::from_secs(1);
    let daemon = Daemon::start(&site, config);
    daemon.register("order", &receiver.url(), None);
    let began = Instant::now();
    daemon.hand_on("order", 1..=3);
    receiver.wait(6);
    // Success is in the status: what follows it is not worth another attempt.
    assert_eq!(receiver.ns(), [1, 1, 1, 1, 2, 3]);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_host_at_which_nobody_listens_gets_everything_when_it_is_there() {
    let (site, address) = (site(), crate::receiver::nobody());
    let daemon = Daemon::start(&site, management(vec![peer(address)]));
    let hub = daemon.register("order", &format!("http://{address}/"), None);
    daemon.hand_on("order", 1..=3);
    let failing = eventually("it fails", || daemon.status(hub).failing);
    assert!(failing.last.contains("no connection"), "{failing:?}");
    assert_eq!(daemon.status(hub).backlog, 3);
    let receiver = Receiver::at(address);
    receiver.wait(3);
    assert_eq!(receiver.ns(), [1, 2, 3]);
}
