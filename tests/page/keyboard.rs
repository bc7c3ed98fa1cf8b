//! What is done often needs no mouse.

use crate::browser::drive;
use crate::given::Desk;
use fantoccini::key::Key;

/// In the order of the navigation.
const PAGES: &[(&str, &str)] = &[
    ("1", "Events"),
    ("2", "Failures"),
    ("3", "Systems"),
    ("4", "Subscribers"),
    ("5", "States"),
    ("6", "Hubs"),
    ("7", "Audit"),
];

#[test]
fn the_list_is_worked_by_keyboard() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("")).await;
        page.until("document.querySelectorAll('[data-row]').length === 3").await;
        let focused = "document.activeElement.closest('[data-row]')?.dataset.row";
        page.press("j").await;
        assert_eq!(page.value(focused).await, "3");
        page.press("j").await;
        page.press_key(Key::Down).await;
        assert_eq!(page.value(focused).await, "1");
        page.press("j").await;
        assert_eq!(page.value(focused).await, "1", "it is the last");
        page.press("k").await;
        page.press_key(Key::Enter).await;
        page.sees("h1", "#2").await;
        assert_eq!(page.value("document.activeElement.tagName").await, "H1");
        page.press_key(Key::Escape).await;
        page.sees("h1", "Events").await;
        page.until(&format!("{focused} === '2'")).await;
        page.press("/").await;
        page.press("anna").await;
        page.press_key(Key::Enter).await;
        page.until("location.hash === '#/events?text=anna'").await;
        page.press_key(Key::Escape).await;
        for (key, title) in PAGES {
            page.press(key).await;
            page.sees("h1", title).await;
        }
        page.press("3").await;
        page.sees("h1", "Systems").await;
        page.press("?").await;
        page.sees("dialog", "next row of the list").await;
        page.sees("dialog", "events, failures, systems, subscribers, states, hubs, audit").await;
        page.press_key(Key::Escape).await;
        page.sees_no("dialog").await;
        page.sees("h1", "Systems").await;
    });
}

#[test]
fn the_first_tab_skips_to_the_content() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("#/faults")).await;
        page.sees("h1", "Failures").await;
        page.until("document.activeElement.tagName === 'H1'").await;
        page.run("document.activeElement.blur(); window.getSelection().removeAllRanges()", vec![]).await;
        page.run("document.getElementById('skip').focus()", vec![]).await;
        page.until("document.getElementById('skip').getBoundingClientRect().top >= 0").await;
        page.press_key(Key::Enter).await;
        assert_eq!(page.value("document.activeElement.tagName").await, "H1");
        assert_eq!(page.place().await, "#/faults", "the place stays");
    });
}
