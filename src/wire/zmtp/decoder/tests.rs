use super::super::{SocketType, encode};
use super::*;
use proptest::prelude::*;

const MAX: usize = 300;

/// What comes of a stream whose pieces end at these places, and whether something is unfinished.
fn read(stream: &[u8], cuts: impl IntoIterator<Item = usize>) -> (Vec<Item>, Option<ZmtpError>, bool) {
    let mut decoder = Decoder::new(MAX);
    let (mut items, mut from) = (Vec::new(), 0);
    for to in cuts.into_iter().chain([stream.len()]) {
        decoder.buffer_mut().extend_from_slice(&stream[from..to]);
        from = to;
        loop {
            match decoder.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error), false),
            }
        }
    }
    (items, None, decoder.is_inside())
}

fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut stream = BytesMut::new();
    write(&mut stream);
    stream.to_vec()
}

/// A handshake, and then this.
fn stream(rest: &[u8]) -> Vec<u8> {
    let mut stream = written(|stream| {
        encode::greeting(stream);
        encode::ready(SocketType::Pub, b"me", stream);
    });
    stream.extend_from_slice(rest);
    stream
}

/// The frames of a message, and commands, of what stands behind a handshake: however the stream is cut.
#[track_caller]
fn check(rest: &[u8], expected: &str, error: Option<ZmtpError>, inside: bool) {
    let whole = stream(rest);
    let shown = |cuts: Vec<usize>| {
        let (items, error, inside) = read(&whole, cuts);
        let show = |item: &Item| match item {
            Item::Message(message) => {
                let frames: Vec<_> =
                    message.frames().iter().map(|it| it.escape_ascii().to_string()).collect();
                format!("[{}]", frames.join(" "))
            }
            Item::Command(command) => format!("<{}>", command.name()),
            _ => String::new(),
        };
        (items.iter().map(show).collect::<String>(), error, inside)
    };
    let expected = (expected.to_owned(), error, inside);
    assert_eq!(shown(vec![]), expected);
    assert_eq!(shown((1..whole.len()).collect()), expected, "byte by byte");
    for cut in 0..=whole.len() {
        assert_eq!(shown(vec![cut]), expected, "cut at {cut}");
    }
}

#[test]
fn a_handshake_is_a_greeting_and_ready() {
    let (items, error, inside) = read(&stream(b""), []);
    let metadata = Metadata { socket_type: SocketType::Pub, identity: Bytes::from_static(b"me") };
    assert_eq!(items, [Item::Greeting(Version::OURS), Item::Ready(metadata)]);
    assert_eq!((error, inside), (None, false));
    let refused = written(|stream| {
        encode::greeting(stream);
        encode::error("not you", stream);
    });
    let (items, error, _) = read(&refused, []);
    assert_eq!((&items[1], error), (&Item::Command(Command::Error("not you".to_owned())), None));
}

#[test]
fn messages_and_commands_are_cut_however_they_come() {
    check(b"", "", None, false);
    check(b"\x00\x01a", "[a]", None, false);
    check(b"\x00\x00", "[]", None, false);
    check(b"\x01\x03[*]\x00\x02{}\x00\x01b", "[[*] {}][b]", None, false);
    check(b"\x01\x00\x03\0\0\0\0\0\0\0\x01x\x02\0\0\0\0\0\0\0\x02yz", "[ x yz]", None, false);
    check(b"\x04\x07\x04PING\0\0\x00\x01a\x06\0\0\0\0\0\0\0\x05\x04PONG", "<PING>[a]<PONG>", None, false);
    check(b"\x04\x0b\x09SUBSCRIBE{\x04\x08\x06CANCEL{", "<a subscription><a subscription>", None, false);
    check(b"\x04\x06\x05HELLO", "<the command HELLO>", None, false);
    let long = written(|stream| encode::message(&[vec![b'x'; MAX]], stream));
    check(&long, &format!("[{}]", "x".repeat(MAX)), None, false);
}

#[test]
fn of_what_is_unfinished_nothing_comes_out() {
    for rest in [&b"\x00"[..], b"\x00\x02a", b"\x01\x01a", b"\x01\x01a\x00", b"\x02\0\0\0", b"\x04\x05\x04PO"]
    {
        check(rest, "", None, true);
    }
    check(b"\x00\x01a\x01\x01b", "[a]", None, true);
}

#[test]
fn what_breaks_the_rules_is_told_and_nothing_behind_it_is_read() {
    let bad = |rest: &[u8], expected: &str, error| check(rest, expected, Some(error), false);
    bad(b"\x08\x01a\x00\x01b", "", ZmtpError::Flags(8));
    bad(b"\x00\x01a\x80\x01a", "[a]", ZmtpError::Flags(0x80));
    bad(b"\x05\x05\x04PONG", "", ZmtpError::Flags(5));
    bad(b"\x01\x01a\x04\x05\x04PONG", "", ZmtpError::BadCommand);
    bad(b"\x04\x00", "", ZmtpError::BadCommand);
    bad(&stream(b"")[64..], "", ZmtpError::Unexpected("READY".to_owned()));
    bad(b"\x02\xff\xff\xff\xff\xff\xff\xff\xff", "", ZmtpError::LongFrame { max: MAX });
    bad(b"\x02\0\0\0\0\0\0\x01\x2d", "", ZmtpError::LongFrame { max: MAX });
    bad(b"\x06\0\0\0\0\0\0\x10\x01", "", ZmtpError::LongCommand);
    bad(&b"\x01\x00".repeat(FRAMES + 1), "", ZmtpError::ManyFrames);
    let just = [b"\x01\x00".repeat(FRAMES - 1), b"\x00\x00".to_vec()].concat();
    check(&just, &format!("[{}]", " ".repeat(FRAMES - 1)), None, false);
}

#[test]
fn before_the_peer_is_ready_it_may_say_nothing_else() {
    let greeted = |rest: &[u8]| read(&[&stream(b"")[..64], rest].concat(), []).1;
    assert_eq!(greeted(b"\x00\x01a"), Some(ZmtpError::Unexpected("a message".to_owned())));
    assert_eq!(greeted(b"\x04\x07\x04PING\0\0"), Some(ZmtpError::Unexpected("PING".to_owned())));
    assert_eq!(greeted(b"\x06\0\0\0\0\0\x10\0\0"), Some(ZmtpError::LongCommand));
    assert_eq!(greeted(b"\x04\x06\x05READY"), Some(ZmtpError::NoSocketType));
    let http = read(b"HTTP/1.1 400 Bad Request\r\n\r\n", []);
    assert_eq!(http, (vec![], Some(ZmtpError::NotZmtp(b'H')), false));
}

#[test]
fn the_error_stays_and_a_declared_length_costs_no_memory() {
    let mut decoder = Decoder::new(MAX);
    decoder.buffer_mut().extend_from_slice(&stream(b"\x08"));
    assert!(matches!(decoder.next_item(), Ok(Some(Item::Greeting(_)))));
    assert!(matches!(decoder.next_item(), Ok(Some(Item::Ready(_)))));
    for _ in 0..2 {
        assert_eq!(decoder.next_item(), Err(ZmtpError::Flags(8)));
        decoder.buffer_mut().extend_from_slice(b"\x00\x01a");
    }
    let mut decoder = Decoder::new(1 << 30);
    decoder.buffer_mut().extend_from_slice(&stream(b"\x02\0\0\0\0\x3f\xff\xff\xff"));
    while decoder.next_item().expect("no error").is_some() {}
    assert!(decoder.buffer_mut().capacity() < 4096);
}

#[test]
fn subscriptions_are_known_in_the_form_of_3_0() {
    let of = |rest: &[u8]| match read(&stream(rest), []).0.pop() {
        Some(Item::Message(message)) => message.subscription(),
        _ => None,
    };
    assert_eq!(of(b"\x00\x02\x01{"), Some(Subscription::Add(Bytes::from_static(b"{"))));
    assert_eq!(of(b"\x00\x01\x00"), Some(Subscription::Remove(Bytes::new())));
    assert_eq!(of(b"\x00\x01\x02"), None);
    assert_eq!(of(b"\x00\x00"), None);
    assert_eq!(of(b"\x01\x01\x01\x00\x01a"), None);
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded_however_it_is_cut(
        messages in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..MAX), 1..FRAMES), 0..6),
        sizes in prop::collection::vec(1usize..700, 1..20),
    ) {
        let whole = stream(&written(|stream| messages.iter().for_each(|it| encode::message(it, stream))));
        let mut cuts: Vec<usize> = Vec::new();
        for size in sizes.iter().cycle() {
            let next = cuts.last().unwrap_or(&0) + size;
            if next >= whole.len() { break }
            cuts.push(next);
        }
        let (items, error, inside) = read(&whole, cuts);
        let read: Vec<Vec<Vec<u8>>> = items.iter().filter_map(|item| match item {
            Item::Message(message) => Some(message.frames().iter().map(|it| it.to_vec()).collect()),
            _ => None,
        }).collect();
        prop_assert_eq!((read, error, inside), (messages, None, false));
    }

    #[test]
    fn rubbish_ends_without_a_panic_and_the_same_however_it_is_cut(
        rest in prop::collection::vec(prop::sample::select(b"\0\0\x01\x02\x04\x05\x06PONGREADY\xff".as_slice()), 0..80),
    ) {
        let whole = stream(&rest);
        prop_assert_eq!(read(&whole, []), read(&whole, 1..whole.len()));
    }
}
