//! Databases and writers that go away and come back.

use crate::site::*;
use crate::support::postgres::{Cluster, execute, query};
use eventmanager::config::{Database, StoreConfig};
use eventmanager::store::{DatabaseHealth, IN_USE, ReadError, open};
use eventmanager::wire::Secret;
use std::time::Duration;

/// The writer's future is dropped at many moments, as a panic or a restart of its actor would, and run again.
pub async fn a_writer_that_dies_loses_nothing(site: Site) {
    let (store, tasks) = open(&site.config).unwrap();
    let [task] = tasks.try_into().ok().unwrap();
    let mut calls = Vec::new();
    for round in 0..40 {
        for _ in 0..5 {
            calls.push(store.append(vec![event("anna")]));
        }
        // Later and later: while it connects, migrates, commits, or is idle.
        let _ = tokio::time::timeout(Duration::from_micros(400 * round), task.run()).await;
    }
    let writer = run_on_a_thread(task);
    let mut ids = Vec::new();
    for call in calls {
        ids.push(within(call).await.unwrap()[0].id);
    }
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(site.sql("select count(*) from em_event"), [["200"]]);
    within(store.close()).await;
    writer.join().unwrap();
}

fn down(health: &DatabaseHealth) -> Option<&str> {
    match health {
        DatabaseHealth::Up => None,
        DatabaseHealth::Down { reason } => Some(reason),
    }
}

#[test]
fn events_wait_for_a_server_that_is_away_and_comes_back() {
    let mut cluster = Cluster::start();
    execute(&cluster.url("postgres"), "create database em").unwrap();
    let url = cluster.url("em").replace("postgres@", "postgres:geheim@");
    let database = Database::Postgres(Secret::new(url));
    let config = StoreConfig::new(database);
    cluster.crash();

    let (store, tasks) = open(&config).unwrap();
    let writers: Vec<_> = tasks.into_iter().map(run_on_a_thread).collect();
    block_on(async {
        // Away at the start.
        let mut health = store.health();
        let is_refused =
            |health: &DatabaseHealth| down(health).is_some_and(|reason| reason.contains("refused"));
        let state = within(health.wait_for(|health| is_refused(&health.events))).await.unwrap().clone();
        assert!(!state.is_up() && !format!("{state:?}").contains("geheim"), "{state:?}");
        let error = store.pending(0, 1).await.unwrap_err();
        assert!(matches!(error, ReadError::Unavailable { .. }), "{error}");
        assert!(!error.to_string().contains("geheim"), "{error}");
        let first = tokio::spawn(store.append(vec![event("anna")]));
        cluster.resume();
        assert_eq!(within(first).await.unwrap().unwrap()[0].id, 1);
        within(health.wait_for(|health| health.is_up())).await.unwrap();

        // Away while producers are at work.
        let tenure = store.tenure();
        let producers: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    for _ in 0..200 {
                        store.append(vec![event("berta")]).await.unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cluster.crash();
            within(health.wait_for(|health| !health.is_up())).await.unwrap();
            cluster.resume();
            within(health.wait_for(|health| health.is_up())).await.unwrap();
        }
        for producer in producers {
            within(producer).await.unwrap();
        }
        assert_eq!(store.tenure(), tenure, "nobody else has had the database");
        let rows =
            query(&cluster.url("em"), "select count(*) from em_event where user_id = 'berta'").unwrap();
        assert_eq!(rows, [[Some("1600".to_owned())]]);
        assert_eq!(within(store.pending(0, 1)).await.unwrap().len(), 1);

        // Away while nobody writes: noticed all the same.
        cluster.crash();
        within(health.wait_for(|health| !health.is_up())).await.unwrap();
        cluster.resume();
        within(health.wait_for(|health| health.is_up())).await.unwrap();
        within(store.close()).await;
    });
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn a_table_dropped_while_running_is_made_again() {
    let site = Site::new(Kind::Postgres);
    block_on(async {
        let running = site.open().ready().await;
        within(running.store.append(vec![event("anna")])).await.unwrap();
        site.sql("drop table em_event");
        let again = within(running.store.append(vec![event("berta")])).await.unwrap();
        assert_eq!(again[0].id, 1);
        running.close().await;
    });
}

#[test]
fn a_sqlite_path_that_cannot_be_opened_is_an_outage() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let database = Database::Sqlite(missing.join("store.db"));
    let config = StoreConfig::new(database);
    let (store, tasks) = open(&config).unwrap();
    let writers: Vec<_> = tasks.into_iter().map(run_on_a_thread).collect();
    block_on(async {
        let call = store.append(vec![event("anna")]);
        let mut health = store.health();
        let is_missing = |health: &DatabaseHealth| {
            down(health).is_some_and(|reason| reason.contains("missing does not exist"))
        };
        within(health.wait_for(|health| is_missing(&health.events))).await.unwrap();
        std::fs::create_dir(&missing).unwrap();
        assert_eq!(within(call).await.unwrap()[0].id, 1);
        within(health.wait_for(|health| health.is_up())).await.unwrap();
    });
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(missing.join("store.db")).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn a_locked_sqlite_file_holds_events_up_and_loses_none() {
    let site = Site::new(Kind::Sqlite);
    let Database::Sqlite(path) = &site.config.events else { unreachable!() };
    block_on(async {
        let running = site.open().ready().await;
        let other = rusqlite::Connection::open(path).unwrap();
        other.execute_batch("begin immediate").unwrap();
        let call = tokio::spawn(running.store.append(vec![event("anna")]));
        let mut health = running.store.health();
        within(health.wait_for(|health| !health.is_up())).await.unwrap();
        other.execute_batch("rollback").unwrap();
        assert_eq!(within(call).await.unwrap().unwrap()[0].id, 1);
        within(health.wait_for(|health| health.is_up())).await.unwrap();
        running.close().await;
    });
}

#[test]
fn a_certificate_is_verified_only_where_the_address_says_so() {
    let cluster = Cluster::start();
    cluster.offer_tls();
    let state = |mode: &str| {
        let database = Database::Postgres(Secret::new(format!("{}?sslmode={mode}", cluster.url("postgres"))));
        let config = StoreConfig::new(database);
        let (store, tasks) = open(&config).unwrap();
        let writers: Vec<_> = tasks.into_iter().map(run_on_a_thread).collect();
        let mut health = store.health();
        // The server takes a moment to end the connection before.
        let unknown = [Some("not connected yet"), Some(IN_USE)];
        let is_known = |health: &DatabaseHealth| !unknown.contains(&down(health));
        let known = block_on(within(health.wait_for(|health| is_known(&health.events))));
        let state = known.unwrap().events.clone();
        drop(store);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        state
    };
    // The server may take a moment to read its configuration again.
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while state("require") != DatabaseHealth::Up {
        assert!(std::time::Instant::now() < deadline, "{:?}", state("require"));
    }
    assert_eq!(state("prefer"), DatabaseHealth::Up);
    let refused = state("verify-full");
    assert!(down(&refused).is_some_and(|reason| reason.contains("certificate")), "{refused:?}");
}
