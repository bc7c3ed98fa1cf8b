//! The simulated application server, read over plain sockets.

use eventmanager::simulators::broadworks::{
    BroadworksHandle, BroadworksOptions, BroadworksSimulator, END, encode,
};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn start() -> BroadworksHandle {
    BroadworksSimulator::start(SocketAddr::from(LOOPBACK)).unwrap()
}

fn document(text: &str) -> String {
    format!("<BroadsoftOCIReportingDocument><x>{text}</x>{END}")
}

struct Reader(BufReader<TcpStream>);

impl Reader {
    fn connect(server: &BroadworksHandle) -> Reader {
        let stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Reader(BufReader::new(stream))
    }

    /// The next document, after its declaration line.
    fn next(&mut self) -> Vec<u8> {
        assert_eq!(self.line(), b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n");
        self.line()
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        line
    }

    fn expect(&mut self, text: &str) {
        assert_eq!(String::from_utf8(self.next()).unwrap(), format!("{}\n", document(text)));
    }
}

/// Waits for what a handle promises.
fn wait(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let limit = Duration::from_secs(20);
    runtime.block_on(async { tokio::time::timeout(limit, future).await }).expect("it should have happened");
}

#[test]
fn every_client_gets_every_document_in_latin_1_with_its_declaration() {
    let server = start();
    let mut first = Reader::connect(&server);
    let mut second = Reader::connect(&server);
    wait(server.wait_for(|progress| progress.connected == 2));
    server.send(&document("blåbærgrød"));
    server.send_segments(&document("in pieces"), 7, Duration::from_millis(1));
    for reader in [&mut first, &mut second] {
        let line = reader.next();
        assert!(line.windows(10).any(|part| part == b"bl\xe5b\xe6rgr\xf8d"), "{line:?}");
        reader.expect("in pieces");
    }
    wait(server.wait_for(|progress| progress.sent == 4));
    assert_eq!(server.connections(), 2);
}

#[test]
fn documents_wait_until_somebody_connects() {
    let server = start();
    server.send(&document("one"));
    server.send_many([encode(&document("two")), encode(&document("three"))].concat().into());
    wait(server.wait_for(|progress| progress.waiting == 3));
    assert_eq!(server.sent(), 0);
    let mut reader = Reader::connect(&server);
    ["one", "two", "three"].into_iter().for_each(|text| reader.expect(text));
    wait(server.wait_for(|progress| progress.sent == 3 && progress.waiting == 0));
}

#[test]
fn a_server_without_a_queue_loses_what_nobody_hears() {
    let options = BroadworksOptions { queue: false, ..BroadworksOptions::default() };
    let server = BroadworksSimulator::start_with(options).unwrap();
    server.send(&document("unheard"));
    let mut reader = Reader::connect(&server);
    wait(server.wait_client());
    server.send(&document("heard"));
    reader.expect("heard");
}

#[test]
fn a_client_that_comes_back_finds_the_next_document_and_none_twice() {
    let server = start();
    // More than the buffers of both kernels hold, so that the connection ends amid a document.
    let filling = "x".repeat(1000);
    let many: Vec<u8> =
        (0..20_000).flat_map(|number| encode(&document(&format!("{number} {filling}"))).to_vec()).collect();
    server.send_many(many.into());
    let number = |line: Vec<u8>| -> u64 {
        let text = String::from_utf8(line).unwrap();
        text.split("<x>").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let mut last = None;
    for documents in [100, 100, usize::MAX] {
        let mut reader = Reader::connect(&server);
        for _ in 0..documents {
            let next = number(reader.next());
            assert!(last.is_none_or(|last| next > last), "{next} after {last:?}");
            last = Some(next);
            if next == 19_999 {
                break;
            }
        }
    }
    assert_eq!(last, Some(19_999));
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_connection_can_be_reset_amid_a_document() {
    let server = start();
    let mut reader = Reader::connect(&server);
    wait(server.wait_client());
    server.send(&document("whole"));
    server.drop_client_within(&document("torn"), 60);
    server.send(&document("after"));
    reader.expect("whole");
    let mut rest = Vec::new();
    let error = reader.0.read_to_end(&mut rest).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(rest.len() <= 60 && !rest.windows(END.len()).any(|part| part == END.as_bytes()));
    Reader::connect(&server).expect("after");
}

#[test]
fn connections_are_closed_and_refused_on_demand() {
    let server = start();
    let mut reader = Reader::connect(&server);
    wait(server.wait_client());
    server.send(&document("last"));
    server.close_client();
    reader.expect("last");
    assert_eq!(reader.line(), b"", "an orderly end");
    wait(server.wait_for(|progress| progress.connected == 0));
    let mut reader = Reader::connect(&server);
    wait(server.wait_client());
    server.drop_client();
    assert_eq!(reader.0.read(&mut [0; 10]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    server.refuse(true).unwrap();
    let refused = TcpStream::connect(server.addr()).expect_err("the port is closed");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.refuse(false).unwrap();
    server.send(&document("again"));
    Reader::connect(&server).expect("again");
}

#[test]
fn keep_alives_come_by_themselves_and_are_not_counted() {
    let keepalive = Some(Duration::from_millis(5));
    let server =
        BroadworksSimulator::start_with(BroadworksOptions { keepalive, ..BroadworksOptions::default() });
    let server = server.unwrap();
    let mut reader = Reader::connect(&server);
    for _ in 0..3 {
        let line = String::from_utf8(reader.next()).unwrap();
        assert!(line.contains("OCIReportingServerStatusNotification"), "{line}");
    }
    assert_eq!(server.sent(), 0);
}
