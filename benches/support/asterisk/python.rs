//! A relay between ZeroMQ modules in Python, by the library that one would take there: `relay.py`.

use crate::fleet::Fleet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pyzmq/bin/python");
const RELAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/support/asterisk/relay.py");

/// A running relay. Dropping it kills it.
pub struct Relay(Child);

impl Relay {
    /// Relays between all servers of a fleet; they are connected when this returns.
    pub fn start(fleet: &Fleet) -> Relay {
        assert!(Path::new(PYTHON).is_file(), "{PYTHON} is not there: ./tests/run zmq installs it");
        let modules = fleet.modules.iter().flatten();
        let addresses = modules.flat_map(|module| [module.cmd().to_string(), module.evt().to_string()]);
        let mut process = Command::new(PYTHON)
            .arg(RELAY)
            .args(addresses)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("it says that it is connected");
        assert!(!line.is_empty(), "the relay has ended");
        Relay(process)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
