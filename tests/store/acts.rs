//! Pauses of systems and the audit table.

use crate::site::*;
use eventmanager::plan::System;
use eventmanager::store::{Act, Pause, PauseChange, Swept};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_123)
}

fn act(act: &str, object: &str, detail: Option<&str>) -> Act {
    Act {
        uuid: Uuid::now_v7(),
        at: at(),
        actor: "anna".to_owned(),
        act: act.to_owned(),
        object: object.to_owned(),
        detail: detail.map(str::to_owned),
    }
}

fn pause(system: System, reason: Option<&str>) -> Pause {
    Pause { system, at: at(), actor: "anna".to_owned(), reason: reason.map(str::to_owned) }
}

fn pausing(system: System, reason: Option<&str>) -> Option<PauseChange> {
    Some(PauseChange::Pause(pause(system, reason)))
}

pub async fn a_pause_and_its_audit_line_are_one_transaction(site: Site) {
    let running = site.open();
    let paused = act("pause", "hss", Some("upgrade"));
    // Recorded again, as after a commit of unknown outcome, it is the same line and the same pause.
    for _ in 0..2 {
        let recorded = running.store.record_act(paused.clone(), pausing(System::Hss, Some("upgrade")));
        within(recorded).await.unwrap();
    }
    let again = running.store.record_act(act("pause", "hss", None), pausing(System::Hss, Some("other")));
    within(again).await.unwrap();
    within(running.store.record_act(act("pause", "enum", None), pausing(System::Enum, None))).await.unwrap();
    let expected = [pause(System::Enum, None), pause(System::Hss, Some("upgrade"))];
    assert_eq!(running.store.pauses().await.unwrap(), expected);

    let resume = Some(PauseChange::Resume(System::Enum));
    within(running.store.record_act(act("resume", "enum", None), resume.clone())).await.unwrap();
    within(running.store.record_act(act("resume", "enum", Some("was not paused")), resume)).await.unwrap();
    running.close().await;

    let running = site.open().ready().await;
    assert_eq!(running.store.pauses().await.unwrap(), [pause(System::Hss, Some("upgrade"))]);
    let lines = running.store.audit(i64::MAX, 100).await.unwrap();
    assert_eq!(lines.last().unwrap().act, paused);
    let told: Vec<_> =
        lines.iter().rev().map(|line| (line.act.act.as_str(), line.act.object.as_str())).collect();
    let expected =
        [("pause", "hss"), ("pause", "hss"), ("pause", "enum"), ("resume", "enum"), ("resume", "enum")];
    assert_eq!(told, expected);
    running.close().await;
}

pub async fn what_an_act_changes_is_refused_together_with_its_audit_line(site: Site) {
    let running = site.open().ready().await;
    match site.kind {
        Kind::Sqlite => site.sql(
            "create trigger poison before insert on em_pause when new.system = 'mail'
             begin select raise(abort, 'poisoned'); end",
        ),
        Kind::Postgres => site.sql("alter table em_pause add constraint poisoned check (system <> 'mail')"),
    };
    let calls = [(System::Hss, "hss"), (System::Mail, "mail"), (System::Enum, "enum")]
        .map(|(system, name)| running.store.record_act(act("pause", name, None), pausing(system, None)));
    // Polled together, so that they are likely to share a transaction.
    let done = within(futures_util::future::join_all(calls)).await;
    assert_eq!(done.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true], "{done:?}");
    let paused: Vec<System> =
        running.store.pauses().await.unwrap().into_iter().map(|pause| pause.system).collect();
    assert_eq!(paused, [System::Enum, System::Hss]);
    assert_eq!(site.sql("select object from em_audit order by id"), [["hss"], ["enum"]]);
    running.close().await;
}

pub async fn the_audit_is_paged_and_no_sweep_touches_it(site: Site) {
    let running = site.open();
    for number in 0..5 {
        let detail = format!("number {number}\0");
        within(running.store.record_act(act("pause", "hss", Some(&detail)), pausing(System::Hss, None)))
            .await
            .unwrap();
    }
    let swept = within(running.store.sweep(Some(SystemTime::now()))).await.unwrap();
    assert_eq!(swept, Swept::default());
    site.truncate();
    within(running.store.sweep(None)).await.unwrap();

    let (mut before, mut pages) = (i64::MAX, Vec::new());
    loop {
        let page = running.store.audit(before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = last.id;
        pages.push(page.into_iter().map(|line| line.act.detail.unwrap()).collect::<Vec<_>>());
    }
    let number = |number: u32| format!("number {number}\u{FFFD}");
    assert_eq!(pages, [vec![number(4), number(3)], vec![number(2), number(1)], vec![number(0)]]);
    assert_eq!(running.store.pauses().await.unwrap().len(), 1);
    running.close().await;
}

pub async fn a_database_of_an_earlier_version_gets_the_new_tables(site: Site) {
    let running = site.open();
    within(running.store.append(vec![event("anna")])).await.unwrap();
    running.close().await;
    site.sql("drop table em_audit");
    site.sql("drop table em_pause");
    site.sql("drop table em_subject");
    site.sql("alter table em_journal drop column digest");
    site.sql("update em_schema set version = 1");

    let running = site.open().ready().await;
    within(running.store.record_act(act("pause", "hss", None), pausing(System::Hss, None))).await.unwrap();
    assert_eq!(running.store.pauses().await.unwrap().len(), 1);
    assert_eq!(running.store.pending(0, 10).await.unwrap().len(), 1);
    assert_eq!(running.store.events_about("anna", 10).await.unwrap(), [], "events of before are not listed");
    assert_eq!(site.sql("select version from em_schema where part = 'events'"), [["7"]]);
    // A row that names no system is left alone.
    site.sql("update em_pause set system = 'nonsense'");
    assert_eq!(running.store.pauses().await.unwrap(), []);
    running.close().await;
}
