//! Descriptors are used up by those who connect: provisioning goes on all the same, it is told and counted, and ends with them.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http;
use crate::support::peers::Peers;
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// What the daemon may have open more than it holds at rest.
const SPARE: usize = 64;
/// So many connect, again and again, to each of its doors.
const CROWD: usize = 200;

fn open_files(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("a process").count()
}

/// Those who have connected, say nothing and do not go.
struct Crowd {
    address: SocketAddr,
    connections: Vec<TcpStream>,
}

impl Crowd {
    fn at(address: SocketAddr) -> Crowd {
        Crowd { address, connections: Vec::new() }
    }

    /// Whoever was sent away comes again.
    fn press(&mut self) {
        self.connections.retain_mut(|connection| {
            connection.set_nonblocking(true).expect("an option");
            let read = connection.read(&mut [0; 64]);
            matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        });
        while self.connections.len() < CROWD {
            match TcpStream::connect_timeout(&self.address, Duration::from_millis(200)) {
                Ok(connection) => self.connections.push(connection),
                // The queue of those who wait is full: that is a crowd as well.
                Err(_) => return,
            }
        }
    }
}

#[test]
fn provisioning_goes_on_while_a_crowd_takes_all_descriptors() {
    let peers = Peers::start();
    let site = Site::new(
        &(peers.config("timeout = \"1s\"")
            + "[evapi_server]\nlisten = \"127.0.0.1:0\"\nmax_clients = 5000\n"),
    );
    let daemon = site.start();
    let line = daemon.logged(&["evapi server listens", "address="]);
    let evapi = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let evapi: SocketAddr = evapi.expect("an address").parse().expect("an address");
    let mut traffic = Traffic::new(4, TrafficOptions { users: 20, ..TrafficOptions::default() });
    let mut sent = 0;
    let mut send = |count: u64| {
        (0..count).for_each(|_| peers.broadworks.send(&traffic.next_message().document));
        sent += count;
        sent
    };
    let before = send(30);
    site.wait_ended(before);
    let at_rest = open_files(&daemon);
    let limit = at_rest + SPARE;
    let limited = Command::new("prlimit")
        .args([&format!("--pid={}", daemon.id()), &format!("--nofile={limit}:{limit}")])
        .status()
        .expect("prlimit runs");
    assert!(limited.success());
    let mut crowds = [Crowd::at(daemon.http), Crowd::at(evapi)];
    crowds.iter_mut().for_each(Crowd::press);
    eventually("it is told", || {
        crowds.iter_mut().for_each(Crowd::press);
        let log = daemon.log();
        let told = ["evapi client refused", "evapi client cannot be accepted"];
        told.iter().any(|words| log.contains(words)).then_some(())
    });
    // Every connection to the core has to be made anew in the midst of it.
    peers.ema.refuse(true).expect("refused");
    peers.surgemail.refuse(true).expect("refused");
    let all = send(30);
    eventually("they are stored", || {
        crowds.iter_mut().for_each(Crowd::press);
        (site.count(&["pending", "completed", "ignored", "failed"]) == all).then_some(())
    });
    peers.ema.refuse(false).expect("listening again");
    peers.surgemail.refuse(false).expect("listening again");
    eventually("all have ended", || {
        crowds.iter_mut().for_each(Crowd::press);
        (site.count(&["pending"]) == 0).then_some(())
    });
    // The application server is connected anew as well.
    let connections = peers.broadworks.connections();
    peers.broadworks.drop_client();
    eventually("it is connected again", || {
        crowds.iter_mut().for_each(Crowd::press);
        (peers.broadworks.connections() > connections).then_some(())
    });
    let all = send(10);
    eventually("the last have ended", || {
        crowds.iter_mut().for_each(Crowd::press);
        (site.count(&["completed", "ignored"]) == all).then_some(())
    });
    peers.check(&traffic, &site);
    drop(crowds);
    eventually("its descriptors are free again", || (open_files(&daemon) <= at_rest + 8).then_some(()));
    // Some of the crowd had not been accepted yet.
    eventually("HTTP answers again", || {
        http::exchange(daemon.http, "GET /healthz HTTP/1.0\r\n\r\n").is_ok().then_some(())
    });
    assert!(daemon.metric("eventmanager_evapi_refused_total", "reason=\"descriptors\"") > 0.0);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
    assert_eq!(daemon.get("/readyz").0, 200);
    assert_eq!(daemon.terminate(), Some(0));
}
