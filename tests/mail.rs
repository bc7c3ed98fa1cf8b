//! The mail server as its manager meets it: what it is asked, and what becomes of hosts that are away.

mod support;

use actix::prelude::*;
use eventmanager::config::SurgeMail;
use eventmanager::managers::{Answer, Mail, Provision};
use eventmanager::simulators::script::{Action, Rule};
use eventmanager::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};
use eventmanager::supervision::Shutdown;
use eventmanager::telemetry;
use eventmanager::wire::Secret;
use eventmanager::wire::surgemail::{Credentials, MailAccount, MailRequest};
use metrics_exporter_prometheus::PrometheusHandle;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use support::daemon::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const USERNAME: &str = "smuser";
/// Passwords, with what would end a parameter, a line or a word of base64.
const PASSWORD: &str = "sm pass&æ=1";
const DOMAIN_PASSWORD: &str = "dom+pass%\r\n2";
const ACCOUNT_PASSWORD: &str = "vm&pass=ø?3";

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
/// Everything that this process has logged, at any level.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

/// What the program does once before it runs; the log is louder than it ever is there.
fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(|| Log)
            .init();
        telemetry::start_metrics().expect("metrics")
    })
}

/// The value of the series of `metric` that has these labels.
fn metric(metric: &str, labels: &[&str]) -> Option<f64> {
    let text = metrics().render();
    let of = |line: &&str| line.split(['{', ' ']).next() == Some(metric);
    let line = text.lines().filter(of).find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn breaker_open(host: &str) -> Option<f64> {
    metric("eventmanager_breaker_open", &["system=\"mail\"", &format!("host=\"{host}\"")])
}

/// Waits until `holds`, while actors of this thread run on.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn simulator() -> SurgemailHandle {
    let options = SurgemailOptions {
        username: USERNAME.to_owned(),
        password: Secret::new(PASSWORD),
        domain_password: Some(Secret::new(DOMAIN_PASSWORD)),
        ..SurgemailOptions::default()
    };
    SurgemailSimulator::start(options).expect("a mail server")
}

/// The manager of one or two hosts.
fn manager(hosts: &[String], timeout: Duration) -> Addr<Mail> {
    metrics();
    let config = SurgeMail {
        primary: hosts[0].clone(),
        secondary: hosts.get(1).cloned(),
        username: USERNAME.to_owned(),
        password: Secret::new(PASSWORD),
        domain_password: Secret::new(DOMAIN_PASSWORD),
        timeout,
        delete_replaced: false,
    };
    Mail::new(config).start()
}

/// Two mail servers and their manager.
struct Pair {
    primary: SurgemailHandle,
    secondary: SurgemailHandle,
    mail: Addr<Mail>,
}

impl Pair {
    fn start(timeout: Duration) -> Pair {
        let (primary, secondary) = (simulator(), simulator());
        let mail = manager(&[host(&primary), host(&secondary)], timeout);
        Pair { primary, secondary, mail }
    }

    /// How many requests each has got.
    fn requests(&self) -> (u64, u64) {
        (self.primary.requests(), self.secondary.requests())
    }
}

fn host(server: &SurgemailHandle) -> String {
    server.addr().to_string()
}

/// Enough for whatever answers at all.
const LONG: Duration = Duration::from_secs(30);

fn create(account: &str) -> MailRequest {
    let account = MailAccount::parse(account).expect("an account");
    MailRequest::CreateAccount { account, password: Secret::new(ACCOUNT_PASSWORD) }
}

fn delete(account: &str) -> MailRequest {
    MailRequest::DeleteAccount { account: MailAccount::parse(account).expect("an account") }
}

/// What comes of a request; neither that nor the log has a secret in it.
#[track_caller]
fn ask(mail: &Addr<Mail>, request: MailRequest) -> impl Future<Output = Answer> + use<> {
    let answer = mail.send(Provision(request));
    async move {
        let answer = answer.await.expect("the manager runs");
        assert_no_secret(&format!("{answer:?}"));
        answer
    }
}

/// No secret as it is, as a URL, as a form or as the header has it.
fn assert_no_secret(text: &str) {
    let credentials = Credentials {
        username: USERNAME.to_owned(),
        password: Secret::new(PASSWORD),
        domain_password: Secret::new(DOMAIN_PASSWORD),
    };
    let authorization = credentials.authorization();
    let (_, base64) = authorization.expose().split_once(' ').expect("Basic");
    let parts = ["sm pass", "sm%20pass", "sm+pass", "dom+pass", "dom%2Bpass", "vm&pass", "vm%26pass", base64];
    for secret in parts {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

/// The parameters of a call, decoded.
fn query(target: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://host{target}")).expect("a target");
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

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

/// A peer whose answers are made up by the test.
struct Peer {
    address: String,
    /// The requests that came, without bodies.
    heads: Rc<RefCell<Vec<String>>>,
}

impl Peer {
    /// `answer` gives status line and headers. It is called when a request has arrived (`true`), and again with
    /// `false` when that is answered a little later.
    async fn start(answer: impl Fn(&str, bool) -> String + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let heads = Rc::new(RefCell::default());
        let (answer, seen) = (Rc::new(answer), Rc::clone(&heads));
        actix::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                actix::spawn(converse(socket, Rc::clone(&answer), Rc::clone(&seen)));
            }
        });
        Peer { address, heads }
    }
}

async fn converse(
    mut socket: TcpStream,
    answer: Rc<impl Fn(&str, bool) -> String>,
    heads: Rc<RefCell<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("text");
    heads.borrow_mut().push(head.clone());
    answer(&head, true);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let said = answer(&head, false);
    let text =
        format!("HTTP/1.1 {said}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{head}", head.len());
    // A client that has gone is no matter of this test.
    let _ = socket.write_all(text.as_bytes()).await;
}
