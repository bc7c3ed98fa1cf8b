//! What is sent, and what its answer means.

use crate::given::*;
use eventmanager::managers::Answer;
use eventmanager::simulators::script::{Action, Rule};
use eventmanager::supervision::Shutdown;
use eventmanager::wire::Secret;
use eventmanager::wire::surgemail::{MailAccount, MailRequest};
use std::cell::Cell;
use std::rc::Rc;

#[actix::test]
async fn every_request_arrives_with_its_values_whatever_they_hold() {
    let server = simulator();
    let mail = manager(&[host(&server)], LONG);
    let awkward = [
        "nivi",
        "æøå ÆØÅ",
        "a&lcmd=user_delete",
        "a=b",
        "a+b",
        "100%41",
        "a\r\nHost: evil",
        "#/?;'\"\\",
        "a@b",
        "\u{1F4EE}",
    ];
    for (index, text) in awkward.into_iter().enumerate() {
        let domain = format!("d{index}.{}.gl", text.replace('@', ""));
        let account = MailAccount { local_part: text.to_owned(), domain: domain.clone() };
        let requests = [
            MailRequest::SaveDomain { domain: domain.clone() },
            MailRequest::CreateAccount { account: account.clone(), password: Secret::new(text) },
            MailRequest::DeleteAccount { account },
            MailRequest::DeleteDomain { domain: domain.clone() },
        ];
        let admin = format!("admin@{domain}");
        let fields = "domain_name,manager_username,manager_password,create_user,create_max";
        let show = ("show", "simple_msg.xml");
        let login = |command, rest: &[(&'static str, &'static str)]| {
            let head = [show, ("cmd", "cmd_user_login"), ("lcmd", command), ("user_fields", "user_id")];
            let whom = [("username", admin.as_str()), ("password", DOMAIN_PASSWORD)];
            pairs(&head).into_iter().chain(pairs(&whom)).chain(pairs(rest)).collect::<Vec<_>>()
        };
        let expected = [
            (
                "/cgi/admin.cgi",
                pairs(&[
                    show,
                    ("cmd", "global_misc_save"),
                    ("misc_settings", fields),
                    ("misc_cmd", "special"),
                    ("domainid", "-1"),
                    ("name", &domain),
                    ("manager_username", USERNAME),
                    ("manager_password", PASSWORD),
                ]),
            ),
            ("/cgi/domadmin.cgi", login("user_create", &[("lusername", text), ("lpassword", text)])),
            ("/cgi/domadmin.cgi", login("user_delete", &[("lusername", text)])),
            (
                "/cgi/admin.cgi",
                pairs(&[
                    show,
                    ("cmd", "domain_delete"),
                    ("domain", &domain),
                    ("delete_users", "true"),
                    ("delete_files", "true"),
                ]),
            ),
        ];
        // The domain that was made has the administrator's password; accounts are those of domains made elsewhere.
        for position in [1, 2, 0, 3] {
            let answer = ask(&mail, requests[position].clone()).await;
            let call = server.calls().pop().expect("a call");
            let (path, expected) = &expected[position];
            assert_eq!(query(&call.target), *expected, "{text:?}");
            assert_eq!(call.target.split('?').next(), Some(*path));
            assert_eq!(answer, Answer::Done, "{text:?}");
            if position == 1 {
                let account = &server.state().domains[&domain].accounts[text];
                assert_eq!(account.expose(), text);
            }
            if position == 2 {
                assert!(server.state().domains[&domain].accounts.is_empty());
            }
        }
        assert!(server.state().domains.is_empty());
    }
    assert_eq!(server.requests(), 4 * awkward.len() as u64, "nothing was smuggled in, and no probe counts");
    for operation in ["save_domain", "delete_domain", "create_account", "delete_account"] {
        let labels = ["system=\"mail\"", &format!("operation=\"{operation}\""), "outcome=\"done\""];
        let count = metric("eventmanager_southbound_request_seconds_count", &labels);
        assert!(count >= Some(awkward.len() as f64), "{operation}: {count:?}");
    }
    assert_no_secret(&log());
}

#[actix::test]
async fn a_refused_request_is_not_tried_elsewhere() {
    let pair = Pair::start(LONG);
    let mut asked = 0;
    let mut check = async |status: u16, request: MailRequest, outcome: &str| {
        pair.primary.script(vec![Rule::new(Action::Status(status))]);
        let answer = ask(&pair.mail, request).await;
        assert_eq!(answer.outcome(), outcome, "{status}");
        assert!(
            format!("{answer:?}").contains(&format!("HTTP status {status} from 127.0.0.1:")),
            "{answer:?}"
        );
        asked += 1;
        assert_eq!(pair.requests(), (asked, 0), "{status}");
    };
    check(500, create("a@x.gl"), "refused").await;
    check(501, create("a@x.gl"), "refused").await;
    check(400, delete("a@x.gl"), "refused").await;
    check(404, create("a@x.gl"), "refused").await;
    check(404, delete("a@x.gl"), "absent").await;
    check(404, MailRequest::DeleteDomain { domain: "x.gl".to_owned() }, "absent").await;
    check(202, create("a@x.gl"), "not_understood").await;
    check(302, create("a@x.gl"), "not_understood").await;
    assert_eq!(breaker_open(&host(&pair.primary)), Some(0.0), "it is there");
}

#[actix::test]
async fn a_request_that_is_too_long_to_be_sent_is_refused_and_leaves_the_host_in_peace() {
    let server = simulator();
    let mail = manager(&[host(&server)], LONG);
    for length in [8 << 10, 1 << 20] {
        let answer = ask(&mail, create(&format!("{}@x.gl", "a".repeat(length)))).await;
        assert_eq!(answer.outcome(), "refused");
        assert!(format!("{answer:?}").contains("bytes, allowed are 8192"), "{answer:?}");
    }
    assert_eq!(ask(&mail, create(&format!("{}@x.gl", "a".repeat(4096)))).await, Answer::Done);
    assert_eq!(server.requests(), 1);
    assert_eq!(breaker_open(&host(&server)), Some(0.0));
}

#[actix::test]
async fn a_request_is_a_post_without_a_body_and_its_secrets_are_quoted_nowhere() {
    // A peer that says back whatever it was told, wherever it can.
    let peer = Peer::start(|head, _| {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let login = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
        format!("500 {target}\r\nLocation: {target}\r\nX-Login: {login}\r\nX-Body: {target}")
    })
    .await;
    let mail = manager(std::slice::from_ref(&peer.address), LONG);
    let answer = ask(&mail, create("a@x.gl")).await;
    assert_eq!(answer, Answer::Refused(format!("HTTP status 500 from {}", peer.address)));
    let heads = peer.heads.borrow();
    let [head] = &heads[..] else { panic!("{heads:?}") };
    assert!(head.starts_with("POST /cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&"), "{head}");
    let has = |line: &str| head.lines().any(|found| found.eq_ignore_ascii_case(line));
    assert!(has("content-type: text/html") && has("content-length: 0"), "{head}");
    // "smuser:sm pass&æ=1"
    assert!(has("authorization: Basic c211c2VyOnNtIHBhc3Mmw6Y9MQ=="), "{head}");
    assert_no_secret(&log());
}

#[actix::test]
async fn only_so_many_requests_are_under_way_at_once() {
    let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (entered, highest) = (Rc::clone(&now), Rc::clone(&most));
    let peer = Peer::start(move |_, arrived| {
        entered.set(if arrived { entered.get() + 1 } else { entered.get() - 1 });
        highest.set(entered.get().max(highest.get()));
        "200 OK".to_owned()
    })
    .await;
    let mail = manager(std::slice::from_ref(&peer.address), LONG);
    let asks = (0..30).map(|number| ask(&mail, create(&format!("user{number}@x.gl"))));
    let answers = futures_util::future::join_all(asks).await;
    assert!(answers.iter().all(|answer| *answer == Answer::Done), "{answers:?}");
    assert_eq!((now.get(), most.get()), (0, 8));
}

#[actix::test]
async fn a_manager_that_is_told_to_stop_stops() {
    let server = simulator();
    let mail = manager(&[host(&server)], LONG);
    assert_eq!(ask(&mail, create("a@x.gl")).await, Answer::Done);
    mail.send(Shutdown).await.expect("it obeys");
    until("it has stopped", || !mail.connected()).await;
}
