//! Every page for every eye: contrast and structure by axe, narrow screens, pictures.

use crate::browser::{Browser, Scheme, drive};
use crate::given::Desk;
use crate::support::documents::{add_to, group_delete, report, set_phone};
use std::path::Path;

/// axe-core, which `tests/run` fetches.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe-core/package/axe.min.js");

/// Name of the picture, place, and what is there when it is complete.
const PAGES: &[(&str, &str, &str)] = &[
    ("events", "#/events", "[data-row]"),
    ("event", "#/events/2", ".step"),
    ("group", "#/events/6", "progress"),
    ("failures", "#/faults", "[data-row]"),
    ("bulk", "#/bulk?status=failed", "#prepare"),
    ("systems", "#/systems", ".tree"),
    ("subscribers", "#/subscribers", "[data-row]"),
    ("subscriber", "#/subscribers/anna@tele.gl", "#reprovision"),
    ("states", "#/states", "[data-name]"),
    ("hubs", "#/hubs", "[data-hub]"),
    ("audit", "#/audit", "td"),
    // A slow machine gives up searching, and offers to go on.
    ("nothing", "#/events?text=nothing-has-this", ".empty, #search-on"),
    ("unknown", "#/events/4711", ".problem"),
];

/// What the documentation shows.
const PICTURED: &[&str] = &[
    "events",
    "event",
    "group",
    "failures",
    "bulk",
    "systems",
    "states",
    "hubs",
    "subscribers",
    "subscriber",
    "audit",
];

/// A desk where every page has something to show.
fn desk() -> Desk {
    let desk = Desk::with_asterisks();
    desk.with_failures();
    desk.ended(&report(4, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"), 4);
    desk.ended(&add_to(5, "KNI-015", "zoe@tele.gl"), 5);
    desk.ended(&group_delete(6, "KNI-015"), 6);
    let odd = "<groupId>KNI-014</groupId><userId>berta@tele.gl</userId>\
               <address><stateOrProvince>Thule</stateOrProvince></address>";
    desk.ended(&report(7, "UserAddRequest17sp4", odd), 7);
    desk.ended(&set_phone(8, "nemo@tele.gl", "+299-321048"), 8);
    desk.act("/api/v1/events/8/resolve", r#"{"reason": "a test of the portal"}"#);
    desk.with_hub_of_nobody();
    desk.act("/api/v1/systems/mail/pause", r#"{"reason": "the mail server is moved"}"#);
    desk
}

/// Opens a page anew and waits until it is complete.
async fn open(page: &Browser, desk: &Desk, place: &str, complete: &str) {
    page.go("about:blank").await;
    page.go(&desk.url(place)).await;
    page.sees(complete, "").await;
    page.sees("#live", "live").await;
    page.sees("#foot", "API").await;
}

/// What axe finds wrong with what is shown.
async fn check(page: &Browser, name: &str) {
    let axe = std::fs::read_to_string(AXE)
        .unwrap_or_else(|error| panic!("{AXE}: {error}; ./tests/run fetches it, or ./tests/run axe alone"));
    page.run(&axe, vec![]).await;
    let found = page
        .answer(
            "const done = arguments[arguments.length - 1]; axe.run().then(({ violations }) => done(
                violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)))",
        )
        .await;
    assert_eq!(found.as_array().expect("a list"), &Vec::<serde_json::Value>::new(), "{name}");
}

#[test]
fn axe_finds_nothing_wrong_with_any_page_in_light_and_dark() {
    drive(async |page| {
        let desk = desk();
        for scheme in [Scheme::Light, Scheme::Dark] {
            page.look(1280, 900, scheme);
            for (name, place, complete) in PAGES {
                open(page, &desk, place, complete).await;
                check(page, &format!("{name} {scheme:?}")).await;
            }
            open(page, &desk, "#/hubs", "[data-hub]").await;
            page.click("[data-hub] a").await;
            page.sees(".card td", "retried").await;
            check(page, &format!("hub {scheme:?}")).await;
            page.click("#replay").await;
            page.sees("dialog", "").await;
            check(page, &format!("replay {scheme:?}")).await;
            open(page, &desk, "#/events/2", ".step").await;
            page.click("#plan").await;
            page.sees("#foreseen", "").await;
            page.click("#resolve").await;
            page.sees("dialog", "").await;
            check(page, &format!("dialog {scheme:?}")).await;
        }
    });
}

#[test]
fn axe_finds_nothing_wrong_with_the_form_to_log_in() {
    drive(async |page| {
        let desk = Desk::with_tokens();
        for scheme in [Scheme::Light, Scheme::Dark] {
            page.look(1280, 900, scheme);
            page.go(&desk.url("")).await;
            page.sees("#token", "").await;
            check(page, "login").await;
        }
    });
}

#[test]
fn no_page_scrolls_sideways_on_a_narrow_screen() {
    drive(async |page| {
        let desk = desk();
        page.look(360, 740, Scheme::Light);
        for (name, place, complete) in PAGES {
            open(page, &desk, place, complete).await;
            let width = page.value("document.documentElement.scrollWidth").await;
            assert!(width.as_u64() <= Some(360), "{name} is {width} wide");
            check(page, &format!("{name} narrow")).await;
        }
    });
}

/// Writes pictures of the pages where `EVENTMANAGER_SCREENSHOTS` says, and does nothing where it says nothing.
#[test]
fn screenshots() {
    let Some(folder) = std::env::var_os("EVENTMANAGER_SCREENSHOTS") else { return };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).expect("a folder");
    drive(async |page| {
        let desk = desk();
        let looks = [
            ("", 1280, 800, Scheme::Light, PICTURED),
            ("-dark", 1280, 800, Scheme::Dark, &["events", "event", "failures", "systems", "states"]),
            ("-narrow", 360, 740, Scheme::Light, &["events", "event", "systems", "states"]),
        ];
        for (ending, width, height, scheme, names) in looks {
            page.look(width, height, scheme);
            for (name, place, complete) in PAGES.iter().filter(|(name, ..)| names.contains(name)) {
                open(page, &desk, place, complete).await;
                let picture = page.picture().await;
                std::fs::write(folder.join(format!("{name}{ending}.png")), picture).expect("written");
            }
        }
    });
}
