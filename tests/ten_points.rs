//! Ten faults that were seen in the Erlang release, and what happens instead. One test for each, through the real
//! program; the finer cases are with the plans, the outages and the groups.

mod support;

use eventmanager::plan::Subscriber;
use eventmanager::simulators::ema::StoredAssociation;
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::*;
use support::peers::{Peers, subscribers};

const ANNA: &str = "anna@tele.gl";

/// A daemon with its peers, and the documents that it is sent.
struct World {
    peers: Peers,
    site: Site,
    daemon: Daemon,
    sent: u64,
}

impl World {
    fn start(ema: &str) -> World {
        let peers = Peers::start();
        let site = Site::new(&peers.config(ema));
        let daemon = site.start();
        World { peers, site, daemon, sent: 0 }
    }

    /// Sends a document.
    fn send(&mut self, document: impl FnOnce(u64) -> String) {
        self.sent += 1;
        self.peers.broadworks.send(&document(self.sent));
    }

    /// Sends a document, waits for its end, and gives its status and reason.
    fn run(&mut self, document: impl FnOnce(u64) -> String) -> String {
        self.send(document);
        self.ended()
    }

    /// Waits until everything has ended; gives status and reason of the last event.
    fn ended(&self) -> String {
        self.site.wait_ended(self.sent);
        self.site.events().last().map(|row| format!("{} {}", row.status, row.reason)).unwrap_or_default()
    }

    /// The row of a subscriber.
    fn row(&self, user: &str) -> Option<Subscriber> {
        subscribers(&self.site).into_iter().find(|row| row.user_id == user)
    }

    /// What the HSS holds of a user or list.
    fn association(&self, user: &str) -> Option<StoredAssociation> {
        self.peers.ema.state().associations.into_values().find(|held| held.private_user_id == user)
    }

    fn accounts(&self) -> Vec<String> {
        let domains = self.peers.surgemail.state().domains.into_iter();
        domains
            .flat_map(|(domain, held)| held.accounts.into_keys().map(move |user| format!("{user}@{domain}")))
            .collect()
    }

    fn warnings(&self) -> String {
        let sql = "select group_concat(warnings, '') from em_journal where warnings is not null";
        self.site
            .database()
            .query_row(sql, [], |row| row.get::<_, Option<String>>(0))
            .expect("a row")
            .unwrap_or_default()
    }

    /// How many requests but logins and logouts the EMA has had.
    fn requests(&self) -> u64 {
        let counts = self.peers.ema.counts();
        counts.requests - counts.logins - counts.logouts
    }
}

fn refused() -> Action {
    Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::default() }
}

#[test]
fn point_1_a_peer_that_is_away_or_has_no_time_or_forgets_us_is_waited_for() {
    let mut world = World::start("timeout = \"300ms\"");
    let no_login = Action::Fault { code: 3014, detail_code: None, style: FaultStyle::default() };
    let scripts = [
        Rule::new(Action::Drop).times(2),
        Rule::new(Action::Status(503)).times(2),
        Rule::new(no_login).op("Login").times(2),
        Rule::new(Action::Hang).op("Create").times(1),
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        world.peers.ema.script(vec![script]);
        world.peers.ema.expire_sessions();
        assert_eq!(world.run(|id| add(id, &format!("user{number}@tele.gl"))), "completed ");
    }
    world.peers.ema.refuse(true).expect("refused");
    world.peers.surgemail.refuse(true).expect("refused");
    world.send(|id| add(id, ANNA));
    world.send(|id| voicemail(id, ANNA, Some(("anna@post.gl", "Vm1"))));
    eventually("they wait", || (world.site.count(&["pending"]) == 2).then_some(()));
    world.peers.ema.refuse(false).expect("listening");
    world.peers.surgemail.refuse(false).expect("listening");
    assert_eq!(world.ended(), "completed ");
    assert_eq!(world.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0, "an outage is no crash");
}

#[test]
fn point_2_letters_of_latin_1_are_stored_and_sent_as_what_they_are() {
    let mut world = World::start("");
    let latin_1 = eventmanager::wire::ocir::write::encode_latin1(&add(1, "bjørn@tele.gl"));
    world.peers.broadworks.send_bytes(latin_1);
    world.sent += 1;
    assert_eq!(world.ended(), "completed ");
    assert!(world.row("bjørn@tele.gl").is_some() && world.association("bjørn@tele.gl").is_some());
}

#[test]
fn point_3_the_row_changes_with_the_success_and_a_retry_after_a_fault_does_what_is_left() {
    let mut world = World::start("");
    world.run(|id| add(id, ANNA));
    world.peers.ema.script(vec![Rule::new(refused()).op("Create").mo("DNSSubscription").times(1)]);
    assert!(
        world
            .run(|id| set_phone(id, ANNA, "321044"))
            .starts_with("failed step 2 of 2, create ENUM tel:299321044")
    );
    assert_eq!(world.row(ANNA).expect("a row").phone, None);
    assert_eq!(world.run(|id| set_phone(id, ANNA, "321044")), "completed ");
    assert_eq!(world.row(ANNA).expect("a row").phone.as_deref(), Some("321044"));
    assert_eq!(world.peers.ema.holds(), (1, 1));
}

#[test]
fn point_4_mail_accounts_come_with_any_password_and_go_with_their_user() {
    let mut world = World::start("");
    world.run(|id| add(id, ANNA));
    let nothing = "update srd_user set vmail_user = 'NODATA', vmail_password = 'NODATA'";
    world.site.database().execute(nothing, []).expect("as the release before wrote it");
    let strange = "p&lusername=x æ%41+#";
    assert_eq!(world.run(|id| voicemail(id, ANNA, Some(("anna+vm@post.gl", strange)))), "completed ");
    assert_eq!(world.row(ANNA).and_then(|row| row.mail_password).expect("a password").expose(), strange);
    world.run(|id| voicemail(id, ANNA, Some(("anna+vm@post.gl", "other"))));
    assert!(world.warnings().contains("mail password not changed"));
    world.run(|id| voicemail(id, ANNA, Some(("second@post.gl", "Vm2"))));
    assert_eq!(world.accounts(), ["anna+vm@post.gl", "second@post.gl"], "the one before stays");
    assert_eq!(world.run(|id| delete(id, ANNA)), "completed ");
    assert_eq!(world.accounts(), ["anna+vm@post.gl"], "the user's own account is gone");
}

#[test]
fn point_5_a_type_change_keeps_mail_and_list_and_a_refused_deletion_fails() {
    let mut world = World::start("");
    world.run(|id| add(id, ANNA));
    world.run(|id| voicemail(id, ANNA, Some(("anna@post.gl", "Vm1"))));
    world.run(|id| blf(id, ANNA, Some("list@tele.gl")));
    let trunk = "<trunkAddressing><trunkGroupDeviceEndpoint><linePort>anna@tele.gl</linePort></trunkGroupDeviceEndpoint>\
                 </trunkAddressing>";
    let body = format!("<userId>{ANNA}</userId><endpoint>{trunk}</endpoint>");
    assert_eq!(world.run(|id| report(id, "UserModifyRequest", &body)), "completed ");
    let row = world.row(ANNA).expect("a row");
    assert_eq!(
        (row.mail_account.as_deref(), row.blf_list.as_deref()),
        (Some("anna@post.gl"), Some("list@tele.gl"))
    );
    assert!(world.warnings().contains("lost SIP password"));
    world.peers.ema.script(vec![Rule::new(refused()).op("Delete").mo("IMSAssociation").times(1)]);
    assert!(world.run(|id| delete(id, ANNA)).starts_with("failed step 1 of 3, delete association"));
    assert_eq!(world.run(|id| delete(id, ANNA)), "completed ");
    // What is not there is as good as deleted.
    assert_eq!(world.run(|id| delete(id, ANNA)), "completed ");
}

#[test]
fn point_6_a_new_phone_context_goes_to_the_subscribers_own_profile() {
    let mut world = World::start("");
    world.run(|id| add(id, ANNA));
    let desk =
        "<endpoint><accessDeviceEndpoint><linePort>desk@tele.gl</linePort></accessDeviceEndpoint></endpoint>";
    world.run(|id| report(id, "UserModifyRequest", &format!("<userId>{ANNA}</userId>{desk}")));
    let nuuk = "<callingLineIdFirstName>Anna</callingLineIdFirstName><address><stateOrProvince>Nuuk</stateOrProvince></address>";
    assert_eq!(
        world.run(|id| report(id, "UserModifyRequest", &format!("<userId>{ANNA}</userId>{nuuk}"))),
        "completed "
    );
    let association = world.association(ANNA).expect("an association");
    assert_eq!(association.service_profiles["desk@tele.gl"].phone_context, "nuk.tg.gl");
    assert_eq!(association.service_profiles.len(), 1);
}

#[test]
fn point_7_a_missing_password_fails_the_event_and_nothing_is_sent() {
    let mut world = World::start("");
    for body in ["", "<newPassword/>", "<newPassword xsi:nil=\"true\"/>"] {
        let body = format!("<userId>{ANNA}</userId>{body}");
        let ended = world.run(|id| report(id, "UserAuthenticationModifyRequest", &body));
        assert_eq!(ended, "failed newPassword is missing");
    }
    let ended = world.run(|id| trunk(id, "KNI", "pilot@tele.gl", "line@tele.gl", ""));
    assert_eq!(ended, "failed sipAuthenticationPassword is missing");
    assert_eq!(world.requests(), 0);
}

#[test]
fn point_8_every_phone_that_a_document_carries_counts() {
    let mut world = World::start("");
    let phone = |phone| Profile { phone: Some(phone), identity: None };
    world.run(|id| service_add(id, "HuntGroup", "KNI", "hg@tele.gl", phone("321044")));
    assert_eq!(world.row("hg@tele.gl").and_then(|row| row.phone).as_deref(), Some("321044"));
    world.run(|id| voice_portal(id, "KNI", "portal@tele.gl", Some("321055")));
    assert_eq!(world.peers.ema.holds(), (2, 2));
    world.run(|id| voice_portal(id, "KNI", "portal@tele.gl", Some("")));
    assert_eq!(world.row("portal@tele.gl").expect("a row").phone, None);
    assert_eq!(world.peers.ema.holds(), (2, 1));
    world.run(|id| add(id, ANNA));
    // Without a list of aliases the phone counts all the same.
    world.run(|id| set_phone(id, ANNA, "321066"));
    assert_eq!(world.row(ANNA).and_then(|row| row.phone).as_deref(), Some("321066"));
    world.run(|id| blf(id, ANNA, Some("list@tele.gl")));
    world.run(|id| report(id, "UserBusyLampFieldModifyRequest", &format!("<userId>{ANNA}</userId>")));
    assert_eq!(world.row(ANNA).and_then(|row| row.blf_list).as_deref(), Some("list@tele.gl"));
}

#[test]
fn point_9_reading_goes_on_while_requests_are_slow() {
    let mut world = World::start("timeout = \"60s\"");
    // Longer than the eight seconds after which the release before gave up, would all wait for one another.
    world.peers.ema.set_latency(Duration::from_millis(500));
    for number in 0..40 {
        world.send(|id| add(id, &format!("user{number}@tele.gl")));
    }
    for _ in 0..40 {
        world.send(|id| report(id, "UserDoNotDisturbModifyRequest", &format!("<userId>{ANNA}</userId>")));
    }
    eventually("all are stored while the first wait", || {
        let ended = world.site.count(&["ignored"]);
        (ended == 40 && world.site.count(&["pending"]) > 0).then_some(())
    });
    world.peers.ema.set_latency(Duration::ZERO);
    world.ended();
    assert_eq!(world.site.count(&["completed"]), 40);
}

#[test]
fn point_10_a_deleted_group_takes_all_its_members_along_with_one_status() {
    let mut world = World::start("");
    for number in 0..30 {
        world.send(|id| add_to(id, "KNI", &format!("user{number}@tele.gl")));
    }
    world.send(|id| voicemail(id, "user1@tele.gl", Some(("user1@post.gl", "Vm1"))));
    world.send(|id| service_add(id, "CallCenter", "KNI", "cc@tele.gl", Profile::default()));
    world.send(|id| add_to(id, "OTHER", ANNA));
    world.ended();
    world.peers.ema.set_latency(Duration::from_millis(10));
    assert_eq!(world.run(|id| group_delete(id, "KNI")), "completed 31 members deleted");
    assert_eq!(world.peers.ema.holds(), (1, 0), "only who is in another group is left");
    assert_eq!(world.accounts(), Vec::<String>::new());
    assert_eq!(subscribers(&world.site).len(), 1);
}
