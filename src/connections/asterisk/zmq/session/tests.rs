//! What leaves for a module, and when.

use super::*;
use crate::connections::asterisk::given::{around, held};
use crate::lease::Lease;
use crate::managers::device_state::messages::Tell;
use crate::states::DeviceState;
use crate::zmq::{Happening, PublishServer, Question, Replier, ServerSettings};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A module that tells the test what it is asked.
struct Module {
    questions: Replier,
    events: PublishServer,
    addresses: ZmqManager,
}

impl Module {
    async fn start() -> Module {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (cmd, evt) = (listen().await, listen().await);
        let address = |listener: &TcpListener| listener.local_addr().expect("an address").to_string();
        let addresses = ZmqManager { cmd: address(&cmd), evt: address(&evt) };
        let settings = ServerSettings::default();
        let (questions, events) = (Replier::new(cmd, settings.clone()), PublishServer::new(evt, settings));
        Module { questions, events, addresses }
    }

    async fn question(&mut self) -> Question {
        loop {
            tokio::select! {
                happening = self.questions.next() => if let Happening::Brought(question) = happening {
                    return question;
                },
                _ = self.events.next() => {}
            }
        }
    }

    /// The name of the next action, which is answered.
    async fn next(&mut self) -> String {
        let question = self.question().await;
        let asked: serde_json::Value = serde_json::from_slice(&question.frames[0]).expect("JSON");
        let reply = serde_json::json!([{"Response": "Success", "ActionID": asked["ActionID"]}]);
        question.reply(&[reply.to_string()]).expect("room");
        asked["Action"].as_str().expect("an action").to_owned()
    }

    /// A session with it, which it has answered once.
    async fn session<'a>(&mut self, around: &'a Around) -> Session<'a> {
        let addresses = self.addresses.clone();
        let (session, _) = tokio::join!(Session::open(around, None, &addresses), self.next());
        session.expect("a session")
    }
}

type Told = oneshot::Receiver<Result<Answer, NotRun>>;

fn wish(action: &str, until: Instant) -> (RunAction, Receipt, Told) {
    let (receipt, told) = Receipt::new();
    (RunAction { action: action.to_owned(), headers: Vec::new(), until }, receipt, told)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn write(session: messages::Session) -> Order {
    let variable = b"DEVICE_STATE(Custom:SIP/1)".as_slice().into();
    let write = Write { entry: 1, variable, value: Value::Device(DeviceState::InUse) };
    Order::Tell(Tell { session, writes: vec![write] })
}

#[actix::test]
async fn without_the_lease_a_module_is_asked_whether_it_is_there_and_nothing_else() {
    let (mut module, around) = (Module::start().await, around(Lease::waiting()));
    let mut session = module.session(&around).await;
    let (run, receipt, told) = wish("Originate", later());
    around.orders.give(Order::Run(run, receipt));
    let (ping, receipt, pinged) = wish("Ping", later());
    around.orders.give(Order::Ping(ping, receipt));
    tokio::select! {
        reason = session.run() => panic!("{reason}"),
        asked = module.next() => assert_eq!(asked, "Ping"),
    }
    assert_eq!(told.await, Ok(Err(NotRun::NotActive)));
    drop(pinged);
    // It is told anew what it is to have when it is connected anew, and the lease is held.
    around.orders.give(write(session.id));
    tokio::select! {
        reason = session.run() => assert_eq!(reason, LeaseOver.to_string()),
        asked = module.next() => panic!("{asked}"),
    }
}

#[actix::test]
async fn a_write_that_waited_for_room_is_not_sent_when_the_lease_has_ended() {
    let lease = held();
    let (mut module, around) = (Module::start().await, around(lease.clone()));
    let mut session = module.session(&around).await;
    (0..WINDOW).for_each(|_| session.want("Ping", Asked::Ping));
    around.orders.give(write(session.id));
    tokio::select! {
        reason = session.run() => panic!("{reason}"),
        question = module.question() => {
            lease.end();
            question.reply(&[r#"[{"Response":"Success"}]"#]).expect("room");
        }
    }
    loop {
        tokio::select! {
            reason = session.run() => return assert_eq!(reason, LeaseOver.to_string()),
            asked = module.next() => assert_eq!(asked, "Ping"),
        }
    }
}

#[actix::test]
async fn an_action_that_waited_for_room_longer_than_its_time_is_not_sent() {
    let (mut module, around) = (Module::start().await, around(held()));
    let mut session = module.session(&around).await;
    for _ in 0..WINDOW {
        session.send_urgent(0, &Action::new("Ping", "0").expect("an action"), Asked::Ping);
    }
    let soon = Instant::now() + Duration::from_secs(1);
    let (run, receipt, mut told) = wish("Originate", soon);
    session.run_action(&run, receipt, true);
    assert_eq!(session.send_what_waits(), Ok(()));
    assert!(told.try_recv().is_err(), "it waits");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    // There is room for it now.
    let (reply, _) = tokio::join!(session.requester.next(), module.next());
    session.replied(&reply.expect("a reply").frames).expect("an answer");
    assert_eq!(session.send_what_waits(), Ok(()));
    assert_eq!(told.try_recv(), Ok(Err(NotRun::Late)));
}
