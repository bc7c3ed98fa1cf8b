//! What a peer may put into its documents does no harm to the page.

use crate::browser::drive;
use crate::given::Desk;
use eventmanager::wire::ocir::write;

#[test]
fn a_name_that_turns_the_direction_of_writing_turns_nothing_but_itself() {
    drive(async |page| {
        let desk = Desk::new();
        let command = "UserAddRequest17sp4";
        let report = |id, user| write::report(id, "provadmin", user, command, "<userId>a</userId>");
        desk.ended(&report("write1", "anna\u{202e}lg.elet\u{2066}"), 1);
        desk.ended(&report("write2", "\u{5d0}\u{5d1}@tele.gl"), 2);
        page.go(&desk.url("")).await;
        page.sees("[data-row='1'] .user", "anna\\u202elg.elet\\u2066").await;
        page.sees("[data-row='2'] .user bdi", "\u{5d0}\u{5d1}@tele.gl").await;
        page.go(&desk.url("#/events/1")).await;
        page.sees("h1", "").await;
        let raw = page.value("/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)").await;
        assert_eq!(raw, false);
    });
}
