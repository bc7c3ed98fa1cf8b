//! What the commands say of themselves beyond their arguments: `--help`, completions and manual pages.
//!
//! `words` has the exit codes and examples of every command; `page` makes a manual page of them.

mod page;
mod script;
mod words;

pub use script::SCRIPT;

use super::Cli;
use super::say;
use anyhow::Context;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The command line with the exit codes and examples of every command in its help.
pub fn command() -> Command {
    explained(Cli::command(), "")
}

/// `path` is the words of the command behind the program's name.
fn explained(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in &names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |sub| explained(sub, path.trim_start()));
    }
    if !names.is_empty() {
        return command;
    }
    let words = words::of(path);
    let codes = words.exit_codes.iter().map(|(code, meaning)| format!("  {code:<4}{meaning}\n"));
    let codes = format!("Exit codes:\n{}", codes.collect::<String>());
    let examples = words.examples.iter().map(|(line, what)| format!("  {line}\n      {what}\n"));
    let examples = match words.examples {
        [] => String::new(),
        _ => format!("\nExamples:\n{}", examples.collect::<String>()),
    };
    command.after_help(codes.clone()).after_long_help(codes + &examples)
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    /// Prints the script that the shell reads.
    pub fn print(&self) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "eventmanager", &mut script);
        say(&String::from_utf8_lossy(&script));
        Ok(ExitCode::SUCCESS)
    }
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Directory for the pages; made where it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    /// Writes `eventmanager.1` and a page for each command.
    pub fn write(&self) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.directory).with_context(|| self.directory.display().to_string())?;
        let mut command = command().disable_help_subcommand(true);
        command.build();
        write_pages(&command, "", &self.directory)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn write_pages(command: &Command, path: &str, directory: &Path) -> anyhow::Result<()> {
    let (name, page) = page::of(command, path)?;
    let file = directory.join(name);
    std::fs::write(&file, page).with_context(|| file.display().to_string())?;
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name());
        write_pages(sub, path.trim_start(), directory)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands() {
            leaves(sub, format!("{path} {}", sub.get_name()).trim_start(), found);
        }
        if !command.has_subcommands() {
            found.push(path.to_owned());
        }
    }

    #[test]
    fn the_arguments_fit_together() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_every_example_is_one() {
        let mut found = Vec::new();
        leaves(&command(), "", &mut found);
        for path in &found {
            assert!(
                !words::of(path).examples.is_empty(),
                "src/cli/manual/words.rs has no example of {path:?}"
            );
        }
        for path in words::known() {
            assert!(found.iter().any(|command| command == path), "there is no command {path:?}");
            for (line, _) in words::of(path).examples {
                // What stands behind a pipe, or before the program's name, is the shell's.
                let line = line.split(" | ").find(|part| part.contains("eventmanager ")).expect("a command");
                let words = line.split(" > ").next().unwrap_or_default();
                let words = words.split_once("eventmanager ").map(|(_, words)| words).expect("a command");
                assert!(words.starts_with(path), "{line:?} is no example of {path:?}");
                let quote = if words.contains('\'') { '\'' } else { '"' };
                let words = words.split(quote).enumerate().flat_map(|(index, part)| match index % 2 {
                    1 => vec![part],
                    _ => part.split_whitespace().collect(),
                });
                let parsed = command().try_get_matches_from(["eventmanager"].into_iter().chain(words));
                assert!(
                    parsed.is_ok(),
                    "{line:?}: {}",
                    parsed.err().map(|e| e.to_string()).unwrap_or_default()
                );
            }
        }
    }
}
