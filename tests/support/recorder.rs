//! A peer of HTTP that keeps every request byte for byte and answers as the test says.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Path and query.
    pub target: String,
    /// Header lines, each with its line end.
    pub headers: String,
    pub body: String,
}

/// Status and body.
pub type Answer = (u16, String);

pub struct Recorder {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    pub fn start(answer: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let requests: Arc<Mutex<Vec<Recorded>>> = Arc::default();
        let (answer, recorded) = (Arc::new(answer), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, recorded) = (Arc::clone(&answer), Arc::clone(&recorded));
                // It ends with the connection; that the client is gone is no matter.
                std::thread::spawn(move || converse(stream, &*answer, &recorded));
            }
        });
        Recorder { address, requests }
    }

    /// Everything that came since it was last asked.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.requests.lock().expect("requests"))
    }
}

fn converse(
    mut stream: TcpStream,
    answer: &dyn Fn(&Recorded) -> Answer,
    requests: &Mutex<Vec<Recorded>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        let (status, body) = answer(&request);
        requests.lock().expect("requests").push(request);
        write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    }
    Ok(())
}

/// `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Recorded>> {
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let Some(target) = first.split(' ').nth(1) else { return Ok(None) };
    let mut headers = String::new();
    while reader.read_line(&mut headers)? > 2 {}
    let lowered = headers.to_lowercase();
    let length = lowered.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(Recorded { target: target.to_owned(), headers, body }))
}
