//! How everything around the daemon is.

use crate::browser::drive;
use crate::given::{Desk, configure};
use crate::support::daemon::eventually;

#[test]
fn a_system_is_paused_and_resumed_with_a_reason() {
    drive(async |page| {
        let desk = Desk::new();
        let known = || desk.daemon().get("/api/v1/systems").1.contains("running").then_some(());
        eventually("the pauses are known", known);
        page.go(&desk.url("#/systems")).await;
        page.click("#pause-hss").await;
        page.write("dialog input", "upgrade of the HSS\n").await;
        page.sees("#system-hss", "paused by local").await;
        page.sees("#system-hss", "upgrade of the HSS").await;
        page.sees(".alarm", "Paused: hss").await;
        page.click("#resume-hss").await;
        page.click("dialog button[type=submit]").await;
        page.sees("#system-hss", "running").await;
        page.sees_no(".alarm").await;
    });
}

#[test]
fn what_became_of_an_act_is_told_while_it_is_so_and_on_its_page_alone() {
    drive(async |page| {
        let desk = Desk::new();
        page.go(&desk.url("#/systems")).await;
        page.click("#pause-mail").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".notice", "Mail is paused").await;
        page.sees("#system-mail", "paused by local").await;
        desk.act("/api/v1/systems/mail/resume", "{}");
        page.sees_no(".notice").await;
        page.click("#pause-hss").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".notice", "HSS is paused").await;
        page.press("1").await;
        page.sees("h1", "Events").await;
        page.sees_no(".notice").await;
        page.sees(".alarm", "Paused: hss").await;
    });
}

#[test]
fn connections_hosts_and_actors_are_shown() {
    drive(async |page| {
        let desk = Desk::new();
        page.go(&desk.url("#/systems")).await;
        page.sees("tr", "as1").await;
        page.sees("tr .status.completed", "up").await;
        page.sees("tr", "primary").await;
        page.sees(".tile", &format!("at {}", desk.site.directory.path().display())).await;
        page.sees(".tile", "iB").await;
        page.sees_no(".tile .status.pending").await;
        page.sees_no(".alarm").await;
        page.sees(".tree", "connections").await;
        page.sees("[data-path='root/connections'] li", "intake").await;
        page.click("[data-path='root/connections'] > summary").await;
        page.sees_no("[data-path='root/connections'] li").await;
    });
}

#[test]
fn little_room_on_the_disk_stands_out_on_every_page() {
    drive(async |page| {
        let mut desk = Desk::new();
        desk.kill();
        configure(&desk.site, "[processing]", "[store]\ndisk_low = \"100%\"\n[processing]");
        desk.start();
        page.go(&desk.url("#/events")).await;
        page.sees(".alarm", "Little room is left on the disk").await;
        page.go(&desk.url("#/systems")).await;
        page.sees(".tile .status", "low").await;
    });
}
