//! A daemon that stands by: what it serves until it is to become the active one, and what it is asked then.

use super::{Signals, Told};
use crate::api::{self, Bound, Standby};
use crate::app::App;
use crate::cluster::{LogEnd, Member, Role};
use crate::config::{self, Config, Live};
use crate::connections::{LinkState, Links};
use crate::reload::{BeginAll, Reloader};
use crate::systemd;
use actix::Addr;
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The application servers that can be reached are connected by then.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
/// Where the database is away, the others wait for the end of the lease.
const LET_GO_LIMIT: Duration = Duration::from_secs(2);
/// How often the line of status is made anew.
const TICK: Duration = Duration::from_secs(1);

/// Stands by until everything is to be started, for which this returns what it needs; `None`: it was told to end.
pub async fn stand_by(
    path: &Path,
    config: &Config,
    metrics: &PrometheusHandle,
    log: LogEnd,
    signals: &mut Signals,
) -> anyhow::Result<Option<(Member, Bound)>> {
    let bound = api::bind(&config.http)?;
    // One that could not begin is to be seen as such before it has the place of another.
    App::try_listeners(config)?;
    let http = bound.address()?;
    let member = Member::start(config, shown_address(config, http), log)?;
    let serving = Standby::serve(&bound, member.clone(), metrics.clone(), config.node.name.clone())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %http, node = config.node.name, "eventmanager stands by");
    let telling = actix_rt::spawn(tell(member.clone()));
    loop {
        tokio::select! {
            _ = member.begins() => break,
            told = signals.next() => match told {
                Told::Reload => reload(path, &member),
                Told::End(why) => {
                    tracing::info!(why, "stopping");
                    systemd::stopping();
                    member.ends();
                    serving.stop().await;
                    member.let_go(LET_GO_LIMIT).await;
                    return Ok(None);
                }
            }
        }
    }
    telling.abort();
    serving.stop().await;
    Ok(Some((member, bound)))
}

/// Where the others say that this node is found: every address of a host is none that anybody could ask.
fn shown_address(config: &Config, http: SocketAddr) -> String {
    match &config.cluster.address {
        Some(address) => address.clone(),
        None if http.ip().is_unspecified() => {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            format!("{}:{}", host.trim(), http.port())
        }
        None => http.to_string(),
    }
}

/// Nothing is in force yet that could be changed: it begins with what the file says now, where that is right.
fn reload(path: &Path, member: &Member) {
    match config::load(path) {
        Ok(_) => {
            tracing::info!("the configuration is read again: beginning anew");
            member.begin_anew();
        }
        Err(problems) => {
            for problem in &problems.list {
                tracing::error!(problem = format!("{}:{problem}", problems.file), "configuration refused");
            }
        }
    }
}

/// Tells systemd that it is ready and lives, and who the active one is.
async fn tell(member: Member) {
    let period = systemd::watchdog_period().unwrap_or(TICK).min(TICK);
    loop {
        systemd::standing_by(&member.view().borrow().why_not_active());
        systemd::alive();
        tokio::time::sleep(period).await;
    }
}

/// Where this node is to take over from another that still acts: says when its application servers, these `servers`, are
/// connected. Once it is the active one, all other endpoints begin.
pub async fn prepare(member: Member, links: Live<Links>, servers: Vec<String>, reloader: Addr<Reloader>) {
    let is_up = |state: &LinkState| state.up || !servers.contains(&state.name);
    let connected = async {
        while !links.get().iter().all(|link| is_up(&link.borrow())) {
            tokio::time::sleep(LOOK).await;
        }
    };
    if member.view().borrow().role == Role::Preparing {
        // One that is away is away for the other node as well.
        let _ = tokio::time::timeout(CONNECT_LIMIT, connected).await;
        member.prepared().await;
    }
    member.lease.held().await;
    reloader.do_send(BeginAll);
}

/// Everything has ended: another node may go on.
pub async fn let_go(member: Option<&Member>) {
    if let Some(member) = member {
        member.let_go(LET_GO_LIMIT).await;
    }
}
