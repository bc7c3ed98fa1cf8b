//! The same documents over ever more connections.

use super::{Curve, spent};
use crate::stages::ignored;
use crate::support::daemon::{Site, eventually};
use crate::support::ports::any;
use bytes::BytesMut;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator, encode};
use std::fmt::Write;

const SERVERS: [u32; 4] = [1, 10, 50, 200];
const DOCUMENTS: u32 = 100_000;
/// Sent over each connection in turn.
const AT_ONCE: u32 = 100;

pub fn print() {
    let mut curve = Curve::new("servers", "a document stored", "connections to BroadWorks");
    for count in SERVERS {
        let servers: Vec<BroadworksHandle> =
            (0..count).map(|_| BroadworksSimulator::start(any()).expect("an application server")).collect();
        let mut config = String::new();
        for (number, server) in servers.iter().enumerate() {
            _ = writeln!(config, "[[broadworks]]\nname = \"as{number}\"\naddress = \"{}\"", server.addr());
        }
        let site = Site::quiet(&config);
        let daemon = site.start();
        eventually("all are connected", || {
            (daemon.metric("eventmanager_connection_up", "connection=\"as") == f64::from(count)).then_some(())
        });
        let before = spent(&daemon);
        for part in 0..DOCUMENTS / AT_ONCE {
            let mut documents = BytesMut::new();
            let numbers = part * AT_ONCE..(part + 1) * AT_ONCE;
            numbers.for_each(|number| documents.extend_from_slice(&encode(&ignored(number))));
            servers[(part % count) as usize].send_many(documents.freeze());
        }
        let stored = || site.count(&["ignored"]);
        eventually("all are stored", || (stored() == u64::from(DOCUMENTS)).then_some(()));
        curve.add(count.into(), spent(&daemon) - before, DOCUMENTS.into());
        daemon.terminate();
    }
}
