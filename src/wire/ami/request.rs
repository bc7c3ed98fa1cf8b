//! Actions as an Asterisk reads them, for who plays one: the other side of [`Action`](super::Action).
//!
//! ```text
//! Action: Setvar
//! ActionID: 7
//! Variable: DEVICE_STATE(Custom:SIP/100)
//! Value: INUSE
//!
//! ```
//!
//! Asterisk takes 1,022 bytes for a line, whether it ends there or not: what is behind them is a line of its own. Of an action it keeps
//! 128 lines and forgets those behind. A value begins behind the blanks that follow the colon.

use super::{HEADERS, LINE};
use bytes::{Buf, BytesMut};
use memchr::memchr;

/// Collects bytes and yields actions. Holds one action and what was read last.
#[derive(Debug, Default)]
pub struct Requests {
    buffer: BytesMut,
    /// The lines of the action that has begun, one behind the other.
    text: Vec<u8>,
    /// Where each of them ends in `text`.
    ends: Vec<usize>,
    /// The action was given out.
    given: bool,
}

/// An action, line by line.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    text: &'r [u8],
    ends: &'r [usize],
}

impl Requests {
    /// Nothing read yet.
    pub fn new() -> Requests {
        Requests::default()
    }

    /// The buffer to read into, at its end. Call [`Requests::next_request`] until it has nothing before reading more.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next action; `None` where more bytes are needed.
    pub fn next_request(&mut self) -> Option<Request<'_>> {
        if std::mem::take(&mut self.given) {
            self.text.clear();
            self.ends.clear();
        }
        loop {
            let (line, length) = line(&self.buffer)?;
            let (is_end, is_kept) = (line.is_empty(), self.ends.len() < HEADERS);
            if !is_end && is_kept {
                self.text.extend_from_slice(line);
                self.ends.push(self.text.len());
            }
            self.buffer.advance(length);
            if is_end && !self.ends.is_empty() {
                self.given = true;
                return Some(Request { text: &self.text, ends: &self.ends });
            }
        }
    }
}

/// The first line without its end, and how many bytes it takes with it; `None` where more bytes are needed.
fn line(buffer: &[u8]) -> Option<(&[u8], usize)> {
    let seen = &buffer[..buffer.len().min(LINE + 2)];
    let Some(end) = memchr(b'\n', seen) else {
        return (seen.len() == LINE + 2).then(|| (&seen[..LINE], LINE));
    };
    let line = seen[..end].strip_suffix(b"\r").unwrap_or(&seen[..end]);
    Some(if line.len() > LINE { (&line[..LINE], LINE) } else { (line, end + 1) })
}

impl<'r> Request<'r> {
    /// The first value of this name, in whatever case it is written.
    pub fn get(&self, name: &str) -> Option<&'r [u8]> {
        self.lines().find_map(|line| {
            let (begin, rest) = line.split_at_checked(name.len())?;
            let value = rest.strip_prefix(b":")?;
            begin.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii_start())
        })
    }

    /// The lines in order, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &'r [u8]> {
        let text = self.text;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends).map(move |(start, &end)| &text[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of each action, `|` between them, in brackets: however the stream is cut.
    #[track_caller]
    fn check(stream: &[u8], expected: &str) {
        let read = |pieces: &[&[u8]]| {
            let mut requests = Requests::new();
            let mut shown = String::new();
            for piece in pieces {
                requests.buffer_mut().extend_from_slice(piece);
                while let Some(request) = requests.next_request() {
                    let lines: Vec<_> = request.lines().map(|line| line.escape_ascii().to_string()).collect();
                    shown += &format!("[{}]", lines.join("|"));
                }
            }
            shown
        };
        assert_eq!(read(&[stream]), expected);
        assert_eq!(read(&stream.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
    }

    #[test]
    fn actions_are_cut_at_empty_lines_however_they_come() {
        check(
            b"Action: Ping\r\n\r\nAction: Logoff\nActionID: 2\n\n",
            "[Action: Ping][Action: Logoff|ActionID: 2]",
        );
        check(b"\r\n\r\nAction: Ping\r\n", "");
        check(b"no colon\r\nA:\xff\r\n\r\n", r"[no colon|A:\xff]");
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_as_another() {
        let fits = "x".repeat(LINE);
        check(format!("{fits}\r\n\r\n").as_bytes(), &format!("[{fits}]"));
        check(format!("{fits}\n\n").as_bytes(), &format!("[{fits}]"));
        for end in ["\r\n", "\n"] {
            let stream = format!("{fits}Action: Logoff{end}{end}");
            check(stream.as_bytes(), &format!("[{fits}|Action: Logoff]"));
            check(format!("{fits}y{end}{end}").as_bytes(), &format!("[{fits}|y]"));
        }
        check(format!("{fits}{fits}{fits}\r\n\r\n").as_bytes(), &format!("[{fits}|{fits}|{fits}]"));
    }

    #[test]
    fn lines_behind_the_last_that_counts_are_forgotten() {
        let lines: Vec<_> = (0..HEADERS + 5).map(|number| format!("H{number}: x")).collect();
        let stream = format!("{}\r\n\r\nAction: Ping\r\n\r\n", lines.join("\r\n"));
        check(stream.as_bytes(), &format!("[{}][Action: Ping]", lines[..HEADERS].join("|")));
    }

    #[test]
    fn a_value_is_found_by_its_name() {
        let mut requests = Requests::new();
        requests
            .buffer_mut()
            .extend_from_slice(b"Act: 0\r\naction:  Ping \r\nAction: Other\r\nEmpty:\r\nX\r\n\r\n");
        let request = requests.next_request().expect("an action");
        assert_eq!(request.get("Action"), Some(&b"Ping "[..]));
        assert_eq!(request.get("Empty"), Some(&b""[..]));
        assert_eq!(request.get("X"), None);
    }
}
