//! The manager, one host or two, and peers that say what they like.

use crate::support::daemon::PATIENCE;
use actix::prelude::*;
use eventmanager::config::{Live, SurgeMail};
use eventmanager::managers::{Answer, Mail, Provision};
use eventmanager::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};
use eventmanager::telemetry;
use eventmanager::wire::Secret;
use eventmanager::wire::surgemail::{Credentials, MailAccount, MailRequest};
use metrics_exporter_prometheus::PrometheusHandle;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const USERNAME: &str = "smuser";

/// Passwords, with what would end a parameter, a line or a word of base64.
pub const PASSWORD: &str = "sm pass&æ=1";

pub const DOMAIN_PASSWORD: &str = "dom+pass%\r\n2";

pub const ACCOUNT_PASSWORD: &str = "vm&pass=ø?3";

pub static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Everything that this process has logged, at any level.
pub static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

pub struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

/// What the program does once before it runs; the log is louder than it ever is there.
pub fn metrics() -> &'static PrometheusHandle {
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
pub fn metric(metric: &str, labels: &[&str]) -> Option<f64> {
    let text = metrics().render();
    let of = |line: &&str| line.split(['{', ' ']).next() == Some(metric);
    let line = text.lines().filter(of).find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

pub fn breaker_open(host: &str) -> Option<f64> {
    metric("eventmanager_breaker_open", &["system=\"mail\"", &format!("host=\"{host}\"")])
}

/// Waits until `holds`, while actors of this thread run on.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn simulator() -> SurgemailHandle {
    let options = SurgemailOptions {
        username: USERNAME.to_owned(),
        password: Secret::new(PASSWORD),
        domain_password: Some(Secret::new(DOMAIN_PASSWORD)),
        ..SurgemailOptions::default()
    };
    SurgemailSimulator::start(options).expect("a mail server")
}

/// The manager of one or two hosts.
pub fn manager(hosts: &[String], timeout: Duration) -> Addr<Mail> {
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
    let hosts = eventmanager::managers::hosts::hosts().0;
    Mail::new(Live::fixed(config), hosts, eventmanager::managers::Board::all_running()).start()
}

/// Two mail servers and their manager.
pub struct Pair {
    pub primary: SurgemailHandle,
    pub secondary: SurgemailHandle,
    pub mail: Addr<Mail>,
}

impl Pair {
    pub fn start(timeout: Duration) -> Pair {
        let (primary, secondary) = (simulator(), simulator());
        let mail = manager(&[host(&primary), host(&secondary)], timeout);
        Pair { primary, secondary, mail }
    }

    /// How many requests each has got.
    pub fn requests(&self) -> (u64, u64) {
        (self.primary.requests(), self.secondary.requests())
    }
}

pub fn host(server: &SurgemailHandle) -> String {
    server.addr().to_string()
}

/// Enough for whatever answers at all.
pub const LONG: Duration = Duration::from_secs(30);

pub fn create(account: &str) -> MailRequest {
    let account = MailAccount::parse(account).expect("an account");
    MailRequest::CreateAccount { account, password: Secret::new(ACCOUNT_PASSWORD) }
}

pub fn delete(account: &str) -> MailRequest {
    MailRequest::DeleteAccount { account: MailAccount::parse(account).expect("an account") }
}

/// What comes of a request; neither that nor the log has a secret in it.
#[track_caller]
pub fn ask(mail: &Addr<Mail>, request: MailRequest) -> impl Future<Output = Answer> + use<> {
    let answer = mail.send(Provision(request));
    async move {
        let answer = answer.await.expect("the manager runs");
        assert_no_secret(&format!("{answer:?}"));
        answer
    }
}

/// No secret as it is, as a URL, as a form or as the header has it.
pub fn assert_no_secret(text: &str) {
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
pub fn query(target: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://host{target}")).expect("a target");
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

pub fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A peer whose answers are made up by the test.
pub struct Peer {
    pub address: String,
    /// The requests that came, without bodies.
    pub heads: Rc<RefCell<Vec<String>>>,
}

impl Peer {
    /// `answer` gives status line and headers. It is called when a request has arrived (`true`), and again with
    /// `false` when that is answered a little later.
    pub async fn start(answer: impl Fn(&str, bool) -> String + 'static) -> Peer {
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

pub async fn converse(
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
