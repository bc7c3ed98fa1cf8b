//! What the fault codes of an EMA mean is configured: every class, by outer and by detail code, however the fault is
//! written.

mod support;

use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use support::daemon::{Daemon, Row, Site, eventually};
use support::documents::{add, delete, password, set_phone};
use support::peers::Peers;

/// Outer codes in [`FAULTS`].
const EXISTS: u32 = 901;
const ABSENT: u32 = 902;
const SESSION: u32 = 903;
const LOGIN: u32 = 904;
const TRANSIENT: u32 = 905;
const PERMANENT: u32 = 906;
/// In no table.
const UNKNOWN: u32 = 4006;
/// Ten more is the same class for a detail code.
const DETAIL: u32 = 10;

const FAULTS: &str = "[ema.faults]\n901 = \"exists\"\n902 = \"absent\"\n903 = \"session\"\n904 = \"login\"\n905 = \"transient\"\n\
    906 = \"permanent\"\n911 = \"exists\"\n912 = \"absent\"\n913 = \"session\"\n914 = \"login\"\n915 = \"transient\"\n\
    916 = \"permanent\"\n";

struct Trial {
    peers: Peers,
    site: Site,
    daemon: Daemon,
    events: u64,
}

impl Trial {
    fn new() -> Trial {
        Trial::with(|config| config)
    }

    fn with(change: fn(String) -> String) -> Trial {
        let peers = Peers::start();
        let site = Site::new(&change(peers.config("").replacen("[ema.faults]\n", FAULTS, 1)));
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        Trial { peers, site, daemon, events: 0 }
    }

    /// Sends a document and gives what became of it, under this script.
    #[track_caller]
    fn send(&mut self, rules: Vec<Rule>, document: &str) -> Row {
        self.peers.ema.script(rules);
        self.peers.broadworks.send(document);
        self.events += 1;
        self.site.wait_ended(self.events);
        self.site.events().pop().expect("a row")
    }

    #[track_caller]
    fn check(&mut self, what: &str, rules: Vec<Rule>, document: &str, expected: &str) {
        let row = self.send(rules, document);
        assert_eq!(row.status, expected, "{what}: {}", row.reason);
    }
}

fn fault(code: u32, detail_code: Option<u32>, style: FaultStyle) -> Rule {
    Rule::new(Action::Fault { code, detail_code, style }).times(1)
}

/// Outer code, detail code, and what becomes of a creation that is so answered once, and of a deletion.
#[rustfmt::skip]
const CODES: &[(u32, Option<u32>, &str, &str)] = &[
    (EXISTS, None, "failed", "failed"),
    (ABSENT, None, "failed", "completed"),
    (SESSION, None, "completed", "completed"),
    (LOGIN, None, "completed", "completed"),
    (TRANSIENT, None, "completed", "completed"),
    (PERMANENT, None, "failed", "failed"),
    (UNKNOWN, None, "failed", "failed"),
    (UNKNOWN, Some(EXISTS + DETAIL), "failed", "failed"),
    (UNKNOWN, Some(ABSENT + DETAIL), "failed", "completed"),
    (UNKNOWN, Some(SESSION + DETAIL), "completed", "completed"),
    (UNKNOWN, Some(LOGIN + DETAIL), "completed", "completed"),
    (UNKNOWN, Some(TRANSIENT + DETAIL), "completed", "completed"),
    (UNKNOWN, Some(PERMANENT + DETAIL), "failed", "failed"),
    (UNKNOWN, Some(4711), "failed", "failed"),
    // The outer code is looked up first.
    (TRANSIENT, Some(PERMANENT + DETAIL), "completed", "completed"),
    (PERMANENT, Some(TRANSIENT + DETAIL), "failed", "failed"),
    (ABSENT, Some(PERMANENT + DETAIL), "failed", "completed"),
    (PERMANENT, Some(ABSENT + DETAIL), "failed", "failed"),
    (SESSION, Some(EXISTS + DETAIL), "completed", "completed"),
];

#[test]
fn every_class_means_the_same_as_outer_and_as_detail_code_in_either_element() {
    let mut trial = Trial::new();
    for style in [FaultStyle::ErrorCode, FaultStyle::RespCode] {
        for (number, (code, detail, created, deleted)) in CODES.iter().enumerate() {
            let what = format!("{code}/{detail:?} {style:?}");
            let user = format!("user{number}{style:?}@tele.gl");
            let row = trial.send(vec![fault(*code, *detail, style).op("Create")], &add(1, &user));
            assert_eq!(row.status, *created, "{what}: {}", row.reason);
            if row.status == "failed" {
                let detail = detail.map_or("-".to_owned(), |detail| detail.to_string());
                let told = format!("step 1 of 1, create association of {user}: fault from 127.0.0.1");
                assert!(row.reason.starts_with(&told), "{what}: {}", row.reason);
                let told = [format!("fault {code} "), format!("detail {detail} ")];
                assert!(told.iter().all(|told| row.reason.contains(told)), "{what}: {}", row.reason);
                trial.check(&what, vec![], &add(2, &user), "completed");
            }
            let rules = vec![fault(*code, *detail, style).op("Delete").mo("IMSAssociation")];
            trial.check(&what, rules, &delete(3, &user), deleted);
            // Whoever is gone on one side only would be in the way of nobody: each user comes once.
        }
    }
    assert_eq!(trial.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
}

#[test]
fn a_creation_whose_answer_was_lost_and_that_then_exists_is_ours() {
    let mut trial = Trial::new();
    let lost = || Rule::new(Action::ProcessAndDrop).op("Create").times(1);
    for (number, code) in [(EXISTS, None), (UNKNOWN, Some(EXISTS + DETAIL))].into_iter().enumerate() {
        let rules = vec![lost(), fault(code.0, code.1, FaultStyle::RespCode).op("Create")];
        trial.check("exists", rules, &add(1, &format!("ours{number}@tele.gl")), "completed");
    }
    // Another class than "exists" does not say so.
    let rules = vec![lost(), fault(PERMANENT, Some(EXISTS + DETAIL), FaultStyle::ErrorCode).op("Create")];
    trial.check("permanent", rules, &add(2, "other@tele.gl"), "failed");
}

#[test]
fn what_is_not_there_is_as_good_as_deleted_and_a_failure_for_everything_else() {
    let mut trial = Trial::new();
    let absent = || fault(UNKNOWN, Some(ABSENT + DETAIL), FaultStyle::ErrorCode);
    trial.check("add", vec![], &add(1, "anna@tele.gl"), "completed");
    trial.check("set password", vec![absent().op("Set")], &password(2, "anna@tele.gl", "p"), "failed");
    trial.check("set phone", vec![absent().op("Set")], &set_phone(3, "anna@tele.gl", "321044"), "failed");
    trial.check("phone", vec![], &set_phone(4, "anna@tele.gl", "321044"), "completed");
    let rules = vec![absent().op("Set"), absent().op("Delete").mo("DNS"), absent().op("Delete").mo("IMS")];
    trial.check("all of a deletion", rules, &delete(5, "anna@tele.gl"), "completed");
}

#[test]
fn what_is_transient_is_sent_again_until_it_is_taken() {
    let mut trial = Trial::new();
    let again = fault(TRANSIENT, None, FaultStyle::ErrorCode).op("Create").times(5);
    trial.check("transient", vec![again], &add(1, "anna@tele.gl"), "completed");
    let creates = trial.peers.ema.calls().iter().filter(|call| call.operation == "Create").count();
    assert_eq!((creates, trial.peers.ema.holds()), (6, (1, 0)));
}

#[test]
fn a_default_can_be_overridden() {
    let lost = || Rule::new(Action::ProcessAndDrop).op("Create").times(1);
    let mut usual = Trial::new();
    usual.check("13004 by default", vec![lost()], &add(1, "anna@tele.gl"), "completed");
    let mut trial = Trial::with(|config| {
        config.replacen("13004 = \"exists\"", "13004 = \"permanent\"\n3012 = \"permanent\"", 1)
    });
    let row = trial.send(vec![lost()], &add(1, "anna@tele.gl"));
    assert!(row.status == "failed" && row.reason.contains("13004"), "{row:?}");
    trial.peers.ema.expire_sessions();
    let row = trial.send(vec![], &add(2, "bo@tele.gl"));
    assert!(row.status == "failed" && row.reason.contains("3012"), "{row:?}");
}

/// Answers to a deletion of an association, each with the class "absent" somewhere; and whether it is understood so.
#[rustfmt::skip]
const WRITTEN: &[(u16, &str, bool)] = &[
    (500, "<soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/'><soapenv:Body><soapenv:Fault>\
        <faultcode>soapenv:Server</faultcode><detail><ns2:Cai3gFault xmlns:ns2='http://schemas.ericsson.com/cai3g1.2/'>\
        <ns2:faultcode>902</ns2:faultcode></ns2:Cai3gFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>", true),
    (500, "<Envelope><Body><Fault><detail><Cai3gFault><faultcode>902</faultcode></Cai3gFault></detail></Fault></Body></Envelope>", true),
    (200, "<Envelope xmlns='a'><Body xmlns='b'><Fault xmlns='c'><detail><faultcode>902</faultcode></detail></Fault></Body></Envelope>", true),
    (500, "<S:Envelope xmlns:S='x'><S:Header/><S:Body><S:Fault><detail><C:Cai3gFault xmlns:C='y'><faultcode> 4006\n</faultcode>\
        <details><I:IMSFault xmlns:I='z'><I:errorCode> 912 </I:errorCode></I:IMSFault></details></C:Cai3gFault></detail>\
        </S:Fault></S:Body></S:Envelope>", true),
    (500, "<S:Envelope><S:Body><S:Fault><detail><details><respcode>912</respcode></details></detail></S:Fault></S:Body></S:Envelope>", true),
    (400, "<?xml version='1.0' encoding='ISO-8859-1'?><S:Envelope><S:Body><S:Fault><faultcode>902</faultcode></S:Fault></S:Body></S:Envelope>", true),
    (500, "<S:Envelope><S:Body><S:Fault><faultstring>902</faultstring></S:Fault></S:Body></S:Envelope>", false),
    (500, "<S:Envelope><S:Body><S:Fault/></S:Body></S:Envelope>", false),
    (500, "<S:Envelope><S:Body><S:Fault><details><errorcode>-912</errorcode></details></S:Fault></S:Body></S:Envelope>", false),
];

#[test]
fn a_fault_is_understood_whatever_its_prefixes_and_whatever_it_lacks() {
    let mut trial = Trial::new();
    for (number, (status, body, understood)) in WRITTEN.iter().enumerate() {
        let user = format!("user{number}@tele.gl");
        let said = Rule::new(Action::Body { status: *status, body: body.to_string() }).op("Delete").times(1);
        let expected = if *understood { "completed" } else { "failed" };
        trial.check("add", vec![], &add(1, &user), "completed");
        trial.check(body, vec![said], &delete(2, &user), expected);
        // Transient once: the same writing with the other code is sent again.
        let transient = body.replace("902", "905").replace("912", "915");
        let said = Rule::new(Action::Body { status: *status, body: transient.clone() }).op("Create").times(1);
        trial.check(&transient, vec![said], &add(3, &format!("again{number}@tele.gl")), expected);
    }
}
