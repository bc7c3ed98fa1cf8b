//! A million rows: what is looked for is found at once, and whoever commits waits for no sweep.

use crate::site::*;
use eventmanager::event::Status;
use eventmanager::store::{Store, SubscriberSearch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

const ROWS: u32 = 1_000_000;

/// Numbers from 1 to [`ROWS`] as the column `n`.
fn numbers(kind: Kind) -> String {
    match kind {
        Kind::Sqlite => format!(
            "(with recursive counted(n) as (select 1 union all select n + 1 from counted where n < {ROWS})
              select n from counted) as numbers"
        ),
        Kind::Postgres => format!("generate_series(1, {ROWS}) as numbers(n)"),
    }
}

pub fn fill(site: &Site) {
    let (uuid, old, text) = match site.kind {
        Kind::Sqlite => ("printf('00000000-0000-7000-8000-%012d', n)", "'2020-01-01 00:00:00.000'", "printf"),
        Kind::Postgres => (
            "cast('00000000-0000-7000-8000-' || lpad(cast(n as text), 12, '0') as uuid)",
            "timestamp '2020-01-01'",
            "format",
        ),
    };
    let numbers = numbers(site.kind);
    // Half of them are past their retention, and nearly all of those can go.
    site.sql(&format!(
        "insert into em_event (uuid, source, command_index, user_id, command, event, status, inserted)
         select {uuid}, 'as1', 0, 'admin', 'UserAddRequest', '{}',
            case when n % 1000 = 0 then 'failed' when n % 10 = 0 then 'completed' else 'ignored' end,
            case when n <= {} then {old} else current_timestamp end from {numbers}",
        "x".repeat(1200),
        ROWS / 2,
    ));
    site.sql(
        "insert into em_journal (uuid, attempt) select uuid, 1 from em_event where status = 'completed'",
    );
    site.sql("insert into em_subject (subscriber, event) select 'u', uuid from em_event where status = 'completed'");
    let name = |pattern: &str| match text {
        "printf" => format!("printf('{}', n)", pattern.replace("%s", "%07d")),
        _ => format!("format('{pattern}', lpad(cast(n as text), 7, '0'))"),
    };
    site.sql(&format!(
        "insert into srd_user (id, group_id, sipurl, user_type, association_id, e164)
         select {}, {}, {}, 'user', {}, {} from {numbers}",
        name("user%s@tele.gl"),
        "'G' || cast(n % 10000 as text)",
        name("line%s@tele.gl"),
        name("%s"),
        name("3%s"),
    ));
}

async fn slowest(what: &str, store: &Store, search: SubscriberSearch, expected: usize) {
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        let found = store.search_subscribers(&search).await.unwrap();
        times.push(started.elapsed());
        assert_eq!(found.len(), expected, "{what}");
    }
    times.sort_unstable();
    println!("{what}: median {:?}, slowest {:?}", times[25], times[49]);
    assert!(times[25] < Duration::from_millis(100), "{what}: {:?}", times[25]);
}

pub async fn try_million(site: Site) {
    let running = site.open().ready().await;
    fill(&site);
    for is_analysed in [false, true] {
        if is_analysed {
            site.sql("analyze");
        }
        let page = || SubscriberSearch { limit: 51, ..SubscriberSearch::default() };
        let text = |text: &str| SubscriberSearch {
            text: text.into(),
            phones: vec![text.into()],
            identity: text.into(),
            ..page()
        };
        let store = &running.store;
        slowest("first page", store, page(), 51).await;
        slowest("late page", store, SubscriberSearch { after: "user0990000@tele.gl".into(), ..page() }, 51)
            .await;
        slowest("everybody's prefix", store, text("user"), 51).await;
        slowest("one's prefix", store, text("user0500000@"), 1).await;
        slowest("phone", store, text("30765432"), 1).await;
        slowest("identity", store, text("line0765432@tele.gl"), 1).await;
        slowest("nobody", store, text("zzz"), 0).await;
        let group = |search| SubscriberSearch { group: Some("G17".into()), ..search };
        slowest("group", store, group(page()), 51).await;
        slowest("prefix in a group", store, group(text("user099")), 1).await;
        let started = Instant::now();
        assert_eq!(store.events_about("u", 50).await.unwrap().len(), 50);
        println!("events of a subscriber that has {}: {:?}", ROWS / 10, started.elapsed());
        assert!(started.elapsed() < Duration::from_millis(200));
        let started = Instant::now();
        let later = store.later_about("u", i64::from(ROWS / 2), &[Status::Completed], 100).await.unwrap();
        println!("what came later about it: {:?}", started.elapsed());
        assert_eq!((later.len(), later[0]), (100, i64::from(ROWS / 2 + 10)));
        assert!(started.elapsed() < Duration::from_secs(2));
        behind(store, 0, (0, 1000)).await;
    }
    sweep_beside_commits(&running.store).await;
    let failed = u64::from(ROWS / 1000);
    assert_eq!(site.sql("select count(*) from em_event where status = 'failed'"), [[failed.to_string()]]);
    // The other way round: as many of the old release, and a few of ours behind them.
    site.sql(&format!("update em_event set uuid = null where id <= {}", ROWS - 100));
    for after in [ROWS / 2, ROWS - 101, ROWS] {
        let expected = if after == ROWS { 0 } else { 1000.min(ROWS - 100 - after) as usize };
        let given = running.store.given_after("admin", i64::from(after), 1000).await.unwrap().len();
        behind(&running.store, i64::from(after), (expected, given)).await;
    }
    running.close().await;
}

/// What came behind an event is found at once: so many rows of the old release, so many given by the same.
async fn behind(store: &Store, after: i64, expected: (usize, usize)) {
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let released = store.released_after(after, 1000).await.unwrap().expect("there is an index");
        let given = store.given_after("admin", after, 1000).await.unwrap();
        times.push(started.elapsed());
        assert_eq!((released.len(), given.len()), expected, "behind {after}");
    }
    times.sort_unstable();
    println!("{expected:?} behind {after}: median {:?}, slowest {:?}", times[10], times[19]);
    assert!(times[10] < Duration::from_millis(100), "behind {after}: {:?}", times[10]);
}

/// The time of single commits, first alone and then beside a sweep.
async fn sweep_beside_commits(store: &Store) {
    let is_over = Arc::new(AtomicBool::new(false));
    let alone = commits(store, 500, &is_over).await;
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let started = Instant::now();
    let sweep = async {
        let swept = store.sweep(Some(yesterday)).await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        swept
    };
    let (swept, beside) = tokio::join!(sweep, commits(store, usize::MAX, &is_over));
    let took = started.elapsed();
    println!("{swept:?} in {took:?}, {:.0} a second", swept.events as f64 / took.as_secs_f64());
    assert_eq!(swept.events, u64::from(ROWS / 2 - ROWS / 2000));
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100];
    println!(
        "commit alone: median {:?}, p99 {:?}, slowest {:?}",
        alone[alone.len() / 2],
        p99(&alone),
        alone[alone.len() - 1]
    );
    println!(
        "commit beside the sweep ({}): median {:?}, p99 {:?}, slowest {:?}",
        beside.len(),
        beside[beside.len() / 2],
        p99(&beside),
        beside[beside.len() - 1]
    );
    assert!(p99(&beside) < p99(&alone) + Duration::from_millis(50), "a sweep holds up commits");
}

async fn commits(store: &Store, most: usize, is_over: &AtomicBool) -> Vec<Duration> {
    let mut times = Vec::new();
    while times.len() < most && !is_over.load(Ordering::Relaxed) {
        let started = Instant::now();
        within(store.append(vec![event("anna")])).await.unwrap();
        times.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times.sort_unstable();
    times
}
