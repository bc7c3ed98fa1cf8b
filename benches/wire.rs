//! How fast the codecs are, beside what does the least with the same bytes: quick-xml or serde_json walking them, or a copy.
//!
//! `cargo bench --bench wire` takes under a minute. It prints the ratio of the bare walk to the whole way from bytes to owned
//! commands, which is to be at least 0.6 at 250 thousand documents/s or more; and how many bytes of netstrings with 1 kB each
//! are cut and written in a second, which is to be at least 3 GB, and bytes of Asterisk's manager interface, at least 0.5 GB. Of OpenSIPS'
//! datagrams, of 160 bytes each, at least 100 thousand are to be read in a second.

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use eventmanager::wire::Secret;
use eventmanager::wire::ami;
use eventmanager::wire::cai3g::{
    self, Association, HssRequest, PrivateUser, PublicData, ServiceProfile, server,
};
use eventmanager::wire::evi::{self, Format};
use eventmanager::wire::mask_secrets;
use eventmanager::wire::netstring;
use eventmanager::wire::ocir::{DEFAULT_MAX_DOCUMENT, Document, Framer, write};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BODY: &str = "<serviceProviderId>Nord-SP</serviceProviderId><groupId>GRP-014</groupId>\
    <userId>soren.ostergaard@voice.example.net</userId><lastName>Østergård</lastName><firstName>Søren</firstName>\
    <callingLineIdLastName>Østergård</callingLineIdLastName><callingLineIdFirstName>Søren</callingLineIdFirstName>\
    <password>s3cret09</password><language>English</language><timeZone>America/Godthab</timeZone>\
    <address><addressLine1>Færøvej 7</addressLine1><stateOrProvince>Sisimiut</stateOrProvince>\
    <country>Greenland</country></address>";

fn sample() -> String {
    write::report("write264", "admin", "admin@voice.example.net", "UserAddRequest17sp4", BODY)
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

/// The same work done side by side, so that a busy machine slows both.
fn ratio(text: &str, stream: &[u8], documents: usize) {
    let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..60 {
        let started = Instant::now();
        (0..documents).for_each(|_| _ = black_box(bare_walk(black_box(text))));
        best.0 = best.0.min(started.elapsed());
        let started = Instant::now();
        assert_eq!(read(&mut framer, black_box(stream)), documents);
        best.1 = best.1.min(started.elapsed());
    }
    let rate = documents as f64 / best.1.as_secs_f64() / 1000.0;
    let ratio = best.0.as_secs_f64() / best.1.as_secs_f64();
    println!(
        "document of {} bytes: {rate:.0} thousand/s to owned commands, {ratio:.2} of the bare walk",
        stream.len() / documents
    );
}

fn ocir(c: &mut Criterion) {
    let text = sample();
    let document = write::encode_latin1(&format!("{text}\n"));
    let documents = 50;
    let stream = document.repeat(documents);
    ratio(&text, &stream, documents);

    let mut group = c.benchmark_group("ocir");
    group.throughput(Throughput::Elements(documents as u64));
    let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
    group.bench_function("bytes_to_commands", |b| b.iter(|| read(&mut framer, &stream)));
    group.bench_function("bare_walk", |b| {
        b.iter(|| (0..documents).map(|_| bare_walk(black_box(&text))).sum::<usize>())
    });
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("framing", |b| {
        b.iter(|| {
            framer.push(&stream);
            while let Ok(Some(frame)) = framer.next_frame() {
                black_box(frame);
            }
        });
    });
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("mask", |b| b.iter(|| mask_secrets(black_box(&text))));
    group.finish();
}

fn soap(c: &mut Criterion) {
    let session = Secret::new("6fa1c0ffee");
    let user = "soren.ostergaard@voice.example.net".to_owned();
    let request = HssRequest::CreateAssociation(Association {
        association_id: "630c00d88cf8e4331e456963b9e9d054".into(),
        is_psi: false,
        private_user: PrivateUser {
            private_user_id: user.clone(),
            password: Some(Secret::new("abcdefghijklmn")),
        },
        public_data: PublicData {
            public_id: format!("sip:{user}"),
            private_user_id: user.clone(),
            implicit_reg_set: 1,
            service_profile_id: user.clone(),
        },
        service_profile: ServiceProfile {
            service_profile_id: user,
            configured_profile_id: "sp_user".into(),
            phone_context: "sis.example.net".into(),
        },
    });
    let fault = server::fault(4006, Some(13004), "ASSOCIATION ALREADY DEFINED");
    let rendered = cai3g::hss(&request, &session);

    let mut group = c.benchmark_group("cai3g");
    group.bench_function("render_create", |b| b.iter(|| cai3g::hss(black_box(&request), &session)));
    group
        .bench_function("parse_create", |b| b.iter(|| server::parse_request(black_box(rendered.as_bytes()))));
    group.bench_function("parse_fault", |b| b.iter(|| cai3g::parse_answer(500, black_box(fault.as_bytes()))));
    group.finish();
}

/// Payloads of one read from a socket, as Kamailio sends them.
const PAYLOAD: usize = 1000;
const PAYLOADS: usize = 64;

/// Takes what a read has brought, and cuts it; the frames are kept as they are until they are handled.
fn cut(decoder: &mut netstring::Decoder, read: &[u8], frames: &mut Vec<Bytes>) {
    frames.clear();
    decoder.buffer_mut().extend_from_slice(read);
    while let Some(frame) = decoder.next_frame().expect("the sample is well-formed") {
        frames.push(frame);
    }
}

fn write_frames(payload: &[u8], frames: &mut BytesMut) {
    frames.clear();
    (0..PAYLOADS).for_each(|_| netstring::encode(black_box(payload), frames));
}

/// What even the least does: it has the bytes in a place of its own.
fn copy(bytes: &[u8], place: &mut BytesMut) {
    place.clear();
    place.extend_from_slice(black_box(bytes));
    black_box(place);
}

fn netstrings(c: &mut Criterion) {
    let payload = vec![b'x'; PAYLOAD];
    let (mut stream, mut place) = (BytesMut::new(), BytesMut::new());
    write_frames(&payload, &mut stream);
    let stream = stream.freeze();
    let (mut decoder, mut frames) = (netstring::Decoder::new(1 << 20), Vec::new());
    // As above: side by side, the best of each.
    let mut best = [Duration::MAX; 3];
    let mut time = |which: usize, work: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..100).for_each(|_| work());
        best[which] = best[which].min(started.elapsed() / 100);
    };
    for _ in 0..200 {
        time(0, &mut || cut(&mut decoder, black_box(&stream), &mut frames));
        time(1, &mut || write_frames(&payload, &mut place));
        time(2, &mut || copy(&stream, &mut place));
    }
    assert_eq!(frames.len(), PAYLOADS);
    for (what, took) in [("decoded", best[0]), ("encoded", best[1])] {
        let rate = stream.len() as f64 / took.as_secs_f64() / 1e9;
        let ratio = best[2].as_secs_f64() / took.as_secs_f64();
        println!("netstrings of {PAYLOAD} bytes: {what} at {rate:.1} GB/s, {ratio:.2} of a bare copy");
    }

    let mut group = c.benchmark_group("netstring");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("decode", |b| b.iter(|| cut(&mut decoder, black_box(&stream), &mut frames)));
    group.bench_function("encode", |b| b.iter(|| write_frames(&payload, &mut place)));
    group.bench_function("copy", |b| b.iter(|| copy(&stream, &mut place)));
    group.finish();
}

/// What an Asterisk tells of calls and of its devices.
const CALL: &str = "Event: Newstate\r\nPrivilege: call,all\r\nChannel: PJSIP/100-00000a2f\r\nChannelState: 6\r\n\
    ChannelStateDesc: Up\r\nCallerIDNum: 100\r\nCallerIDName: Anna Olsen\r\nConnectedLineNum: 200\r\nConnectedLineName: \
    <unknown>\r\nLanguage: en\r\nAccountCode: \r\nContext: inside\r\nExten: 200\r\nPriority: 3\r\nUniqueid: \
    1763769600.2607\r\nLinkedid: 1763769600.2607\r\n\r\n";
const STATE: &str =
    "Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: PJSIP/100\r\nState: INUSE\r\n\r\n";

/// Takes what a read has brought, and looks at every header.
fn read_messages(decoder: &mut ami::Decoder, read: &[u8]) -> usize {
    decoder.buffer_mut().extend_from_slice(read);
    let mut headers = 0;
    while let Some(message) = decoder.next_message().expect("the sample is well-formed") {
        headers += message.headers().map(black_box).count();
    }
    headers
}

fn manager(c: &mut Criterion) {
    let mut group = c.benchmark_group("ami");
    for (what, sample) in [("calls", CALL), ("states", STATE)] {
        let stream = sample.repeat((64 << 10) / sample.len());
        let (mut decoder, mut place) = (ami::Decoder::new(), BytesMut::new());
        let mut best = [Duration::MAX; 2];
        for _ in 0..2_000 {
            let started = Instant::now();
            black_box(read_messages(&mut decoder, black_box(stream.as_bytes())));
            best[0] = best[0].min(started.elapsed());
            let started = Instant::now();
            copy(stream.as_bytes(), &mut place);
            best[1] = best[1].min(started.elapsed());
        }
        let rate = stream.len() as f64 / best[0].as_secs_f64() / 1e6;
        let ratio = best[1].as_secs_f64() / best[0].as_secs_f64();
        println!(
            "manager interface, {what} of {} bytes: {rate:.0} MB/s to owned headers, {ratio:.3} of a bare copy",
            sample.len()
        );
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(what, |b| b.iter(|| read_messages(&mut decoder, stream.as_bytes())));
    }
    group.finish();
}

/// A registration, in both formats of OpenSIPS.
const EVENT_TEXT: &str = "E_UL_CONTACT_INSERT\ndomain::location\naor::anna.olsen\nuri::sip:anna@192.0.2.17:5060;transport=udp\n\
    received::\nuser_agent::Yealink SIP-T46U 108.86\nexpires::3600\n\n";
const EVENT_JSON: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"E_UL_CONTACT_INSERT\",\"params\":{\"domain\":\"location\",\
    \"aor\":\"anna\",\"uri\":\"sip:anna@192.0.2.17:5060\",\"user_agent\":\"Yealink\",\"expires\":3600}}";

/// What even the least does with each format: it copies it line by line, or walks it and keeps nothing.
fn bare_event(payload: &str) -> usize {
    if payload.starts_with('{') {
        serde_json::from_str::<serde::de::IgnoredAny>(payload).expect("the sample is JSON");
        return 1;
    }
    payload.lines().map(str::to_owned).map(black_box).count()
}

fn datagrams(c: &mut Criterion) {
    let mut group = c.benchmark_group("evi");
    group.throughput(Throughput::Elements(1));
    for (format, sample) in [(Format::Text, EVENT_TEXT), (Format::Json, EVENT_JSON)] {
        let what = if format == Format::Text { "text" } else { "json" };
        let read = || evi::Event::parse(black_box(sample.as_bytes())).expect("the sample is an event");
        let event = read();
        assert_eq!(event.to_bytes(format), sample.as_bytes());
        let mut best = [Duration::MAX; 4];
        let mut time = |which: usize, work: &mut dyn FnMut()| {
            let started = Instant::now();
            (0..1_000).for_each(|_| work());
            best[which] = best[which].min(started.elapsed());
        };
        for _ in 0..300 {
            time(0, &mut || _ = black_box(read()));
            time(1, &mut || _ = black_box(bare_event(black_box(sample))));
            time(2, &mut || _ = black_box(black_box(&event).to_bytes(format)));
            time(3, &mut || _ = black_box(black_box(sample).as_bytes().to_vec()));
        }
        for (did, took, least, bare) in
            [("read", best[0], best[1], "the bare walk"), ("written", best[2], best[3], "a bare copy")]
        {
            // Of a thousand datagrams.
            let rate = 1.0 / took.as_secs_f64();
            let ratio = least.as_secs_f64() / took.as_secs_f64();
            println!(
                "OpenSIPS, {what} of {} bytes: {rate:.0} thousand/s {did}, {ratio:.2} of {bare}",
                sample.len()
            );
        }
        group.bench_function(format!("read_{what}"), |b| b.iter(read));
        group.bench_function(format!("write_{what}"), |b| b.iter(|| black_box(&event).to_bytes(format)));
    }
    group.finish();
}

fn main() {
    let short = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let mut criterion = short.sample_size(20).without_plots().configure_from_args();
    ocir(&mut criterion);
    netstrings(&mut criterion);
    manager(&mut criterion);
    datagrams(&mut criterion);
    soap(&mut criterion);
    criterion.final_summary();
}
