//! Every page for every eye: contrast and structure by axe, narrow screens, pictures.

use crate::browser::{Browser, Scheme, drive};
use crate::given::Desk;
use crate::support::documents::{add, add_to, group_delete, report, set_phone};
use eventmanager::wire::ocir::write;
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

/// A name as long as they are.
const LONG_NAME: &str = "some.longer.name+17@kni-700.tele.gl";
const LONG_REASON: &str = "the maintenance of the mail cluster in the second data centre takes longer than was announced, see the ticket OPS-20261122-0042";

/// The same with names, addresses and reasons as long as they are elsewhere.
fn desk_of_long_names() -> Desk {
    let desk = desk();
    desk.ended(&add(9, LONG_NAME), 9);
    desk.refuse();
    desk.ended(&set_phone(10, LONG_NAME, "+299-321049"), 10);
    desk.peers.ema.script(vec![]);
    let by_somebody = |id: u64, command: &str, body: &str| {
        desk.ended(&write::report(&format!("write{id}"), LONG_NAME, LONG_NAME, command, body), id);
    };
    let user = format!("<userId>another.{LONG_NAME}</userId><phoneNumber>+299-321050</phoneNumber>");
    by_somebody(11, "UserModifyRequest17sp4", &user);
    by_somebody(12, "GroupVoiceMessagingGroupModifyVoicePortalRequest", "<groupId>KNI-014</groupId>");
    by_somebody(13, "GroupTrunkGroupModifyInstanceRequest20sp1", &user);
    desk.act("/api/v1/systems/enum/pause", &format!(r#"{{"reason": "{LONG_REASON}"}}"#));
    desk.with_hub_of_nobody_at("/a/path/of/some/length/below/which/events/of/orders/are/taken?key=secret");
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

/// From a phone to the screens of a desk.
const WIDTHS: &[u32] = &[360, 900, 1024, 1280, 1440];
/// Where rows are no cards any more.
const WIDE: u32 = 1280;

#[test]
fn no_page_scrolls_sideways_however_long_its_names_are() {
    drive(async |page| {
        let desk = desk_of_long_names();
        let long = format!("#/subscribers/{LONG_NAME}");
        let more = [("long", long.as_str(), ".event"), ("refused", "#/events/10", ".step")];
        for (name, place, complete) in PAGES.iter().chain(&more) {
            open(page, &desk, place, complete).await;
            for &width in WIDTHS {
                page.look(width, 740, Scheme::Light);
                let shown = page.value("document.documentElement.scrollWidth").await;
                assert!(shown.as_u64() <= Some(width.into()), "{name} is {shown} wide at {width}");
                if width >= WIDE {
                    has_most_room(page, name).await;
                }
            }
        }
    });
}

/// What became of an event is read first: no other column is as wide.
async fn has_most_room(page: &Browser, name: &str) {
    let narrow = "[...document.querySelectorAll('.events .event')].map((row) => [...row.cells].map((cell) => cell.offsetWidth))
        .filter((widths) => Math.max(...widths) > widths.at(-1))";
    assert_eq!(page.value(narrow).await, serde_json::json!([]), "{name}");
}

#[test]
fn axe_finds_nothing_wrong_with_any_page_on_a_narrow_screen() {
    drive(async |page| {
        let desk = desk();
        page.look(360, 740, Scheme::Light);
        for (name, place, complete) in PAGES {
            open(page, &desk, place, complete).await;
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
