//! One client, from its acceptance to its end.
//!
//! Reading and writing wait for nobody but the socket. Whatever breaks the rules of the stream ends the connection, since what
//! follows cannot be understood; a client that closes its sending side is gone, as for Kamailio.

use super::clients::Seat;
use super::command::{self, BadPayload, Command};
use super::end::End;
use super::message;
use crate::config::{self, Live};
use crate::failpoints;
use crate::sockets;
use crate::telemetry::{Seldom, count_bad_frame};
use crate::wire::netstring::{Decoder, NetstringError};
use serde_json::json;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What is read at once. Clients say little, and there may be many.
const READ: usize = 4 << 10;
/// Bytes of a frame of a client, at most.
const LARGEST: usize = 64 << 10;
/// A frame that has begun is whole by then.
const WHOLE_WITHIN: Duration = Duration::from_secs(10);
/// So many payloads in a row that cannot be read mean that its place in the stream is lost.
const MAX_BAD: usize = 10;

/// A client.
pub struct Session {
    pub peer: SocketAddr,
    pub seat: Seat,
    pub config: Live<config::EvapiServer>,
    /// Payloads that could not be read, over all clients.
    pub bad: Rc<Seldom>,
}

impl Session {
    /// Serves it until it ends; why it did.
    pub async fn run(self, stream: TcpStream) -> End {
        if let Err(error) = sockets::keep(&stream) {
            return End::Failed(error.to_string());
        }
        let (read, write) = stream.into_split();
        tokio::select! {
            end = self.seat.outbox().was_cut() => end,
            end = self.read(read) => end,
            end = self.write(write) => end,
        }
    }

    async fn write(&self, mut stream: impl AsyncWrite + Unpin) -> End {
        let frames = metrics::counter!("eventmanager_evapi_frames_total");
        while let Some(batch) = self.seat.outbox().next().await {
            self.seat.has_taken();
            failpoints::pass("evapi.send.before").await;
            if let Err(error) = stream.write_all(&batch.bytes).await {
                return End::Failed(error.to_string());
            }
            failpoints::pass("evapi.send.after").await;
            frames.increment(batch.frames as u64);
        }
        // It may have gone before.
        let _ = stream.shutdown().await;
        End::Stopped
    }

    async fn read(&self, mut stream: impl AsyncRead + Unpin) -> End {
        let mut decoder = Decoder::new(LARGEST);
        let (mut began, mut bad_in_a_row) = (None::<Instant>, 0);
        loop {
            decoder.buffer_mut().reserve(READ);
            let unfinished = sockets::until(began.map(|began| began + WHOLE_WITHIN));
            tokio::select! {
                read = stream.read_buf(decoder.buffer_mut()) => match read {
                    Ok(0) => return ended(&decoder),
                    Ok(_) => {}
                    Err(error) => return End::Failed(error.to_string()),
                },
                () = unfinished => {
                    count_bad("unfinished");
                    return End::Bad(format!("a frame that was not whole after {WHOLE_WITHIN:?}"));
                }
            }
            match self.take(&mut decoder, &mut bad_in_a_row) {
                Ok(0) => {}
                Ok(_) => began = None,
                Err(end) => return end,
            }
            began = decoder.is_inside().then(|| began.unwrap_or_else(Instant::now));
        }
    }

    /// Does what has come; how many frames that were, or why the connection has to end.
    fn take(&self, decoder: &mut Decoder, bad_in_a_row: &mut usize) -> Result<usize, End> {
        let mut frames = 0;
        while let Some(payload) = decoder.next_frame().map_err(broken)? {
            frames += 1;
            match command::read(&payload) {
                Ok(command) => {
                    *bad_in_a_row = 0;
                    self.obey(command);
                }
                Err(error) => {
                    *bad_in_a_row += 1;
                    self.refuse(&error);
                }
            }
            if *bad_in_a_row >= MAX_BAD {
                return Err(End::Bad(format!("{MAX_BAD} payloads in a row could not be read")));
            }
        }
        Ok(frames)
    }

    fn obey(&self, command: Command) {
        metrics::counter!("eventmanager_evapi_commands_total", "command" => command.label()).increment(1);
        match command {
            Command::Tag(tag) => self.seat.wants(|wants| wants.tag = tag),
            Command::Subscribe(topics) => {
                let written: Vec<String> = topics.iter().map(ToString::to_string).collect();
                self.seat.wants(|wants| wants.topics = Some(topics));
                self.answer(&json!({"event": "subscribed", "topics": written}));
            }
            Command::Other => {}
        }
    }

    fn refuse(&self, error: &BadPayload) {
        count_bad(error.label());
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(peer = %self.peer, reason = %error, so_far, "evapi client sent what cannot be read");
        }
        if let BadPayload::Command { command, reason } = error {
            self.answer(&json!({"event": "refused", "cmd": command, "reason": reason}));
        }
    }

    fn answer(&self, message: &serde_json::Value) {
        self.seat.answer(message::frame_of(message), self.config.get().queue);
    }
}

fn ended(decoder: &Decoder) -> End {
    if decoder.is_inside() {
        count_bad("truncated");
    }
    End::Closed
}

fn broken(error: NetstringError) -> End {
    count_bad(match error {
        NetstringError::Oversize { .. } => "oversize",
        _ => "framing",
    });
    End::Bad(format!("{error}: what follows cannot be understood"))
}

fn count_bad(reason: &'static str) {
    count_bad_frame("evapi_server", reason);
}

#[cfg(test)]
mod tests {
    use super::super::clients::Clients;
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::io::duplex;

    fn session(clients: &Clients) -> Session {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let config = config::EvapiServer::new(peer);
        Session { peer, seat: clients.enter(peer.ip()), config: Live::fixed(config), bad: Rc::default() }
    }

    fn frame(payload: &str) -> String {
        format!("{}:{payload},", payload.len())
    }

    /// How the connection ends where these parts are sent, and what was answered.
    async fn send(parts: &[&[u8]], pause: Duration) -> (End, String) {
        let clients = Clients::new();
        let session = session(&clients);
        let (mut near, far) = duplex(1 << 20);
        let sending = async {
            for part in parts {
                if near.write_all(part).await.is_err() {
                    return std::future::pending().await;
                }
                tokio::time::sleep(pause).await;
            }
            near.shutdown().await.expect("it can be closed");
            std::future::pending::<()>().await;
        };
        let end = tokio::select! { end = session.read(far) => end, () = sending => unreachable!() };
        session.seat.outbox().close();
        let mut answers = Vec::new();
        while let Some(batch) = session.seat.outbox().next().await {
            answers.extend_from_slice(&batch.bytes);
        }
        (end, String::from_utf8(answers).expect("UTF-8"))
    }

    #[tokio::test(start_paused = true)]
    async fn commands_are_obeyed_wherever_the_stream_is_cut() {
        let stream = frame(r#"{"cmd":"tag","tag":"x"}"#) + &frame(r#"{"cmd":"subscribe","topics":["a*"]}"#);
        let answer = frame(r#"{"event":"subscribed","topics":["a*"]}"#);
        for cut in 0..=stream.len() {
            let (first, second) = stream.as_bytes().split_at(cut);
            let (end, answers) = send(&[first, second], Duration::from_millis(1)).await;
            assert_eq!((end, answers.as_str()), (End::Closed, answer.as_str()), "cut at {cut}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_drips_is_not_waited_for() {
        let stream = frame(r#"{"cmd":"tag","tag":"x"}"#);
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        let began = Instant::now();
        let (end, _) = send(&bytes, Duration::from_secs(1)).await;
        assert!(matches!(&end, End::Bad(reason) if reason.contains("not whole after 10s")), "{end:?}");
        assert_eq!(began.elapsed(), WHOLE_WITHIN);
        // As long as frames end, it may take its time.
        let frames = [stream.as_bytes(); 30];
        assert_eq!(send(&frames, Duration::from_secs(9)).await.0, End::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_breaks_the_rules_ends_the_connection() {
        let check = async |stream: &str, part: &str| {
            let (end, _) = send(&[stream.as_bytes()], Duration::from_secs(1)).await;
            assert!(matches!(&end, End::Bad(reason) if reason.contains(part)), "{stream}: {end:?}");
        };
        check("GET / HTTP/1.1\r\n\r\n", "where a length should begin").await;
        check("65537:", "more than 65536 bytes").await;
        check("2:{}x", "where a frame should end").await;
        check(&"1:x,".repeat(10), "10 payloads in a row").await;
        let nested = "[".repeat(60_000);
        check(&frame(&nested).repeat(10), "10 payloads in a row").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_payload_that_cannot_be_read_now_and_then_ends_nothing() {
        let stream = ("1:x,".repeat(9) + "2:{},").repeat(5);
        assert_eq!(send(&[stream.as_bytes()], Duration::ZERO).await, (End::Closed, String::new()));
        let wrong = frame(r#"{"cmd":"subscribe","topics":"a"}"#);
        let (end, answers) = send(&[wrong.as_bytes()], Duration::ZERO).await;
        assert_eq!(end, End::Closed);
        assert!(answers.contains(r#"{"cmd":"subscribe","event":"refused","reason":"#), "{answers}");
    }
}
