//! Completions and manual pages.

use crate::given::*;
use std::path::Path;
use std::process::Command;

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[test]
fn completions_are_scripts_that_their_shell_can_read() {
    let directory = tempfile::tempdir().expect("a directory");
    for (shell, check) in
        [("bash", Some("-n")), ("zsh", Some("-n")), ("fish", Some("--no-execute")), ("elvish", None)]
    {
        let said = run(&["completions", shell]);
        said.check(0, &["eventmanager", "retry"]);
        let script = directory.path().join(shell);
        std::fs::write(&script, &said.out).expect("written");
        let Some(option) = check.filter(|_| is_there(shell)) else { continue };
        let read = Command::new(shell).arg(option).arg(&script).output().expect("the shell runs");
        assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
    }
    run(&["completions", "cmd.com"]).check(2, &["possible values"]);
}

#[test]
fn bash_completes_commands_options_and_statuses() {
    let script = run(&["completions", "bash"]).out;
    let complete = |words: &str, last: &str| {
        let count = words.split_whitespace().count() + 1;
        let line = format!(
            "{script}\nCOMP_WORDS=({words} '{last}')\nCOMP_CWORD={}\n_eventmanager eventmanager '{last}' ''\n\
             printf '%s ' \"${{COMPREPLY[@]}}\"",
            count - 1
        );
        let said = Command::new("bash").args(["-c", &line]).output().expect("bash runs");
        String::from_utf8(said.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(complete("eventmanager", "ev"), "events evi");
    assert_eq!(complete("eventmanager hubs", "re"), "resume replay remove");
    assert_eq!(complete("eventmanager hubs", "h"), "halt help");
    assert_eq!(complete("eventmanager events", "re"), "retry resolve");
    assert_eq!(complete("eventmanager events list", "--si"), "--since");
}

/// The pages that the program writes, with their names.
fn pages(directory: &Path) -> Vec<(String, String)> {
    run(&["man", directory.to_str().expect("text")]).check(0, &[]);
    let files = std::fs::read_dir(directory).expect("a directory").map(|file| file.expect("a file").path());
    let mut pages: Vec<_> = files
        .map(|file| {
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&file).expect("a page"))
        })
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_command_has_a_manual_page_that_renders_without_a_warning() {
    let directory = tempfile::tempdir().expect("a directory");
    let pages = pages(&directory.path().join("man/man1"));
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for name in
        ["eventmanager.1", "eventmanager-run.1", "eventmanager-events.1", "eventmanager-events-retry.1"]
    {
        assert!(names.contains(&name), "{names:?}");
    }
    for (name, page) in &pages {
        let has = |section: &str| {
            page.contains(&format!(".SH {section}\n")) || page.contains(&format!(".SH \"{section}\"\n"))
        };
        let is_leaf = !has("SUBCOMMANDS");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"] {
            assert!(has(section), "{name} has no {section}: {page}");
        }
        for section in ["EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"] {
            assert!(has(section) == is_leaf, "{name} and {section}: {page}");
        }
        // Every page that it refers to is there.
        let line = page.rsplit(".SH \"SEE ALSO\"\n").next().unwrap_or_default();
        for other in line.split("\\fB").skip(1).filter_map(|rest| rest.split("\\fR").next()) {
            let other = format!("{}.1", other.replace("\\-", "-"));
            assert!(names.contains(&other.as_str()), "{name} refers to {other}");
        }
        if is_there("groff") {
            let file = directory.path().join("man/man1").join(name);
            let read = Command::new("groff")
                .args(["-man", "-Tutf8", "-ww"])
                .arg(&file)
                .output()
                .expect("groff runs");
            let complaints = String::from_utf8_lossy(&read.stderr);
            assert!(read.status.success() && complaints.is_empty(), "{name}: {complaints}");
            let text = String::from_utf8_lossy(&read.stdout).into_owned();
            let head: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
            let command = name.trim_end_matches(".1").replace('-', " ");
            assert_eq!(
                head.join(" "),
                format!("eventmanager(1) {command} eventmanager(1)"),
                "the head of {name}"
            );
        }
    }
}

#[test]
fn help_tells_exit_codes_and_examples() {
    run(&["events", "retry", "--help"])
        .check(0, &["Exit codes:", "3   some events were left alone", "--force"]);
    run(&["events", "retry", "-h"]).check(0, &["Exit codes:"]);
    run(&["status", "--help"]).check(0, &["Examples:", "eventmanager status --tree"]);
}
