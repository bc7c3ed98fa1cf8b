//! A `postgresql://` address: what it says to the driver, and what may be said about it in a log.

use super::tls::{self, Verify};
use crate::config::ssl_mode;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(crate) struct Address {
    pub config: Config,
    pub tls: MakeRustlsConnect,
    /// Hosts and database, without user and password.
    pub place: String,
    /// `application_name` of the writer: one of a kind, so that a lost session of ours can be found.
    pub writer_name: String,
}

impl Address {
    /// Reads a DSN. The error never quotes it.
    pub fn parse(dsn: &str) -> Result<Address, String> {
        let (dsn, is_verified) = ssl_mode(dsn);
        let verify = if is_verified { Verify::Platform } else { Verify::Nothing };
        let mut config: Config = dsn.parse().map_err(|error| super::reason(&error))?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".to_owned());
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_secs(20));
        if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // Of several hosts, the one that is not a standby.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let program: String =
            config.get_application_name().unwrap_or("eventmanager").chars().take(40).collect();
        let writer_name = format!("{program} writer {:08x}", fastrand::u32(..));
        config.application_name(program);
        Ok(Address { tls: tls::connector(verify)?, place: place(&config), writer_name, config })
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| match host {
            Host::Tcp(name) => {
                let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
                format!("{name}:{port}")
            }
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_hosts_and_database_and_no_password() {
        let check = |dsn, place: &str| {
            assert_eq!(Address::parse(dsn).map(|address| address.place).as_deref(), Ok(place));
        };
        check("postgresql://em:geheim@db1:5433,db2:5434/em", "db1:5433,db2:5434/em");
        check("postgresql://em:geheim@db1/em?sslmode=verify-full", "db1:5432/em");
        check("postgresql://em@db1", "db1:5432/em");
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_quoting_it() {
        for dsn in
            ["postgresql://em:geheim@db:port/em", "postgresql://em:geheim@/em?sslmode=geheim", "geheim"]
        {
            let error = Address::parse(dsn).map(|address| address.place).expect_err(dsn);
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
