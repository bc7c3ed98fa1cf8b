//! The text format.
//!
//! ```text
//! E_BODY\nmethod::MESSAGE\nbody::"one\r\ntwo \"quoted\" \ end\r\n"\n\n
//! ```
//!
//! A value is quoted only where it holds a newline, and inside only quotes are escaped, not backslashes. So the quote that ends it
//! stands before a newline and has no backslash before it; where there is none, it is taken to be the first one with a backslash, which
//! then belongs to the value. A quote without either stands in no quoted value: what has begun with one is then as it is, up to its line's end.
//!
//! A name ends at the first `::`, and has no colon, or the addresses of IPv6 would have names. All values are texts. OpenSIPS
//! prints its integers, of 32 bits, as if they were unsigned ones of 64: what can be nothing but a negative one of them is read as such, while
//! greater numbers stay what they are, since there are Call-IDs of so many digits.
//!
//! What this has no place for is written so that nobody reads another event out of it: a value of several lines that ends in a backslash
//! gets a blank behind it, one of a single line whose quote would be closed by a later one a backslash before it, and one without a name
//! that looks as if it had one gets that of its place, `_2` for the second.

use super::name::{is_name, written};
use super::{Event, NotAnEvent, Param, Value};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

/// Reads a datagram.
pub fn read(text: &str) -> Result<Event, NotAnEvent> {
    let wrong = |what: &str| NotAnEvent::Text(what.to_owned());
    let lines = text.strip_suffix('\n').filter(|lines| lines.ends_with('\n'));
    let lines = lines.ok_or_else(|| wrong("text without an empty line at its end"))?;
    let (name, params) = lines.split_once('\n').unwrap_or((lines, ""));
    if !is_name(name) {
        return Err(wrong("a name that is empty, too long or has control characters"));
    }
    let (params, is_ambiguous) = read_params(params);
    Ok(Event { name: name.to_owned(), params, is_ambiguous })
}

/// Reads parameters, one behind the other, and whether the end of one is uncertain. Looks at every byte only so often: a value that
/// is not quoted after all was looked through up to the next quote that may begin one.
pub fn read_params(mut rest: &str) -> (Vec<Param>, bool) {
    let (mut params, mut is_ambiguous) = (Vec::with_capacity(if rest.is_empty() { 0 } else { 8 }), false);
    while !rest.is_empty() {
        let line = memchr(b'\n', rest.as_bytes()).map_or(rest, |end| &rest[..end]);
        let name = name(line);
        let start = name.map_or(0, |name| name.len() + 2);
        let quoted = rest[start..].strip_prefix('"').and_then(|inside| {
            let (end, is_certain) = end_of_quoted(inside, line.len() - start - 1)?;
            is_ambiguous |= !is_certain;
            Some(&inside[..end])
        });
        let (value, end) = match quoted {
            Some(inside) => (inside.replace("\\\"", "\""), start + inside.len() + 2),
            None => (number(&line[start..]).unwrap_or_else(|| line[start..].to_owned()), line.len()),
        };
        params.push(Param { name: name.map(str::to_owned), value: Value::Text(value) });
        // Behind the last there may be no newline.
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    (params, is_ambiguous)
}

/// The name that a line begins with.
fn name(line: &str) -> Option<&str> {
    let name = &line[..memchr(b':', line.as_bytes())?];
    let has_value = line[name.len() + 1..].starts_with(':');
    (has_value && !name.starts_with('"') && is_name(name)).then_some(name)
}

/// Where the quote stands that ends what is inside, and whether that is certain; `None` where it is not quoted. Its first line has this length.
fn end_of_quoted(inside: &str, first_line: usize) -> Option<(usize, bool)> {
    let bytes = inside.as_bytes();
    let mut doubtful = None;
    for at in memchr_iter(b'"', bytes) {
        let ends = at > first_line && matches!(bytes.get(at + 1), None | Some(b'\n'));
        match (is_escaped(bytes, at), ends) {
            (false, true) => return Some((at, true)),
            (false, false) => break,
            (true, true) => doubtful = doubtful.or(Some((at, false))),
            (true, false) => {}
        }
    }
    doubtful
}

fn is_escaped(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1] == b'\\'
}

/// A negative integer of 32 bits, of the digits of an unsigned one of 64.
fn number(value: &str) -> Option<String> {
    // 2^64 has 20 digits, and all of these the same at their begin.
    if value.len() != 20 || !value.starts_with("184467440") {
        return None;
    }
    let number = value.parse::<u64>().ok()?.cast_signed();
    (i64::from(i32::MIN)..0).contains(&number).then(|| number.to_string())
}

/// As a datagram.
pub fn write(event: &Event) -> Vec<u8> {
    let mut text = String::with_capacity(64 + 32 * event.params.len());
    // With a brace it would be JSON.
    text.push_str(&written(&event.name, |at, letter| at == 0 && letter == '{'));
    text.push('\n');
    write_params(&event.params, &mut text);
    text.push('\n');
    text.into_bytes()
}

/// Writes parameters, one behind the other.
pub fn write_params(params: &[Param], text: &mut String) {
    for (at, param) in params.iter().enumerate() {
        let value = written_value(&param.value, &params[at + 1..]);
        match param.name.as_deref() {
            Some(own) if !own.is_empty() => {
                let is_forbidden = |at, letter| letter == ':' || (at == 0 && letter == '"');
                text.push_str(&written(own, is_forbidden));
                text.push_str("::");
            }
            _ if name(value.split('\n').next().unwrap_or_default()).is_some() => {
                text.push_str(&format!("_{}::", at + 1));
            }
            _ => {}
        }
        text.push_str(&value);
        text.push('\n');
    }
}

/// A value, with these parameters behind it.
fn written_value<'v>(value: &'v Value, behind: &[Param]) -> Cow<'v, str> {
    let value = match value {
        Value::Text(value) => value,
        Value::Integer(number) => return Cow::Owned(number.to_string()),
        Value::Null => return Cow::Borrowed(""),
    };
    if memchr(b'\n', value.as_bytes()).is_some() {
        let blank = if value.ends_with('\\') { " " } else { "" };
        return Cow::Owned(format!("\"{}{blank}\"", value.replace('"', "\\\"")));
    }
    let is_open = value.strip_prefix('"').is_some_and(|inside| {
        !memchr_iter(b'"', inside.as_bytes()).any(|at| !is_escaped(inside.as_bytes(), at))
    });
    // Few are open, and it is found soon: none behind them is looked at twice.
    if is_open && behind.iter().any(may_have_quote) {
        return Cow::Owned(format!("\\{value}"));
    }
    Cow::Borrowed(value)
}

/// Whether a quote is written for it.
fn may_have_quote(param: &Param) -> bool {
    let value = match &param.value {
        Value::Text(value) => value.as_str(),
        Value::Integer(_) | Value::Null => "",
    };
    value.contains(['"', '\n']) || param.name.as_deref().is_some_and(|name| name.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;
    use proptest::prelude::*;

    /// The parameters as `name=value` or `value`, `|` behind each, and `?` where the end of one is uncertain.
    fn shown(event: &Event) -> String {
        let param = |param: &Param| match (&param.name, &param.value) {
            (Some(name), Value::Text(value)) => format!("{name}={value}|"),
            (None, Value::Text(value)) => format!("{value}|"),
            (_, other) => format!("{other:?}|"),
        };
        let doubt = if event.is_ambiguous { "?" } else { "" };
        format!("{} {}{doubt}", event.name, event.params.iter().map(param).collect::<String>())
    }

    #[track_caller]
    fn check(payload: impl AsRef<[u8]>, expected: &str) {
        let payload = payload.as_ref();
        let event =
            Event::parse(payload).unwrap_or_else(|error| panic!("{}: {error}", payload.escape_ascii()));
        assert_eq!(shown(&event), expected, "{}", payload.escape_ascii());
    }

    #[test]
    fn what_opensips_sends_is_read() {
        check("E_NOPARAM\n\n", "E_NOPARAM ");
        check("E_LIST\nth\"r\\e\n2\none\n\n", "E_LIST th\"r\\e|2|one|");
        check(
            "E_BODY\n\"line1\r\nline2 \\\"q\\\" \\ end\r\n\"\n\n",
            "E_BODY line1\r\nline2 \"q\" \\ end\r\n|",
        );
        check("E_BODY\n\"a\nb\\\"\n\n", "E_BODY a\nb\\|?");
        check("E_BODY\n\"q\"\n\n", "E_BODY \"q\"|");
        check("E_X\n\n\n", "E_X |");
        check("E_UL\ndomain::location\naor::anna\n\n", "E_UL domain=location|aor=anna|");
        check("E_X\na::\na::1\na::2\n\n", "E_X a=|a=1|a=2|");
        check("E_X\na::b::c:\n\n", "E_X a=b::c:|");
        check("E_X\na::\"b\nc\"\nd::e\n\n", "E_X a=b\nc|d=e|");
        check(b"E_X\na::\xff\xc3\nb::\xc3\xa9\r\n\n", "E_X a=\u{fffd}\u{fffd}|b=é\r|");
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let check = |payload: &[u8], label: &str| {
            assert_eq!(Event::parse(payload).map_err(|error| error.label()), Err(label), "{payload:?}");
        };
        check(b"", "empty");
        for payload in ["\n\n", "E_X", "E_X\n", "E_X\na::b\n", "\na::b\n\n", "E_X\0\n\n", "E_X\r\n\r\n", "\n"]
        {
            check(payload.as_bytes(), "text");
        }
        check(format!("{}\n\n", "E".repeat(256)).as_bytes(), "text");
        check("[".repeat(10_000).as_bytes(), "text");
    }

    #[test]
    fn a_value_without_a_newline_is_as_it_is() {
        check(
            "E_X\n\"Anna\" <sip:anna@x>;tag=\"1\"\nb::\"2\"\n\n",
            "E_X \"Anna\" <sip:anna@x>;tag=\"1\"|b=\"2\"|",
        );
        check("E_X\na::\"Anna\" <sip:anna@x>\nb::\"2\"\n\n", "E_X a=\"Anna\" <sip:anna@x>|b=\"2\"|");
        check("E_X\n\"\n\n", "E_X \"|");
        check("E_X\n\"\"\n\n", "E_X \"\"|");
        check("E_X\n\"a\nb\n\n", "E_X \"a|b|");
        check("E_X\n\"a\\\"\nb\\\"\n\n", "E_X a\"\nb\\|?");
        check("E_X\n\"a\nb\\\"\n\"c\"\n\n", "E_X a\nb\\|\"c\"|?");
        check("E_X\n\"a\nb\\\"\nc\\\"\n\n", "E_X a\nb\\|c\\\"|?");
        check("E_X\n\"\nb\"\n\n", "E_X \nb|");
    }

    #[test]
    fn what_is_no_name_belongs_to_the_value() {
        check("E_X\n::1\n2001:db8::1\nsip:[::1]\n\n", "E_X ::1|2001:db8::1|sip:[::1]|");
        check("E_X\nip::2001:db8::1\n\n", "E_X ip=2001:db8::1|");
        check("E_X\na\tb::c\n\"a::b\n\n", "E_X a\tb::c|\"a::b|");
        let long = "x".repeat(256);
        check(format!("E_X\n{long}::b\n\n"), &format!("E_X {long}::b|"));
    }

    #[test]
    fn negative_integers_are_read_back_and_other_digits_stay() {
        check("E_X\n18446744073709551615\na::18446744071562067968\n\n", "E_X -1|a=-2147483648|");
        for digits in
            ["18446744071562067967", "9223372036854775809", "18446744073709551616", "184467440737095516+5"]
        {
            check(format!("E_X\n{digits}\n\n"), &format!("E_X {digits}|"));
        }
    }

    /// While one is read, the others wait.
    #[test]
    fn quotes_without_end_take_linear_time() {
        for part in ["\\\"\n", "\"\n", "\"\\\"\n", "a::\"\\\"\n", "a::\"b\n", "\"a\n\\\"b\n"] {
            let fastest = |size: usize| {
                let payload = format!("E_X\n\"{}\n", part.repeat(size / part.len()));
                let read = || {
                    let started = std::time::Instant::now();
                    assert!(Event::parse(payload.as_bytes()).is_ok());
                    started.elapsed()
                };
                (0..5).map(|_| read()).min().expect("a time")
            };
            // Sixteen times as many: linear would be 16, quadratic 256.
            let ratio = fastest(64 << 10).as_secs_f64() / fastest(4 << 10).as_secs_f64();
            assert!(ratio < 80.0, "{part:?}: {ratio}");
        }
    }

    #[track_caller]
    fn check_written(params: &[(&str, &str)], expected: &str) {
        let param = |(name, value): &(&str, &str)| Param {
            name: (!name.is_empty()).then(|| name.to_string()),
            value: Value::Text(value.to_string()),
        };
        let params = params.iter().map(param).collect();
        let event = Event { name: "E_X".to_owned(), params, is_ambiguous: false };
        assert_eq!(String::from_utf8_lossy(&event.to_bytes(Format::Text)), format!("E_X\n{expected}\n"));
    }

    #[test]
    fn events_are_written_as_opensips_does() {
        check_written(&[], "");
        check_written(&[("", "th\"r\\e"), ("a", "2"), ("", "")], "th\"r\\e\na::2\n\n");
        check_written(&[("b", "1\r\n\"q\" \\ end\r\n")], "b::\"1\r\n\\\"q\\\" \\ end\r\n\"\n");
        check_written(&[("b", "\"q\"")], "b::\"q\"\n");
    }

    #[test]
    fn nothing_that_is_written_becomes_a_parameter_of_its_own() {
        check_written(&[("a\nexpires", "1")], "a_expires::1\n");
        check_written(&[("a::b", "1"), ("\"c", "d")], "a__b::1\n_c::d\n");
        check_written(&[("a", "1"), ("", "expires::0")], "a::1\n_2::expires::0\n");
        check_written(&[("a", "\"b"), ("c", "d\"")], "a::\\\"b\nc::d\"\n");
        check_written(&[("", "\"a::b"), ("c", "d\"")], "_1::\\\"a::b\nc::d\"\n");
        check_written(&[("a", "\"b"), ("c", "d")], "a::\"b\nc::d\n");
        check_written(&[("a", "x\nb\"\nexpires::0\\")], "a::\"x\nb\\\"\nexpires::0\\ \"\n");
        let event = Event { name: "{\n".to_owned(), params: Vec::new(), is_ambiguous: false };
        assert_eq!(event.to_bytes(Format::Text), b"__\n\n");
    }

    #[test]
    fn what_is_no_text_is_written_as_one() {
        let param = |value| Param { name: Some("a".to_owned()), value };
        let params = vec![param(Value::Integer(-1)), param(Value::Null)];
        let event = Event { name: "E_X".to_owned(), params, is_ambiguous: false };
        assert_eq!(event.to_bytes(Format::Text), b"E_X\na::-1\na::\n\n");
    }

    /// Of what may be confused.
    fn letters() -> impl Strategy<Value = String> {
        let parts = ["a", "\"", "\\", "\n", "::", ":", "é", " ", "b::\"", "\"\n", "\\\"\n", "{", "\r", "1"];
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..7).prop_map(|parts| parts.concat())
    }

    fn is_plain(params: &[Param]) -> bool {
        let is_plain = |param: &Param| match (&param.name, &param.value) {
            (None, Value::Text(value)) => {
                !value.contains("::") && !value.starts_with('"') && !value.ends_with('\\')
            }
            (Some(name), Value::Text(value)) => {
                is_name(name)
                    && !name.contains([':', '"'])
                    && !value.starts_with('"')
                    && !value.ends_with('\\')
            }
            (_, Value::Integer(_) | Value::Null) => false,
        };
        params.iter().all(is_plain)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn rubbish_ends_without_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200), text in letters()) {
            let _ = Event::parse(&payload);
            let _ = Event::parse(format!("E_X\n{text}\n\n").as_bytes());
        }

        #[test]
        fn what_is_written_reads_back_the_same_or_nearly_so(
            name in letters(),
            params in prop::collection::vec((prop::option::of(letters()), letters()), 0..5),
        ) {
            let param = |(name, value): (Option<String>, String)| {
                Param { name: name.filter(|name| !name.is_empty()), value: Value::Text(value) }
            };
            let params: Vec<Param> = params.into_iter().map(param).collect();
            let event = Event { name, params, is_ambiguous: false };
            let read = Event::parse(&event.to_bytes(Format::Text)).expect("an event");
            prop_assert!(!read.is_ambiguous);
            prop_assert_eq!(read.params.len(), event.params.len());
            for (place, (read, param)) in read.params.iter().zip(&event.params).enumerate() {
                let (Value::Text(now), Value::Text(before)) = (&read.value, &param.value) else {
                    panic!("texts");
                };
                let is_same = now == before || *now == format!("{before} ") || *now == format!("\\{before}");
                prop_assert!(is_same, "{:?} of {:?}", now, before);
                match (&read.name, &param.name) {
                    (Some(now), None) => prop_assert_eq!(now, &format!("_{}", place + 1)),
                    (now, before) => prop_assert_eq!(now.is_some(), before.is_some()),
                }
            }
            if is_plain(&event.params) {
                prop_assert_eq!(read.params, event.params);
            }
        }
    }
}
