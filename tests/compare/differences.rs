//! `eventmanager compare`: what it finds, and what it leaves as it is.

use crate::given::*;
use crate::support::documents::{add, set_phone};
use crate::support::postgres::execute;
use std::process::Command;

#[test]
fn differences_of_every_kind_are_found() {
    for shadow in both() {
        let release = &shadow.release;
        let document = |id: u64| add(id, "anna@tele.gl");
        let (add, modify) = ("UserAddRequest", "UserModifyRequest");
        // The same, however the lines end.
        release.event(0, &format!("{}\r\n", document(0)), add, "completed");
        shadow.event(0, &document(0), add, "completed", 0, None);
        // Another status.
        release.event(1, &document(1), add, "completed");
        shadow.event(1, &document(1), add, "failed", 0, Some("the phone is missing"));
        // Only on one side.
        release.event(2, &document(2), add, "completed");
        shadow.event(3, &document(3), add, "completed", 0, None);
        // Known: left pending, a further command, a repeat, broken letters that failed, letters that never arrived.
        release.event(4, &document(4), add, "pending");
        shadow.event(4, &document(4), add, "completed", 0, None);
        release.event(5, &document(5), add, "completed");
        shadow.event(5, &document(5), add, "completed", 0, None);
        shadow.event(5, &document(5), modify, "completed", 1, None);
        release.event(6, &document(6), add, "ignored");
        shadow.event(6, &document(6), add, "ignored", 0, None);
        shadow.event(6, &document(6), add, "ignored", 0, Some("duplicate of 7"));
        release.event(7, &set_phone(7, "s?ren@tele.gl", "321044"), modify, "failed");
        shadow.event(7, &set_phone(7, "søren@tele.gl", "321044"), modify, "completed", 0, None);
        shadow.event(8, &set_phone(8, "søren@tele.gl", "321044"), modify, "completed", 0, None);
        // Broken letters, and the same all the same.
        release.event(9, &set_phone(9, "sÃ¸ren@tele.gl", "321044"), modify, "completed");
        shadow.event(9, &set_phone(9, "søren@tele.gl", "321044"), modify, "completed", 0, None);
        let shape = release.shape();

        let (code, report) = shadow.compare_json();
        assert_eq!(code, 1, "{report:#}");
        let told: Vec<String> = report["events"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|event| {
                let status = |side: &str| event[side]["status"].as_str().unwrap_or("-").to_owned();
                let known = event["known"].as_str().and_then(|known| known.split_whitespace().next());
                format!(
                    "{} {} {} {}",
                    event["kind"].as_str().unwrap_or("?"),
                    status("there"),
                    status("here"),
                    known.unwrap_or("-")
                )
            })
            .collect();
        let mut sorted = told.clone();
        sorted.sort();
        let expected = [
            "only_here - completed -",
            "only_here - completed a",
            "only_here - completed letters",
            "only_here - ignored a",
            "only_there completed - -",
            "status completed failed -",
            "status failed completed letters",
            "status pending completed the",
        ];
        assert_eq!(sorted, expected, "{report:#}");
        let counts = &report["counts"]["events"];
        let count = |name: &str| counts[name].as_u64().expect("a number");
        assert_eq!((count("paired"), count("same_status"), count("different_status")), (7, 4, 3), "{counts}");
        assert_eq!((count("only_there"), count("only_here"), count("known")), (1, 4, 5), "{counts}");
        assert_eq!(
            (count("pending_there"), count("pending_here"), count("under_way")),
            (1, 0, 0),
            "{counts}"
        );
        assert_eq!(report["counts"]["differences"], 3);
        let failed = report["events"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|event| event["here"]["status"] == "failed");
        let failed = failed.expect("it is there");
        assert_eq!(failed["here"]["reason"], "the phone is missing");
        assert_eq!((failed["user"].as_str(), failed["command"].as_str()), (Some("anna@tele.gl"), Some(add)));
        assert_eq!((&failed["there"]["id"], &failed["here"]["id"]), (&2.into(), &2.into()));
        assert_eq!(failed["here"]["received"], "2026-03-01T12:01:05Z");

        let (code, text) = shadow.run(&["compare"]);
        assert_eq!(code, 1, "{text}");
        let line = "2026-03-01 12:01:05  UserAddRequest           anna@tele.gl                   \
                    there completed (id 2), here failed (id 2): the phone is missing\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("[known: the other release left it pending]"), "{text}");
        assert!(
            text.contains("7 paired, 4 with the same status, 3 with another; 1 only there, 4 only here"),
            "{text}"
        );
        assert!(text.ends_with("\n3 differences\n"), "{text}");

        let (code, text) = shadow.run(&["compare", "--since", "2026-03-01 12:04"]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("no difference that is not known"), "{text}");
        assert_eq!(release.shape(), shape, "something was written");
    }
}

#[test]
fn subscribers_are_compared_column_by_column() {
    for shadow in both() {
        let release = &shadow.release;
        release.subscriber("anna@tele.gl", "'anna@ims', 'user', 'a1', '', 'NODATA', 'NODATA'");
        release.subscriber("Bo@tele.gl", "'bo@ims', 'user', 'a2', '321044', 'bo@mail', 'mail-secret-1'");
        release.subscriber("cæcilie@tele.gl", "'c@ims', 'user', 'a3', null, null, null");
        release.subscriber("d-", "'d@ims', 'user', 'a4', null, null, null");
        release.subscriber("z", "'z@ims', 'strange', 'a5', null, null, null");
        let ours = shadow.site.database();
        ours.execute_batch(
            "insert into srd_user (id, sipurl, user_type, association_id, e164, vmail_user, vmail_password) values
             ('anna@tele.gl', 'anna@ims', 'user', 'a1', null, null, null),
             ('Bo@tele.gl', 'bo@ims', 'trunk', 'a2', null, 'bo@mail', 'mail-secret-2'),
             ('cæcilie@tele.gl', 'c@ims', 'user', 'a3', null, null, null),
             ('d_', 'd@ims', 'user', 'a4', null, null, null),
             ('z', 'z@ims', 'strange', 'a5', null, null, null)",
        )
        .expect("inserted");
        let shape = release.shape();
        let (code, report) = shadow.compare_json();
        let expected = serde_json::json!([
            {"kind": "columns", "id": "Bo@tele.gl", "columns": {
                "user_type": {"there": "user", "here": "trunk"},
                "e164": {"there": "321044", "here": null},
                "vmail_password": "differs",
            }},
            {"kind": "only_there", "id": "d-"},
            {"kind": "only_here", "id": "d_"},
        ]);
        assert_eq!((code, &report["subscribers"]), (1, &expected), "{report:#}");
        assert_eq!(report["counts"]["subscribers"]["same"], 3);
        let (code, text) = shadow.run(&["compare"]);
        assert_eq!(code, 1, "{text}");
        let line = "Bo@tele.gl                     user_type there \"user\", here \"trunk\"; \
                    e164 there \"321044\", here nothing; vmail_password differs\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(release.shape(), shape, "something was written");
    }
}

#[test]
fn collations_do_not_matter_and_pages_join() {
    let shadow = Shadow::new(|_| Release::postgres());
    let Release::Postgres(url) = &shadow.release else { panic!("it is PostgreSQL") };
    // A locale's order, in which small and capital letters lie side by side.
    execute(url, "alter table srd_user alter column id type varchar(255) collate \"und-x-icu\"")
        .expect("a collation");
    let rows = "insert into srd_user (id, sipurl, user_type, association_id)
        select case when n % 2 = 0 then 'u' else 'U' end || n, 's' || n, 'user', 'a' || n
        from generate_series(1, 2500) as n";
    execute(url, rows).expect("rows");
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!((code, text.as_str()), (0, "2500 subscribers copied\n"));
    let documents = "insert into em_event (user_id, command, event, status, inserted)
        select 'u', 'UserAddRequest', '<id>' || n || '</id>', 'completed', timestamp '2026-03-01 12:00:00'
            + n * interval '1 second' from generate_series(1, 1001) as n";
    execute(url, documents).expect("rows");
    shadow
        .site
        .database()
        .execute_batch(
            "insert into em_event (uuid, user_id, command, event, status, inserted)
             with recursive n(n) as (select 1 union all select n + 1 from n where n < 1001)
             select 'u' || n, 'u', 'UserAddRequest', '<id>' || n || '</id>', 'completed',
                strftime('%Y-%m-%d %H:%M:%f', '2026-03-01 12:00:30', n || ' seconds') from n",
        )
        .expect("rows");
    let (code, report) = shadow.compare_json();
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["counts"]["events"]["same_status"], 1001);
    assert_eq!(report["counts"]["subscribers"]["same"], 2500);
}

#[test]
fn without_a_release_the_rows_that_it_left_in_our_own_table_are_compared() {
    let shadow = Shadow::new(Release::sqlite);
    shadow.configure("active", "");
    let document = add(1, "anna@tele.gl");
    shadow.event(1, &document, "UserAddRequest", "completed", 0, None);
    shadow
        .site
        .database()
        .execute(
            "insert into em_event (user_id, command, event, status, inserted)
             values ('anna@tele.gl', 'UserAddRequest', ?1, 'ignored', '2026-03-01 12:01:00.000')",
            [&document],
        )
        .expect("inserted");
    let (code, text) = shadow.run(&["compare"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("there ignored (id 2), here completed (id 1)"), "{text}");
    assert!(text.contains("nothing to compare"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_told_with_another_exit_code() {
    let shadow = Shadow::new(Release::sqlite);
    let away = format!("postgresql://em:{SECRET}@127.0.0.1:1/em");
    shadow.configure("shadow", &format!("[shadow]\nevents = {away:?}\n"));
    let (code, text) = shadow.run(&["compare"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("shadow.events (127.0.0.1:1/em) cannot be read: "), "{text}");
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("shadow.subscribers (127.0.0.1:1/em) cannot be read: "), "{text}");
    shadow.configure("shadow", "[shadow]\nevents = \"sqlite:none.db\"\n");
    assert_eq!(shadow.run(&["compare"]).0, 2);
    assert!(!shadow.site.directory.path().join("none.db").exists(), "a database was made");
    shadow.configure("shado", "");
    assert_eq!(shadow.run(&["compare"]).0, 2);
    let (code, text) = shadow.run(&["compare", "--since", "yesterday"]);
    assert_eq!((code, text.contains("\"yesterday\" is no moment")), (2, true), "{text}");
}

#[test]
fn the_words_of_help_name_the_commands() {
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager")).arg("--help").output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    for command in ["replay", "seed", "compare"] {
        assert!(text.contains(&format!("\n  {command} ")), "{text}");
    }
}
