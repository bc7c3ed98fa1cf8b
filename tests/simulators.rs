//! The simulated EMA and SurgeMail, asked over plain sockets with requests written by hand.

use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, Outcome, PATH, faults};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use eventmanager::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// An HTTP client that never repeats a request and sees how a connection ends.
struct Client {
    stream: TcpStream,
    session: Option<String>,
}

impl Client {
    fn connect(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client { stream, session: None })
    }

    /// A client with a session.
    fn logged_in(ema: &EmaHandle) -> Client {
        let mut client = Client::connect(ema.addr()).unwrap();
        client.log_in();
        client
    }

    fn post(&mut self, target: &str, headers: &str, body: &str) -> io::Result<(u16, String)> {
        let length = body.len();
        // In one piece: a request in several segments waits for the acknowledgement of the first.
        let request =
            format!("POST {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    fn soap(&mut self, inner: &str) -> io::Result<(u16, String)> {
        let header = match &self.session {
            Some(session) => format!("<S:Header><cai3:SessionId>{session}</cai3:SessionId></S:Header>"),
            None => String::new(),
        };
        let body = format!(
            "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:cai3=\"http://schemas.ericsson.com/cai3g1.2/\">{header}<S:Body>{inner}</S:Body></S:Envelope>"
        );
        self.post(PATH, "Content-Type: text/xml\r\n", &body)
    }

    fn log_in(&mut self) {
        let (status, body) = self.soap(&login("emauser", "emapass")).unwrap();
        assert_eq!(status, 200, "{body}");
        let after = body.split("sessionId>").nth(1).unwrap();
        self.session = Some(after.split('<').next().unwrap().to_owned());
    }

    fn succeeds(&mut self, inner: &str) {
        let (status, body) = self.soap(inner).unwrap();
        assert_eq!(status, 200, "{body}");
    }

    fn is_refused(&mut self, inner: &str, code: u32, detail_code: u32) {
        let (status, body) = self.soap(inner).unwrap();
        assert_eq!(status, 500, "{body}");
        assert!(body.contains(&format!("faultcode>{code}<")), "{code} in {body}");
        assert!(body.contains(&format!("code>{detail_code}<")), "{detail_code} in {body}");
    }
}

fn login(user: &str, password: &str) -> String {
    format!("<cai3:Login><cai3:userId>{user}</cai3:userId><cai3:pwd>{password}</cai3:pwd></cai3:Login>")
}

fn hss(operation: &str, id: &str, attributes: &str) -> String {
    format!(
        "<cai3:{operation} xmlns:hss=\"http://schemas.ericsson.com/ma/HSS/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <cai3:MOType>IMSAssociation@http://schemas.ericsson.com/ma/HSS/</cai3:MOType>\
         <cai3:MOId><hss:associationId>{id}</hss:associationId></cai3:MOId>{attributes}</cai3:{operation}>"
    )
}

fn set(id: &str, children: &str) -> String {
    hss(
        "Set",
        id,
        &format!(
            "<cai3:MOAttributes><hss:SetIMSAssociation associationId=\"{id}\">{children}\
             </hss:SetIMSAssociation></cai3:MOAttributes>"
        ),
    )
}

fn public_data(public_id: &str, user: &str, profile: &str) -> String {
    format!(
        "<hss:publicData publicIdValue=\"{public_id}\"><hss:publicIdValue>{public_id}</hss:publicIdValue>\
         <hss:privateUserId>{user}</hss:privateUserId><hss:implicitRegSet>1</hss:implicitRegSet>\
         <hss:isDefault>false</hss:isDefault><hss:serviceProfileId>{profile}</hss:serviceProfileId>\
         <hss:sessionBarringInd>false</hss:sessionBarringInd></hss:publicData>"
    )
}

fn profile(id: &str) -> String {
    format!(
        "<hss:subscriberServiceProfile serviceProfileId=\"{id}\"><hss:serviceProfileId>{id}</hss:serviceProfileId>\
         <hss:configuredServiceProfile configuredServiceProfileId=\"sp\">\
         <hss:configuredServiceProfileId>sp</hss:configuredServiceProfileId></hss:configuredServiceProfile>\
         <hss:maxNumberSessions>99</hss:maxNumberSessions><hss:phoneContext>tg.gl</hss:phoneContext>\
         </hss:subscriberServiceProfile>"
    )
}

fn nil_public_data(public_id: &str) -> String {
    format!("<hss:publicData publicIdValue=\"{public_id}\" xsi:nil=\"true\"/>")
}

fn nil_profile(id: &str) -> String {
    format!("<hss:subscriberServiceProfile serviceProfileId=\"{id}\" xsi:nil=\"true\"/>")
}

fn create_association(id: &str, user: &str) -> String {
    let public_data =
        public_data(&format!("sip:{user}"), user, user).replace("<hss:isDefault>false</hss:isDefault>", "");
    let profile = profile(user);
    hss(
        "Create",
        id,
        &format!(
            "<cai3:MOAttributes><hss:CreateIMSAssociation associationId=\"{id}\">\
             <hss:associationId>{id}</hss:associationId>\
             <hss:chargingProfId>DefaultChargingProfile</hss:chargingProfId><hss:isPsi>false</hss:isPsi>\
             <hss:privateUser privateUserId=\"{user}\"><hss:privateUserId>{user}</hss:privateUserId>\
             <hss:userPassword>geheim</hss:userPassword>\
             <hss:allowedAuthMechanism>DIGEST</hss:allowedAuthMechanism></hss:privateUser>\
             {public_data}{profile}</hss:CreateIMSAssociation></cai3:MOAttributes>"
        ),
    )
}

fn delete_association(id: &str) -> String {
    hss("Delete", id, "")
}

fn enumeration(operation: &str, msisdn: &str, attributes: &str) -> String {
    format!(
        "<cai3:{operation} xmlns:ns=\"http://schemas.ericsson.com/ema/UserProvisioning/IPWorks/5.0/\">\
         <cai3:MOType>DNSSubscription@http://schemas.ericsson.com/ema/UserProvisioning/IPWorks/5.0/</cai3:MOType>\
         <cai3:MOId><ns:msisdn>{msisdn}</ns:msisdn></cai3:MOId>\
         <cai3:MOAttributes>{attributes}</cai3:MOAttributes></cai3:{operation}>"
    )
}

fn create_enum(msisdn: &str, public_id: &str) -> String {
    let attributes = format!(
        "<ns:createDNSSubscription msisdn=\"{msisdn}\"><ns:msisdn>{msisdn}</ns:msisdn>\
         <ns:records publicId=\"{public_id}\"><ns:publicId>{public_id}</ns:publicId><ns:flags>nu</ns:flags>\
         <ns:order>10</ns:order><ns:preference>10</ns:preference><ns:service>E2U+sip</ns:service></ns:records>\
         </ns:createDNSSubscription>"
    );
    enumeration("Create", msisdn, &attributes)
}

fn delete_enum(msisdn: &str) -> String {
    enumeration("Delete", msisdn, &format!("<ns:deleteDNSSubscription msisdn=\"{msisdn}\"/>"))
}

fn start() -> EmaHandle {
    EmaSimulator::start(EmaOptions::default()).unwrap()
}

fn closed(result: io::Result<(u16, String)>) {
    let kind = result.expect_err("there should be no answer").kind();
    let expected = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(expected.contains(&kind), "{kind:?}");
}

#[test]
fn the_core_holds_exactly_what_requests_have_built() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    client.succeeds(&set("a1", &public_data("tel:+299321044", "nivi@x.gl", "nivi@x.gl")));
    client.succeeds(&create_enum("tel:299321044", "sip:nivi@x.gl"));
    client.succeeds(&set("a1", &nil_public_data("sip:nivi@x.gl")));
    client.succeeds(&set("a1", &profile("other@x.gl")));
    client.succeeds(&set("a1", &public_data("sip:other@x.gl", "nivi@x.gl", "other@x.gl")));
    let context = "<hss:subscriberServiceProfile serviceProfileId=\"other@x.gl\">\
                   <hss:phoneContext>nuk.tg.gl</hss:phoneContext></hss:subscriberServiceProfile>";
    client.succeeds(&set("a1", context));
    let shown = ema.state().to_string();
    let expected = "association a1 user nivi@x.gl\n    \
                    sip:other@x.gl of nivi@x.gl, set 1, profile other@x.gl\n    \
                    tel:+299321044 of nivi@x.gl, set 1, profile nivi@x.gl\n    \
                    profile nivi@x.gl = sp, context tg.gl\n    \
                    profile other@x.gl = sp, context nuk.tg.gl\n\
                    enum tel:299321044 → sip:nivi@x.gl\n";
    assert_eq!(shown, expected);
    client.succeeds(&delete_association("a1"));
    client.succeeds(&delete_enum("tel:299321044"));
    assert_eq!(ema.state().to_string(), "");
    assert_eq!((ema.counts().hss, ema.counts().enumerations, ema.counts().faults), (7, 2, 0));
}

#[test]
fn what_a_real_core_refuses_is_refused() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let mut refused = |request: &str, detail| client.is_refused(request, faults::EXTERNAL_ERROR, detail);
    refused(&delete_association("a1"), faults::ASSOCIATION_ABSENT);
    refused(&set("a1", &profile("p")), faults::ASSOCIATION_ABSENT);
    refused(&delete_enum("tel:2991"), faults::DNS_SUBSCRIPTION_ABSENT);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    client.succeeds(&create_association("a2", "malik@x.gl"));
    client.succeeds(&create_enum("tel:2991", "sip:nivi@x.gl"));
    let before = ema.state();
    let mut refused = |request: &str, detail| client.is_refused(request, faults::EXTERNAL_ERROR, detail);
    refused(&create_association("a1", "nivi@x.gl"), faults::ASSOCIATION_EXISTS);
    refused(&create_association("a3", "nivi@x.gl"), faults::PUBLIC_IDENTITY_TAKEN);
    refused(&create_enum("tel:2991", "sip:malik@x.gl"), faults::DNS_SUBSCRIPTION_EXISTS);
    refused(
        &set("a2", &public_data("sip:nivi@x.gl", "malik@x.gl", "malik@x.gl")),
        faults::PUBLIC_IDENTITY_TAKEN,
    );
    refused(&set("a2", &public_data("tel:+2992", "nivi@x.gl", "malik@x.gl")), faults::PRIVATE_USER_ABSENT);
    refused(&set("a2", &public_data("tel:+2992", "malik@x.gl", "nivi@x.gl")), faults::SERVICE_PROFILE_ABSENT);
    refused(&set("a2", &nil_public_data("tel:+2992")), faults::PUBLIC_IDENTITY_ABSENT);
    refused(&set("a2", &nil_profile("nivi@x.gl")), faults::SERVICE_PROFILE_ABSENT);
    refused(&set("a2", &nil_profile("malik@x.gl")), faults::SERVICE_PROFILE_IN_USE);
    assert_eq!(ema.state(), before, "a refused request changes nothing");
    client.succeeds(&delete_association("a1"));
    client.succeeds(&create_association("a3", "nivi@x.gl"));
}

#[test]
fn only_open_sessions_are_served() {
    let ema = start();
    let mut client = Client::connect(ema.addr()).unwrap();
    client.is_refused(&login("emauser", "wrong"), faults::LOGIN_FAILURE, faults::AUTHENTICATION_FAILED);
    client.is_refused(&create_enum("tel:2991", "sip:a"), faults::INVALID_SESSION, 1004);
    client.log_in();
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    ema.expire_sessions();
    client.is_refused(&create_enum("tel:2992", "sip:a"), faults::INVALID_SESSION, 1004);
    client.log_in();
    let session = client.session.clone().unwrap();
    assert_eq!(ema.open_sessions(), std::slice::from_ref(&session));
    client.succeeds(&format!("<cai3:Logout><cai3:sessionId>{session}</cai3:sessionId></cai3:Logout>"));
    assert!(ema.open_sessions().is_empty());
    client.is_refused(&create_enum("tel:2992", "sip:a"), faults::INVALID_SESSION, 1004);
    assert_eq!((ema.counts().logins, ema.counts().logouts), (2, 1));
}

#[test]
fn sessions_are_limited_in_number_and_in_time() {
    let lifetime = Duration::from_millis(50);
    let options =
        EmaOptions { session_limit: Some(1), session_lifetime: Some(lifetime), ..EmaOptions::default() };
    let ema = EmaSimulator::start(options).unwrap();
    let mut client = Client::logged_in(&ema);
    let opened = Instant::now();
    let refused = client.soap(&login("emauser", "emapass")).unwrap();
    if opened.elapsed() < lifetime {
        assert!(refused.1.contains(&faults::TOO_MANY_SESSIONS.to_string()), "{refused:?}");
    }
    while !ema.open_sessions().is_empty() {
        std::thread::yield_now();
    }
    client.is_refused(&delete_enum("tel:2991"), faults::INVALID_SESSION, 1004);
    client.log_in();
}

#[test]
fn rubbish_is_answered_with_a_fault() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    for body in ["", "<", "no soap at all", "<S:Envelope><S:Body/></S:Envelope>"] {
        let (status, answer) = client.post(PATH, "", body).unwrap();
        assert_eq!(status, 500, "{body:?}");
        assert!(answer.contains(&faults::BAD_REQUEST.to_string()), "{answer}");
    }
}

#[test]
fn a_script_decides_what_comes_of_a_request() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let fault = Action::Fault { code: 4006, detail_code: Some(35256), style: FaultStyle::RespCode };
    ema.script(vec![
        Rule::new(fault).op("Create").mo("DNSSubscription").contains("2991").times(1),
        Rule::new(Action::Status(503)).op("Create").skip(1).times(1),
        Rule::new(Action::Body { status: 200, body: "?".to_owned() }).op("Delete"),
    ]);
    let (status, body) = client.soap(&create_enum("tel:2991", "sip:a")).unwrap();
    assert_eq!(status, 500);
    assert!(body.contains("respCode>35256<"), "{body}");
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    assert_eq!(client.soap(&create_enum("tel:2992", "sip:a")).unwrap().0, 503);
    client.succeeds(&create_enum("tel:2992", "sip:a"));
    assert_eq!(client.soap(&delete_enum("tel:2992")).unwrap(), (200, "?".to_owned()));
    assert_eq!(ema.state().enum_records.len(), 2, "what the script answered was not done");
}

#[test]
fn a_dropped_request_is_not_done_and_a_processed_one_is_though_nobody_hears_of_it() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let session = client.session.clone();
    ema.script(vec![
        Rule::new(Action::Drop).contains("2991").times(1),
        Rule::new(Action::ProcessAndDrop).contains("2992").times(1),
    ]);
    closed(client.soap(&create_enum("tel:2991", "sip:a")));
    assert!(ema.state().enum_records.is_empty());
    let mut client = Client { session: session.clone(), ..Client::connect(ema.addr()).unwrap() };
    closed(client.soap(&create_enum("tel:2992", "sip:a")));
    assert_eq!(ema.state().enum_records.len(), 1);
    let mut client = Client { session, ..Client::connect(ema.addr()).unwrap() };
    client.is_refused(&create_enum("tel:2992", "sip:a"), 4006, faults::DNS_SUBSCRIPTION_EXISTS);
    let twice = ema.created_twice();
    assert_eq!((twice.refused, twice.refused_after_answer, twice.applied_again), (1, 0, 0));
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    client.is_refused(&create_enum("tel:2991", "sip:a"), 4006, faults::DNS_SUBSCRIPTION_EXISTS);
    client.succeeds(&delete_enum("tel:2991"));
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    let twice = ema.created_twice();
    assert_eq!((twice.refused, twice.refused_after_answer, twice.applied_again), (2, 1, 1));
    let outcomes: Vec<_> = ema.calls().iter().skip(1).take(3).map(|call| call.outcome).collect();
    let exists = Outcome::Fault { code: 4006, detail_code: Some(faults::DNS_SUBSCRIPTION_EXISTS) };
    assert_eq!(outcomes, [Outcome::Unanswered { done: false }, Outcome::Unanswered { done: true }, exists]);
}

#[test]
fn a_hung_request_holds_up_no_other() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    ema.script(vec![Rule::new(Action::ProcessAndHang).times(1)]);
    let mut hanging = Client { session: client.session.clone(), ..Client::connect(ema.addr()).unwrap() };
    hanging.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let waited = hanging.soap(&create_enum("tel:2991", "sip:a")).expect_err("no answer comes").kind();
    assert!(matches!(waited, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waited:?}");
    client.succeeds(&create_enum("tel:2992", "sip:a"));
    assert_eq!(ema.state().enum_records.len(), 2);
}

#[test]
fn answers_come_after_the_latency() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let latency = Duration::from_millis(30);
    ema.set_latency(latency);
    let started = Instant::now();
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    assert!(started.elapsed() >= latency);
    ema.set_latency(Duration::ZERO);
    ema.script(vec![Rule::delay(latency)]);
    let started = Instant::now();
    client.succeeds(&create_enum("tel:2992", "sip:a"));
    assert!(started.elapsed() >= latency);
}

#[test]
fn a_refusing_server_listens_again_at_the_same_port_with_what_it_held() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    for _ in 0..3 {
        ema.refuse(true).unwrap();
        closed(client.soap(&delete_association("a1")));
        for _ in 0..100 {
            let refused = TcpStream::connect(ema.addr()).expect_err("the port is closed");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
        ema.refuse(false).unwrap();
        let session = client.session.take();
        client = Client { session, ..Client::connect(ema.addr()).unwrap() };
        client.is_refused(&create_association("a1", "nivi@x.gl"), 4006, faults::ASSOCIATION_EXISTS);
    }
}

#[test]
fn the_journal_tells_what_was_asked_in_order_and_can_be_switched_off() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    client.succeeds(&set("a1", &public_data("tel:+2991", "nivi@x.gl", "nivi@x.gl")));
    let calls = ema.calls();
    let told: Vec<_> =
        calls.iter().map(|call| (call.number, call.step, &*call.mo_id, &*call.subject)).collect();
    assert_eq!(
        told,
        [
            (1, "Login", "", ""),
            (2, "Create Association", "a1", "sip:nivi@x.gl"),
            (3, "Set teluri", "a1", "tel:+2991")
        ]
    );
    assert_eq!(calls[2].session, client.session);
    let quiet = EmaSimulator::start(EmaOptions { journal: 0, ..EmaOptions::default() }).unwrap();
    Client::logged_in(&quiet);
    assert!(quiet.calls().is_empty());
    assert_eq!(quiet.counts().requests, 1);
}

#[test]
fn a_stopped_simulator_frees_its_port_and_keeps_its_state() {
    let mut ema = start();
    Client::logged_in(&ema).succeeds(&create_association("a1", "nivi@x.gl"));
    ema.stop();
    assert_eq!(ema.state().associations.len(), 1);
    let options = EmaOptions { addr: ema.addr(), ..EmaOptions::default() };
    drop(ema);
    let again = EmaSimulator::start(options).unwrap();
    assert!(again.state().associations.is_empty());
}

fn start_mail() -> SurgemailHandle {
    SurgemailSimulator::start(SurgemailOptions::default()).unwrap()
}

/// A request of the mail administrator; `mailadmin:mailpass` unless `authorization` says otherwise.
fn mail(server: &SurgemailHandle, target: &str, authorization: &str) -> u16 {
    let headers = format!("Authorization: Basic {authorization}\r\nContent-Type: text/html\r\n");
    Client::connect(server.addr()).unwrap().post(target, &headers, "").unwrap().0
}

const MAIL_ADMIN: &str = "bWFpbGFkbWluOm1haWxwYXNz";

#[test]
fn mail_domains_and_accounts_come_and_go() {
    let server = start_mail();
    let ask = |target: &str| mail(&server, target, MAIL_ADMIN);
    let save = "/cgi/admin.cgi?show=simple_msg.xml&cmd=global_misc_save\
                &misc_settings=domain_name,manager_username,manager_password,create_user,create_max\
                &misc_cmd=special&domainid=-1&name=x.gl&manager_username=admin&manager_password=p%26%C3%A6";
    let create = "/cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_create&user_fields=user_id\
                  &username=admin@x.gl&password=p%26%C3%A6&lusername=nivi&lpassword=geheim";
    assert_eq!(ask(save), 200);
    assert_eq!(ask(create), 200);
    assert_eq!(server.state().to_string(), "domain x.gl, manager admin\n    nivi@x.gl\n");
    assert_eq!(server.state().domains["x.gl"].manager_password.expose(), "p&æ");
    assert_eq!(ask(&create.replace("p%26%C3%A6", "wrong")), 403);
    assert_eq!(mail(&server, save, "d3Jvbmc6d3Jvbmc="), 401);
    assert_eq!(ask("/cgi/admin.cgi?cmd=unheard_of"), 400);
    assert_eq!(ask(&create.replace("user_create", "user_delete").replace("&lpassword=geheim", "")), 200);
    assert!(server.state().domains["x.gl"].accounts.is_empty());
    let delete = "/cgi/admin.cgi?show=simple_msg.xml&cmd=domain_delete&domain=x.gl&delete_users=true&delete_files=true";
    assert_eq!(ask(delete), 200);
    assert!(server.state().domains.is_empty());
    assert_eq!(server.requests(), 7);
}

#[test]
fn mail_for_a_domain_made_elsewhere_wants_the_common_password() {
    let server = start_mail();
    let create = "/cgi/domadmin.cgi?cmd=cmd_user_login&lcmd=user_create&user_fields=user_id\
                  &username=admin@x.gl&password=domainpass&lusername=nivi&lpassword=geheim";
    assert_eq!(mail(&server, &create.replace("domainpass", "wrong"), MAIL_ADMIN), 403);
    assert_eq!(mail(&server, create, MAIL_ADMIN), 200);
    server.script(vec![Rule::new(Action::Status(503)).contains("lusername=malik")]);
    assert_eq!(mail(&server, &create.replace("nivi", "malik"), MAIL_ADMIN), 503);
    assert_eq!(server.state().to_string(), "domain x.gl, manager admin@x.gl\n    nivi@x.gl\n");
}
