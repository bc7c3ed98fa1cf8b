//! A SurgeMail server: domains and accounts, through its two administration pages.
//!
//! ```text
//! POST /cgi/admin.cgi?…&cmd=global_misc_save&…&name=DOMAIN&manager_username=U&manager_password=P    a domain is made
//! POST /cgi/admin.cgi?…&cmd=domain_delete&domain=DOMAIN&…                                            … and deleted
//! POST /cgi/domadmin.cgi?…&cmd=cmd_user_login&lcmd=user_create&username=admin@DOMAIN&password=…
//!      &lusername=LOCALPART&lpassword=PW                                                             an account is made
//! POST /cgi/domadmin.cgi?…&lcmd=user_delete&…&lusername=LOCALPART                                    … and deleted
//! ```
//!
//! 200 is success, 401 a wrong login of the administrator. Assumed: a wrong one of a domain's manager is 403, a create of
//! what is there changes it, a delete of what is not there succeeds, and anything else on these pages is 400.

mod accounts;
mod service;

pub use accounts::{Domain, MailState};

use self::service::Service;
use super::http::HttpHost;
use super::script::Rule;
use crate::wire::Secret;
use actix_web::web;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// How a simulated SurgeMail is.
#[derive(Debug, Clone)]
pub struct SurgemailOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    /// Of the administrator (Basic authentication).
    pub username: String,
    pub password: Secret,
    /// Of the administrator of a domain that nobody made here; `None`: such domains do not exist.
    pub domain_password: Option<Secret>,
}

impl Default for SurgemailOptions {
    fn default() -> SurgemailOptions {
        SurgemailOptions {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            username: "mailadmin".to_owned(),
            password: Secret::new("mailpass"),
            domain_password: Some(Secret::new("domainpass")),
        }
    }
}

/// Starts simulated SurgeMails.
pub struct SurgemailSimulator;

impl SurgemailSimulator {
    /// Starts one; it listens when this returns.
    pub fn start(options: SurgemailOptions) -> io::Result<SurgemailHandle> {
        let addr = options.addr;
        let service = Arc::new(Service::new(options));
        let shared = service.clone();
        let host = HttpHost::start("simulated-surgemail", addr, move |app| {
            app.app_data(web::Data::from(shared.clone()))
                .route(service::ADMIN, web::post().to(service::answer))
                .route(service::DOMAIN_ADMIN, web::post().to(service::answer));
        })?;
        Ok(SurgemailHandle { host, service })
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCall {
    /// Path and query, as sent: it carries passwords.
    pub target: String,
    /// Answered with; `None` where there was no answer.
    pub status: Option<u16>,
}

/// A running SurgeMail. Dropping it stops it.
pub struct SurgemailHandle {
    host: HttpHost,
    service: Arc<Service>,
}

impl SurgemailHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.host.addr()
    }

    /// The domains and accounts that it holds now.
    pub fn state(&self) -> MailState {
        self.service.state()
    }

    /// The last requests, oldest first.
    pub fn calls(&self) -> Vec<MailCall> {
        self.service.calls()
    }

    /// Requests since the start.
    pub fn requests(&self) -> u64 {
        *self.service.requests().borrow()
    }

    /// Returns when there were at least so many requests since the start.
    pub async fn wait_requests(&self, at_least: u64) {
        // An error means that the service is gone, which it is not while the handle lives.
        let _ = self.service.requests().wait_for(|requests| *requests >= at_least).await;
    }

    /// Replaces the script; an empty one answers everything as it should. A scripted fault is a status 500.
    pub fn script(&self, rules: Vec<Rule>) {
        self.service.set_script(rules);
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
