//! A manual page of one command.

use super::words;
use clap::Command;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// What every command may look at.
const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "EVENTMANAGER_TOKEN",
        "The token that commands show to the daemon, unless --token-file names a file of it.",
    ),
    ("RUST_LOG", "What the daemon logs, such as debug; instead of [log] level of the configuration."),
    (
        "NO_COLOR",
        "Set to anything, tables have no colours. They have none either where standard output is no terminal.",
    ),
    (
        "COLUMNS",
        "How wide tables are. Without it as wide as the terminal; where standard output is none nothing is cut.",
    ),
    ("SUDO_USER, USER, LOGNAME", "Who acts, told to a daemon without tokens for its audit."),
    ("TMPDIR", "Where demo keeps its database while it runs."),
];

const FILES: &[(&str, &str)] = &[
    (
        "/etc/eventmanager/eventmanager.toml",
        "The configuration; --config names another, TOML or an em.ini of the Erlang release.",
    ),
    ("/var/lib/eventmanager/events.db", "The database, unless [store] of the configuration names another."),
];

/// A date that shows as nothing: one that is empty is left out, and what follows it taken for it.
const NO_DATE: &str = "\\&";

/// Its file name and its text. `path` is the command's words behind the program's name.
pub fn of(command: &Command, path: &str) -> std::io::Result<(String, Vec<u8>)> {
    let words = format!("eventmanager {path}");
    // The head of a page has the title at both ends of a line of 78 letters, and what is in the middle between them.
    let man = clap_mangen::Man::new(command.clone())
        .title("eventmanager")
        .manual(words.trim_end())
        .source(concat!("eventmanager ", env!("CARGO_PKG_VERSION")))
        .date(NO_DATE);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    if !command.has_subcommands() {
        let words = words::of(path);
        let codes = words.exit_codes.iter().map(|(code, meaning)| (code.to_string(), format!("{meaning}.")));
        section(&mut roff, "EXIT STATUS", codes, bold);
        let files = FILES.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned()));
        let environment = ENVIRONMENT.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned()));
        section(&mut roff, "ENVIRONMENT", environment, bold);
        section(&mut roff, "FILES", files, italic);
        let examples = words.examples.iter().map(|(line, what)| ((*line).to_owned(), format!("{what}.")));
        section(&mut roff, "EXAMPLES", examples, bold);
    }
    see_also(&mut roff, command, path);
    roff.to_writer(&mut page)?;
    Ok((man.get_filename(), page))
}

/// A section of terms, each with what it means.
fn section(
    roff: &mut Roff,
    title: &str,
    entries: impl Iterator<Item = (String, String)>,
    term: fn(String) -> Inline,
) {
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []);
        roff.text([term(name)]);
        roff.text([roman(meaning)]);
    }
}

/// The page above, and those below or beside.
fn see_also(roff: &mut Roff, command: &Command, path: &str) {
    let mut pages = Vec::new();
    if let Some((parents, _)) = path.rsplit_once(' ') {
        pages.push(format!("eventmanager-{}", parents.replace(' ', "-")));
    }
    if !path.is_empty() {
        pages.push("eventmanager".to_owned());
    }
    let below = command.get_subcommands().map(|sub| format!("eventmanager {path} {}", sub.get_name()));
    pages.extend(below.map(|page| page.split_whitespace().collect::<Vec<_>>().join("-")));
    let mut line = Vec::new();
    for (index, page) in pages.into_iter().enumerate() {
        if index > 0 {
            line.push(roman(", "));
        }
        line.push(bold(page));
        line.push(roman("(1)"));
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text(line);
}
