//! An Ericsson EMA: CAI3G 1.2 over HTTP, with an HSS and an ENUM server behind it.
//!
//! ```no_run
//! use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
//! use eventmanager::simulators::script::{Action, Rule};
//!
//! let ema = EmaSimulator::start(EmaOptions::default())?;
//! ema.script(vec![Rule::new(Action::ProcessAndDrop).op("Create").mo("DNSSubscription").times(1)]);
//! // … let the daemon provision at ema.url() …
//! println!("{}{:?}", ema.state(), ema.created_twice());
//! # std::io::Result::Ok(())
//! ```
//!
//! A request is processed when it comes in, and its answer leaves after the latency: a client that dies in between
//! does not know what came of it, as with the real one.

mod core;
mod describe;
pub mod faults;
mod journal;
mod service;
mod sessions;

pub use self::core::{CoreState, StoredAssociation};
pub use journal::{Counts, CreatedTwice, Outcome, RecordedCall};

use self::service::Service;
use super::http::HttpHost;
use super::script::Rule;
use crate::wire::Secret;
use crate::wire::cai3g::{EnumRequest, HssRequest};
use actix_web::web;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where the service lives on every EMA.
pub const PATH: &str = "/CAI3G1.2/services/CAI3G1.2";

/// How a simulated EMA is.
#[derive(Debug, Clone)]
pub struct EmaOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    pub username: String,
    pub password: Secret,
    /// Between a request and its answer.
    pub latency: Duration,
    /// Logins beyond so many open sessions are refused.
    pub session_limit: Option<usize>,
    /// A session that is not used for so long is closed.
    pub session_lifetime: Option<Duration>,
    /// Calls that the journal keeps; 0 keeps none, for benches.
    pub journal: usize,
}

impl Default for EmaOptions {
    fn default() -> EmaOptions {
        EmaOptions {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            username: "emauser".to_owned(),
            password: Secret::new("emapass"),
            latency: Duration::ZERO,
            session_limit: None,
            session_lifetime: None,
            journal: 100_000,
        }
    }
}

/// Starts simulated EMAs.
pub struct EmaSimulator;

impl EmaSimulator {
    /// Starts one; it listens when this returns.
    pub fn start(options: EmaOptions) -> io::Result<EmaHandle> {
        let service = Arc::new(Service::new(&options));
        let shared = service.clone();
        let host = HttpHost::start("simulated-ema", options.addr, move |app| {
            app.app_data(web::Data::from(shared.clone())).route(PATH, web::post().to(service::answer));
        })?;
        Ok(EmaHandle { host, service })
    }
}

/// A running EMA. Dropping it stops it.
pub struct EmaHandle {
    host: HttpHost,
    service: Arc<Service>,
}

impl EmaHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.host.addr()
    }

    /// The service's URL.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.addr())
    }

    /// What HSS and ENUM hold now.
    pub fn state(&self) -> CoreState {
        self.service.state()
    }

    /// How many associations and how many ENUM records there are now.
    pub fn holds(&self) -> (usize, usize) {
        self.service.holds()
    }

    /// Somebody changes the HSS past everybody else: no request is recorded. The error is what it would have been told.
    pub fn apply_hss(&self, request: HssRequest) -> Result<(), String> {
        self.service.apply_hss(request).map_err(|fault| fault.message.to_owned())
    }

    /// The same with ENUM.
    pub fn apply_enum(&self, request: EnumRequest) -> Result<(), String> {
        self.service.apply_enum(request).map_err(|fault| fault.message.to_owned())
    }

    /// The last requests, oldest first.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.service.calls()
    }

    /// How many requests there were.
    pub fn counts(&self) -> Counts {
        *self.service.counts().borrow()
    }

    /// Returns when `condition` holds for the counts.
    pub async fn wait_for(&self, condition: impl FnMut(&Counts) -> bool) {
        // An error means that the service is gone, which it is not while the handle lives.
        let _ = self.service.counts().wait_for(condition).await;
    }

    /// How often something was created that had been created before.
    pub fn created_twice(&self) -> CreatedTwice {
        self.service.created_twice()
    }

    /// Replaces the script; an empty one answers everything as it should.
    pub fn script(&self, rules: Vec<Rule>) {
        self.service.set_script(rules);
    }

    /// From the next request on.
    pub fn set_latency(&self, latency: Duration) {
        self.service.set_latency(latency);
    }

    /// `true`: does what it is asked and answers nobody; `false`: answers those who still wait, and everybody from then on.
    pub fn hold_answers(&self, hold: bool) {
        self.service.hold_answers(hold);
    }

    /// Closes every session, as a restart does: the next request of each is refused with 3012.
    pub fn expire_sessions(&self) {
        self.service.expire_sessions();
    }

    /// The sessions that are open.
    pub fn open_sessions(&self) -> Vec<String> {
        self.service.open_sessions()
    }

    /// `true`: connections are refused and open ones closed; `false`: listens again at the same address.
    pub fn refuse(&self, refuse: bool) -> io::Result<()> {
        self.host.refuse(refuse)
    }

    /// Ends it; what it holds can still be read.
    pub fn stop(&mut self) {
        self.host.stop();
    }
}
