//! A TCP proxy between the daemon and a peer, which does to what passes what networks, firewalls and dying hosts do.
//!
//! Threads and blocking sockets, so that tests with and without a runtime may have one. What happens can be changed at any time, for each
//! way by itself, and meets the next bytes of connections that stand as well.

use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

/// What is read at once.
const BUFFER: usize = 64 << 10;
/// Whoever waits looks so often whether the connection is over.
const LOOK: Duration = Duration::from_millis(50);
/// Parts of a second in which bytes are let through where they are slow.
const PORTIONS: u32 = 20;

/// The way that bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToPeer,
    FromPeer,
}

/// What happens to the bytes that go one way. Bytes are counted for each connection, from when the fault is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    Pass,
    /// Each byte is a segment.
    Bytes,
    /// Everything comes so much later.
    Late(Duration),
    /// So many bytes a second pass.
    Slow(u32),
    /// After so many bytes both sides are reset, and nothing of the rest arrives. 0 of the way from the peer: what was asked is carried
    /// out, and its answer lost.
    Reset(u64),
    /// After so many bytes whoever they are for is told that no more come. The other way goes on.
    Close(u64),
    /// Everything is taken, and nothing arrives: neither bytes nor the end. A connection that has lost bytes so loses all that follow.
    Swallow,
    /// Nothing is taken: it waits with who has sent it.
    Hold,
    /// As many bytes arrive, and none of them as it was.
    Garbage,
}

/// See the module. It ends with the test, and all connections with it.
pub struct Proxy {
    pub address: SocketAddr,
    peer: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<Arc<TcpListener>>,
    /// Bound and never listening: the port stays ours while nobody listens.
    _port: Socket,
}

#[derive(Default)]
struct Shared {
    faults: Mutex<Faults>,
    changed: Condvar,
    connections: Mutex<Vec<Weak<Connection>>>,
    accepted: AtomicU64,
    struck: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Faults {
    to_peer: Fault,
    from_peer: Fault,
    /// Counts the changes.
    change: u64,
}

impl Faults {
    fn of(&self, way: Way) -> Fault {
        match way {
            Way::ToPeer => self.to_peer,
            Way::FromPeer => self.from_peer,
        }
    }
}

/// Both sides; their sockets are closed when nobody works on them any more.
struct Connection {
    client: TcpStream,
    peer: TcpStream,
    is_over: AtomicBool,
}

impl Proxy {
    /// One in front of this peer, through which everything passes.
    pub fn start(peer: SocketAddr) -> Proxy {
        Proxy::at(SocketAddr::from(([127, 0, 0, 1], 0)), peer)
    }

    /// The same at this address; port 0 takes a free one.
    pub fn at(address: SocketAddr, peer: SocketAddr) -> Proxy {
        let port = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        port.set_reuse_address(true).expect("an option");
        port.bind(&address.into()).expect("a free port");
        let address = port.local_addr().ok().and_then(|it| it.as_socket()).expect("an address");
        let mut proxy = Proxy { address, peer, shared: Arc::default(), listener: None, _port: port };
        proxy.listen();
        proxy
    }

    /// From now on this happens to the bytes of both ways.
    pub fn set(&self, to_peer: Fault, from_peer: Fault) {
        let mut faults = self.shared.faults();
        *faults = Faults { to_peer, from_peer, change: faults.change + 1 };
        self.shared.struck.store(0, Ordering::SeqCst);
        self.shared.changed.notify_all();
    }

    /// Everything passes again.
    pub fn pass(&self) {
        self.set(Fault::Pass, Fault::Pass);
    }

    /// How often a fault has met bytes since it was set.
    pub fn struck(&self) -> u64 {
        self.shared.struck.load(Ordering::SeqCst)
    }

    /// Connections that were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Resets all connections; new ones are accepted.
    pub fn cut(&self) {
        let connections = std::mem::take(&mut *self.shared.connections.lock().expect("connections"));
        connections.iter().filter_map(Weak::upgrade).for_each(|connection| connection.reset());
    }

    /// Resets all connections, and nobody listens until [`Proxy::listen`].
    pub fn refuse(&mut self) {
        if let Some(listener) = self.listener.take() {
            SockRef::from(&*listener).shutdown(Shutdown::Both).expect("it listened");
        }
        self.cut();
    }

    /// Listens again.
    pub fn listen(&mut self) {
        if self.listener.is_some() {
            return;
        }
        let listener = Arc::new(TcpListener::bind(self.address).expect("our own port"));
        self.listener = Some(Arc::clone(&listener));
        let (peer, shared) = (self.peer, Arc::clone(&self.shared));
        std::thread::spawn(move || {
            // An error is the end of listening.
            while let Ok((client, _)) = listener.accept() {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.connect(client, peer));
            }
        });
    }

    /// Bytes that have come for the peer and were not taken, as the kernel knows.
    pub fn unread(&self) -> u64 {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
        let local = format!("0100007F:{:04X}", self.address.port());
        let row = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            let is_ours = words.next()? == local;
            let queues = words.nth(2)?;
            is_ours.then(|| u64::from_str_radix(queues.split(':').nth(1)?, 16).ok())?
        };
        table.lines().filter_map(row).sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse();
        self.pass();
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().expect("faults")
    }

    /// A peer that is not there is told as a reset.
    fn connect(self: Arc<Shared>, client: TcpStream, peer: SocketAddr) {
        let Ok(peer) = TcpStream::connect(peer) else { return reset_at_close(&client) };
        for side in [&client, &peer] {
            side.set_nodelay(true).expect("an option");
            side.set_write_timeout(Some(LOOK)).expect("an option");
        }
        let connection = Arc::new(Connection { client, peer, is_over: AtomicBool::new(false) });
        self.connections.lock().expect("connections").push(Arc::downgrade(&connection));
        let (other, shared) = (Arc::clone(&connection), Arc::clone(&self));
        std::thread::spawn(move || Pump::new(&other, &shared, Way::FromPeer).run());
        Pump::new(&connection, &self, Way::ToPeer).run();
    }
}

/// The socket ends with a reset and not in order.
fn reset_at_close(socket: &TcpStream) {
    // One that has ended already is no matter.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

impl Connection {
    /// Both sides are reset as soon as both pumps have seen it.
    fn reset(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        for side in [&self.client, &self.peer] {
            reset_at_close(side);
            // Wakes who reads there, and sends nothing.
            let _ = side.shutdown(Shutdown::Read);
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// Carries bytes one way.
struct Pump<'a> {
    connection: &'a Connection,
    shared: &'a Shared,
    way: Way,
    from: &'a TcpStream,
    to: &'a TcpStream,
    /// The change of the faults since which bytes are counted, and how many passed.
    change: u64,
    passed: u64,
    /// Nothing more arrives.
    is_deaf: bool,
}

/// Whether a pump goes on.
#[derive(PartialEq)]
enum Then {
    GoOn,
    End,
}

impl<'a> Pump<'a> {
    fn new(connection: &'a Connection, shared: &'a Shared, way: Way) -> Pump<'a> {
        let (client, peer) = (&connection.client, &connection.peer);
        let (from, to) = match way {
            Way::ToPeer => (client, peer),
            Way::FromPeer => (peer, client),
        };
        Pump { connection, shared, way, from, to, change: 0, passed: 0, is_deaf: false }
    }

    fn run(mut self) {
        let mut buffer = vec![0; BUFFER];
        loop {
            // Looked at and not taken: what is to become of it is decided when it is there.
            match self.from.peek(&mut [0]) {
                Ok(1..) => {}
                Ok(0) => return self.ended(),
                Err(_) => return self.connection.reset(),
            }
            if self.carry(&mut buffer) == Then::End {
                return;
            }
        }
    }

    /// Takes some bytes, and does to them what has to be done.
    fn carry(&mut self, buffer: &mut [u8]) -> Then {
        let Some(fault) = self.fault() else { return Then::End };
        let most = match fault {
            Fault::Reset(after) | Fault::Close(after) => {
                usize::try_from(after.saturating_sub(self.passed)).unwrap_or(BUFFER).min(BUFFER)
            }
            Fault::Slow(rate) => (rate / PORTIONS).max(1) as usize,
            _ => BUFFER,
        };
        if fault != Fault::Pass {
            self.shared.struck.fetch_add(1, Ordering::SeqCst);
        }
        match fault {
            Fault::Reset(_) if most == 0 => {
                self.connection.reset();
                return Then::End;
            }
            Fault::Close(_) if most == 0 => {
                // It may have gone.
                let _ = self.to.shutdown(Shutdown::Write);
                self.is_deaf = true;
                return Then::GoOn;
            }
            Fault::Late(time) => std::thread::sleep(time),
            Fault::Slow(_) => std::thread::sleep(Duration::from_secs(1) / PORTIONS),
            _ => {}
        }
        let Ok(read) = self.from.read(&mut buffer[..most.min(BUFFER)]) else { return self.over() };
        let bytes = &mut buffer[..read];
        self.passed += read as u64;
        match fault {
            Fault::Swallow => {
                self.is_deaf = true;
                Then::GoOn
            }
            Fault::Bytes => {
                let is_written = bytes.chunks(1).all(|byte| self.write(byte));
                if is_written { Then::GoOn } else { self.over() }
            }
            Fault::Garbage => {
                bytes.iter_mut().for_each(|byte| *byte = !*byte);
                if self.write(bytes) { Then::GoOn } else { self.over() }
            }
            _ => {
                if self.write(bytes) {
                    Then::GoOn
                } else {
                    self.over()
                }
            }
        }
    }

    /// What happens to the next bytes; `None` where the connection is over.
    fn fault(&mut self) -> Option<Fault> {
        let mut faults = self.shared.faults();
        loop {
            if self.connection.is_over() {
                return None;
            }
            if faults.change != self.change {
                (self.change, self.passed) = (faults.change, 0);
            }
            match faults.of(self.way) {
                _ if self.is_deaf => return Some(Fault::Swallow),
                Fault::Hold => faults = self.shared.changed.wait_timeout(faults, LOOK).expect("faults").0,
                fault => return Some(fault),
            }
        }
    }

    /// Says whether all of it is on its way.
    fn write(&self, mut bytes: &[u8]) -> bool {
        let mut to = self.to;
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                // Who takes nothing is waited for.
                Err(error)
                    if error.kind() == std::io::ErrorKind::WouldBlock && !self.connection.is_over() => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn over(&self) -> Then {
        self.connection.reset();
        Then::End
    }

    /// Whoever sent has closed in order: told where anything arrives, else the other side goes on seeing a connection.
    fn ended(&mut self) {
        match self.fault() {
            None => {}
            Some(Fault::Swallow) => self.keep(),
            Some(_) => drop(self.to.shutdown(Shutdown::Write)),
        }
    }

    /// Until somebody cuts it.
    fn keep(&self) {
        let mut faults = self.shared.faults();
        while !self.connection.is_over() {
            faults = self.shared.changed.wait_timeout(faults, LOOK).expect("faults").0;
        }
    }
}
