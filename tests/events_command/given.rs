//! The program as an operator runs it.

use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

/// What a command has said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
    }
}

impl Said {
    /// It ended so, and said this on standard output or standard error.
    #[track_caller]
    pub fn check(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for says in says {
            assert!(self.out.contains(says) || self.error.contains(says), "{says:?} is not in {self:?}");
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program, as an operator called Anna runs it in a script.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    command.args(args).env("USER", "anna").stdin(Stdio::null());
    for name in ["SUDO_USER", "EVENTMANAGER_TOKEN", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

pub fn run(args: &[&str]) -> Said {
    command(args).output().expect("the program runs").into()
}

/// `events …` asked of the daemon at `url`.
pub fn events(url: &str, args: &[&str]) -> Said {
    run(&[&["events"], args, &["--url", url]].concat())
}

/// The same on a terminal of 80 columns, whose user types `input`; what is said comes together.
pub fn on_terminal(url: &str, args: &[&str], input: &str) -> Said {
    use std::io::Write;
    let program = command(&[&["events"], args, &["--url", url]].concat());
    let words = std::iter::once(program.get_program()).chain(program.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().expect("text")));
    let line = format!("stty rows 24 cols 80; exec {}", quoted.collect::<Vec<_>>().join(" "));
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--echo", "never", "--command", &line, "/dev/null"]);
    terminal
        .env("TERM", "xterm")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env_remove("EVENTMANAGER_TOKEN");
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = terminal.spawn().expect("script runs: apt-get install bsdutils");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("typed");
    child.wait_with_output().expect("it ends").into()
}

/// An event as a list has it.
pub fn summary(id: i64, status: &str, reason: Option<&str>) -> Value {
    json!({
        "id": id, "uuid": null, "source": "as1", "command": "UserAddRequest17sp4", "user": "admin@tele.gl",
        "status": status, "reason": reason, "received": 1_772_366_430.5, "attempt": 1, "warnings": [],
        "about": "anna@tele.gl", "about_more": 2,
    })
}

/// A refusal as the daemon gives it.
pub fn problem(status: u16, detail: &str) -> (u16, Value) {
    (status, json!({"type": "about:blank", "title": "X", "status": status, "detail": detail}))
}
