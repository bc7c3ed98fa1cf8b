//! The recording, cut into pieces as it is read: a file of gigabytes takes no more memory than its largest document.

use crate::simulators::broadworks::END;
use crate::wire::ocir::{FrameError, Framer, ROOT};
use anyhow::Context;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// A larger document is none, in bytes.
const LARGEST: usize = 64 << 20;
const CHUNK: usize = 64 << 10;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Document,
    /// Bytes between documents.
    Stray,
    /// A document without its end.
    Unfinished,
    /// More than a document may have; its bytes are gone.
    Oversize {
        size: usize,
    },
}

/// A part of the recording.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub kind: Kind,
    /// Where it begins, from 0.
    pub offset: u64,
    /// As recorded; a document with the line end behind it, or one of ours where there was none.
    pub bytes: Vec<u8>,
}

/// A file being read. A thread reads it, because standard input may keep it waiting for ever.
pub struct Recording {
    path: PathBuf,
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    framer: Framer,
    /// Bytes read so far.
    read: u64,
    ended: bool,
}

impl Recording {
    /// Opens the file, or standard input where the path is `-`.
    pub fn open(path: &Path) -> anyhow::Result<Recording> {
        let input: Box<dyn Read + Send> = match path.to_str() {
            Some("-") => Box::new(io::stdin()),
            _ => Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?),
        };
        let (chunks, receiver) = mpsc::channel(4);
        std::thread::Builder::new().name("recording".to_owned()).spawn(move || read_all(input, &chunks))?;
        let framer = Framer::new(LARGEST);
        Ok(Recording { path: path.to_owned(), chunks: receiver, framer, read: 0, ended: false })
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        loop {
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    let offset = self.position().saturating_sub(frame.len() as u64);
                    let mut bytes = Vec::from(frame);
                    bytes.extend_from_slice(&self.line_end().await?);
                    return Ok(Some(Piece { kind: Kind::Document, offset, bytes }));
                }
                Ok(None) if self.read_more().await? => {}
                Ok(None) => return Ok(self.rest()),
                Err(error) => return Ok(Some(self.passed_over(error))),
            }
        }
    }

    /// Whether the next document is likely to be there without waiting for who writes it.
    pub fn is_ahead(&mut self) -> bool {
        !self.chunks.is_empty() || memchr::memmem::find(self.framer.buffer_mut(), END.as_bytes()).is_some()
    }

    /// Where the next piece begins.
    fn position(&mut self) -> u64 {
        self.read.saturating_sub(self.framer.buffer_mut().len() as u64)
    }

    /// The blanks behind a document up to and including its line end, which is added where there is none.
    async fn line_end(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            let buffer = self.framer.buffer_mut();
            let blanks = buffer.iter().take(CHUNK).take_while(|byte| byte.is_ascii_whitespace()).count();
            let all_blank = blanks == buffer.len();
            let blanks = &buffer[..blanks];
            if let Some(end) = memchr::memrchr(b'\n', blanks) {
                return Ok(blanks[..=end].to_vec());
            }
            if !all_blank {
                return Ok(b"\r\n".to_vec());
            }
            if !self.read_more().await? {
                return Ok(b"\r\n".to_vec());
            }
        }
    }

    fn passed_over(&mut self, error: FrameError) -> Piece {
        let (kind, size, bytes) = match error {
            FrameError::Stray { bytes } => (Kind::Stray, bytes.len(), Vec::from(bytes)),
            FrameError::Unfinished { bytes } => (Kind::Unfinished, bytes.len(), Vec::from(bytes)),
            FrameError::Oversize { size, .. } => (Kind::Oversize { size }, size, Vec::new()),
        };
        Piece { kind, offset: self.position().saturating_sub(size as u64), bytes }
    }

    /// What stands behind the last document.
    fn rest(&mut self) -> Option<Piece> {
        let size = self.framer.pending();
        let framer = std::mem::replace(&mut self.framer, Framer::new(LARGEST));
        let bytes = framer.unfinished().to_vec();
        let kind = match () {
            () if size == 0 => return None,
            () if size > bytes.len() => Kind::Oversize { size },
            () if memchr::memmem::find(&bytes, ROOT.as_bytes()).is_some() => Kind::Unfinished,
            () => Kind::Stray,
        };
        let bytes = if matches!(kind, Kind::Oversize { .. }) { Vec::new() } else { bytes };
        Some(Piece { kind, offset: self.read.saturating_sub(size as u64), bytes })
    }

    async fn read_more(&mut self) -> anyhow::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let Some(chunk) = self.chunks.recv().await else {
            self.ended = true;
            return Ok(false);
        };
        let chunk = chunk.with_context(|| format!("cannot read {}", self.path.display()))?;
        self.read += chunk.len() as u64;
        self.framer.push(&chunk);
        Ok(true)
    }
}

/// Reads until the end, or until nobody wants more.
fn read_all(mut input: Box<dyn Read + Send>, chunks: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let chunk = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(buffer[..count].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if chunks.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "<BroadsoftOCIReportingDocument><x/></BroadsoftOCIReportingDocument>";

    /// The pieces of a file: kind, offset, text.
    #[track_caller]
    fn check(content: &[u8], expected: &[(Kind, u64, &[u8])]) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("written");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let pieces = runtime.block_on(async {
            let mut recording = Recording::open(file.path()).expect("it opens");
            let mut pieces = Vec::new();
            while let Some(piece) = recording.next().await.expect("it reads") {
                pieces.push(piece);
            }
            pieces
        });
        let pieces: Vec<_> =
            pieces.iter().map(|piece| (piece.kind, piece.offset, piece.bytes.as_slice())).collect();
        assert_eq!(pieces, expected);
    }

    #[test]
    fn documents_come_out_as_recorded_with_a_line_end() {
        let (lf, crlf) = (format!("{ONE}\n"), format!("{ONE}\r\n"));
        check(b"", &[]);
        check(b" \r\n", &[]);
        check(ONE.as_bytes(), &[(Kind::Document, 0, crlf.as_bytes())]);
        let two = [lf.as_bytes(), ONE.as_bytes()].concat();
        check(&two, &[(Kind::Document, 0, lf.as_bytes()), (Kind::Document, 68, crlf.as_bytes())]);
        let spaced = format!("{ONE} \r\n\n");
        check(
            format!("\n{spaced}  {lf}").as_bytes(),
            &[(Kind::Document, 1, spaced.as_bytes()), (Kind::Document, 74, lf.as_bytes())],
        );
        let latin1 = [&lf.as_bytes()[..34], b"\xe6\xf8\xe5", &lf.as_bytes()[34..]].concat();
        check(&latin1, &[(Kind::Document, 0, &latin1)]);
    }

    #[test]
    fn what_is_no_document_has_its_offset() {
        let crlf = format!("{ONE}\r\n");
        check(b"rubbish\n", &[(Kind::Stray, 0, b"rubbish\n")]);
        check(
            format!("{ONE}\r\n12:00 sent\n{ONE}").as_bytes(),
            &[
                (Kind::Document, 0, crlf.as_bytes()),
                (Kind::Stray, 69, b"12:00 sent\n"),
                (Kind::Document, 80, crlf.as_bytes()),
            ],
        );
        let cut = &ONE[..40];
        check(
            format!("{ONE}{cut}").as_bytes(),
            &[(Kind::Document, 0, crlf.as_bytes()), (Kind::Unfinished, 67, cut.as_bytes())],
        );
        check(
            format!("{cut}\n{ONE}").as_bytes(),
            &[(Kind::Unfinished, 0, format!("{cut}\n").as_bytes()), (Kind::Document, 41, crlf.as_bytes())],
        );
    }

    #[test]
    fn a_file_of_rubbish_takes_bounded_memory() {
        let size = LARGEST + 3 * CHUNK;
        check(&vec![b'x'; size], &[(Kind::Oversize { size }, 0, b"")]);
    }
}
