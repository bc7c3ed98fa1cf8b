//! Cuts a stream into messages.

use super::message::{Header, Message, Span};
use bytes::{Buf, BytesMut};
use memchr::memchr;

/// Bytes of a line, at most.
const LINE: usize = 64 << 10;
/// Bytes of a message, at most.
const MESSAGE: usize = 4 << 20;
/// Lines of a message, at most: the shortest ones take more memory than their bytes.
const LINES: usize = 100_000;
/// Ends the output of a command in the old form, which may hold empty lines; the last line of the output may have no end.
const END_OF_OUTPUT: &[u8] = b"--END COMMAND--";

/// What no Asterisk sends. Nothing of the stream behind it means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmiError {
    #[error("a line of more than {LINE} bytes")]
    LongLine,
    #[error("a message of more than {MESSAGE} bytes")]
    LongMessage,
    #[error("a message of more than {LINES} lines")]
    ManyLines,
}

/// Collects bytes and yields messages. Holds one message of the largest size at most, and what was read last.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// Of the message that has begun: up to where its lines are known, counted from its begin.
    scanned: usize,
    /// Up to where no line ends, behind `scanned`.
    searched: usize,
    headers: Vec<Header>,
    output: Vec<Span>,
    skipped: usize,
    /// It is the output of a command in the old form.
    follows: bool,
    failed: Option<AmiError>,
}

/// What a line does to its message.
enum Line {
    Part,
    End,
}

impl Decoder {
    /// A decoder of a stream behind its banner, or with it: [`Decoder::next_line`].
    pub fn new() -> Self {
        Decoder::default()
    }

    /// The buffer to read into, at its end. Call [`Decoder::next_message`] until it has nothing before reading more.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether a message has begun that is not whole yet.
    pub fn is_inside(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The line that stands before all messages; `Ok(None)` where more bytes are needed.
    pub fn next_line(&mut self) -> Result<Option<BytesMut>, AmiError> {
        let Some(end) = memchr(b'\n', &self.buffer) else {
            return if self.buffer.len() > LINE { Err(AmiError::LongLine) } else { Ok(None) };
        };
        let mut line = self.buffer.split_to(end + 1);
        line.truncate(without_end(&line).len());
        Ok(Some(line))
    }

    /// The next message; `Ok(None)` where more bytes are needed. After an error it is the same error for ever.
    pub fn next_message(&mut self) -> Result<Option<Message>, AmiError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let message = self.cut();
        self.failed = message.as_ref().err().copied();
        message
    }

    fn cut(&mut self) -> Result<Option<Message>, AmiError> {
        loop {
            let Some(found) = memchr(b'\n', &self.buffer[self.scanned + self.searched..]) else {
                self.searched = self.buffer.len() - self.scanned;
                self.check(self.searched, self.buffer.len())?;
                return Ok(None);
            };
            let length = self.searched + found + 1;
            self.searched = 0;
            let start = self.scanned;
            self.scanned += length;
            self.check(length, self.scanned)?;
            match self.line(start) {
                Line::Part => {}
                Line::End if self.headers.is_empty() && self.output.is_empty() => self.skip(),
                Line::End => return Ok(Some(self.message())),
            }
        }
    }

    fn check(&self, line: usize, message: usize) -> Result<(), AmiError> {
        if line > LINE {
            return Err(AmiError::LongLine);
        }
        if message > MESSAGE && self.scanned > 0 {
            return Err(AmiError::LongMessage);
        }
        if self.headers.len() + self.output.len() > LINES {
            return Err(AmiError::ManyLines);
        }
        Ok(())
    }

    /// Takes the line from `start` to where it is scanned.
    fn line(&mut self, start: usize) -> Line {
        let line = without_end(&self.buffer[start..self.scanned]);
        if self.follows {
            return self.line_of_output(start, line.len());
        }
        if line.is_empty() {
            return Line::End;
        }
        let Some(colon) = memchr(b':', line) else {
            self.skipped += 1;
            return Line::Part;
        };
        let header = header(start, line, colon);
        self.follows = self.headers.is_empty() && begins_output(line, colon);
        self.headers.push(header);
        Line::Part
    }

    fn line_of_output(&mut self, start: usize, length: usize) -> Line {
        let line = &self.buffer[start..start + length];
        if let Some(last) = line.strip_suffix(END_OF_OUTPUT) {
            if !last.is_empty() {
                let end = start + last.len();
                self.output.push(span(start, end));
            }
            return Line::End;
        }
        let colon = memchr(b':', line);
        let is_header = |colon: usize| {
            let names: [&[u8]; 2] = [b"Privilege", b"ActionID"];
            self.output.is_empty() && names.iter().any(|name| line[..colon].eq_ignore_ascii_case(name))
        };
        match colon {
            Some(colon) if is_header(colon) => {
                let header = header(start, line, colon);
                self.headers.push(header);
            }
            _ => self.output.push(span(start, start + length)),
        }
        Line::Part
    }

    /// Lines without a header are no message.
    fn skip(&mut self) {
        self.buffer.advance(self.scanned);
        self.scanned = 0;
    }

    fn message(&mut self) -> Message {
        let bytes = self.buffer.split_to(self.scanned).freeze();
        self.scanned = 0;
        self.follows = false;
        // The next message has about as many.
        let headers = Vec::with_capacity(self.headers.len());
        Message {
            bytes,
            headers: std::mem::replace(&mut self.headers, headers),
            output: std::mem::take(&mut self.output),
            skipped: std::mem::take(&mut self.skipped),
        }
    }
}

/// `Response: Follows` begins a message in the old form.
fn begins_output(line: &[u8], colon: usize) -> bool {
    line[..colon].eq_ignore_ascii_case(b"Response")
        && line[colon + 1..].trim_ascii().eq_ignore_ascii_case(b"Follows")
}

/// The header of a line that begins at `start` of its message.
fn header(start: usize, line: &[u8], colon: usize) -> Header {
    let value = colon + 1 + usize::from(line.get(colon + 1) == Some(&b' '));
    Header { name: span(start, start + colon), value: span(start + value, start + line.len()) }
}

/// Messages are smaller than 4 GiB by far.
fn span(start: usize, end: usize) -> Span {
    let small = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    Span { start: small(start), end: small(end) }
}

/// A line ends with CRLF; a bare LF occurs.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    /// What comes of a stream whose pieces end at these places.
    fn read(stream: &[u8], cuts: impl IntoIterator<Item = usize>) -> (Vec<Message>, Option<AmiError>) {
        let mut decoder = Decoder::new();
        let mut messages = Vec::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([stream.len()]) {
            decoder.buffer_mut().extend_from_slice(&stream[from..to]);
            from = to;
            loop {
                match decoder.next_message() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error)),
                }
            }
        }
        (messages, None)
    }

    /// Its headers as `name=value`, and lines of output, each message in brackets: however the stream is cut.
    #[track_caller]
    fn check(stream: &[u8], expected: &str) {
        let shown = |(messages, error): (Vec<Message>, Option<AmiError>)| {
            assert_eq!(error, None);
            let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let message = |message: &Message| {
                let headers =
                    message.headers().map(|(name, value)| format!("{}={}", text(name), text(value)));
                let output = message.output.iter().map(|line| format!("|{}", text(message.at(*line))));
                format!("[{}]", headers.chain(output).collect::<Vec<_>>().join(" "))
            };
            messages.iter().map(message).collect::<String>()
        };
        assert_eq!(shown(read(stream, [])), expected);
        assert_eq!(shown(read(stream, 1..stream.len())), expected, "byte by byte");
        for cut in 0..=stream.len() {
            assert_eq!(shown(read(stream, [cut])), expected, "cut at {cut}");
        }
    }

    #[test]
    fn messages_are_cut_at_empty_lines_however_they_come() {
        check(b"Event: A\r\nX: 1\r\n\r\n", "[Event=A X=1]");
        let three = b"Response: Success\r\nActionID: 1\r\n\r\nResponse: Error\r\nActionID: 2\r\n\r\nResponse: Success\r\nPing: Pong\r\n\r\n";
        check(three, "[Response=Success ActionID=1][Response=Error ActionID=2][Response=Success Ping=Pong]");
        check(b"Event: A\nX: 1\n\n", "[Event=A X=1]");
        check(b"\r\n\n\r\nEvent: A\r\n\r\n\r\n\r\nEvent: B\r\n\r\n", "[Event=A][Event=B]");
        check(b"Event: A\r\n", "");
    }

    #[test]
    fn a_header_is_split_at_its_first_colon() {
        check(b"Subtype: \r\nSubtype:\r\n\r\n", "[Subtype= Subtype=]");
        check(b"Foo: a: b\r\nBar:c\r\nBaz:  d \r\n:e\r\n\r\n", "[Foo=a: b Bar=c Baz= d  =e]");
        check(b"Device: SIP/\xff\xc3\x28\r\n\r\n", r"[Device=SIP/\xff\xc3(]");
        check(b"A: x\ry\r\n\r\n", r"[A=x\ry]");
    }

    #[test]
    fn a_line_without_a_colon_is_counted_and_nothing_else_is_lost() {
        check(b"Event: A\r\nnonsense\r\nX: 1\r\n\r\n", "[Event=A X=1]");
        check(b"nonsense\r\n\r\nEvent: A\r\n\r\n", "[Event=A]");
        let (messages, _) = read(b"Event: A\r\nnonsense\r\n\r\nEvent: B\r\n\r\n", []);
        assert_eq!(messages.iter().map(Message::skipped).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn the_first_header_says_what_a_message_is() {
        let kind = |stream: &str| read(stream.as_bytes(), []).0[0].kind();
        assert_eq!(
            kind("Event: OriginateResponse\r\nResponse: Success\r\nActionID: a2\r\n\r\n"),
            Kind::Event
        );
        assert_eq!(kind("response: Success\r\nEvent: X\r\n\r\n"), Kind::Response);
        assert_eq!(kind("Privilege: x\r\nEvent: X\r\n\r\n"), Kind::Other);
    }

    #[test]
    fn values_are_found_by_name_and_all_of_them_are_kept() {
        let stream = b"Response: Success\r\nOutput: one\r\nOutput: \r\nOUTPUT: three\r\nActionID: 7\r\n\r\n";
        let (messages, _) = read(stream, []);
        assert_eq!(messages[0].get("actionid"), Some(&b"7"[..]));
        assert_eq!(messages[0].text("Response").as_deref(), Some("Success"));
        assert_eq!(messages[0].get("None"), None);
        assert_eq!(messages[0].output().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn output_of_the_old_form_ends_where_it_says_so() {
        let stream = b"Response: Follows\r\nPrivilege: Command\r\nActionID: 3\r\nChannel: x\nSecond\n\nPrivilege: y\n--END COMMAND--\r\n\r\nEvent: A\r\n\r\n";
        check(
            stream,
            "[Response=Follows Privilege=Command ActionID=3 |Channel: x |Second | |Privilege: y][Event=A]",
        );
        check(b"response:follows\r\nlast--END COMMAND--\r\n\r\n", "[response=follows |last]");
        check(b"Event: A\r\nResponse: Follows\r\n\r\n", "[Event=A Response=Follows]");
    }

    #[test]
    fn memory_is_bounded() {
        let fails = |stream: &[u8], expected: AmiError| {
            assert_eq!(read(stream, []).1, Some(expected));
            let step = 8_000;
            assert_eq!(read(stream, (step..stream.len()).step_by(step)).1, Some(expected), "in pieces");
        };
        fails(&vec![b'x'; 1 << 20], AmiError::LongLine);
        fails(&[b"Event: A\r\n", &vec![b'x'; 1 << 20][..]].concat(), AmiError::LongLine);
        fails(&b"a:\r\n".repeat(1_000_000), AmiError::ManyLines);
        fails(&[b"X: ", &vec![b'x'; 60_000][..], b"\r\n"].concat().repeat(100), AmiError::LongMessage);
        let mut decoder = Decoder::new();
        decoder.buffer_mut().extend_from_slice(&vec![b'x'; LINE + 1]);
        assert_eq!(decoder.next_message(), Err(AmiError::LongLine));
        decoder.buffer_mut().extend_from_slice(b"\r\n\r\nEvent: A\r\n\r\n");
        assert_eq!(decoder.next_message(), Err(AmiError::LongLine), "nothing behind an error means anything");
    }

    #[test]
    fn the_line_before_all_messages_is_read_alone() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.next_line(), Ok(None));
        decoder.buffer_mut().extend_from_slice(b"Asterisk Call Manager/13.0.0\r\nEvent: A\r\n\r\n");
        assert_eq!(decoder.next_line().unwrap().unwrap(), "Asterisk Call Manager/13.0.0");
        assert_eq!(decoder.next_message().unwrap().unwrap().get("Event"), Some(&b"A"[..]));
        let mut endless = Decoder::new();
        endless.buffer_mut().extend_from_slice(&vec![b'x'; LINE + 1]);
        assert_eq!(endless.next_line(), Err(AmiError::LongLine));
    }
}
