//! Somebody whom a client connects to, and what comes of it.

use super::authority::Authority;
use crate::support::daemon::{PATIENCE, eventually};
use crate::support::ports::lasting;
use rustls::{ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// What comes before TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Before {
    Nothing,
    /// The client asks for it, and is told yes.
    Postgres,
    /// The server says that it wants it.
    Nats,
}

/// What is behind the port.
#[derive(Clone)]
pub enum Behind {
    Certificate(Arc<ServerConfig>),
    /// A server of OpenSSL, which is relayed to.
    Another(SocketAddr),
}

/// What a connection has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The client has told us to be who we say.
    Trusted,
    Refused(String),
}

/// Somebody who is connected to.
pub struct Trap {
    pub name: &'static str,
    pub port: u16,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
}

impl Trap {
    pub fn start(name: &'static str, before: Before, behind: &Behind) -> Trap {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let outcomes = Arc::<Mutex<Vec<Outcome>>>::default();
        let (behind, told) = (behind.clone(), Arc::clone(&outcomes));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behind, told) = (behind.clone(), Arc::clone(&told));
                std::thread::spawn(move || {
                    let outcome = meet(stream, before, &behind);
                    // One that has just looked whether somebody is there says nothing.
                    if let Some(outcome) = outcome {
                        told.lock().expect("a list").push(outcome);
                    }
                });
            }
        });
        Trap { name, port, outcomes }
    }

    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().expect("a list").clone()
    }

    pub fn at(&self, before: &str, behind: &str) -> String {
        format!("{before}localhost:{}{behind}", self.port)
    }
}

fn meet(mut stream: TcpStream, before: Before, behind: &Behind) -> Option<Outcome> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    match before {
        Before::Nothing => {}
        Before::Postgres => {
            let mut asked = [0; 8];
            stream.read_exact(&mut asked).ok()?;
            assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47], "SSLRequest");
            stream.write_all(b"S").ok()?;
        }
        Before::Nats => {
            let info = r#"{"server_id":"x","version":"2.9.0","proto":1,"tls_required":true,"headers":true,"max_payload":1048576}"#;
            stream.write_all(format!("INFO {info}\r\n").as_bytes()).ok()?;
        }
    }
    let mut first = [0];
    if stream.peek(&mut first).unwrap_or(0) == 0 {
        return None;
    }
    match behind {
        Behind::Certificate(config) => Some(shake(stream, config)),
        Behind::Another(address) => relay(stream, *address),
    }
}

fn shake(mut stream: TcpStream, config: &Arc<ServerConfig>) -> Outcome {
    let mut connection = ServerConnection::new(Arc::clone(config)).expect("a configuration");
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return Outcome::Refused(error.to_string());
        }
    }
    // It has said that it is done, which one does not who has refused our certificate.
    Outcome::Trusted
}

/// What the server has answered first: a handshake, or an alert.
fn relay(stream: TcpStream, to: SocketAddr) -> Option<Outcome> {
    let server = TcpStream::connect(to).ok()?;
    let (mut from_client, mut to_server) = (stream.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let (mut server, mut stream) = (server, stream);
    let mut answer = Vec::new();
    server.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..read]);
        if stream.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    match answer.get(..7)? {
        // An alert, fatal: the version.
        [21, _, _, 0, 2, 2, 70] => Some(Outcome::Refused("its version".to_owned())),
        _ => Some(Outcome::Trusted),
    }
}

/// OpenSSL with TLS 1.1 and nothing newer.
pub struct Old {
    child: Child,
    pub address: SocketAddr,
}

impl Old {
    pub fn start(authority: &Authority) -> Old {
        let address = lasting();
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &address.to_string(), "-cert", "good.pem", "-key", "good.key"])
            .args(["-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"])
            .current_dir(authority.directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        eventually("it listens", || TcpStream::connect(address).ok());
        Old { child, address }
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
