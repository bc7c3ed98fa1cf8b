//! Plan functions: what is decided about a command, given the subscriber's row.

#[path = "../../../tests/plans/given.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod given;

use super::{Amount, Case};
use eventmanager::wire::ocir::Command;
use given::{USER, add, after, command, decide, delete, rules, set_phone};
use std::hint::black_box;

/// A subscriber's life.
pub fn cases() -> Vec<Case> {
    let access =
        "<endpoint><accessDeviceEndpoint><linePort>desk@tele.gl</linePort></accessDeviceEndpoint></endpoint>";
    let rename = command("UserModifyRequest", &format!("<userId>{USER}</userId>{access}"));
    let (add, phone) = (add(""), set_phone("321044"));
    vec![
        case("plan of an add", &[], &add),
        case("plan of a phone", &[&add], &phone),
        case("plan of a new identity with a phone", &[&add, &phone], &rename),
        case("plan of a deletion with a phone", &[&add, &phone], &delete()),
    ]
}

fn case(name: &'static str, before: &[&Command], command: &Command) -> Case {
    let before: Vec<Command> = before.iter().map(|command| (*command).clone()).collect();
    let (row, rules, command) = (after(&before), rules(), command.clone());
    Case::new(name, Amount::Items(1, "plans"), move || {
        let decision = decide(black_box(&command), row.as_ref(), &rules);
        _ = black_box(decision.expect("it is planned"));
    })
}
