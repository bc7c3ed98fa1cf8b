//! What the simulators allow: clients that do nothing but calls, one after the other.

use super::peers::Peers;
use eventmanager::plan::Request;
use eventmanager::simulators::ema::PATH;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::{self, Answer, parse_answer};
use eventmanager::wire::surgemail::{Credentials, MailRequest, target};
use futures_util::future::join_all;
use memchr::memmem;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As many clients as the daemon has requests under way, with simulators of their own.
pub struct Clients {
    pub peers: Peers,
    clients: Vec<Client>,
}

impl Clients {
    pub async fn connect(count: usize) -> Clients {
        let peers = Peers::start();
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(Client::connect(&peers).await);
        }
        Clients { peers, clients }
    }

    /// Does the requests of every list one after the other, so many lists at a time, one by each client.
    pub async fn run(&mut self, lists: Vec<Vec<Request>>, at_once: usize) -> Duration {
        let lists = RefCell::new(lists.into_iter());
        let next = || lists.borrow_mut().next();
        let began = Instant::now();
        join_all(self.clients.iter_mut().take(at_once).map(|client| async {
            while let Some(requests) = next() {
                for request in requests {
                    client.ask(&request).await;
                }
            }
        }))
        .await;
        began.elapsed()
    }
}

/// A session at the gateway, and a connection to the mail server once it is needed.
struct Client {
    ema: Connection,
    mail: Option<Connection>,
    mail_server: SocketAddr,
    session: Secret,
    credentials: Credentials,
}

impl Client {
    async fn connect(peers: &Peers) -> Client {
        let mut ema = Connection::open(peers.ema.addr()).await;
        let config = peers.ema();
        let body = ema.post(PATH, "", &cai3g::login(&config.username, &config.password)).await;
        let Answer::Success { session_id: Some(session) } = parse_answer(200, &body) else {
            panic!("no session: {}", String::from_utf8_lossy(&body));
        };
        let config = peers.surgemail();
        let credentials = Credentials {
            username: config.username,
            password: config.password,
            domain_password: config.domain_password,
        };
        Client { ema, mail: None, mail_server: peers.surgemail.addr(), session, credentials }
    }

    async fn ask(&mut self, request: &Request) {
        match request {
            Request::Hss(request) => self.ema.post(PATH, "", &cai3g::hss(request, &self.session)).await,
            Request::Enum(request) => {
                self.ema.post(PATH, "", &cai3g::enumeration(request, &self.session)).await
            }
            Request::Mail(request) => self.ask_mail(request).await,
        };
    }

    async fn ask_mail(&mut self, request: &MailRequest) -> Vec<u8> {
        let authorization = self.credentials.authorization();
        let header = format!("Authorization: {}\r\n", authorization.expose());
        // A server waits only so long for the first request of a connection.
        let mail = match &mut self.mail {
            Some(mail) => mail,
            None => self.mail.insert(Connection::open(self.mail_server).await),
        };
        mail.post(target(request, &self.credentials).expose(), &header, "").await
    }
}

/// A connection that stays open.
struct Connection(TcpStream);

impl Connection {
    async fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("no delay");
        Connection(stream)
    }

    /// Posts and returns the body of the answer, which must be a success.
    async fn post(&mut self, target: &str, header: &str, body: &str) -> Vec<u8> {
        let head = format!("POST {target} HTTP/1.1\r\nHost: peer\r\nContent-Length: {}\r\n", body.len());
        self.0.write_all(format!("{head}{header}\r\n{body}").as_bytes()).await.expect("sent");
        let mut answer = Vec::with_capacity(2048);
        loop {
            assert_ne!(self.0.read_buf(&mut answer).await.expect("an answer"), 0, "the peer hangs up");
            if let Some(start) = body_of(&answer) {
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
                return answer.split_off(start);
            }
        }
    }
}

/// Where the body of an answer begins that is there as a whole.
fn body_of(answer: &[u8]) -> Option<usize> {
    let start = memmem::find(answer, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..start]).expect("a head is ASCII").to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.expect("a length").parse().expect("a number");
    (answer.len() >= start + length).then_some(start)
}
