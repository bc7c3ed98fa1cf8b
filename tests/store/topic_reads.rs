//! One topic of the log, as hubs and those who ask over REST read it.

use crate::site::{Running, Site, within};
use crate::topic_log::handed_on;
use eventmanager::event::{Form, Logged, TopicEvent};
use std::time::{Duration, SystemTime};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_000 + millis)
}

/// Five orders a millisecond apart, from 10 on, and alarms between them.
async fn filled(site: &Site) -> Running {
    let running = site.open().ready().await;
    let orders = (0..5).flat_map(|number| {
        let at = at(10 + number);
        let name = number.to_string();
        [TopicEvent { at, ..handed_on("order", &name) }, TopicEvent { at, ..handed_on("alarm", &name) }]
    });
    within(running.store.hand_on(orders.collect())).await.unwrap();
    running
}

fn names(rows: &[Logged]) -> Vec<&str> {
    rows.iter().map(|row| &*row.event.name).collect()
}

pub async fn a_topic_is_read_from_a_place_on_and_counted(site: Site) {
    let running = filled(&site).await;
    let rows = running.store.topic_rows_after("order", 0, 3).await.unwrap().rows;
    assert_eq!(names(&rows), ["0", "1", "2"]);
    assert!(rows.iter().all(|row| row.event.topic == "order"));
    let rest = running.store.topic_rows_after("order", rows[2].sequence, 10).await.unwrap().rows;
    assert_eq!(names(&rest), ["3", "4"]);
    assert_eq!(running.store.topic_rows_behind("order", rows[2].sequence).await.unwrap(), 2);
    assert_eq!(running.store.topic_rows_behind("order", 0).await.unwrap(), 5);
    let between = running.store.topic_rows_between("order", rows[0].sequence, rows[2].sequence);
    assert_eq!(between.await.unwrap(), 2);
    assert_eq!(running.store.topic_rows_behind("nothing", 0).await.unwrap(), 0);
    assert_eq!(running.store.topic_log_behind(rows[2].sequence).await.unwrap(), 5);
    assert_eq!(running.store.topic_rows_after("nothing", 0, 10).await.unwrap().rows, []);
    running.close().await;
}

/// However many rows are asked for: a thousand hubs may each hold a page.
pub async fn a_page_of_long_rows_has_few_of_them_and_says_that_there_are_more(site: Site) {
    let running = site.open().ready().await;
    let long = |name: &str, length: usize| TopicEvent {
        payload: format!("{{\"text\":\"{}\"}}", "x".repeat(length)).into(),
        ..handed_on("order", name)
    };
    let rows = vec![long("0", 1_500_000), long("1", 600_000), long("2", 600_000), long("3", 10)];
    within(running.store.hand_on(rows)).await.unwrap();
    let mut place = 0;
    for (expected, is_end) in [(vec!["0"], false), (vec!["1", "2"], false), (vec!["3"], true)] {
        let page = running.store.topic_rows_after("order", place, 100).await.unwrap();
        assert_eq!((names(&page.rows), page.is_end), (expected, is_end));
        place = page.rows.last().map_or(place, |row| row.sequence);
    }
    assert!(running.store.topic_rows_after("order", place, 100).await.unwrap().is_end);
    // As many as were asked for may be all or not.
    assert!(!running.store.topic_rows_after("order", place - 1, 1).await.unwrap().is_end);
    running.close().await;
}

pub async fn a_time_of_a_topic_is_found_with_both_its_ends(site: Site) {
    let running = filled(&site).await;
    let rows = running.store.topic_rows_after("order", 0, 10).await.unwrap().rows;
    let range = |since, until| running.store.topic_range("order", at(since), at(until));
    assert_eq!(range(11, 13).await.unwrap(), Some((rows[1].sequence, rows[3].sequence)));
    assert_eq!(range(12, 12).await.unwrap(), Some((rows[2].sequence, rows[2].sequence)));
    assert_eq!(range(0, 1_000).await.unwrap(), Some((rows[0].sequence, rows[4].sequence)));
    assert_eq!(range(15, 1_000).await.unwrap(), None);
    assert_eq!(running.store.topic_range("nothing", at(0), at(1_000)).await.unwrap(), None);
    running.close().await;
}

pub async fn pages_of_a_topic_say_how_many_there_are(site: Site) {
    let running = filled(&site).await;
    let page = async |after: Option<u64>, before: Option<u64>, offset, limit| {
        let page = running.store.topic_page("order", after.map(at), before.map(at), offset, limit);
        let (rows, total) = page.await.unwrap();
        (names(&rows).join(" "), total)
    };
    let expect = |names: &str, total| (names.to_owned(), total);
    assert_eq!(page(None, None, 0, 100).await, expect("0 1 2 3 4", 5));
    assert_eq!(page(None, None, 1, 2).await, expect("1 2", 5));
    assert_eq!(page(None, None, 4, 2).await, expect("4", 5));
    assert_eq!(page(None, None, 5, 2).await, expect("", 5));
    assert_eq!(page(None, None, u64::MAX, 2).await, expect("", 5));
    assert_eq!(page(None, None, 0, 0).await, expect("", 5));
    assert_eq!(page(Some(13), None, 0, 100).await, expect("3 4", 2));
    assert_eq!(page(None, Some(11), 0, 100).await, expect("0 1", 2));
    assert_eq!(page(Some(11), Some(12), 1, 1).await, expect("2", 2));
    assert_eq!(page(Some(16), None, 0, 100).await, expect("", 0));
    running.close().await;
}

pub async fn an_event_is_read_back_in_the_form_in_which_it_came(site: Site) {
    let running = site.open().ready().await;
    let posted = |origin: Option<&str>| Form::Posted { origin: origin.map(Into::into) };
    let forms = [Form::Fields, Form::Change, posted(Some("pss")), posted(None)];
    let events = forms.map(|form| TopicEvent { form, ..handed_on("order", "made") });
    within(running.store.hand_on(events.to_vec())).await.unwrap();
    let other = TopicEvent { topic: "alarm".to_owned(), ..events[1].clone() };
    within(running.store.hand_on(vec![other.clone()])).await.unwrap();
    for event in &events {
        let found = running.store.topic_event(event.uuid, Some("order")).await.unwrap();
        assert_eq!(found.as_ref().map(|row| &row.event), Some(event));
        assert_eq!(running.store.topic_event(event.uuid, None).await.unwrap(), found);
    }
    let found = running.store.topic_event(other.uuid, Some("alarm")).await.unwrap();
    assert_eq!(found.map(|row| row.event), Some(other));
    assert_eq!(running.store.topic_event(events[0].uuid, Some("alarm")).await.unwrap(), None);
    assert_eq!(running.store.topic_event(uuid::Uuid::nil(), None).await.unwrap(), None);
    // A later release of ours may know more forms.
    site.sql("update em_topic_log set form = 'unheard_of' where form = 'change'");
    let found = running.store.topic_event(events[1].uuid, Some("order")).await.unwrap();
    assert_eq!(found.map(|row| row.event.form), Some(Form::Fields));
    running.close().await;
}
