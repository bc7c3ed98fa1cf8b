//! What standard output and standard error are connected to: how wide it is, whether it shows colours, and whether somebody sits
//! there who can be asked.

use super::complain;
use console::Term;
use std::io::{IsTerminal, stderr, stdin, stdout};

/// Columns of standard output: what `COLUMNS` says, else what the terminal says; `None` where it is no terminal and whoever reads
/// it wants everything.
pub fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let columns = said.or_else(|| Some(usize::from(Term::stdout().size_checked()?.1)));
    columns.filter(|columns| *columns > 0)
}

/// Whether standard output takes colours: a terminal, unless `NO_COLOR` is set to something (no-color.org) or it is a dumb one.
pub fn colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stdout().is_terminal()
        && !is_set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether somebody can be asked.
pub fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks a question on standard error; anything but `y` or `yes` is a no.
pub fn confirm(question: &str) -> bool {
    complain(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer).is_ok();
    read && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
