//! Reading what a configuration is made of: plain files of a plausible size. A pipe would keep us waiting, a device would fill
//! the memory.

use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// More than this is no configuration, secret or certificate but a mistake, in bytes.
const LARGEST: u64 = 1 << 20;

/// The content of the file at `path`, which is a regular one of at most 1 MiB.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // To open a pipe waits for its writer else. Of a regular file it changes nothing.
    let waits_not = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(waits_not).open(path)?;
    // Looked at once it is open: what is at the path may be replaced meanwhile.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    match content.len() as u64 > LARGEST {
        true => Err(io::Error::other(format!("it has more than {LARGEST} bytes"))),
        false => Ok(content),
    }
}

/// The same of a file that is UTF-8 text; [`io::ErrorKind::InvalidData`] where it is not.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_file(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}
