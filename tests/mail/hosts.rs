//! Which host is asked when one is away, silent or of another opinion.

use crate::given::*;
use crate::support::daemon::PATIENCE;
use eventmanager::managers::Answer;
use eventmanager::simulators::script::{Action, Rule};
use std::time::{Duration, Instant};

#[actix::test]
async fn the_secondary_does_it_while_the_primary_is_away_and_the_primary_once_it_is_back() {
    let pair = Pair::start(LONG);
    let (primary, secondary) = (host(&pair.primary), host(&pair.secondary));
    assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done);
    assert_eq!(pair.requests(), (1, 0));
    assert_eq!((breaker_open(&primary), breaker_open(&secondary)), (Some(0.0), Some(0.0)));
    pair.primary.refuse(true).expect("refused");
    // On the connection of before, whose end may not have been noticed, no answer comes: that one is asked once more.
    if ask(&pair.mail, create("b@x.gl")).await.outcome() == "unanswered" {
        assert_eq!(ask(&pair.mail, create("b@x.gl")).await, Answer::Done);
    }
    assert_eq!(ask(&pair.mail, create("c@x.gl")).await, Answer::Done);
    assert_eq!(pair.requests(), (1, 2));
    assert_eq!((breaker_open(&primary), breaker_open(&secondary)), (Some(1.0), Some(0.0)));
    pair.primary.refuse(false).expect("listening");
    until("the primary is back", || breaker_open(&primary) == Some(0.0)).await;
    assert_eq!(ask(&pair.mail, delete("a@x.gl")).await, Answer::Done);
    assert_eq!(pair.requests(), (2, 2));
    let lines =
        |what: &str| log().lines().filter(|line| line.contains(what) && line.contains(&primary)).count();
    assert_eq!((lines("host is away system=\"mail\""), lines("host is back system=\"mail\"")), (1, 1));
}

#[actix::test]
async fn a_request_that_no_host_takes_waits_until_one_is_back() {
    let pair = Pair::start(LONG);
    pair.primary.refuse(true).expect("refused");
    pair.secondary.refuse(true).expect("refused");
    // The first finds out, the second knows already.
    for _ in 0..2 {
        let answer = ask(&pair.mail, create("a@x.gl")).await;
        let Answer::NotTaken(reason) = &answer else { panic!("{answer:?}") };
        for host in [host(&pair.primary), host(&pair.secondary)] {
            assert!(reason.contains(&format!("{host}: ")), "{reason}");
        }
        assert!(reason.contains("Connection refused"), "{reason}");
    }
    pair.secondary.refuse(false).expect("listening");
    until("the secondary is back", || breaker_open(&host(&pair.secondary)) == Some(0.0)).await;
    assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done);
    assert_eq!(pair.requests(), (0, 1));
}

#[actix::test]
async fn a_request_whose_answer_is_lost_is_not_sent_to_the_other_host() {
    let check = async |action: Action, timeout: Duration, expected: &str| {
        let pair = Pair::start(timeout);
        pair.primary.script(vec![Rule::new(action.clone()).times(1)]);
        let answer = ask(&pair.mail, create("a@x.gl")).await;
        let Answer::Unanswered(reason) = &answer else { panic!("{action:?}: {answer:?}") };
        assert!(reason.contains(expected) && reason.contains(&host(&pair.primary)), "{action:?}: {reason}");
        assert_eq!(pair.requests(), (1, 0), "{action:?}");
        // Once more, it goes to the host that answers.
        assert_eq!(breaker_open(&host(&pair.primary)), Some(1.0), "{action:?}");
        assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done, "{action:?}");
        assert_eq!(pair.requests(), (1, 1), "{action:?}");
        until("the primary is back", || breaker_open(&host(&pair.primary)) == Some(0.0)).await;
        assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done, "{action:?}");
        assert_eq!(pair.requests(), (2, 1), "{action:?}");
    };
    let short = Duration::from_millis(200);
    check(Action::ProcessAndDrop, LONG, "no answer from").await;
    check(Action::Drop, LONG, "no answer from").await;
    check(Action::Hang, short, "timed out").await;
    check(Action::ProcessAndHang, short, "timed out").await;
    check(Action::Status(502), LONG, "HTTP status 502").await;
    check(Action::Status(504), LONG, "HTTP status 504").await;
    assert_no_secret(&log());
}

#[actix::test]
async fn the_only_host_is_asked_until_three_answers_have_not_come() {
    let server = simulator();
    let mail = manager(&[host(&server)], LONG);
    server.script(vec![Rule::new(Action::Drop).times(3)]);
    for open in [0.0, 0.0, 1.0] {
        assert_eq!(ask(&mail, create("a@x.gl")).await.outcome(), "unanswered");
        assert_eq!(breaker_open(&host(&server)), Some(open));
    }
    assert_eq!(ask(&mail, create("a@x.gl")).await.outcome(), "not_taken");
    until("it is back", || breaker_open(&host(&server)) == Some(0.0)).await;
    assert_eq!(ask(&mail, create("a@x.gl")).await, Answer::Done);
}

#[actix::test]
async fn a_host_that_has_no_time_leaves_the_request_to_the_other() {
    for status in [429, 503] {
        let pair = Pair::start(LONG);
        pair.primary.script(vec![Rule::new(Action::Status(status)).times(1)]);
        assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done, "{status}");
        assert_eq!(pair.requests(), (1, 1), "{status}");
        until("the primary is back", || breaker_open(&host(&pair.primary)) == Some(0.0)).await;
    }
}

#[actix::test]
async fn a_refused_login_is_an_outage_and_no_failure_of_the_request() {
    let pair = Pair::start(LONG);
    let primary = host(&pair.primary);
    pair.primary.script(vec![Rule::new(Action::Status(401)).times(1)]);
    for _ in 0..2 {
        assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done);
    }
    assert_eq!(pair.requests(), (1, 2), "the primary is left alone");
    assert_eq!(breaker_open(&primary), Some(1.0));
    // One of the next ones tries it.
    let since = Instant::now();
    while pair.primary.requests() == 1 {
        assert!(since.elapsed() < PATIENCE, "the primary is never asked again");
        assert_eq!(ask(&pair.mail, create("a@x.gl")).await, Answer::Done);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(breaker_open(&primary), Some(0.0));
}

#[actix::test]
async fn a_wrong_password_is_told_and_only_a_request_finds_out_that_it_is_right_now() {
    let peer = Peer::start(|head, _| match head.starts_with("POST") {
        true => "401 Unauthorized".to_owned(),
        false => "200 OK".to_owned(),
    })
    .await;
    let mail = manager(std::slice::from_ref(&peer.address), LONG);
    let since = Instant::now();
    while peer.heads.borrow().len() < 3 {
        assert!(since.elapsed() < PATIENCE, "it is never tried again");
        let expected = format!("{}: login refused: HTTP status 401", peer.address);
        assert_eq!(ask(&mail, create("a@x.gl")).await, Answer::NotTaken(expected));
        assert_eq!(breaker_open(&peer.address), Some(1.0));
        // Long enough for probes to come first, if there were any.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert!(peer.heads.borrow().iter().all(|head| head.starts_with("POST ")), "no probe");
    assert!(since.elapsed() > Duration::from_millis(500), "and not more often than a probe");
}
