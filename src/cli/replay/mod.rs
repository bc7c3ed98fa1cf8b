//! `eventmanager replay`: plays recorded OCI-R documents as an application server would.
//!
//! An application server listens, and whoever connects gets the documents. So where something listens at the address
//! already it is connected to; else we listen there and wait for a client.

mod peer;
mod recording;
mod tally;

use anyhow::Context;
use clap::Args;
use peer::Manner;
use recording::{Kind, Piece, Recording};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tally::Tally;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// Documents are gathered up to this size, in bytes, and then written together.
const BATCH: usize = 64 << 10;
/// What a peer that stood still has missed is made up for, but no more than this.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct Options {
    /// Recorded documents, one after the other; "-" is standard input
    file: PathBuf,
    /// Whom to play to: what listens there, or whoever connects
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// Documents a second [default: as fast as the peer reads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// How often the whole file is played
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Listen and wait for a client, whatever is there
    #[arg(long, conflicts_with = "connect")]
    listen: bool,
    /// Connect, and fail where nothing listens
    #[arg(long)]
    connect: bool,
    /// Send what is no document too
    #[arg(long)]
    raw: bool,
}

impl Options {
    fn manner(&self) -> Manner {
        match (self.listen, self.connect) {
            (true, _) => Manner::Listen,
            (_, true) => Manner::Connect,
            _ => Manner::AsItIs,
        }
    }
}

/// Plays the file. Exit code 0 says that every document was sent and taken.
pub fn replay(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let played = runtime.block_on(async {
        let mut tally = Tally::new();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let played = tokio::select! {
            played = play(options, &mut tally) => played,
            _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
        };
        tally.finish();
        played.and_then(|()| tally.complete())
    });
    // Looking up a host or reading standard input may still be under way on another thread.
    runtime.shutdown_background();
    played.map(|()| ExitCode::SUCCESS)
}

async fn play(options: &Options, tally: &mut Tally) -> anyhow::Result<()> {
    let name = options.file.display();
    let is_input = options.file.as_os_str() == "-";
    anyhow::ensure!(options.repeat == 1 || !is_input, "standard input can be played once only");
    let mut recording = Recording::open(&options.file)?;
    // Whoever waits for a client should know that there is something to send.
    let first = next_to_send(&mut recording, options.raw, tally).await?;
    let first = first.with_context(|| format!("{name} holds no OCI-R document"))?;
    let (mut reader, writer) = peer::meet(&options.to, options.manner()).await?.into_split();
    tally.begin(size(options));
    let mut sender = Sender { writer, pace: Pace::new(options.rate), batch: Vec::new(), documents: 0, tally };
    tokio::select! {
        biased;
        sent = send_all(options, recording, first, &mut sender) => sent?,
        ended = peer::until_closed(&mut reader) => return peer::closed_early(ended),
    }
    peer::finish(reader, sender.writer).await
}

/// Bytes that are there to be sent, where that can be known: of a plain file.
fn size(options: &Options) -> Option<u64> {
    let file = std::fs::metadata(&options.file).ok().filter(std::fs::Metadata::is_file)?;
    file.len().checked_mul(u64::from(options.repeat))
}

/// Sends the recording, of which `first` is read already, as often as is wanted.
async fn send_all(
    options: &Options,
    mut recording: Recording,
    first: Piece,
    sender: &mut Sender<'_>,
) -> anyhow::Result<()> {
    let mut next = Some(first);
    for round in 1..=options.repeat {
        if round > 1 {
            recording = Recording::open(&options.file)?;
            next = next_to_send(&mut recording, options.raw, sender.tally).await?;
        }
        while let Some(piece) = next {
            sender.send(piece).await?;
            if !recording.is_ahead() {
                sender.flush().await?;
            }
            next = next_to_send(&mut recording, options.raw, sender.tally).await?;
        }
    }
    sender.flush().await
}

/// The next piece that is sent; what is passed over on the way is told.
async fn next_to_send(
    recording: &mut Recording,
    raw: bool,
    tally: &mut Tally,
) -> anyhow::Result<Option<Piece>> {
    while let Some(piece) = recording.next().await? {
        if piece.kind == Kind::Document {
            return Ok(Some(piece));
        }
        let sent = raw && !piece.bytes.is_empty();
        tally.tell(&piece, sent);
        if sent {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// Writes documents at their pace.
struct Sender<'a> {
    writer: OwnedWriteHalf,
    pace: Pace,
    batch: Vec<u8>,
    /// Documents in the batch.
    documents: u64,
    tally: &'a mut Tally,
}

impl Sender<'_> {
    async fn send(&mut self, piece: Piece) -> anyhow::Result<()> {
        let is_document = piece.kind == Kind::Document;
        self.batch.extend_from_slice(&piece.bytes);
        self.documents += u64::from(is_document);
        if is_document && self.pace.wait().await || self.batch.len() >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let mut left = self.batch.as_slice();
        while !left.is_empty() {
            let count = tokio::select! {
                count = self.writer.write(left) => count.context("the peer closed the connection")?,
                () = self.tally.due() => {
                    self.tally.show();
                    continue;
                }
            };
            anyhow::ensure!(count > 0, "the peer takes nothing more");
            self.tally.bytes += count as u64;
            left = &left[count..];
        }
        self.batch.clear();
        self.tally.documents += std::mem::take(&mut self.documents);
        self.tally.show_if_due();
        Ok(())
    }
}

/// When the next document may go.
struct Pace {
    period: Option<Duration>,
    next: Instant,
}

impl Pace {
    fn new(rate: Option<u32>) -> Pace {
        Pace { period: rate.map(|rate| Duration::from_secs(1) / rate), next: Instant::now() }
    }

    /// Returns when a document may go; says whether it should go at once.
    async fn wait(&mut self) -> bool {
        let Some(period) = self.period else { return false };
        tokio::time::sleep_until(self.next).await;
        let earliest = Instant::now().checked_sub(LONGEST_DELAY).unwrap_or(self.next);
        self.next = self.next.max(earliest) + period;
        true
    }
}
