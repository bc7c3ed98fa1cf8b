//! Requests through a FIFO. The reply comes through another one, which we make, and which the request names.

use super::reply_file::ReplyFile;
use super::{LARGEST, NoReply, Question};
use crate::wire::mi::Reply;
use nix::sys::stat::Mode;
use rustix::fs::FileType;
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::time::timeout_at;

/// What OpenSIPS reads of a request; and what is written at once, so that requests of others do not come in between.
const LARGEST_REQUEST: usize = 4_096;

/// Asks through the FIFO of this path; the reply comes through one in `directory`.
pub async fn ask(path: &Path, directory: &Path, question: &Question<'_>) -> Result<Reply, NoReply> {
    let make =
        |path: &Path| nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(io::Error::from);
    let (file, ()) = ReplyFile::make(directory, make)?;
    file.let_others_write(FileType::Fifo)?;
    let mut reply = pipe::OpenOptions::new().open_receiver(&file.path)?;
    let request = question.bytes_for_fifo(&file.name);
    if request.len() > LARGEST_REQUEST {
        return Err(NoReply::Failed(format!("the request has more than {LARGEST_REQUEST} bytes")));
    }
    let mut requests = pipe::OpenOptions::new().open_sender(path).map_err(not_opened)?;
    let exchanged = timeout_at(question.until, async {
        requests.write_all(&request).await?;
        read_whole(&mut reply, question).await
    });
    let bytes = exchanged.await.map_err(|_| NoReply::Silent)??;
    question.read(&bytes).map_err(NoReply::Unreadable)
}

/// To its end. OpenSIPS closes the FIFO behind it, but somebody else may have opened that, too.
async fn read_whole(reply: &mut pipe::Receiver, question: &Question<'_>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < LARGEST && !question.is_whole(&bytes) {
        if reply.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    Ok(bytes)
}

fn not_opened(error: io::Error) -> NoReply {
    match error.raw_os_error() {
        Some(code) if code == nix::errno::Errno::ENXIO as i32 => {
            NoReply::Failed("nobody reads the FIFO".to_owned())
        }
        _ => error.into(),
    }
}
