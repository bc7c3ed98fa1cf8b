//! For tests: what a session works with, and nothing around it.

use super::connection::Around;
use super::orders::Orders;
use super::routing::Routing;
use crate::config::{Asterisk, AsteriskTransport, Database, Live, StoreConfig, ZmqManager};
use crate::connections::intake::Intake;
use crate::connections::link::Link;
use crate::connections::recorder::Recorder;
use crate::lease::{Lease, Moment};
use crate::store;
use crate::telemetry::Seldom;
use actix::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A lease that is held for long.
pub fn held() -> Lease {
    let lease = Lease::waiting();
    lease.hold(1, Moment::now().after(Duration::from_secs(3_600)));
    lease
}

/// What a session that is governed by this lease works with. Nothing is stored.
pub fn around(lease: Lease) -> Around {
    let manager = ZmqManager { cmd: String::new(), evt: String::new() };
    let server = Arc::new(Asterisk::new("pbx", AsteriskTransport::Zmq(manager)));
    let config = StoreConfig::new(Database::Sqlite("nothing is written here".into()));
    let (store, _) = store::open(&config).expect("a store");
    let (servers, routes) = (Live::fixed(Vec::new()), Live::fixed(Vec::new()));
    let intake = Intake::new(store.clone(), None, servers, routes.clone()).start();
    let (link, _) = Link::new("pbx", "");
    Around {
        routing: Routing::new("pbx", routes, Recorder::new("pbx", intake, store)),
        server,
        link,
        stop: Rc::default(),
        feed: None,
        orders: Orders::default(),
        bad: Seldom::default(),
        lease,
    }
}
