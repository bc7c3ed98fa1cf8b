//! A service that answers whatever is posted at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

pub struct Webhook {
    pub address: SocketAddr,
}

impl Webhook {
    /// Answers with this body; until the bench ends.
    pub fn start(body: &str) -> Webhook {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = answer.clone();
                thread::spawn(move || converse(stream, &answer));
            }
        });
        Webhook { address }
    }
}

/// Ends with the connection.
fn converse(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 0 {
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if header == "\r\n" {
            let mut body = vec![0; std::mem::take(&mut length)];
            reader.read_exact(&mut body)?;
            stream.write_all(answer.as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}
