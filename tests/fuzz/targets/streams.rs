//! What cuts streams into items: the same items come however the stream is cut, and what is held is bounded.

use super::source::Source;
use super::{Target, samples};
use bytes::BytesMut;
use eventmanager::wire::ocir::{FrameError, Framer};
use eventmanager::wire::{ami, evapi, netstring};
use std::fmt::Debug;

/// Small, so that inputs reach it.
const MAX: usize = 512;

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 16 << 10 };
    vec![
        target("ocir_frames", ocir_frames, samples::ocir_streams, samples::OCIR_WORDS),
        target(
            "netstring",
            netstrings,
            samples::netstrings,
            &["0:,", "3:abc,", "512:", "513:", "00:", "10:"],
        ),
        target("evapi_bare", bare_objects, samples::objects, samples::JSON_WORDS),
        target("ami_messages", ami_messages, samples::ami_messages, samples::AMI_WORDS),
        target("ami_actions", ami_actions, samples::ami_actions, samples::AMI_WORDS),
    ]
}

/// How a stream is cut: whole, byte by byte, and once at random.
pub fn cuts<'s>(source: &mut Source, stream: &'s [u8]) -> [Vec<&'s [u8]>; 2] {
    let mut pieces = Vec::new();
    let mut rest = stream;
    let mut seed = source.number(2) | 1;
    while !rest.is_empty() {
        // Lengths that look random, mostly short ones.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = (1 + (seed >> 33) as usize % 40).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece);
        rest = behind;
    }
    [pieces, stream.chunks(1).collect()]
}

/// The items of a stream in one piece, which must be those of all other pieces too.
pub fn same_however_cut<T: PartialEq + Debug>(data: &[u8], mut read: impl FnMut(&[&[u8]]) -> T) -> T {
    let mut source = Source::new(data);
    let mut decisions = Source::new(&data[data.len().saturating_sub(2)..]);
    source.number(2);
    let stream = source.rest();
    let whole = read(&[stream]);
    for pieces in cuts(&mut decisions, stream) {
        assert_eq!(read(&pieces), whole, "cut into {} pieces", pieces.len());
    }
    whole
}

/// Feeds pieces to a decoder, and collects what it gives until it fails.
pub fn collect<D, T, E>(
    decoder: &mut D,
    pieces: &[&[u8]],
    push: impl Fn(&mut D, &[u8]),
    next: impl Fn(&mut D) -> Result<Option<T>, E>,
) -> (Vec<T>, Option<E>) {
    let mut items = Vec::new();
    for piece in pieces {
        push(decoder, piece);
        loop {
            match next(decoder) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

fn ocir_frames(data: &[u8]) {
    let items = same_however_cut(data, |pieces| {
        let mut framer = Framer::new(MAX);
        let mut items: Vec<Result<Vec<u8>, String>> = Vec::new();
        for piece in pieces {
            framer.push(piece);
            loop {
                match framer.next_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => items.push(Ok(frame.to_vec())),
                    Err(error) => {
                        if let FrameError::Unfinished { bytes } | FrameError::Stray { bytes } = &error {
                            assert!(bytes.len() <= MAX, "{} bytes of an error", bytes.len());
                        }
                        items.push(Err(error.to_string()));
                    }
                }
            }
        }
        (items, framer.pending())
    });
    for frame in items.0.iter().flatten() {
        assert!(frame.len() <= MAX && frame.ends_with(b">"));
    }
}

fn netstrings(data: &[u8]) {
    let (payloads, _) = same_however_cut(data, |pieces| {
        let mut decoder = netstring::Decoder::new(MAX);
        let push =
            |decoder: &mut netstring::Decoder, piece: &[u8]| decoder.buffer_mut().extend_from_slice(piece);
        collect(&mut decoder, pieces, push, netstring::Decoder::next_frame)
    });
    let mut stream = BytesMut::new();
    payloads.iter().for_each(|payload| netstring::encode(payload, &mut stream));
    assert!(data.starts_with(&stream), "what was read is what is written");
}

fn bare_objects(data: &[u8]) {
    let (objects, _) = same_however_cut(data, |pieces| {
        let mut decoder = evapi::BareDecoder::new(MAX);
        let push =
            |decoder: &mut evapi::BareDecoder, piece: &[u8]| decoder.buffer_mut().extend_from_slice(piece);
        collect(&mut decoder, pieces, push, evapi::BareDecoder::next_object)
    });
    for object in objects {
        assert!(object.len() <= MAX && object.starts_with(b"{"));
    }
}

fn ami_messages(data: &[u8]) {
    let (messages, _) = same_however_cut(data, |pieces| {
        let mut decoder = ami::Decoder::new();
        let push = |decoder: &mut ami::Decoder, piece: &[u8]| decoder.buffer_mut().extend_from_slice(piece);
        let (messages, error) = collect(&mut decoder, pieces, push, ami::Decoder::next_message);
        (messages, error)
    });
    for message in messages {
        let _ = (message.kind(), message.skipped());
        let headers: Vec<_> = message.headers().collect();
        assert!(!headers.is_empty() || message.output().next().is_some());
        for (name, value) in headers {
            assert!(!name.contains(&b':') && !name.contains(&b'\n') && !value.contains(&b'\n'));
            if let Ok(name) = std::str::from_utf8(name) {
                assert!(message.get(name).is_some() && message.values(name).count() > 0);
            }
        }
    }
    same_however_cut(data, |pieces| {
        let mut decoder = ami::Decoder::new();
        let mut lines = Vec::new();
        for piece in pieces {
            decoder.buffer_mut().extend_from_slice(piece);
            while let Ok(Some(line)) = decoder.next_line() {
                lines.push((ami::is_banner(&line), line));
            }
        }
        lines
    });
}

fn ami_actions(data: &[u8]) {
    let requests = same_however_cut(data, |pieces| {
        let mut reader = ami::request::Requests::new();
        let mut requests: Vec<Vec<Vec<u8>>> = Vec::new();
        for piece in pieces {
            reader.buffer_mut().extend_from_slice(piece);
            while let Some(request) = reader.next_request() {
                let _ = (request.get("Action"), request.get("ActionID"));
                requests.push(request.lines().map(<[u8]>::to_vec).collect());
            }
        }
        requests
    });
    for line in requests.iter().flatten() {
        assert!(line.len() <= 1_022 && !line.contains(&b'\n'));
    }
}
