//! A daemon that says what a test wants it to say.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was asked: `GET /path?query`, with the body where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub line: String,
    pub body: Value,
}

/// Answers every request.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// `answer` gives status and body, of the request and how many there were before it.
    pub fn start(answer: impl Fn(&Asked, usize) -> (u16, Value) + Send + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let written = Arc::clone(&asked);
        // Ends with the test binary.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &written, &answer);
            }
        });
        Fake { url, asked }
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("a list").clone()
    }

    /// The same, the request lines alone.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, answer: &impl Fn(&Asked, usize) -> (u16, Value)) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request");
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let request = Asked { line, body: serde_json::from_slice(&body).unwrap_or_default() };
    let (status, said) = {
        let mut asked = asked.lock().expect("a list");
        let before = asked.len();
        asked.push(request.clone());
        answer(&request, before)
    };
    let said = said.to_string();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", said.len());
    let mut stream = stream;
    // Whoever has gone away wants no answer.
    let _ = stream.write_all((head + &said).as_bytes());
}
