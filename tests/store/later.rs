//! What was stored behind an event.

use crate::site::*;
use eventmanager::event::Status;

pub async fn what_came_later_is_found_along_an_index_and_read_in_parts(site: Site) {
    let running = site.open().ready().await;
    // Of the old release 1, 3, 5, 6; ours 2, 4.
    let release = |user: &str, status: &str| {
        site.sql(&format!(
            "insert into em_event (user_id, command, event, status, inserted)
             values ('{user}', 'UserAddRequest', '<{user}/>', '{status}', current_timestamp)"
        ));
    };
    release("admin", "failed");
    within(running.store.append(vec![event("admin")])).await.unwrap();
    release("bo", "completed");
    within(running.store.append(vec![event("bo")])).await.unwrap();
    release("admin", "pending");
    release("admin", "done by hand");

    let store = &running.store;
    for (after, limit, expected) in
        [(0, 10, vec![1, 3, 5, 6]), (1, 2, vec![3, 5]), (5, 10, vec![6]), (6, 10, vec![])]
    {
        assert_eq!(within(store.released_after(after, limit)).await.unwrap(), Some(expected), "{after}");
    }
    assert_eq!(within(store.given_after("admin", 1, 10)).await.unwrap(), [2, 5, 6]);
    assert_eq!(within(store.given_after("admin", 1, 2)).await.unwrap(), [2, 5]);
    assert_eq!(within(store.given_after("nobody", 0, 10)).await.unwrap(), [0; 0]);

    let (commands, covered) = within(store.commands(&[2, 3, 6, 99])).await.unwrap();
    assert_eq!((commands.len(), covered), (3, 4), "one has gone meanwhile");
    assert_eq!((commands[0].id, commands[0].status), (2, Some(Status::Pending)));
    assert!(commands[0].uuid.is_some() && commands[1].uuid.is_none());
    assert_eq!((commands[1].command.as_str(), commands[1].document.as_str()), ("UserAddRequest", "<bo/>"));
    assert_eq!(commands[2].status, None);
    assert_eq!(within(store.commands(&[])).await.unwrap(), (vec![], 0));

    // Documents of three megabytes are not read two at a time, but one is.
    for _ in 0..2 {
        let mut large = event("admin");
        large.document = "x".repeat(3 << 20).into();
        within(running.store.append(vec![large])).await.unwrap();
    }
    let (commands, covered) = within(store.commands(&[7, 8])).await.unwrap();
    assert_eq!((commands.len(), covered, commands[0].document.len()), (1, 1, 3 << 20));

    // While an index is being built it is said that nothing is known.
    let index = match site.kind {
        Kind::Sqlite => "em_event_uuid",
        Kind::Postgres => "em_event_released",
    };
    site.sql(&format!("drop index {index}"));
    site.sql("drop index em_event_user");
    assert_eq!(within(store.released_after(0, 10)).await.unwrap(), None);
    assert_eq!(within(store.given_after("admin", 0, 10)).await.unwrap(), [0; 0]);
    running.close().await;
}
