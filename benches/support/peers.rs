//! A gateway and a mail server that take their time.

use eventmanager::config::{Ema, SurgeMail};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use eventmanager::simulators::script::Rule;
use eventmanager::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};
use std::time::Duration;

/// The systems behind a daemon, or behind bare clients.
pub struct Peers {
    pub ema: EmaHandle,
    pub surgemail: SurgemailHandle,
}

impl Peers {
    pub fn start() -> Peers {
        let surgemail = SurgemailSimulator::start(SurgemailOptions::default()).expect("a mail server");
        let ema = EmaSimulator::start(EmaOptions { journal: 0, ..EmaOptions::default() }).expect("an ema");
        Peers { ema, surgemail }
    }

    /// Between a request to either of them and its answer.
    pub fn set_latency(&self, latency: Duration) {
        self.ema.set_latency(latency);
        self.surgemail.script(if latency.is_zero() { Vec::new() } else { vec![Rule::delay(latency)] });
    }

    /// How a configuration names the gateway.
    pub fn ema(&self) -> Ema {
        let EmaOptions { username, password, .. } = EmaOptions::default();
        Ema::new(self.ema.url(), username, password)
    }

    /// How a configuration names the mail server.
    pub fn surgemail(&self) -> SurgeMail {
        let SurgemailOptions { username, password, domain_password, .. } = SurgemailOptions::default();
        SurgeMail {
            primary: self.surgemail.addr().to_string(),
            secondary: None,
            username,
            password,
            domain_password: domain_password.expect("domains of others are there by default"),
            timeout: Duration::from_secs(10),
            delete_replaced: false,
        }
    }
}
