//! A cable is pulled between the daemon and a peer, so that nothing arrives and nobody is told, and plugged in again.

use crate::asterisk::States;
use crate::broadworks::Documents;
use crate::core::Provisioning;
use crate::database::Database;
use crate::faults::{ROWS, Row, Trial, be_patient, works};
use crate::hub::Deliveries;
use crate::kamailio::Events;
use crate::nats::Published;
use crate::opensips::Subscribed;
use crate::place::{Apart, Place, in_a_network_of_its_own};
use crate::support::daemon::PATIENCE;
use crate::support::postgres::Cluster;
use std::time::{Duration, Instant};

/// It lasts at least so long.
const LASTS: Duration = Duration::from_secs(3);

/// As what this is to both sides.
fn row() -> &'static Row {
    ROWS.iter().find(|row| row.name == "everything is swallowed").expect("a row")
}

/// Pulls it until that is noticed, where it must be.
fn part<T: Trial>(must_be_noticed: bool, start: impl Fn(&Place) -> T) {
    let place = Place::Apart(Apart::new());
    let Place::Apart(apart) = &place else { return };
    let mut trial = start(&place);
    works(&mut trial);
    let (ends, before, since) = (trial.ends(), trial.between().daemon.log().len(), Instant::now());
    apart.cut();
    while since.elapsed() < LASTS || (must_be_noticed && trial.ends() <= ends) {
        trial.load();
        be_patient(since);
        assert_eq!(trial.between().daemon.get("/healthz").0, 200);
        assert!(since.elapsed() < PATIENCE, "it is not noticed: {}", trial.between().daemon.log());
    }
    apart.heal();
    (0..3).for_each(|_| trial.load());
    trial.check(row());
    let log = trial.between().daemon.log();
    let is_told = trial.told().iter().any(|words| log[before..].contains(words));
    assert!(is_told || !must_be_noticed, "its end is not told:\n{log}");
    assert_eq!(trial.between().daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
}

#[test]
fn a_partition_between_the_daemon_and_the_provisioning_gateway_heals() {
    in_a_network_of_its_own(
        "partition::a_partition_between_the_daemon_and_the_provisioning_gateway_heals",
        || {
            part(true, Provisioning::with_ema);
        },
    );
}

#[test]
fn a_partition_between_the_daemon_and_the_mail_server_heals() {
    in_a_network_of_its_own("partition::a_partition_between_the_daemon_and_the_mail_server_heals", || {
        part(true, Provisioning::with_mail);
    });
}

#[test]
fn a_partition_between_the_daemon_and_an_application_server_heals() {
    in_a_network_of_its_own(
        "partition::a_partition_between_the_daemon_and_an_application_server_heals",
        || {
            part(true, Documents::start);
        },
    );
}

#[test]
fn a_partition_between_the_daemon_and_an_asterisk_heals() {
    in_a_network_of_its_own("partition::a_partition_between_the_daemon_and_an_asterisk_heals", || {
        part(true, States::start);
    });
}

#[test]
fn a_partition_between_the_daemon_and_a_kamailio_heals() {
    in_a_network_of_its_own("partition::a_partition_between_the_daemon_and_a_kamailio_heals", || {
        part(true, Events::start);
    });
}

#[test]
fn a_partition_between_the_daemon_and_an_opensips_heals() {
    in_a_network_of_its_own("partition::a_partition_between_the_daemon_and_an_opensips_heals", || {
        part(true, Subscribed::start);
    });
}

#[test]
fn a_partition_between_the_daemon_and_nats_heals() {
    in_a_network_of_its_own("partition::a_partition_between_the_daemon_and_nats_heals", || {
        part(true, Published::start);
    });
}

#[test]
fn a_partition_between_the_daemon_and_a_hub_heals() {
    in_a_network_of_its_own("partition::a_partition_between_the_daemon_and_a_hub_heals", || {
        part(true, Deliveries::start);
    });
}

/// What is on its way arrives when it heals, since the kernel sends it again.
#[test]
fn a_short_partition_between_the_daemon_and_its_database_heals() {
    in_a_network_of_its_own("partition::a_short_partition_between_the_daemon_and_its_database_heals", || {
        let cluster = Cluster::start();
        part(false, |place| Database::start(place, &cluster));
    });
}

#[test]
#[ignore = "long: a database that is silent is given up after 40 s, run by ./tests/run --long"]
fn a_long_partition_between_the_daemon_and_its_database_heals() {
    in_a_network_of_its_own("partition::a_long_partition_between_the_daemon_and_its_database_heals", || {
        let cluster = Cluster::start();
        part(true, |place| Database::start(place, &cluster));
    });
}
