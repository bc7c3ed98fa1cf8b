//! What a peer may put into its documents does no harm to the page.

use crate::browser::{Scheme, drive};
use crate::given::Desk;
use eventmanager::wire::ocir::write;

#[test]
fn one_long_name_does_not_push_the_columns_out_of_the_window() {
    drive(async |page| {
        let desk = Desk::new();
        let (user, command) = ("u".repeat(250), format!("{}Request", "C".repeat(240)));
        desk.ended(
            &write::report(
                "write1",
                "provadmin",
                "admin@tele.gl",
                "UserAddRequest17sp4",
                "<userId>a</userId>",
            ),
            1,
        );
        desk.ended(
            &write::report("write2", "provadmin", &user, "UserAddRequest17sp4", "<userId>a</userId>"),
            2,
        );
        desk.ended(&write::report("write3", "provadmin", "admin@tele.gl", &command, "<userId>a</userId>"), 3);
        for width in [1280, 1000, 900, 720, 360] {
            page.look(width, 800, Scheme::Light);
            page.go("about:blank").await;
            page.go(&desk.url("")).await;
            page.sees("[data-row='1']", "UserAddRequest").await;
            page.sees("[data-row='2']", &user).await;
            page.sees("[data-row='3']", &command).await;
            let wide = page.value("document.documentElement.scrollWidth").await;
            assert!(wide.as_u64() <= Some(u64::from(width)), "{wide} in a window of {width}");
            if width == 1280 {
                let broken = page
                    .value("document.querySelector(\"[data-row='1'] .command\").getClientRects()[0].height")
                    .await;
                assert!(broken.as_f64() < Some(45.0), "a name of usual length stays on its line: {broken}");
            }
        }
    });
}

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
