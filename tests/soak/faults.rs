//! What goes wrong around the daemon, for some seconds.

use crate::world::Around;
use eventmanager::simulators::asterisk::Ending;
use eventmanager::simulators::script::{Action, Rule};

pub struct Fault {
    pub name: &'static str,
    pub begin: fn(&Around),
    pub end: fn(&Around),
}

fn nothing(_: &Around) {}

fn ema(around: &Around, action: Action) {
    around.peers.ema.script(vec![Rule::new(action)]);
}

fn ema_well(around: &Around) {
    around.peers.ema.script(Vec::new());
}

fn mail(around: &Around, action: Action) {
    around.peers.surgemail.script(vec![Rule::new(action)]);
}

fn mail_well(around: &Around) {
    around.peers.surgemail.script(Vec::new());
}

/// All of it comes again and again.
pub const FAULTS: [Fault; 14] = [
    Fault { name: "nothing", begin: nothing, end: nothing },
    Fault { name: "the EMA never answers", begin: |it| ema(it, Action::Hang), end: ema_well },
    Fault { name: "the EMA has no time", begin: |it| ema(it, Action::Status(503)), end: ema_well },
    Fault { name: "answers of the EMA are lost", begin: |it| ema(it, Action::ProcessAndDrop), end: ema_well },
    Fault {
        name: "the EMA answers rubbish",
        begin: |it| ema(it, Action::Body { status: 200, body: "<rubbish".to_owned() }),
        end: ema_well,
    },
    Fault {
        name: "the EMA has forgotten all sessions",
        begin: |it| it.peers.ema.expire_sessions(),
        end: nothing,
    },
    Fault {
        name: "nobody listens where the EMA is",
        begin: Around::cut_gateway_off,
        end: |it| it.peers.ema.refuse(false).expect("it listens"),
    },
    Fault { name: "the mail server never answers", begin: |it| mail(it, Action::Hang), end: mail_well },
    Fault {
        name: "answers of the mail server are lost",
        begin: |it| mail(it, Action::ProcessAndDrop),
        end: mail_well,
    },
    Fault {
        name: "an Asterisk is reset",
        begin: |it| it.fleet.peers[0].end_sessions(Ending::Reset).expect("it is"),
        end: nothing,
    },
    Fault {
        name: "an Asterisk is away",
        begin: |it| it.fleet.peers[1].stop(Ending::Quiet).expect("it stops"),
        end: |it| it.fleet.peers[1].start().expect("it starts"),
    },
    Fault { name: "the database ends all sessions", begin: end_sessions, end: end_sessions },
    Fault { name: "HTTP is asked for everything", begin: ask_everything, end: ask_everything },
    Fault { name: "OpenSIPS has forgotten us", begin: |it| it.sbc.restart(), end: nothing },
];

fn end_sessions(around: &Around) {
    let ended = around.base.try_events(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'eventmanager%'",
    );
    ended.expect("sessions are ended");
}

/// What pages and scrapers ask for; answers may be errors meanwhile.
fn ask_everything(around: &Around) {
    let paths = [
        "/metrics",
        "/api/v1/events?limit=500",
        "/api/v1/hubs",
        "/api/v1/states",
        "/api/v1/tree",
        "/api/v1/status",
        "/",
        "/nowhere",
    ];
    for path in paths {
        let _ = around.life.ask("GET", path, "");
    }
}
