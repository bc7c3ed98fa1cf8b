//! One reader of the stream: what goes out on its connection, and when.

use super::channel::Place;
use super::messages::{Next, Position};
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// After such a silence a comment tells proxies and the kernel that the connection is alive.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back, in milliseconds.
const COME_BACK: &str = "retry: 1000\n";
/// A connection holds no more than this beside what its socket has taken.
const PIECE: usize = 4 << 10;

/// Reads the messages behind a position. It is dropped with its connection.
pub struct Reader {
    place: Place,
    position: Position,
    news: watch::Receiver<()>,
    /// Of the message that is being sent.
    pieces: VecDeque<Bytes>,
}

impl Reader {
    pub(super) fn new(
        place: Place,
        position: Position,
        first: VecDeque<Bytes>,
        news: watch::Receiver<()>,
    ) -> Reader {
        let mut pieces = first;
        pieces.push_front(Bytes::from_static(COME_BACK.as_bytes()));
        if pieces.len() == 1 {
            pieces.push_back(Bytes::from_static(b"\n"));
        }
        Reader { place, position, news, pieces }
    }

    /// The body of the answer.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut reader| async move { Some((Ok(reader.next().await?), reader)) })
    }

    /// What is to be sent next; `None` where the reader must come back.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.piece() {
                return Some(piece);
            }
            self.news.mark_unchanged();
            match self.place.channel().after(self.position) {
                Next::Message(message) => {
                    self.position.number += 1;
                    self.pieces.push_back(message);
                }
                Next::Nothing => match tokio::time::timeout(SILENCE, self.news.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    Err(_) => return Some(Bytes::from_static(b":\n\n")),
                },
                Next::End => return None,
            }
        }
    }

    fn piece(&mut self) -> Option<Bytes> {
        let mut piece = self.pieces.pop_front()?;
        if piece.len() > PIECE {
            self.pieces.push_front(piece.split_off(PIECE));
        }
        Some(piece)
    }
}
