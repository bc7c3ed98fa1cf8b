//! One user with a long row of events, as an outage leaves it.

use crate::support::daemon::{Site, eventually};
use crate::support::documents::{add, drop_phone, report, set_phone};
use crate::support::peers::Peers;

/// Longer than what an event could remember of those before it.
const ROW: u64 = 30;

fn change_line(id: u64, user: &str) -> String {
    let endpoint =
        format!("<accessDeviceEndpoint><linePort>line{id}.{user}</linePort></accessDeviceEndpoint>");
    let body = format!("<userId>{user}</userId><endpoint>{endpoint}</endpoint>");
    report(id, "UserModifyRequest17sp4", &body)
}

/// The event that takes the phone away does not name it; that it does so is known from the events before it alone.
#[test]
fn a_phone_is_taken_away_before_it_is_given_also_behind_a_long_row_of_events() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let _daemon = site.start();
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    peers.broadworks.send(&set_phone(3, "anna@tele.gl", "321044"));
    for number in 0..ROW {
        peers.broadworks.send(&change_line(4 + number, "anna@tele.gl"));
    }
    peers.broadworks.send(&drop_phone(900, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(901, "bo@tele.gl", "321044"));
    let all = ROW + 5;
    eventually("all wait", || (site.count(&["pending"]) == all).then_some(()));
    peers.ema.refuse(false).expect("listening again");
    site.wait_ended(all);
    let failed = site.events().into_iter().find(|row| row.status == "failed");
    assert_eq!((failed, peers.ema.holds()), (None, (2, 1)));
}
