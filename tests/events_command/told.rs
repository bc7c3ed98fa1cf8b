//! What the commands ask of the daemon, and how they tell what it says.

use crate::fake::{Asked, Fake};
use crate::given::*;
use serde_json::{Value, json};

const LINE: &str =
    "4711  failed  2026-03-01 12:00:30  UserAddRequest17sp4  anna@tele.gl +2  admin@tele.gl  step 1 of 4";

fn page(events: &[Value], next: Option<&str>) -> (u16, Value) {
    let searched_to = next.map(|_| json!({"id": 7, "at": 1_772_366_430.5}));
    (200, json!({"events": events, "next": next, "searched_to": searched_to}))
}

#[test]
fn a_list_asks_with_its_filter_and_goes_on_until_it_has_enough() {
    let fake = Fake::start(|_, before| match before {
        0 => page(&[summary(4712, "failed", None), summary(4711, "failed", Some("step 1 of 4"))], Some("c1")),
        1 => page(&[], Some("c2")),
        _ => page(&[summary(4710, "failed", None)], Some("c3")),
    });
    let said = events(
        &fake.url,
        &[
            "list",
            "--status",
            "failed,pending",
            "--since",
            "1970-01-01 00:00:01",
            "--until",
            "1970-01-02",
            "--command",
            "UserAddRequest",
            "--user",
            "a&b@tele.gl",
            "--text",
            "Ærø",
            "--fault",
            "k",
            "--limit",
            "3",
        ],
    );
    said.check(
        0,
        &[
            "ID    STATUS  RECEIVED (UTC)       COMMAND              ABOUT            USER           REASON",
            LINE,
        ],
    );
    said.check(0, &["4710  failed", "there may be more"]);
    let query = "status=failed%2Cpending&since=1.000&until=86400.000&command=UserAddRequest&user=a%26b%40tele.gl\
        &text=%C3%86r%C3%B8&fault=k&order=newest";
    assert_eq!(
        fake.lines(),
        [
            format!("GET /api/v1/events?{query}&limit=3"),
            format!("GET /api/v1/events?{query}&limit=1&cursor=c1"),
            format!("GET /api/v1/events?{query}&limit=1&cursor=c2"),
        ]
    );
}

#[test]
fn all_of_a_list_comes_page_by_page_for_people_and_as_lines_of_json() {
    let pages = |_: &_, before: usize| match before % 3 {
        0 => page(&[summary(3, "completed", None)], Some("c1")),
        1 => page(&[summary(2, "a-word-of-somebody-s", Some("line\n\u{1b}[2Jtwo"))], Some("c2")),
        _ => page(&[summary(1, "ignored", None)], None),
    };
    let fake = Fake::start(pages);
    let said = events(&fake.url, &["list", "--all", "--oldest-first"]);
    said.check(0, &["3   completed", "2   a-word-of-somebody-s", "line  [2Jtwo", "1   ignored"]);
    assert_eq!(said.out.matches("RECEIVED").count(), 1, "{said:?}");
    assert_eq!(said.error, "");
    assert_eq!(fake.lines()[0], "GET /api/v1/events?order=oldest&limit=500");
    let said = events(&fake.url, &["list", "--all", "--json"]);
    let ids = said.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), [3, 2, 1], "{said:?}");

    let fake = Fake::start(pages);
    let document = events(&fake.url, &["list", "--limit", "2", "--json"]).json();
    assert_eq!((document["events"].as_array().map(Vec::len), &document["more"]), (Some(2), &json!(true)));
    assert_eq!(document["events"][0], summary(3, "completed", None));
}

#[test]
fn nothing_found_is_said_and_is_no_failure() {
    let fake = Fake::start(|_, _| page(&[], None));
    let said = events(&fake.url, &["list"]);
    assert_eq!((said.code, said.out.as_str(), said.error.as_str()), (Some(0), "", "no such events\n"));
    assert_eq!(events(&fake.url, &["list", "--json"]).json(), json!({"events": [], "more": false}));
}

#[test]
fn a_table_is_as_wide_as_the_terminal_and_coloured_there_alone() {
    let long = "the HSS refuses it because ".repeat(20);
    let reason = long.clone();
    let fake = Fake::start(move |_, _| page(&[summary(4711, "failed", Some(&reason))], None));
    let said = events(&fake.url, &["list"]);
    assert!(said.out.contains(long.trim_end()) && !said.out.contains('\u{1b}'), "{said:?}");
    for columns in [68_usize, 80, 133] {
        let mut narrow = command(&["events", "list", "--url", &fake.url]);
        let said: Said = narrow.env("COLUMNS", columns.to_string()).output().expect("it runs").into();
        let widest = said.out.lines().map(|line| line.chars().count()).max();
        assert!(
            widest.is_some_and(|widest| widest <= columns) && said.out.contains('…'),
            "{columns}: {said:?}"
        );
    }
    let said = on_terminal(&fake.url, &["list"], "");
    said.check(0, &["\u{1b}[31mfailed\u{1b}[0m", "…"]);
    let last = said.out.lines().last().expect("a line").replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
    let last = last.rsplit('\r').find(|part| part.contains("4711")).expect("the event").to_owned();
    assert!(last.trim_end().chars().count() <= 80, "{said:?}");
    // Whom it is about and why it failed say more than who has clicked, and the year.
    assert!(last.contains("03-01 12:00  ") && last.contains("anna@tele.gl +2"), "{last}");
    assert!(!said.out.contains("USER") && !last.contains("admin@"), "{said:?}");
}

#[test]
fn an_event_is_shown_with_steps_warnings_and_what_earlier_attempts_did() {
    let mut event = summary(4711, "failed", Some("step 2 of 2 refused"));
    event["warnings"] = json!(["no mail host"]);
    event["subscriber"] = "anna@tele.gl".into();
    event["notification_id"] = "write7".into();
    event["document"] = "<a>\r\n\t<password>***</password>\u{1b}[2J</a>".into();
    event["steps"] = json!([
        {"position": 1, "member": null, "system": "hss", "request": "create anna", "state": "done", "answer": null,
            "at": 1_772_366_431.0},
        {"position": 2, "member": null, "system": "enum", "request": "create 321044", "state": null, "answer": null,
            "at": null},
    ]);
    event["earlier"] = json!([{"attempt": 1, "system": "hss", "request": "create bo", "state": "refused",
        "answer": "4006 exists", "at": 1_772_366_431.0}]);
    event["acts"] = json!({"retry": null, "resolve": "it is under way"});
    let answer = event.clone();
    let fake = Fake::start(move |_, _| (200, answer.clone()));
    let said = events(&fake.url, &["show", "4711"]);
    said.check(
        0,
        &[
            "event 4711: UserAddRequest17sp4",
            "status       failed",
            "reason       step 2 of 2 refused",
            "received     2026-03-01 12:00:30 UTC, ",
            "from         as1, notification write7",
            "about        anna@tele.gl",
            "warning      no mail host",
            "no resolve   it is under way",
            "1     hss     done      2026-03-01 12:00:31  create anna",
            "2     enum    not sent                       create 321044",
            "earlier attempts",
            "1        hss     refused  2026-03-01 12:00:31  create bo\n      4006 exists\n",
        ],
    );
    assert_eq!(events(&fake.url, &["show", "4711", "--json"]).json(), event);
    let said = events(&fake.url, &["show", "4711", "--document"]);
    assert_eq!(said.out, "<a>\n\t<password>***</password> [2J</a>\n");
    assert_eq!(fake.lines()[0], "GET /api/v1/events/4711");
    events(&fake.url, &["show", "4712"]).check(1, &["no eventmanager"]);
}

#[test]
fn what_is_not_there_has_an_exit_code_of_its_own() {
    let fake = Fake::start(|_, _| problem(404, "there is no event 4711"));
    let acts: [&[&str]; 4] =
        [&["show", "4711"], &["plan", "4711"], &["retry", "4711"], &["resolve", "4711", "--reason", "r"]];
    for args in acts {
        events(&fake.url, args).check(4, &["there is no event 4711"]);
    }
}

#[test]
fn events_are_retried_one_after_the_other_and_a_refusal_keeps_no_other() {
    let plan = json!({"command": "UserAddRequest", "given_by": "admin", "begins": {"resumes": {"step": 3, "of": 3}},
        "outcome": {"requests": {"processor": "create_user", "members": [], "warnings": [], "unplanned": [],
        "requests": [{"step": 3, "system": "hss", "summary": "create anna", "url": "http://ema/", "body": "", "effect": null}]}}});
    let fake = Fake::start(move |asked, _| match asked.line.as_str() {
        "POST /api/v1/events/1/retry" => {
            (200, json!({"id": 1, "status": "pending", "attempt": 2, "plan": "resumes"}))
        }
        "POST /api/v1/events/2/retry" => {
            let (status, mut problem) = problem(409, "later events of its subject have completed");
            problem["later"] = json!([3]);
            problem["plan"] = plan.clone();
            (status, problem)
        }
        "GET /api/v1/events/3" => (200, summary(3, "completed", None)),
        _ => (200, json!({"id": 4, "status": "pending", "attempt": 5, "plan": "anew"})),
    });
    let said = events(&fake.url, &["retry", "1", "2", "4", "--reason", "HSS is back"]);
    said.check(
        3,
        &[
            "event 1 goes on at the step that failed, attempt 2\n",
            "event 2 is left alone: later events of its subject have completed",
            "3   completed",
            "it would send: UserAddRequest given by admin",
            "resumes at step 3 of 3",
            "3. hss: create anna",
            "eventmanager events retry 2 --force",
            "event 4 is planned anew, attempt 5\n",
        ],
    );
    assert_eq!(fake.asked()[0].body, json!({"reason": "HSS is back"}));
    let said = events(&fake.url, &["retry", "2", "4", "--force", "--json"]);
    assert_eq!(said.code, Some(3));
    assert_eq!(said.json()["done"][0]["attempt"], 5);
    assert_eq!(
        (&said.json()["refused"][0]["id"], &said.json()["refused"][0]["later"]),
        (&json!(2), &json!([3]))
    );
    assert_eq!(fake.asked().last().map(|asked| asked.body.clone()), Some(json!({"force": true})));
}

/// A daemon that holds a set of three events: it gathers for a while, and refuses one of them.
fn bulk() -> Fake {
    let id = "0197a6b2-0000-7000-8000-000000000001";
    let set = move |state: &str, count: u64, done: u64, refused: u64| {
        json!({
            "bulk": id, "act": "resolve", "state": state, "count": count, "done": done, "refused": refused,
            "truncated": false, "samples": [summary(4711, "failed", Some("no"))],
            "refusals": if refused > 0 { json!([{"id": 4712, "reason": "it runs"}]) } else { json!([]) },
        })
    };
    let is_run = std::sync::atomic::AtomicUsize::new(0);
    Fake::start(move |asked, before| match asked.line.as_str() {
        "POST /api/v1/bulk" => (201, set("gathering", 0, 0, 0)),
        line if line.ends_with("/run") => {
            is_run.store(before, std::sync::atomic::Ordering::Relaxed);
            (202, set("running", 3, 0, 0))
        }
        line if line.ends_with("/cancel") => (200, set("cancelled", 3, 0, 0)),
        _ => match (is_run.load(std::sync::atomic::Ordering::Relaxed), before) {
            (0, 1) => (200, set("gathering", 2, 0, 0)),
            (0, _) => (200, set("prepared", 3, 0, 0)),
            (run, now) if now < run + 2 => (200, set("running", 3, 1, 0)),
            _ => (200, set("done", 3, 2, 1)),
        },
    })
}

#[test]
fn a_filter_s_events_are_shown_and_then_done_with_yes() {
    let fake = bulk();
    let said = events(&fake.url, &["resolve", "--user", "anna", "--reason", "tests", "--yes"]);
    said.check(3, &["resolve: 3 events\n", "4711  failed", "and 2 more"]);
    assert_eq!(said.out, "2 of 3 events resolved, 1 left alone\n  event 4712: it runs\n");
    let expected =
        json!({"act": "resolve", "reason": "tests", "filter": {"user": "anna", "status": "failed"}});
    assert_eq!(fake.asked()[0].body, expected);
    let acts: Vec<_> = fake.lines().into_iter().filter(|line| line.starts_with("POST")).collect();
    assert!(acts.len() == 2 && acts[1].ends_with("000001/run"), "{acts:?}");
    let said = events(&bulk().url, &["resolve", "--user", "anna", "--reason", "tests", "--yes", "--json"]);
    assert_eq!(
        (said.code, &said.json()["state"], &said.json()["refused"]),
        (Some(3), &json!("done"), &json!(1))
    );
}

#[test]
fn without_yes_nothing_is_done_where_nobody_can_be_asked_or_somebody_says_no() {
    let last = |fake: &Fake| fake.lines().pop().expect("a request");
    let fake = bulk();
    let said = events(&fake.url, &["retry", "--status", "failed"]);
    said.check(2, &["retry: 3 events", "4711", "nothing was done: --yes is needed"]);
    assert!(last(&fake).ends_with("/cancel"), "{:?}", fake.lines());
    let fake = bulk();
    let said = on_terminal(&fake.url, &["retry", "--status", "failed"], "n\n");
    said.check(1, &["retry 3 events? [y/N]", "nothing was done"]);
    assert!(last(&fake).ends_with("/cancel"), "{:?}", fake.lines());
    let fake = bulk();
    let said = on_terminal(&fake.url, &["retry", "--status", "failed"], "y\n");
    said.check(3, &["2 of 3 events retried, 1 left alone"]);
}

#[test]
fn a_filter_that_finds_nothing_has_an_exit_code_of_its_own() {
    let set = json!({"bulk": "0197a6b2-0000-7000-8000-000000000001", "state": "prepared", "count": 0, "samples": []});
    let fake = Fake::start(move |_, _| (201, set.clone()));
    events(&fake.url, &["retry", "--user", "nobody", "--yes"]).check(4, &["no such events"]);
    assert_eq!(fake.lines().len(), 1);
}

#[test]
fn wrong_arguments_are_told_before_anybody_is_asked() {
    let fake = Fake::start(|_, _| problem(500, "nobody should ask"));
    let wrong: [(&[&str], &str); 10] = [
        (&["list", "--status", "lost"], "possible values: pending, completed, failed, ignored"),
        (&["list", "--since", "yesterday"], "is no moment"),
        (&["list", "--limit", "0"], "0 is not in"),
        (&["list", "--limit", "3", "--all"], "cannot be used with"),
        (&["list", "--user", ""], "a value is required"),
        (&["show"], "<ID>"),
        (&["show", "x"], "invalid digit"),
        (&["retry"], "events retry [OPTIONS] <FILTER>..."),
        (&["retry", "4711", "--user", "anna"], "cannot be used with"),
        (&["resolve", "4711"], "--reason <TEXT>"),
    ];
    for (args, says) in wrong {
        events(&fake.url, args).check(2, &[says]);
    }
    assert_eq!(fake.lines(), [""; 0]);
}

#[test]
fn an_answer_that_is_no_daemon_s_is_no_success() {
    let fake = Fake::start(|_, _| (200, json!({})));
    let commands: [&[&str]; 6] = [
        &["list"],
        &["show", "1"],
        &["plan", "1"],
        &["retry", "1"],
        &["resolve", "1", "--reason", "r"],
        &["retry", "--user", "u", "--yes"],
    ];
    for args in commands {
        events(&fake.url, args).check(1, &["no eventmanager"]);
    }
}

#[test]
fn the_status_shows_hosts_with_their_breakers() {
    let host = |role: &str, breaker: &str, reason: Option<&str>| {
        json!({"system": "ema", "host": "10.0.0.1:8080", "role": role, "breaker": breaker, "sessions": 4,
            "failing_since": reason.map(|_| 0), "reason": reason})
    };
    let status = json!({"version": "0.1.0", "node": "n", "hosts": [
        host("primary", "open", Some("it hangs")), host("secondary", "closed", None)]});
    let fake = Fake::start(move |_, _| (200, status.clone()));
    run(&["status", "--url", &fake.url]).check(
        0,
        &[
            "hosts        ema          primary   10.0.0.1:8080 LEFT ALONE for ",
            ", 4 sessions: it hangs\n",
            "             ema          secondary 10.0.0.1:8080 asked, 4 sessions\n",
        ],
    );
}

/// What a peer may put into its documents: ends of lines, a tab, sequences that a terminal obeys, marks that turn the
/// direction of writing.
const HOSTILE: &str =
    "write1\n  status       completed\r\t\u{9b}31m\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}\u{2066}\u{200f}";

/// Every text of an answer, but those that a command understands.
fn hostile(value: &mut Value, said: &str) {
    match value {
        Value::String(text) if text == "X" => *text = said.to_owned(),
        Value::Array(list) => list.iter_mut().for_each(|value| hostile(value, said)),
        Value::Object(fields) => fields.values_mut().for_each(|value| hostile(value, said)),
        _ => {}
    }
}

#[test]
fn nothing_that_comes_from_outside_forges_a_line_or_is_obeyed_by_the_terminal() {
    let step = json!({"position": 1, "system": "X", "state": "X", "at": 0.0, "request": "X", "answer": "X"});
    let event = json!({
        "id": 1, "uuid": "X", "source": "X", "notification_id": "X", "command": "X", "user": "X", "subscriber": "X",
        "status": "X", "reason": "X", "received": 0.0, "attempt": 1, "warnings": ["X"], "acts": {"retry": "X"},
        "members": [{"user": "X", "done": 1, "steps": 2, "failed": true}], "steps": [step], "earlier": [],
        "document": "<a>X</a>",
    });
    let row =
        json!({"user": "X", "type": "X", "phone": "X", "group": "X", "public_identity": "X", "problem": "X"});
    let plan = json!({"command": "X", "given_by": "X", "outcome": {"failed": "X"}});
    let answers = move |asked: &Asked, said: &str| {
        let mut answer = match asked.line.split(['?', ' ']).nth(1).expect("a path") {
            "/api/v1/events" => json!({"events": [event], "next": null}),
            "/api/v1/events/1" => event.clone(),
            "/api/v1/events/1/plan" => plan.clone(),
            "/api/v1/events/1/retry" => return problem(409, said),
            "/api/v1/subscribers" => json!({"subscribers": [row], "next": null}),
            _ => json!({"subscriber": row, "events": [event]}),
        };
        hostile(&mut answer, said);
        (200, answer)
    };
    let (calm, answer) = (answers.clone(), answers);
    let calm = Fake::start(move |asked, _| calm(asked, "calm"));
    let fake = Fake::start(move |asked, _| answer(asked, HOSTILE));
    let check = |args: &[&str]| {
        let [expected, said] = [&calm, &fake].map(|fake| run(&[args, &["--url", &fake.url]].concat()));
        assert_eq!(said.code, expected.code, "{said:?}");
        let text = format!("{}{}", said.out, said.error);
        let lines = format!("{}{}", expected.out, expected.error).lines().count();
        assert_eq!(text.lines().count(), lines, "{args:?}: {text}");
        let hidden = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{200f}".contains(c);
        assert!(!text.contains(hidden), "{args:?}: {text:?}");
        assert!(text.contains("\\u202e\\u2066\\u200f"), "{args:?}: {text}");
        said
    };
    check(&["events", "list"]);
    check(&["events", "show", "1"]);
    check(&["events", "plan", "1"]);
    check(&["events", "retry", "1"]);
    check(&["subscribers", "list"]);
    check(&["subscribers", "show", "x"]);
    let json = check(&["events", "show", "1", "--json"]).json();
    assert_eq!(json["notification_id"], HOSTILE, "as the API says it, for programs");
}
