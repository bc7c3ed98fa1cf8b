//! Netstrings, as Kamailio sends them and we send them to consumers.

use super::{Amount, Case, copy};
use bytes::{Bytes, BytesMut};
use eventmanager::wire::netstring;
use std::hint::black_box;

/// Payloads of one read from a socket.
const PAYLOAD: usize = 1000;
const PAYLOADS: usize = 64;

/// Cutting and writing.
pub fn cases() -> Vec<Case> {
    let payload = vec![b'x'; PAYLOAD];
    let mut stream = BytesMut::new();
    write(&payload, &mut stream);
    let (stream, mut place) = (stream.freeze(), BytesMut::new());
    let amount = Amount::Bytes(stream.len());
    let (read, copied, written) = (stream.clone(), stream.clone(), stream);
    let (mut decoder, mut frames) = (netstring::Decoder::new(1 << 20), Vec::new());
    vec![
        Case::new("netstrings of 1 kB decoded", amount, move || {
            cut(&mut decoder, black_box(&read), &mut frames);
            assert_eq!(frames.len(), PAYLOADS);
        })
        .at_least(3e9)
        .beside("a bare copy", copy(copied)),
        Case::new("netstrings of 1 kB encoded", amount, move || write(&payload, &mut place))
            .at_least(3e9)
            .beside("a bare copy", copy(written)),
    ]
}

/// Takes what a read has brought, and cuts it; the frames are kept as they are until they are handled.
fn cut(decoder: &mut netstring::Decoder, read: &[u8], frames: &mut Vec<Bytes>) {
    frames.clear();
    decoder.buffer_mut().extend_from_slice(read);
    while let Some(frame) = decoder.next_frame().expect("the sample is well-formed") {
        frames.push(frame);
    }
}

fn write(payload: &[u8], frames: &mut BytesMut) {
    frames.clear();
    (0..PAYLOADS).for_each(|_| netstring::encode(black_box(payload), frames));
}
