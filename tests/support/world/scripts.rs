//! A Kamailio whose script sends events and asks questions over EVAPI, to whoever is connected; and the service that decides about some of
//! the questions.

use super::receiver::{Receiver, Reply};
use crate::support::daemon::PATIENCE;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Clones are of the same one.
#[derive(Clone)]
pub struct Kamailio {
    pub address: SocketAddr,
    webhook: Receiver,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    client: Option<TcpStream>,
    /// Connections so far.
    connections: u64,
    /// The number of the last event.
    last: u64,
    /// The events of each connection.
    sent: BTreeMap<u64, Vec<u64>>,
    asked: BTreeMap<u64, Vec<u64>>,
    /// How often each question was answered.
    answered: BTreeMap<u64, u64>,
}

impl Kamailio {
    pub fn start() -> Kamailio {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let webhook = Receiver::scripted(|_, _| Reply::Body(200, r#"{"code":"202"}"#.to_owned()));
        let kamailio = Kamailio { address, webhook, inner: Arc::default() };
        let serving = kamailio.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let reading = stream.try_clone().expect("a descriptor");
                {
                    let mut inner = serving.lock();
                    inner.connections += 1;
                    if let Some(before) = inner.client.replace(stream) {
                        let _ = before.shutdown(Shutdown::Both);
                    }
                }
                let reader = serving.clone();
                std::thread::spawn(move || reader.read(reading));
            }
        });
        kamailio
    }

    pub fn config(&self) -> String {
        let reply = |code: &str| {
            format!(
                r#"{{"cmd":"reply","tr_index":"{{tr_index}}","tr_label":"{{tr_label}}","code":"{code}"}}"#
            )
        };
        format!(
            "[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n[[kamailio.answer]]\nevent = \"question\"\nreply = '{}'\n\
             [[kamailio.answer]]\nevent = \"inquiry\"\nwebhook = \"{}\"\nreply = '{}'\ndefault = '{}'\n\
             [[route]]\nsource = \"k1\"\nevent = \"call\"\nto = [\"kamailio\"]\nstore = true\n",
            self.address,
            reply("202"),
            self.webhook.url(),
            reply("{webhook.code}"),
            reply("403")
        )
    }

    /// Sends an event, and with every fifth a question, every other of which the service decides; its number, where somebody is connected.
    pub fn send(&self) -> Option<u64> {
        let mut inner = self.lock();
        inner.client.as_ref()?;
        inner.last += 1;
        let (n, connection) = (inner.last, inner.connections);
        let event = format!(r#"{{"event":"call","n":{n}}}"#);
        let kind = if n.is_multiple_of(2) { "question" } else { "inquiry" };
        let question = format!(r#"{{"event":"{kind}","tr_index":"{n}","tr_label":"1"}}"#);
        let mut frames = format!("{}:{event},", event.len());
        if n.is_multiple_of(5) {
            frames += &format!("{}:{question},", question.len());
            inner.asked.entry(connection).or_default().push(n);
        }
        inner.sent.entry(connection).or_default().push(n);
        let written = inner.client.as_mut().map(|client| client.write_all(frames.as_bytes()));
        if !matches!(written, Some(Ok(()))) {
            inner.client = None;
            return None;
        }
        Some(n)
    }

    /// The events of each connection so far.
    pub fn sent(&self) -> Vec<Vec<u64>> {
        self.lock().sent.values().cloned().collect()
    }

    /// The questions of the last connection.
    pub fn asked_last(&self) -> Vec<u64> {
        let inner = self.lock();
        inner.asked.get(&inner.connections).cloned().unwrap_or_default()
    }

    /// How often each question was answered.
    pub fn answered(&self) -> BTreeMap<u64, u64> {
        self.lock().answered.clone()
    }

    fn read(&self, stream: TcpStream) {
        stream.set_read_timeout(Some(10 * PATIENCE)).expect("a timeout");
        let mut stream = BufReader::new(stream);
        while let Some(payload) = frame(&mut stream) {
            let answer: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
            let number = answer["tr_index"].as_str().and_then(|index| index.parse().ok());
            let number = number.expect("the number of a question");
            *self.lock().answered.entry(number).or_default() += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("a lock")
    }
}

/// No netstring is longer.
const LONGEST: usize = 1 << 20;

/// The next netstring; `None` where the connection ends, within one as well, or speaks of something else: while the daemon is dead
/// another program may have its port.
pub fn frame(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        match byte[0] {
            b':' => break,
            digit @ b'0'..=b'9' if length < LONGEST => length = length * 10 + usize::from(digit - b'0'),
            _ => return None,
        }
    }
    let mut payload = vec![0; length + 1];
    stream.read_exact(&mut payload).ok()?;
    assert_eq!(payload.pop(), Some(b','), "a netstring");
    Some(payload)
}
