//! How many instructions codecs and plan functions take, counted by valgrind: the same on a busy machine and an idle one.
//!
//!     ./tests/run instructions [record]
//!
//! Fails where one takes 3 % more than `benches/instructions.tsv` says, which `record` writes anew. What the record says holds for
//! the compiler that it names; of another one, a fifth more is borne. The allocator is that of the C library, which counts alike in all runs.

#[path = "support/cases/mod.rs"]
#[allow(dead_code, reason = "what is counted needs no bound")]
mod cases;

use cases::Case;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Hundredths that a case may take more than its record says, and where that is of another compiler.
const MORE: f64 = 3.0;
const MORE_OF_ANOTHER: f64 = 20.0;
/// The work is done so often before it is counted, and while it is.
const WARM_UP: u32 = 5;
const COUNTED: u32 = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Cargo also runs benchmarks as tests, to see that they compile and start.
        ["--test"] => ExitCode::SUCCESS,
        ["case", name] => {
            do_case(name);
            ExitCode::SUCCESS
        }
        ["record"] => record(),
        [] => compare(),
        _ => {
            eprintln!("usage: ./tests/run instructions [record]");
            ExitCode::from(2)
        }
    }
}

/// What valgrind runs.
fn do_case(name: &str) {
    let mut cases = cases::all();
    let case = cases.iter_mut().find(|case| case.name == name).expect("a case of this name");
    (0..WARM_UP).for_each(|_| (case.work)());
    the_counted_work(case);
}

/// Valgrind counts within it alone.
#[inline(never)]
fn the_counted_work(case: &mut Case) {
    (0..COUNTED).for_each(|_| (case.work)());
}

/// Instructions of each case, in their order.
fn count() -> Vec<(&'static str, u64)> {
    cases::all().into_iter().map(|case| (case.name, count_of(case.name))).collect()
}

fn count_of(name: &str) -> u64 {
    let program = std::env::current_exe().expect("a path");
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*the_counted_work*", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["case", name])
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name}: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let total: u64 = collected.expect("a count").1.trim().parse().expect("a number");
    assert!(total > 0, "nothing was counted of {name}");
    total / u64::from(COUNTED)
}

fn compiler() -> String {
    let said = Command::new(std::env::var("RUSTC").unwrap_or("rustc".to_owned()))
        .arg("--version")
        .output()
        .expect("a compiler");
    format!("{} on {}", String::from_utf8_lossy(&said.stdout).trim(), std::env::consts::ARCH)
}

fn file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.tsv")
}

fn record() -> ExitCode {
    let mut text = format!("# {}\n", compiler());
    for (name, count) in count() {
        _ = writeln!(text, "{name}\t{count}");
        println!("{name:<40} {count:>12}");
    }
    std::fs::write(file(), text).expect("written");
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let text = std::fs::read_to_string(file()).expect("a record");
    let (first, rows) = text.split_once('\n').expect("lines");
    let is_same = first.strip_prefix("# ") == Some(&compiler());
    let more = if is_same { MORE } else { MORE_OF_ANOTHER };
    if !is_same {
        println!("the record is of {first}, and this is {}: {more} % more are borne", compiler());
    }
    let mut recorded: BTreeMap<&str, u64> = rows.lines().map(read).collect();
    let mut is_well = true;
    for (name, count) in count() {
        let Some(before) = recorded.remove(name) else {
            println!("{name:<40} {count:>12}   is not recorded");
            is_well = false;
            continue;
        };
        let change = (count as f64 / before as f64 - 1.0) * 100.0;
        let verdict = match change {
            it if it > more => "too much: make it less, or record it with the reason",
            it if it < -more => "less: worth recording",
            _ => "",
        };
        is_well &= change <= more;
        println!("{name:<40} {count:>12} {change:>+7.2} %   {verdict}");
    }
    for name in recorded.keys() {
        println!("{name} is recorded, and is no case any more");
        is_well = false;
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(line: &str) -> (&str, u64) {
    let (name, count) = line.split_once('\t').expect("a name and a count");
    (name, count.parse().expect("a number"))
}
