//! Our sockets against those of libzmq, which `./tests/run zmq` installs, and against peers that break the rules.

mod clients;
mod hostile;
mod libzmq;
mod liveness;
mod servers;

use eventmanager::zmq::{Happening, Settings};
use std::fmt::Debug;
use std::time::Duration;
use tokio::net::TcpListener;

/// Settings that find out soon that a peer hangs.
fn soon() -> Settings {
    let (ping, silence) = (Some(Duration::from_millis(200)), Duration::from_millis(800));
    Settings { ping, silence, handshake: Duration::from_secs(2), ..Settings::default() }
}

/// A listener on a free port, and its address.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// What was brought, where nothing else is expected.
#[track_caller]
fn brought<T: Debug>(happening: Happening<T>) -> T {
    match happening {
        Happening::Brought(it) => it,
        other => panic!("{other:?}"),
    }
}

/// Frames as texts, each letter a byte.
fn texts(frames: &[impl AsRef<[u8]>]) -> Vec<String> {
    frames.iter().map(|frame| frame.as_ref().iter().map(|byte| char::from(*byte)).collect()).collect()
}

/// The result within a time in which it certainly comes.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(libzmq::PATIENCE, future).await.expect("it happens")
}
