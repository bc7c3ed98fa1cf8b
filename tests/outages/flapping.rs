//! Those who are neither here nor there: they come and go, they hang, they have no time, they do not let us in.

use crate::after::all_is_well;
use crate::load::Load;
use crate::outage;
use crate::signs::breaker;
use crate::support::daemon::eventually;
use crate::world::{Clusters, Party, Stop, World};
use eventmanager::simulators::script::{Action, Rule};
use std::time::Duration;

/// So often they go and come back.
const TIMES: u64 = 20;
/// Far below the distance of two probes, and then up to it.
const SHORT: Duration = Duration::from_millis(100);

#[test]
fn peers_that_come_and_go_twenty_times_leave_nothing_behind() {
    let world = World::on_a_file("timeout = \"2s\"");
    let daemon = world.start();
    let mut load = Load::new(20);
    for time in 0..TIMES {
        world.take_away(Party::Ema, Stop::Fast);
        world.take_away(Party::Mail, Stop::Fast);
        load.send_for(&world, SHORT + Duration::from_millis(20 * (time % 7)));
        world.give_back(Party::Mail);
        load.send_for(&world, Duration::from_millis(10 * (time % 3)));
        world.give_back(Party::Ema);
        load.send_for(&world, SHORT + Duration::from_millis(30 * (time % 5)));
    }
    all_is_well(&world, &load, &daemon);
    assert_eq!(daemon.terminate(), Some(0));
}

/// How a peer can be of no use without being away.
struct Trouble {
    what: &'static str,
    ema: Option<Action>,
    mail: Option<Action>,
    /// What of the EMA's requests meets it; all, where it is empty.
    op: &'static str,
}

fn both(what: &'static str, action: Action) -> Trouble {
    Trouble { what, ema: Some(action.clone()), mail: Some(action), op: "" }
}

fn troubles() -> Vec<Trouble> {
    let refused = Action::Fault { code: 3014, detail_code: Some(1004), style: Default::default() };
    vec![
        both("they hang", Action::Hang),
        both("they do what they are asked and hang", Action::ProcessAndHang),
        both("they hang up", Action::Drop),
        both("they do what they are asked and hang up", Action::ProcessAndDrop),
        both("they have no time", Action::Status(503)),
        both("their balancer finds nobody", Action::Status(502)),
        Trouble { what: "the login is refused", ema: Some(refused), mail: None, op: "Login" },
        Trouble {
            what: "the mail server refuses the login",
            ema: None,
            mail: Some(Action::Status(401)),
            op: "",
        },
    ]
}

#[test]
fn peers_that_hang_or_have_no_time_or_refuse_the_login_are_waited_for() {
    let world = World::on_a_file("timeout = \"300ms\"");
    let daemon = world.start();
    let mut load = Load::new(30);
    for trouble in troubles() {
        println!("{}", trouble.what);
        let rule = |action: Option<Action>| action.map(Rule::new).into_iter();
        let of_ema = |rule: Rule| if trouble.op.is_empty() { rule } else { rule.op(trouble.op) };
        load.send_for(&world, SHORT);
        world.peers.ema.script(rule(trouble.ema.clone()).map(of_ema).collect());
        world.peers.surgemail.script(rule(trouble.mail.clone()).collect());
        if !trouble.op.is_empty() {
            world.peers.ema.expire_sessions();
        }
        for (action, system) in [(&trouble.ema, "ema"), (&trouble.mail, "mail")] {
            if action.is_some() {
                // That it probes its host now and then does not make it well.
                load.send_until(&world, trouble.what, || breaker(&daemon, system) == 1.0);
            }
        }
        load.send_for(&world, outage());
        world.peers.ema.script(Vec::new());
        world.peers.surgemail.script(Vec::new());
        load.send_for(&world, SHORT);
        all_is_well(&world, &load, &daemon);
        eventually("nobody waits any more", || {
            daemon.get("/readyz").1.contains("\"waiting\":[]").then_some(())
        });
    }
    assert_eq!(daemon.terminate(), Some(0));
}

/// A minute is beyond what a commit or a read may take, so that a long outage of this kind makes connections anew.
#[test]
fn a_database_that_hangs_is_waited_for() {
    let clusters = Clusters::start();
    let rows: [&[Party]; 3] = [&[Party::Events], &[Party::Subscribers], &[Party::Events, Party::Subscribers]];
    for (row, hanging) in rows.into_iter().enumerate() {
        println!("{hanging:?} hanging");
        let world = World::on(&clusters, &format!("hanging{row}"));
        let daemon = world.start();
        let mut load = Load::new(40 + row as u64);
        load.send_for(&world, Duration::from_millis(300));
        hanging.iter().for_each(|database| world.hang(*database));
        load.send_for(&world, outage());
        assert_eq!(daemon.get("/healthz").0, 200, "the daemon itself does not hang");
        hanging.iter().for_each(|database| world.go_on(*database));
        load.send_for(&world, SHORT);
        all_is_well(&world, &load, &daemon);
    }
}
