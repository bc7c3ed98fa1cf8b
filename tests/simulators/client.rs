//! Who asks the simulators: HTTP, byte by byte.

use crate::documents::login;
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, PATH};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An HTTP client that never repeats a request and sees how a connection ends.
pub struct Client {
    pub stream: TcpStream,
    pub session: Option<String>,
}

impl Client {
    pub fn connect(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client { stream, session: None })
    }

    /// A client with a session.
    pub fn logged_in(ema: &EmaHandle) -> Client {
        let mut client = Client::connect(ema.addr()).unwrap();
        client.log_in();
        client
    }

    pub fn post(&mut self, target: &str, headers: &str, body: &str) -> io::Result<(u16, String)> {
        let length = body.len();
        // In one piece: a request in several segments waits for the acknowledgement of the first.
        let request =
            format!("POST {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    pub fn soap(&mut self, inner: &str) -> io::Result<(u16, String)> {
        let header = match &self.session {
            Some(session) => format!("<S:Header><cai3:SessionId>{session}</cai3:SessionId></S:Header>"),
            None => String::new(),
        };
        let body = format!(
            "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:cai3=\"http://schemas.ericsson.com/cai3g1.2/\">{header}<S:Body>{inner}</S:Body></S:Envelope>"
        );
        self.post(PATH, "Content-Type: text/xml\r\n", &body)
    }

    pub fn log_in(&mut self) {
        let (status, body) = self.soap(&login("emauser", "emapass")).unwrap();
        assert_eq!(status, 200, "{body}");
        let after = body.split("sessionId>").nth(1).unwrap();
        self.session = Some(after.split('<').next().unwrap().to_owned());
    }

    pub fn succeeds(&mut self, inner: &str) {
        let (status, body) = self.soap(inner).unwrap();
        assert_eq!(status, 200, "{body}");
    }

    pub fn is_refused(&mut self, inner: &str, code: u32, detail_code: u32) {
        let (status, body) = self.soap(inner).unwrap();
        assert_eq!(status, 500, "{body}");
        assert!(body.contains(&format!("faultcode>{code}<")), "{code} in {body}");
        assert!(body.contains(&format!("code>{detail_code}<")), "{detail_code} in {body}");
    }
}

pub fn start() -> EmaHandle {
    EmaSimulator::start(EmaOptions::default()).unwrap()
}

pub fn closed(result: io::Result<(u16, String)>) {
    let kind = result.expect_err("there should be no answer").kind();
    let expected = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(expected.contains(&kind), "{kind:?}");
}
