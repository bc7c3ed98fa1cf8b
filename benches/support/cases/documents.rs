//! OCI-R: from the bytes of a connection to owned commands, and what is shown of a document.

use super::{Amount, Case};
use eventmanager::wire::mask_secrets;
use eventmanager::wire::ocir::{DEFAULT_MAX_DOCUMENT, Document, Framer, write};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::hint::black_box;

const BODY: &str = "<serviceProviderId>Nord-SP</serviceProviderId><groupId>GRP-014</groupId>\
    <userId>soren.ostergaard@voice.example.net</userId><lastName>Østergård</lastName><firstName>Søren</firstName>\
    <callingLineIdLastName>Østergård</callingLineIdLastName><callingLineIdFirstName>Søren</callingLineIdFirstName>\
    <password>s3cret09</password><language>English</language><timeZone>America/Godthab</timeZone>\
    <address><addressLine1>Færøvej 7</addressLine1><stateOrProvince>Sisimiut</stateOrProvince>\
    <country>Greenland</country></address>";

/// Documents of one read from a socket.
const DOCUMENTS: usize = 50;

/// Reading: whole documents, and their frames alone. Masking.
pub fn cases() -> Vec<Case> {
    let text = write::report("write264", "admin", "admin@voice.example.net", "UserAddRequest17sp4", BODY);
    let stream = write::encode_latin1(&format!("{text}\n")).repeat(DOCUMENTS);
    let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
    let (whole, walked, masked) = (stream.clone(), text.clone(), text);
    let documents = Amount::Items(DOCUMENTS, "documents");
    let reading = Case::new("OCI-R documents to owned commands", documents, move || {
        assert_eq!(read(&mut framer, black_box(&whole)), DOCUMENTS);
    });
    let bytes = Amount::Bytes(stream.len());
    let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
    let framing = Case::new("OCI-R frames", bytes, move || {
        framer.push(black_box(&stream));
        while let Some(frame) = framer.next_frame().expect("the sample is not too large") {
            black_box(frame);
        }
    });
    let shown = Amount::Bytes(masked.len());
    vec![
        reading
            .at_least(250_000.0)
            .beside("a bare walk of both documents", move || {
                (0..DOCUMENTS).for_each(|_| _ = black_box(bare_walk(black_box(&walked))));
            })
            .of_it_at_least(0.6),
        framing,
        Case::new("OCI-R masked", shown, move || _ = black_box(mask_secrets(black_box(&masked)))),
    ]
}

fn read(framer: &mut Framer, stream: &[u8]) -> usize {
    framer.push(stream);
    let mut commands = 0;
    while let Some(frame) = framer.next_frame().expect("the sample is not too large") {
        let document = Document::parse(&frame);
        commands += document.commands().count();
        black_box(document);
    }
    commands
}

/// Every event of a document, and of the document in its CDATA.
fn bare_walk(text: &str) -> usize {
    let mut reader = Reader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_event().expect("the sample is well-formed") {
            Event::Eof => return events,
            Event::CData(inner) => events += bare_walk(&inner),
            event => {
                black_box(&event);
                events += 1;
            }
        }
    }
}
