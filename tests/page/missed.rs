//! Changes that come while something is being loaded, while nothing is connected, or too many to be told: none is missed.

use crate::browser::{Browser, drive};
use crate::given::Desk;
use crate::support::documents::{add, set_phone};
use serde_json::json;

/// Stands between the page and the daemon.
///
/// - `holds`: answers of addresses that begin like this are kept back, after the daemon has given them
/// - `fails`: addresses that begin like this are answered 503
/// - `refuses`: the stream is refused
/// - `cuts`: of changes it is only told that there are some, and counts are not told
/// - `heard`: the messages that the page has taken
const BETWEEN: &str = r#"
    Object.assign(window, { holds: "", held: [], fails: "", refuses: false, cuts: false, heard: [] });
    const [ask, Source] = [window.fetch, window.EventSource];
    const away = () => new Response(JSON.stringify({ detail: "the store is away" }), { status: 503 });
    window.fetch = async (address, options) => {
        if (fails && address.startsWith(fails)) return away();
        const answer = await ask(address, options);
        if (holds && address.startsWith(holds)) await new Promise((go) => held.push(go));
        return answer;
    };
    window.EventSource = class extends Source {
        constructor(address) {
            super(refuses ? "/api/v1/no-stream" : address);
        }
        addEventListener(kind, call) {
            super.addEventListener(kind, ({ data, lastEventId }) => {
                if (cuts && kind === "counts") return;
                call({ lastEventId, data: cuts && kind === "events" ? '{"events":[],"skipped":1}' : data });
                heard.push(`${kind} ${data}`);
            });
        }
    };
    window.release = () => { window.holds = ""; held.splice(0).forEach((go) => go()); };
"#;

/// Sets what [`BETWEEN`] does.
async fn set(page: &Browser, name: &str, value: impl Into<serde_json::Value>) {
    page.run("window[arguments[0]] = arguments[1]", vec![json!(name), value.into()]).await;
}

/// Waits until a message of this kind with this text has been taken.
async fn hears(page: &Browser, kind: &str, text: &str) {
    let (kind, text) = (json!(kind), json!(text));
    page.until(&format!("heard.some((message) => message.startsWith({kind}) && message.includes({text}))"))
        .await;
}

async fn release(page: &Browser) {
    page.until("held.length > 0").await;
    page.run("release()", vec![]).await;
}

#[test]
fn what_arrives_and_changes_while_the_list_is_loaded_is_in_it() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_one_that_waits();
        page.before(BETWEEN);
        page.go(&desk.url("")).await;
        page.sees("[data-row='2']", "pending").await;
        set(page, "holds", "/api/v1/events?").await;
        page.click("[data-status='pending']").await;
        page.until("held.length > 0").await;
        desk.act("/api/v1/systems/hss/resume", "{}");
        hears(page, "events", r#""status":"completed""#).await;
        desk.act("/api/v1/systems/hss/pause", "{}");
        desk.peers.broadworks.send(&set_phone(3, "anna@tele.gl", "+299-321045"));
        hears(page, "events", r#""id":3"#).await;
        release(page).await;
        page.sees("[data-row='2']", "completed").await;
        page.sees("[data-row='3']", "pending").await;
    });
}

#[test]
fn what_changes_while_an_event_is_loaded_is_shown() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_one_that_waits();
        page.before(&format!("{BETWEEN} holds = '/api/v1/events/2'"));
        page.go(&desk.url("#/events/2")).await;
        page.sees("#live", "live").await;
        page.until("held.length > 0").await;
        desk.act("/api/v1/systems/hss/resume", "{}");
        hears(page, "events", r#""status":"completed""#).await;
        release(page).await;
        page.sees("#status", "completed").await;
        page.sees(".step .state", "done").await;
    });
}

#[test]
fn what_happens_before_the_stream_is_connected_is_shown() {
    drive(async |page| {
        let desk = Desk::new();
        page.before(&format!("{BETWEEN} refuses = true"));
        page.go(&desk.url("")).await;
        page.sees(".empty", "No event matches.").await;
        desk.ended(&add(1, "anna@tele.gl"), 1);
        set(page, "refuses", false).await;
        page.sees("#live", "live").await;
        page.sees("[data-row='1']", "completed").await;
    });
}

#[test]
fn of_too_many_changes_every_view_loads_anew() {
    drive(async |page| {
        let desk = Desk::new();
        page.before(&format!("{BETWEEN} cuts = true"));
        desk.with_one_that_waits();
        page.go(&desk.url("#/events/2")).await;
        page.sees("#status", "pending").await;
        page.sees("#live", "live").await;
        desk.act("/api/v1/systems/hss/resume", "{}");
        page.sees("#status", "completed").await;
        page.go(&desk.url("#/subscribers/anna@tele.gl")).await;
        page.sees("[data-row='2']", "completed").await;
        desk.ended(&set_phone(3, "anna@tele.gl", "+299-321045"), 3);
        page.sees("[data-row='3']", "completed").await;
        page.sees("dd", "321045").await;
        page.go(&desk.url("#/faults")).await;
        page.sees(".empty", "No event has failed.").await;
        desk.ended(&set_phone(4, "nobody@tele.gl", "+299-321046"), 4);
        page.sees("[data-row] .samples", "#4").await;
        page.go(&desk.url("#/events")).await;
        page.sees("[data-row='4']", "failed").await;
        desk.ended(&set_phone(5, "anna@tele.gl", "+299-321047"), 5);
        page.sees("[data-row='5']", "completed").await;
    });
}

#[test]
fn what_has_failed_no_more_leaves_the_failures() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("#/faults")).await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        page.sees("#live", "live").await;
        desk.act("/api/v1/events/2/retry", "{}");
        page.until("document.querySelectorAll('[data-row]').length === 1").await;
        page.sees("[data-row] .samples", "#3").await;
    });
}

#[test]
fn how_the_daemon_is_was_told_later_than_it_was_asked_for() {
    drive(async |page| {
        let desk = Desk::new();
        page.before(&format!("{BETWEEN} holds = '/api/v1/status'"));
        page.go(&desk.url("")).await;
        page.sees("#live", "live").await;
        page.until("held.length > 0").await;
        desk.act("/api/v1/systems/mail/pause", "{}");
        hears(page, "status", r#""paused":{"#).await;
        desk.ended(&add(1, "anna@tele.gl"), 1);
        hears(page, "counts", r#""completed":1"#).await;
        release(page).await;
        // It stands in that answer alone.
        page.sees("#foot", "eventmanager").await;
        page.sees(".alarm", "Paused: mail").await;
        page.sees("[data-status='completed']", "1").await;
    });
}

#[test]
fn what_could_not_be_loaded_is_loaded_when_the_daemon_can() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.before(&format!("{BETWEEN} fails = '/api/v1/events'"));
        for (place, shown) in [("#/events/2", "#status"), ("#/events?status=failed", "[data-row='2']")] {
            page.go("about:blank").await;
            page.go(&desk.url(place)).await;
            page.sees(".problem", "the store is away").await;
            page.sees_no(shown).await;
            set(page, "fails", "").await;
            page.sees(shown, "failed").await;
            page.sees_no(".problem").await;
        }
    });
}

#[test]
fn nothing_moves_under_the_focus_and_what_waits_is_told_and_comes_when_it_leaves() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        page.go(&desk.url("#/subscribers/anna@tele.gl")).await;
        page.sees("[data-row='1']", "completed").await;
        page.sees("#live", "live").await;
        page.run("document.querySelector('[data-row] a').focus()", vec![]).await;
        desk.ended(&set_phone(2, "anna@tele.gl", "+299-321044"), 2);
        page.sees(".bar", "Something has changed").await;
        assert_eq!(page.rows().await, ["1"]);
        page.run("document.activeElement.blur()", vec![]).await;
        page.sees("[data-row='2']", "completed").await;
        page.sees_no(".bar").await;
    });
}
