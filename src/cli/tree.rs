//! The supervision tree as text.

use super::text::{age, list, plain};
use serde_json::Value;

/// Where the states begin, for names of usual lengths.
const NAMES: usize = 32;

/// A line for each actor; nothing where there is no tree.
pub fn text(tree: &Value) -> String {
    let mut text = String::new();
    if tree.is_object() {
        line(tree, &plain(&tree["name"]), "", "", &mut text);
    }
    text
}

/// `before` is drawn before the name, `below` before those of its children.
fn line(actor: &Value, name: &str, before: &str, below: &str, text: &mut String) {
    let name = format!("{before}{name}");
    let restarts = match actor["restarts"].as_u64() {
        None | Some(0) => String::new(),
        Some(1) => ", 1 restart".to_owned(),
        Some(count) => format!(", {count} restarts"),
    };
    let exit = &actor["last_exit"];
    let last = match exit["reason"].as_str() {
        Some(_) if !restarts.is_empty() => {
            format!(", the last {} ago: {}", age(&exit["at"]), plain(&exit["reason"]))
        }
        _ => String::new(),
    };
    *text += &format!("{name:<NAMES$} {}{restarts}{last}\n", plain(&actor["state"]));
    let mut children = list(&actor["children"]);
    while let Some(child) = children.first() {
        let alike = children.iter().take_while(|other| is_alike(child, other)).count().max(1);
        let (these, rest) = children.split_at(alike);
        children = rest;
        let name = match these {
            [first, .., last] => format!("{} … {}", plain(&first["name"]), plain(&last["name"])),
            _ => plain(&child["name"]),
        };
        let (branch, trunk) = if rest.is_empty() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        line(child, &name, &format!("{below}{branch}"), &format!("{below}{trunk}"), text);
    }
}

/// Whether two actors are of a numbered row of which there is nothing else to tell, such as lanes: one line shows them all.
fn is_alike(one: &Value, other: &Value) -> bool {
    let row = |actor: &Value| {
        let name = actor["name"].as_str()?.trim_end_matches(|letter: char| letter.is_ascii_digit());
        (name.ends_with('-') && actor["restarts"] == 0 && list(&actor["children"]).is_empty())
            .then(|| name.to_owned())
    };
    row(one).is_some() && row(one) == row(other) && one["state"] == other["state"]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tree_is_drawn_with_its_branches_and_restarts() {
        let leaf = |name: &str, restarts: u64| {
            let exit = if restarts > 0 { json!({"reason": "panic: no", "at": 0}) } else { Value::Null };
            json!({"name": name, "state": "running", "restarts": restarts, "last_exit": exit, "children": []})
        };
        let mut tree = leaf("root", 0);
        tree["children"] = json!([leaf("store", 0), leaf("api", 2)]);
        tree["children"][0]["children"] = json!([leaf("sweeper", 1)]);
        let text = text(&tree);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("root   ") && lines[0].ends_with(" running"), "{text}");
        assert!(lines[1].starts_with("├─ store   "), "{text}");
        assert!(
            lines[2].starts_with("│  └─ sweeper   ") && lines[2].contains("running, 1 restart, the last "),
            "{text}"
        );
        assert!(lines[3].starts_with("└─ api   ") && lines[3].ends_with(" ago: panic: no"), "{text}");
        assert_eq!(lines.len(), 4);
        tree["children"] =
            json!([leaf("lane-1", 0), leaf("lane-2", 0), leaf("lane-3", 1), leaf("lane-4", 0)]);
        let text = super::text(&tree);
        let names: Vec<&str> = text.lines().map(|line| line.split("  ").next().unwrap_or_default()).collect();
        assert_eq!(names, ["root", "├─ lane-1 … lane-2", "├─ lane-3", "└─ lane-4"]);
        assert_eq!(super::text(&Value::Null), "");
    }
}
