//! Who follows the topic log: places and subscriptions.

use crate::site::{Kind, Site, within};
use eventmanager::store::{Act, EviChange, EviSubscription, StoreError};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

fn subscription(event: &str, socket: &str) -> EviSubscription {
    EviSubscription {
        event: event.to_owned(),
        socket: socket.to_owned(),
        address: None,
        format: "json".to_owned(),
        expire: 60,
        // In milliseconds, as SQLite keeps it.
        expires: SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_123),
    }
}

fn act() -> Act {
    Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::UNIX_EPOCH,
        actor: "anna".to_owned(),
        act: "evi_subscribe".to_owned(),
        object: "E_A".to_owned(),
        detail: None,
    }
}

pub async fn a_reader_finds_its_place_again_and_never_goes_back(site: Site) {
    let running = site.open().ready().await;
    assert_eq!(running.store.place("evi").await.unwrap(), None);
    // Two in one transaction as well.
    let (first, second) = (running.store.keep_place("evi", 7), running.store.keep_place("evi", 9));
    within(first).await.unwrap();
    within(second).await.unwrap();
    within(running.store.keep_place("evi", 8)).await.unwrap();
    within(running.store.keep_place("other", 3)).await.unwrap();
    running.close().await;
    let running = site.open().ready().await;
    assert_eq!(running.store.place("evi").await.unwrap(), Some(9));
    assert_eq!(running.store.place("other").await.unwrap(), Some(3));
    running.close().await;
}

pub async fn a_subscription_is_known_by_its_event_and_its_socket(site: Site) {
    let running = site.open().ready().await;
    let change = |changes| running.store.change_evi(changes, None);
    let first = subscription("E_A", "udp:127.0.0.1:9001");
    let other_event = subscription("E_B", "udp:127.0.0.1:9001");
    let longer = EviSubscription {
        address: Some("127.0.0.11:9001".to_owned()),
        format: "text".to_owned(),
        ..subscription("E_A", "udp:127.0.0.1:90010")
    };
    let all = [&first, &other_event, &longer].map(|it| EviChange::Subscribe(it.clone()));
    within(change(all.to_vec())).await.unwrap();
    assert_eq!(
        running.store.evi_subscriptions().await.unwrap(),
        [first.clone(), longer.clone(), other_event.clone()]
    );
    // Renewed it is the same one, and what is absent is unsubscribed without a word.
    let renewed = EviSubscription { expire: u32::MAX, expires: SystemTime::UNIX_EPOCH, ..first };
    let gone =
        |it: &EviSubscription| EviChange::Unsubscribe { event: it.event.clone(), socket: it.socket.clone() };
    for _ in 0..2 {
        let again = change(vec![EviChange::Subscribe(renewed.clone()), gone(&other_event)]);
        within(again).await.unwrap();
    }
    running.close().await;
    let running = site.open().ready().await;
    assert_eq!(running.store.evi_subscriptions().await.unwrap(), [renewed, longer]);
    running.close().await;
}

pub async fn a_subscription_stands_with_the_line_of_who_wished_it(site: Site) {
    let running = site.open().ready().await;
    let change = vec![EviChange::Subscribe(subscription("E_A", "unix:/run/a"))];
    within(running.store.change_evi(change.clone(), Some(act()))).await.unwrap();
    let lines = running.store.audit(i64::MAX, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.act.object.as_str()).collect::<Vec<_>>(), ["E_A"]);
    match site.kind {
        Kind::Sqlite => site.sql(
            "create trigger poison before insert on em_evi_subscription when new.event = 'E_BAD'
             begin select raise(abort, 'no'); end",
        ),
        Kind::Postgres => {
            site.sql("alter table em_evi_subscription add constraint poison check (event <> 'E_BAD')")
        }
    };
    let bad = vec![EviChange::Subscribe(subscription("E_BAD", "unix:/run/a"))];
    let refused = within(running.store.change_evi(bad, None)).await;
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    assert_eq!(running.store.evi_subscriptions().await.unwrap().len(), 1);
    running.close().await;
}
