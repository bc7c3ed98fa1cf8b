//! Subscribers and their events, as people look for them.

use crate::site::*;
use eventmanager::plan::{Member, Plan, SubscriberEffect};
use eventmanager::store::{EventFilter, Store, SubscriberSearch};
use std::sync::Arc;

async fn ids(store: &Store, search: SubscriberSearch) -> Vec<String> {
    let rows = within(store.search_subscribers(&search)).await.unwrap();
    rows.into_iter().map(|row| row.user_id).collect()
}

fn page() -> SubscriberSearch {
    SubscriberSearch { limit: 50, ..SubscriberSearch::default() }
}

/// What people type, taken for an id, a phone and an identity alike.
fn text(text: &str) -> SubscriberSearch {
    SubscriberSearch { text: text.into(), phones: vec![text.into()], identity: text.into(), ..page() }
}

pub async fn a_subscriber_has_its_events_whoever_gave_them(site: Site) {
    let running = site.open();
    let mut events = vec![event("admin"), event("anna"), event("admin")];
    events[0].about = vec!["anna".to_owned(), "bo".to_owned()];
    events[1].about = vec!["bo".to_owned()];
    let group = events[2].uuid;
    within(running.store.append(events)).await.unwrap();
    let about = async |user: &str| -> Vec<i64> {
        let events = within(running.store.events_about(user, 10)).await.unwrap();
        events.into_iter().map(|event| event.id).collect()
    };
    assert_eq!(about("anna").await, [1]);
    assert_eq!(about("bo").await, [2, 1], "the latest first");
    assert_eq!(about("admin").await, [0; 0], "who gave a command is not whom it is about");

    // A whole group is about each of its members, which are known when it is planned.
    let members = ["anna", "cilla"].map(|user| Member { user_id: user.to_owned(), steps: 0 });
    let mut planned = progress(group, 1);
    planned.plan = Some(Arc::new(Plan { members: members.into(), ..Plan::default() }));
    within(running.store.record(planned.clone())).await.unwrap();
    within(running.store.record(planned)).await.unwrap();
    assert_eq!(about("anna").await, [3, 1]);
    assert_eq!(about("cilla").await, [3]);

    // A list names the first of them, and how many more there are.
    let list = EventFilter { limit: 10, ..EventFilter::default() };
    let told = async |store: &Store| -> Vec<(Option<String>, u32)> {
        let page = within(store.page(list.clone())).await.unwrap();
        page.events.into_iter().map(|event| (event.about, event.about_more)).collect()
    };
    let named = |user: &str, more| (Some(user.to_owned()), more);
    assert_eq!(told(&running.store).await, [named("anna", 1), named("bo", 0), named("anna", 1)]);
    within(running.store.append(vec![event("admin")])).await.unwrap();
    assert_eq!(told(&running.store).await[3], (None, 0), "it is about nobody whom we know");

    // An id without end is found by as much of it as an index takes.
    let mut long = event("admin");
    long.about = vec!["x".repeat(5000)];
    within(running.store.append(vec![long])).await.unwrap();
    assert_eq!(about(&"x".repeat(5000)).await, [5]);

    site.truncate();
    assert_eq!(about("anna").await, [0; 0]);
    running.close().await;
}

async fn insert_all(store: &Store) {
    let row = |user: &str, group: &str, phone: &str| {
        let mut row = subscriber(user);
        row.group_id = Some(group.to_owned());
        row.phone = (!phone.is_empty()).then(|| phone.to_owned());
        SubscriberEffect::Insert(Box::new(row))
    };
    let rows = vec![
        row("anna@tele.gl", "KNI", "321001"),
        row("Anna@tele.gl", "KNI", ""),
        row("annb@tele.gl", "KNI", "321002"),
        row("bo@tele.gl", "OTHER", "321003"),
        row("søren%_@tele.gl", "OTHER", ""),
        row("321001", "OTHER", ""),
    ];
    let refused = within(store.apply(rows)).await.unwrap();
    assert!(refused.iter().all(Option::is_none), "{refused:?}");
}

pub async fn subscribers_are_found_by_what_people_know_of_them(site: Site) {
    let running = site.open();
    insert_all(&running.store).await;
    let found = async |search| ids(&running.store, search).await;
    let all = ["321001", "Anna@tele.gl", "anna@tele.gl", "annb@tele.gl", "bo@tele.gl", "søren%_@tele.gl"];
    assert_eq!(found(page()).await, all);
    assert_eq!(found(text("ann")).await, ["anna@tele.gl", "annb@tele.gl"]);
    assert_eq!(found(text("anna")).await, ["anna@tele.gl"]);
    assert_eq!(found(text("nna")).await, [""; 0], "the beginning of an id");
    assert_eq!(found(text("sø")).await, ["søren%_@tele.gl"]);
    assert_eq!(found(text("s%")).await, [""; 0], "nothing in it stands for other letters");
    assert_eq!(found(text("321001")).await, ["321001", "anna@tele.gl"], "an id and a phone");
    assert_eq!(found(text("32100")).await, ["321001"], "a phone is exact");
    assert_eq!(found(text("bo@tele.gl@example.org")).await, ["bo@tele.gl"], "a public identity");
    assert_eq!(found(text("' or 1 = 1 --")).await, [""; 0]);
    assert_eq!(found(text("a\0b")).await, [""; 0]);
    let in_group = |group: &str, search| SubscriberSearch { group: Some(group.into()), ..search };
    assert_eq!(found(in_group("OTHER", page())).await, ["321001", "bo@tele.gl", "søren%_@tele.gl"]);
    assert_eq!(found(in_group("OTHER", text("321001"))).await, ["321001"]);
    assert_eq!(found(in_group("NONE", page())).await, [""; 0]);
    running.close().await;
}

pub async fn a_search_goes_on_behind_its_last_row(site: Site) {
    let running = site.open();
    insert_all(&running.store).await;
    for search in [page(), text("ann"), SubscriberSearch { group: Some("KNI".into()), ..page() }] {
        let all = ids(&running.store, search.clone()).await;
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let next = SubscriberSearch { after: after.clone(), limit: 1, ..search.clone() };
            let Some(id) = ids(&running.store, next).await.pop() else { break };
            after.clone_from(&id);
            paged.push(id);
        }
        assert_eq!(paged, all);
    }
    running.close().await;
}

pub async fn a_row_that_cannot_be_read_is_shown_with_the_reason(site: Site) {
    let running = site.open();
    insert_all(&running.store).await;
    let row = async |user: &str| within(running.store.subscriber_row(user)).await.unwrap();
    let anna = row("anna@tele.gl").await.expect("a row");
    assert_eq!(anna.problem, None);
    assert_eq!((anna.user_type.as_deref(), anna.phone.as_deref()), (Some("user"), Some("321001")));
    assert!(anna.created.is_some() && anna.updated.is_some());
    site.sql("update srd_user set user_type = 'robot', sipurl = '' where id = 'anna@tele.gl'");
    let anna = row("anna@tele.gl").await.expect("a row");
    assert_eq!((anna.user_type.as_deref(), anna.public_identity.as_deref()), (Some("robot"), None));
    assert_eq!(anna.problem.as_deref(), Some("column sipurl is empty"));
    assert!(!format!("{anna:?}").contains("geheim"));
    assert_eq!(row("nobody").await, None);
    running.close().await;
}
