//! What a node that was replaced cannot do.

use crate::support::daemon::{Site, eventually};
use crate::support::postgres::{Cluster, query};
use actix::Actor;
use eventmanager::config::{Database, Ema, Live, StoreConfig, SurgeMail};
use eventmanager::lease::{Lease, Moment};
use eventmanager::managers::{self, Answer, Board, Hss, Mail, Provision, hosts};
use eventmanager::plan::{Subscriber, SubscriberEffect, UserType};
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use eventmanager::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use eventmanager::store::{self, Claim, ClusterRow, Store, Taking, WriterTask};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::HssRequest;
use eventmanager::wire::surgemail::MailRequest;
use std::process::Command;
use std::time::Duration;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(10);

pub fn config(events: &str, subscribers: &str) -> StoreConfig {
    let database = |url: &str| Database::Postgres(Secret::new(url));
    StoreConfig { subscribers: database(subscribers), ..StoreConfig::new(database(events)) }
}

/// A store under a lease that is held.
pub fn open(config: &StoreConfig, lease: &Lease) -> (Store, Vec<WriterTask>) {
    store::open_with(config, lease).expect("a store")
}

/// A lease that lasts longer than any test.
pub async fn take(config: &StoreConfig) -> Lease {
    let lease = Lease::waiting();
    let mut table = store::cluster_table(&config.events, LIMIT).await.expect("a connection");
    let row: ClusterRow = table.look().await.expect("a row");
    match table.take(&row, claim(lease.holder())).await.expect("taken") {
        Taking::Taken { epoch, .. } => lease.hold(epoch, Moment::now().after(Duration::from_secs(3600))),
        other => panic!("{other:?}"),
    }
    lease
}

fn claim(holder: Uuid) -> Claim<'static> {
    Claim { holder, node: "bo", lease: Duration::from_secs(3), ends_session: true }
}

/// A row of the table of subscribers.
pub fn effect(user: &str) -> SubscriberEffect {
    SubscriberEffect::Insert(Box::new(Subscriber {
        user_id: user.to_owned(),
        group_id: None,
        public_identity: format!("{user}@tele.gl"),
        user_type: UserType::User,
        phone_context: None,
        association_id: user.to_owned(),
        phone: None,
        mail_account: None,
        mail_password: None,
        blf_list: None,
    }))
}

/// Two stores of two nodes; what the first has queued when the second takes over, and what it queues later, is never
/// written, in neither database.
fn late_writes(two_databases: bool) {
    let cluster = Cluster::start();
    let events = cluster.url("postgres");
    let subscribers = match two_databases {
        true => {
            query(&events, "create database subscribers").expect("made");
            cluster.url("subscribers")
        }
        false => events.clone(),
    };
    let config = config(&events, &subscribers);
    let count = |user: &str| {
        let sql = format!("select count(*) from srd_user where id = '{user}'");
        query(&subscribers, &sql)
            .map_or(0, |rows| rows[0][0].as_ref().map_or(0, |text| text.parse::<i32>().expect("a number")))
    };
    let runtime = actix_rt::System::new();
    runtime.block_on(async {
        let first = take(&config).await;
        let (old, tasks) = open(&config, &first);
        let writers: Vec<_> =
            tasks.into_iter().map(|task| actix_rt::spawn(async move { task.run().await })).collect();
        old.apply(vec![effect("anna")]).await.expect("written");
        assert_eq!(count("anna"), 1);
        let second = take(&config).await;
        assert_eq!(second.epoch(), first.epoch().map(|epoch| epoch + 1));
        let (new, tasks) = open(&config, &second);
        let others: Vec<_> =
            tasks.into_iter().map(|task| actix_rt::spawn(async move { task.run().await })).collect();
        new.apply(vec![effect("bo")]).await.expect("written");
        for number in 0..50 {
            let late = old.apply(vec![effect(&format!("late{number}"))]);
            assert!(
                tokio::time::timeout(Duration::from_millis(40), late).await.is_err(),
                "a late write is answered"
            );
        }
        new.apply(vec![effect("cecilie")]).await.expect("written");
        for (user, expected) in [("anna", 1), ("bo", 1), ("cecilie", 1)] {
            assert_eq!(count(user), expected, "{user}");
        }
        let late =
            query(&subscribers, "select count(*) from srd_user where id like 'late%'").expect("a count");
        assert_eq!(late[0][0].as_deref(), Some("0"), "late writes");
        let health = old.health().borrow().clone();
        assert!(!health.is_up(), "{health:?}");
        assert!(format!("{health:?}").contains("another node of the cluster"), "{health:?}");
        writers.into_iter().chain(others).for_each(|writer| writer.abort());
    });
}

#[test]
fn a_late_write_of_a_node_that_was_replaced_is_never_committed() {
    late_writes(false);
}

#[test]
fn nor_is_one_to_a_database_of_the_subscribers_that_is_another() {
    late_writes(true);
}

#[test]
fn what_would_leave_without_the_lease_is_not_sent_and_blames_no_host() {
    // As the program does before anything else.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ema = EmaSimulator::start(EmaOptions::default()).expect("an ema");
    let mail = SurgemailSimulator::start(SurgemailOptions::default()).expect("a mail server");
    let (ema_options, mail_options) = (EmaOptions::default(), SurgemailOptions::default());
    let hosts = hosts::hosts();
    let lease = Lease::waiting();
    let held = || lease.hold(1, Moment::now().after(Duration::from_secs(60)));
    let board = Board::all_running().governed_by(lease.clone());
    actix_rt::System::new().block_on(async {
        let config = Ema::new(ema.url(), ema_options.username, ema_options.password);
        let gateway = managers::ema::Ema::new(Live::fixed(config), hosts.0.clone(), board.clone()).start();
        let hss = Hss::new(gateway).start();
        let config = SurgeMail {
            primary: mail.addr().to_string(),
            secondary: None,
            username: mail_options.username,
            password: mail_options.password,
            domain_password: mail_options.domain_password.unwrap_or_default(),
            timeout: Duration::from_secs(10),
            delete_replaced: false,
        };
        let mailing = Mail::new(Live::fixed(config), hosts.0.clone(), board.clone()).start();
        let ask = || Provision(HssRequest::DeleteAssociation { association_id: "a1".to_owned() });
        let ask_mail = || Provision(MailRequest::DeleteDomain { domain: "tele.gl".to_owned() });
        for late in 0..20 {
            match late {
                0 => {}
                _ => lease.hold(late, Moment::now()),
            }
            let answers = (hss.send(ask()).await.expect("one"), mailing.send(ask_mail()).await.expect("one"));
            for answer in [answers.0, answers.1] {
                let Answer::NotTaken(reason) = answer else { panic!("{answer:?}") };
                assert!(reason.contains("does not hold the lease"), "{reason}");
            }
        }
        assert_eq!((ema.counts().requests, mail.requests()), (0, 0), "late requests");
        // As soon as it is held they go: no host was left alone because of it.
        held();
        let answers = (hss.send(ask()).await.expect("one"), mailing.send(ask_mail()).await.expect("one"));
        assert!(!matches!(answers.0, Answer::NotTaken(_)), "{:?}", answers.0);
        assert!(!matches!(answers.1, Answer::NotTaken(_)), "{:?}", answers.1);
        assert!(ema.counts().requests > 0 && mail.requests() > 0);
    });
}

#[test]
fn of_many_who_take_over_at_once_one_does() {
    let cluster = Cluster::start();
    let config = config(&cluster.url("postgres"), &cluster.url("postgres"));
    actix_rt::System::new().block_on(async {
        for round in 0..10 {
            let mut tables = Vec::new();
            for _ in 0..4 {
                tables.push(store::cluster_table(&config.events, LIMIT).await.expect("a connection"));
            }
            let row = tables[0].look().await.expect("a row");
            assert_eq!(row.epoch, round);
            let taking = tables.iter_mut().map(|table| table.take(&row, claim(Uuid::now_v7())));
            let taken = futures_util::future::join_all(taking).await;
            let winners = taken.iter().filter(|it| matches!(it, Ok(Taking::Taken { .. }))).count();
            let late = taken.iter().filter(|it| matches!(it, Ok(Taking::Late))).count();
            assert_eq!((winners, late), (1, 3), "{taken:?}");
        }
    });
}

#[test]
fn a_daemon_that_is_not_of_the_cluster_is_waited_for() {
    let cluster = Cluster::start();
    let config = config(&cluster.url("postgres"), &cluster.url("postgres"));
    actix_rt::System::new().block_on(async {
        let (alone, tasks) = store::open(&config).expect("a store");
        for task in tasks {
            actix_rt::spawn(async move { task.run().await });
        }
        alone.wait_until_up().await;
        let mut table = store::cluster_table(&config.events, Duration::from_millis(300)).await.expect("one");
        let row = table.look().await.expect("a row");
        let taking = table.take(&row, claim(Uuid::now_v7())).await;
        assert_eq!(taking, Ok(Taking::InUse));
        alone.apply(vec![effect("anna")]).await.expect("it goes on");
    });
}

#[test]
fn a_cluster_needs_postgresql_and_check_says_so() {
    let site = Site::new("[cluster]\nenabled = true\n");
    let check = |site: &Site| {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args(["check", "--config"])
            .arg(site.config())
            .output()
            .expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = check(&site);
    assert_eq!(code, Some(1));
    assert!(said.contains("cluster.enabled: needs PostgreSQL for the events"), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["run", "--config"])
        .arg(site.config())
        .output();
    assert_eq!(output.expect("it runs").status.code(), Some(1));
    let site = Site::new(
        "[cluster]\nenabled = true\nlease = \"500ms\"\n[store]\nevents = \"postgresql://em@h/em\"\n",
    );
    assert!(check(&site).1.contains("cluster.lease: must be from 1s to 30s"), "{}", check(&site).1);
    // Nothing of it is meant where it is off.
    let site = Site::new("[cluster]\nenabled = false\nlease = \"2s\"\n");
    assert_eq!(check(&site).0, Some(0), "{}", check(&site).1);
    eventually("it starts as ever", || (site.start().get("/readyz").0 == 200).then_some(()));
}
