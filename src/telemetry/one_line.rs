//! An event of the log is one line, whatever peers have put into it.
//!
//! Much of what is logged comes from outside: names, reasons, answers. A line break in it would begin a line of its own, which whoever
//! reads the log would take for one of ours; an escape sequence would move about in the terminal that shows it; and ` level=…` behind a
//! value would look like a field. The first two are undone where lines are written, for all formats; the third where fields are.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::io::{self, Write};
use tracing::field::{Field, Visit};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

/// What `log` says of its records, which is about the libraries that use it.
const OF_LIBRARIES: &str = "log.";

/// Writes each event as the one line that it is.
#[derive(Clone)]
pub struct OneLine(pub NonBlocking);

impl<'a> MakeWriter<'a> for OneLine {
    type Writer = OneLine;

    fn make_writer(&'a self) -> OneLine {
        self.clone()
    }
}

impl Write for OneLine {
    /// An event comes whole, with the end of its line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        self.0.write_all(one_line(&text).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text without its end of line is one, with nothing in it that a terminal obeys. What is written instead means the same in JSON.
fn one_line(event: &str) -> Cow<'_, str> {
    let text = event.strip_suffix('\n').unwrap_or(event);
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(event);
    }
    let mut line = String::with_capacity(event.len() + 16);
    for letter in text.chars() {
        match letter {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            letter if is_hidden(letter) => line.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => line.push(letter),
        }
    }
    line.push_str(&event[text.len()..]);
    Cow::Owned(line)
}

/// Control characters, also those of eight bits, and marks that break a line or turn the direction of writing.
fn is_hidden(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || letter.is_control()
}

/// Fields of the text format: `name=value`, quoted where the value would else look like further fields.
#[derive(Debug, Clone, Copy)]
pub struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut writing = Writing { writer, is_first: true, result: Ok(()) };
        fields.record(&mut writing);
        writing.result
    }
}

struct Writing<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visit for Writing<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.result.is_err() || field.name().starts_with(OF_LIBRARIES) {
            return;
        }
        let between = if self.is_first { "" } else { " " };
        self.is_first = false;
        self.result = match field.name() {
            "message" => write!(self.writer, "{between}{value:?}"),
            name => write!(self.writer, "{between}{name}={}", shown(format!("{value:?}"))),
        };
    }
}

/// A value as it stands behind its name.
fn shown(value: String) -> String {
    match is_quoted(&value) || !looks_like_fields(&value) {
        true => value,
        false => format!("{value:?}"),
    }
}

/// Whether a blank is followed by what could be a field, or a line ends in it.
fn looks_like_fields(value: &str) -> bool {
    let blank = value.find(char::is_whitespace);
    blank.is_some_and(|blank| value[blank..].contains('=')) || value.chars().any(char::is_control)
}

/// Whether it is one text in quotes, as `{:?}` writes them.
fn is_quoted(value: &str) -> bool {
    let Some(inside) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut is_escaped = false;
    let ends_before = inside.chars().any(|letter| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends || letter.is_control()
    });
    !ends_before && !is_escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_with_nothing_that_a_terminal_obeys() {
        let check = |event: &str, expected: &str| assert_eq!(one_line(event), expected, "{event:?}");
        check("as ever, æ\n", "as ever, æ\n");
        check("a\nb\r\n\tc\n", "a\\nb\\r\\n\\tc\n");
        check("\x1b[2J\x07\u{9b}31m\u{7f}\n", "\\u001b[2J\\u0007\\u009b31m\\u007f\n");
        check("a\u{2028}b\u{202e}c\0\n", "a\\u2028b\\u202ec\\u0000\n");
        check("no end", "no end");
        check("", "");
        check("\n\n", "\\n\n");
        let json = serde_json::json!({"a": "\u{9b}\u{202e}\n"}).to_string();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&one_line(&json)).unwrap()["a"],
            "\u{9b}\u{202e}\n"
        );
    }

    #[test]
    fn a_value_that_looks_like_fields_is_quoted() {
        let check = |value: &str, expected: &str| assert_eq!(shown(value.to_owned()), expected, "{value:?}");
        check("7", "7");
        check("connection refused (os error 111)", "connection refused (os error 111)");
        check("https://a.example/?b=c", "https://a.example/?b=c");
        check("x level=ERROR", "\"x level=ERROR\"");
        check("x\u{a0}level=ERROR", r#""x\u{a0}level=ERROR""#);
        check("a\nb", "\"a\\nb\"");
        check(r#""a b=\"c\"""#, r#""a b=\"c\"""#);
        check(r#""a" b="c""#, r#""\"a\" b=\"c\"""#);
        check(r#""a b=c\""#, r#""\"a b=c\\\"""#);
        check("\"", "\"");
    }
}
