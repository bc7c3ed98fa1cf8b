//! `eventmanager seed`: what it copies, and where it is refused.

use crate::given::*;
use crate::support::postgres::query;

#[test]
fn seeding_copies_every_subscriber_once() {
    for shadow in both() {
        let release = &shadow.release;
        release
            .subscriber("anna@tele.gl", "'anna@ims', 'user', 'a1', '321044', 'anna@mail', 'mail-secret-1'");
        release.subscriber("Søren@tele.gl", "'soren@ims', 'pilot', 'a2', null, 'NODATA', 'NODATA'");
        let shape = release.shape();
        assert_eq!(shadow.run(&["seed"]), (0, "2 subscribers copied\n".into()));
        let expected =
            ["Søren@tele.gl soren@ims - - -", "anna@tele.gl anna@ims 321044 anna@mail mail-secret-1"];
        assert_eq!(shadow.subscribers(), expected);
        assert_eq!(shadow.compare_json().0, 0);

        release.execute("update srd_user set e164 = '555' where id = 'anna@tele.gl'");
        release.execute("delete from srd_user where id = 'Søren@tele.gl'");
        let (code, text) = shadow.run(&["seed"]);
        assert_eq!(code, 1, "{text}");
        assert!(
            text.contains("our own store has subscribers already; --replace deletes them first"),
            "{text}"
        );
        let (code, text) = shadow.run(&["seed", "--replace"]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("2 subscribers of our own store deleted"), "{text}");
        assert_eq!(shadow.subscribers(), ["anna@tele.gl anna@ims 555 anna@mail mail-secret-1"]);

        release.subscriber("z", "'z@ims', 'strange', 'a5', null, null, null");
        let (code, text) = shadow.run(&["seed", "--replace"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("not copied: srd_user z: \"strange\" is not a user type"), "{text}");
        assert!(text.contains("1 subscribers copied, 1 not copied"), "{text}");
        release.execute("delete from srd_user where id = 'z'");
        release.subscriber("Søren@tele.gl", "'soren@ims', 'pilot', 'a2', null, 'NODATA', 'NODATA'");
        assert_eq!(release.shape().len(), shape.len(), "something was written");
    }
}

#[test]
fn seeding_is_refused_where_it_would_do_harm() {
    let shadow = Shadow::new(Release::sqlite);
    shadow.release.subscriber("anna@tele.gl", "'anna@ims', 'user', 'a1', null, null, null");
    let daemon = shadow.site.start();
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("another eventmanager uses this database"), "{text}");
    assert!(text.contains("stop it while subscribers are copied"), "{text}");
    assert_eq!(shadow.run(&["compare"]).0, 1, "comparing beside a running daemon works");
    assert_eq!(daemon.terminate(), Some(0));
    let section = format!("[shadow]\nevents = {:?}\n", shadow.release.dsn());
    shadow.configure("shadow", &format!("{section}[store]\nevents = \"sqlite:nowhere/events.db\"\n"));
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!((code, text.contains("nowhere does not exist (make it first")), (1, true), "{text}");
    shadow.configure("active", &section);
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!((code, text.contains("processing.mode is not \"shadow\"")), (1, true), "{text}");
    shadow.configure("shadow", "");
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!((code, text.contains("there is no [shadow]")), (1, true), "{text}");
    let (_, text) = shadow.run(&["check"]);
    let file = shadow.site.config().display().to_string();
    let warning = text.lines().find(|line| line.contains("mode \"shadow\" without [shadow]"));
    let warning = warning.unwrap_or_else(|| panic!("{text}"));
    assert!(warning.starts_with(&format!("{file}:")) && warning.contains(": warning: "), "{warning}");
    assert_eq!(shadow.subscribers(), Vec::<String>::new());
}

#[test]
fn a_seeded_store_of_postgresql_is_written_through_its_own_writer() {
    let shadow = Shadow::new(|_| Release::postgres());
    shadow.release.subscriber("anna@tele.gl", "'anna@ims', 'user', 'a1', '321044', null, null");
    let ours = database();
    let section = format!("[shadow]\nevents = {:?}\n[store]\nevents = {ours:?}\n", shadow.release.dsn());
    shadow.configure("shadow", &section);
    assert_eq!(shadow.run(&["seed"]), (0, "1 subscribers copied\n".into()));
    let rows = query(&ours, "select id || e164 from srd_user").expect("rows");
    assert_eq!(rows, [[Some("anna@tele.gl321044".to_owned())]]);
}

#[test]
fn rows_without_an_id_or_with_one_that_stands_twice_are_told_and_not_copied() {
    let shadow = Shadow::new(Release::sqlite);
    let release = &shadow.release;
    release.execute("drop table srd_user");
    release.execute(
        "create table srd_user (id, group_id, sipurl, user_type, phonecontext, association_id, e164, vmail_user,
            vmail_password, blf_user, created, updated)",
    );
    for id in ["anna@tele.gl", "", "bo@tele.gl", "bo@tele.gl"] {
        release.subscriber(id, "'anna@ims', 'user', 'a1', null, null, null");
    }
    release.execute("insert into srd_user (sipurl) values ('nobody')");
    let (code, text) = shadow.run(&["seed"]);
    assert_eq!(code, 1, "{text}");
    for told in [
        "2 rows of srd_user have no id",
        "bo@tele.gl: it stands there twice",
        "2 subscribers copied, 3 not copied",
    ] {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
    assert_eq!(shadow.subscribers().len(), 2);
}
