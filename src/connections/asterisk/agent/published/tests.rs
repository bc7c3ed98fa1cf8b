//! What is published, as the server of agents gets it.

use super::*;
use crate::config::{AsteriskTransport, ZmqManager};
use crate::zmq::{Happening, PullServer, Pusher, ServerSettings, Settings};
use DeviceState::{Busy, InUse, Invalid, NotInUse};
use std::time::Duration;

/// What is published by a connection with room for so many messages, and who takes it.
struct Told {
    published: Published,
    pusher: Pusher,
    server: PullServer,
}

impl Told {
    async fn start(room: usize) -> Told {
        Told::governed_by(Lease::unlimited(), room).await
    }

    async fn governed_by(lease: Lease, room: usize) -> Told {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut server = PullServer::new(listener, ServerSettings::default());
        let outbox = Outbox::new(room, 1 << 20);
        let manager = ZmqManager { cmd: String::new(), evt: String::new() };
        let server_of = Arc::new(Asterisk::new("s1", AsteriskTransport::Zmq(manager)));
        let published = Published::new(&server_of, "S1", outbox.clone(), lease);
        let settings = Settings::default();
        let stream = tokio::net::TcpStream::connect(address).await.expect("connected");
        let open = Pusher::open(stream, outbox, &settings);
        let (pusher, _) = tokio::join!(open, server.next());
        Told { published, pusher: pusher.expect("a pusher"), server }
    }

    /// The next states that are told.
    async fn next(&mut self, count: usize) -> Vec<(String, DeviceState)> {
        let mut told = Vec::new();
        while told.len() < count {
            self.published.catch_up();
            tokio::select! {
                flushed = self.pusher.flush(), if !self.published.outbox.is_empty() => flushed.expect("sent"),
                happening = self.server.next() => {
                    let Happening::Brought((_, message)) = happening else { continue };
                    let message = AgentMessage::read(&message.into_frames()).expect("a message");
                    let state = message.data.get("State").and_then(|word| DeviceState::parse(word.as_bytes()));
                    told.push((message.data.get("Device").expect("a device").to_owned(), state.expect("a state")));
                }
                () = tokio::time::sleep(Duration::from_secs(10)) => panic!("only {told:?} is told"),
            }
        }
        told
    }

    /// Exactly this is told, whatever the order.
    async fn check(&mut self, expected: &[(&str, DeviceState)]) {
        self.published.device("SIP/last", NotInUse);
        let mut told = self.next(expected.len() + 1).await;
        assert!(told.contains(&("SIP/last".to_owned(), NotInUse)), "{told:?}");
        told.retain(|(device, _)| device != "SIP/last");
        told.sort();
        let mut expected: Vec<_> =
            expected.iter().map(|(device, state)| ((*device).to_owned(), *state)).collect();
        expected.sort();
        assert_eq!(told, expected);
    }
}

fn devices(devices: &[(&str, DeviceState)]) -> Vec<Change> {
    devices.iter().map(|(device, state)| Change::device(device, *state)).collect()
}

#[actix::test]
async fn each_device_is_told_however_little_room_there_is() {
    let mut told = Told::start(3).await;
    (0..10).for_each(|number| told.published.device(&format!("SIP/{number}"), InUse));
    told.published.connected(true);
    // Once by once, and not from the first again.
    let names: Vec<_> = told.next(10).await.into_iter().map(|(device, _)| device).collect();
    assert_eq!(names, (0..10).map(|number| format!("SIP/{number}")).collect::<Vec<_>>());
    // What finds no room as it happens is told later, and with its last state.
    for state in [Busy, NotInUse] {
        (0..10).for_each(|number| told.published.device(&format!("SIP/{number}"), state));
    }
    let last = told.next(3 + 10).await;
    let ends = last.iter().filter(|(_, state)| *state == NotInUse).count();
    assert_eq!((ends, last.len()), (10, 13));
}

#[actix::test]
async fn what_was_heard_since_a_list_was_asked_for_is_newer_than_the_list() {
    let mut told = Told::start(100).await;
    told.published.connected(true);
    for (device, state) in [("SIP/1", Busy), ("SIP/2", InUse)] {
        told.published.device(device, state);
    }
    told.check(&[("SIP/1", Busy), ("SIP/2", InUse)]).await;
    // The list is of before what is heard while it comes.
    told.published.list_begins();
    told.published.device("SIP/1", InUse);
    told.published.device("SIP/4", InUse);
    let listed = [("SIP/1", NotInUse), ("SIP/3", InUse), ("SIP/last", NotInUse)];
    told.published.listed(&devices(&listed), true);
    told.check(&[("SIP/1", InUse), ("SIP/4", InUse), ("SIP/2", Invalid), ("SIP/3", InUse)]).await;
}

#[actix::test]
async fn what_there_is_no_room_to_remember_is_not_overtaken_by_a_list_either() {
    let told = Told::start(3).await;
    let known: Vec<_> = (0..DEVICES).map(|number| Change::device(format!("SIP/{number}"), InUse)).collect();
    told.published.listed(&known, true);
    told.published.list_begins();
    told.published.device("SIP/more", Busy);
    told.published.listed(&[known, devices(&[("SIP/more", NotInUse)])].concat(), true);
    assert_eq!(told.published.untold.borrow().get("SIP/more"), Some(&Busy));
}

#[actix::test]
async fn what_is_left_out_is_told_to_nobody_nor_withdrawn_for_want_of_a_list_entry() {
    let mut told = Told::start(100).await;
    told.published.connected(true);
    told.published.device("Local/1@default", InUse);
    told.published.listed(&devices(&[("Custom:lamp", InUse)]), true);
    told.check(&[]).await;
}

#[actix::test]
async fn a_device_that_is_not_listed_any_more_is_withdrawn_once() {
    let mut told = Told::start(100).await;
    told.published.connected(true);
    told.published.device("SIP/1", InUse);
    told.check(&[("SIP/1", InUse)]).await;
    told.published.list_begins();
    told.published.listed(&[], false);
    told.check(&[]).await;
    for expected in [&[("SIP/1", Invalid)][..], &[]] {
        told.published.list_begins();
        told.published.listed(&devices(&[("SIP/last", NotInUse)]), true);
        told.check(expected).await;
    }
}

#[actix::test]
async fn what_the_server_remembers_of_before_a_restart_and_is_not_listed_any_more_is_withdrawn() {
    let mut told = Told::start(100).await;
    told.published.connected(true);
    for (device, state) in [("SIP/1", InUse), ("SIP/2", Busy), ("SIP/3", Invalid)] {
        told.published.remembered(&of_device(device, state));
    }
    told.published.alone(true);
    told.check(&[]).await;
    told.published.list_begins();
    told.published.listed(&devices(&[("SIP/1", NotInUse), ("SIP/last", NotInUse)]), true);
    told.check(&[("SIP/1", NotInUse), ("SIP/2", Invalid)]).await;
    for (device, state) in [("SIP/1", InUse), ("SIP/4", Busy)] {
        told.published.remembered(&of_device(device, state));
    }
    told.check(&[("SIP/4", Invalid)]).await;
}

#[actix::test]
async fn what_somebody_else_may_have_said_under_our_name_is_not_withdrawn() {
    let mut told = Told::start(100).await;
    told.published.connected(true);
    told.published.list_begins();
    told.published.listed(&devices(&[("SIP/last", NotInUse)]), true);
    assert_eq!(told.next(1).await, [("SIP/last".to_owned(), NotInUse)]);
    told.published.remembered(&of_device("SIP/2", Busy));
    told.check(&[]).await;
    told.published.alone(true);
    told.check(&[("SIP/2", Invalid)]).await;
    // In another connection it is not known any more.
    told.published.connected(false);
    told.published.connected(true);
    assert_eq!(told.next(1).await, [("SIP/last".to_owned(), NotInUse)]);
    told.published.remembered(&of_device("SIP/3", Busy));
    told.published.list_begins();
    told.published.listed(&devices(&[("SIP/last", NotInUse)]), true);
    told.check(&[]).await;
    told.published.alone(true);
    told.check(&[("SIP/3", Invalid)]).await;
}

#[actix::test]
async fn what_a_lost_asterisk_has_said_is_withdrawn_and_told_anew_when_it_is_back() {
    let mut told = Told::start(100).await;
    told.published.connected(true);
    told.published.device("SIP/1", InUse);
    told.check(&[("SIP/1", InUse)]).await;
    // Also where there is no server just then.
    told.published.connected(false);
    told.published.withdraw();
    told.published.connected(true);
    let both = |one, last| [("SIP/1".to_owned(), one), ("SIP/last".to_owned(), last)];
    assert_eq!(told.next(2).await, both(Invalid, Invalid));
    told.published.list_begins();
    told.published.listed(&devices(&[("SIP/1", InUse), ("SIP/last", NotInUse)]), true);
    assert_eq!(told.next(2).await, both(InUse, NotInUse));
    // Where there is no list what it said last holds, unless it has said something else by then.
    told.published.withdraw();
    assert_eq!(told.next(2).await, both(Invalid, Invalid));
    told.published.device("SIP/1", Busy);
    told.published.listed(&[], false);
    assert_eq!(told.next(2).await, both(Busy, NotInUse));
}

#[actix::test]
async fn what_happens_while_the_lease_is_not_held_is_told_when_it_is_again() {
    let lease = crate::connections::asterisk::given::held();
    let mut told = Told::governed_by(lease.clone(), 100).await;
    told.published.connected(true);
    told.published.device("SIP/1", InUse);
    assert_eq!(told.next(1).await, [("SIP/1".to_owned(), InUse)]);
    lease.end();
    for state in [Busy, NotInUse] {
        told.published.device("SIP/1", state);
    }
    // Also where the server is reached anew meanwhile.
    told.published.connected(false);
    told.published.connected(true);
    told.published.catch_up();
    assert!(told.published.outbox.is_empty());
    lease.hold(1, crate::lease::Moment::now().after(Duration::from_secs(60)));
    told.check(&[("SIP/1", NotInUse)]).await;
}
