//! ZeroMQ, and what Asterisk's module and agents say over it.

use super::source::{END, Source, seed};
use super::streams::{collect, same_however_cut};
use super::{Target, samples};
use bytes::{Bytes, BytesMut};
use eventmanager::wire::manager_json::{AgentMessage, Event, Reply};
use eventmanager::wire::zmtp::{Command, Decoder, Item, SocketType, Subscription, Version, encode};

/// Bytes of a frame, at most.
const MAX: usize = 512;

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 16 << 10 };
    vec![
        target("zmtp", zmtp, streams, &["READY", "Socket-Type", "Identity", "PING", "SUBSCRIBE", "ERROR"]),
        target("zmtp_written", written, || vec![seed(&["a", "{}", "reason"], &[1, 2, 3])], &[]),
        target("manager_json", messages, samples::manager_messages, samples::JSON_WORDS),
    ]
}

fn streams() -> Vec<Vec<u8>> {
    let stream = |socket: SocketType, behind: &dyn Fn(&mut BytesMut)| {
        let mut stream = BytesMut::new();
        encode::greeting(&mut stream);
        encode::ready(socket, b"", &mut stream);
        behind(&mut stream);
        stream.to_vec()
    };
    let subscription = Subscription::Add(Bytes::from_static(b"[*]"));
    vec![
        stream(SocketType::Pub, &|stream| encode::message(&["[*]", "{}"], stream)),
        stream(SocketType::Sub, &|stream| encode::subscription(&subscription, Version::OURS, stream)),
        stream(SocketType::Sub, &|stream| encode::subscription(&subscription, Version::LEAST, stream)),
        stream(SocketType::Push, &|stream| encode::ping(600, b"x", stream)),
        stream(SocketType::Pull, &|stream| encode::pong(b"x", stream)),
        stream(SocketType::Rep, &|stream| encode::message(&["x".repeat(300)], stream)),
    ]
}

fn read(pieces: &[&[u8]]) -> (Vec<Item>, Option<eventmanager::wire::zmtp::ZmtpError>) {
    let mut decoder = Decoder::new(MAX);
    let push = |decoder: &mut Decoder, piece: &[u8]| decoder.buffer_mut().extend_from_slice(piece);
    collect(&mut decoder, pieces, push, Decoder::next_item)
}

fn zmtp(data: &[u8]) {
    let (items, error) = same_however_cut(data, read);
    for item in &items {
        if let Item::Message(message) = item {
            assert!((1..=16).contains(&message.frames().len()));
            assert!(message.frames().iter().all(|frame| frame.len() <= MAX));
            assert_eq!(message.single().is_some(), message.frames().len() == 1);
            let _ = message.subscription();
        }
    }
    if let Some(error) = error {
        assert!(error.to_string().is_ascii() && error.to_string().len() < 500);
    }
}

/// What is written is read as that.
fn written(data: &[u8]) {
    let mut source = Source::new(data);
    let socket = source.one_of(&SocketType::ALL);
    let (version, ttl) = (source.one_of(&[Version::OURS, Version::LEAST]), source.number(2) as u16);
    let identity = source.part();
    let context = source.part();
    let prefix = Bytes::copy_from_slice(source.part());
    let reason = source.text();
    let mut frames = Vec::new();
    while !source.is_empty() {
        frames.push(source.part());
    }
    let (identity, context) = (&identity[..identity.len().min(255)], &context[..context.len().min(16)]);
    frames.truncate(16);
    frames.iter_mut().for_each(|frame| *frame = &frame[..frame.len().min(MAX)]);
    let subscription = Subscription::Add(prefix.slice(..prefix.len().min(MAX - 1)));
    let mut stream = BytesMut::new();
    encode::greeting(&mut stream);
    encode::ready(socket, identity, &mut stream);
    encode::ping(ttl, context, &mut stream);
    encode::pong(context, &mut stream);
    encode::subscription(&subscription, version, &mut stream);
    encode::message(&frames, &mut stream);
    encode::error(&reason, &mut stream);
    let (items, error) = read(&[&stream]);
    assert_eq!(error, None);
    let mut items = items.into_iter();
    assert_eq!(items.next(), Some(Item::Greeting(Version::OURS)));
    let ready = items.next();
    let Some(Item::Ready(metadata)) = ready else { panic!("{ready:?}") };
    assert_eq!((metadata.socket_type, metadata.identity.as_ref()), (socket, identity));
    assert_eq!(
        items.next(),
        Some(Item::Command(Command::Ping { ttl, context: Bytes::copy_from_slice(context) }))
    );
    assert_eq!(items.next(), Some(Item::Command(Command::Pong(Bytes::copy_from_slice(context)))));
    match items.next() {
        Some(Item::Command(Command::Subscription(read))) => assert_eq!(read, subscription),
        Some(Item::Message(message)) => assert_eq!(message.subscription(), Some(subscription)),
        other => panic!("{other:?}"),
    }
    if !frames.is_empty() {
        let Some(Item::Message(message)) = items.next() else { panic!("no message") };
        assert_eq!(message.into_frames(), frames);
    }
    assert!(matches!(items.next(), Some(Item::Command(Command::Error(_)))));
    assert_eq!(items.next(), None);
}

/// Frames are divided by an [`END`].
fn messages(data: &[u8]) {
    let frames: Vec<Bytes> = data.split(|byte| *byte == END).map(Bytes::copy_from_slice).collect();
    if let Ok(message) = AgentMessage::read(&frames) {
        let again = AgentMessage::read(&message.frames());
        assert_eq!(again, Ok(message));
    }
    if let Ok(event) = Event::read(&frames) {
        let again = Event::read(&[Bytes::from(event.headers().to_json())]);
        assert_eq!(again, Ok(event));
    }
    if let Ok(reply) = Reply::read(&frames) {
        assert!(reply.headers().get("Response").is_some());
        let _ = (reply.is_success(), reply.message(), reply.action_id(), reply.events().len());
    }
}
