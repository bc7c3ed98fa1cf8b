//! Every decoder with inputs that nobody has thought of, every configuration, and the HTTP API of a running daemon.
//!
//! `cargo test` runs each target for a moment; for hours, and led by the code that is reached: `./tests/fuzz/run`.

mod api;
mod bounds;
mod decoders;
mod engine;
mod memory;
#[path = "../support/mod.rs"]
mod support;
mod targets;

use std::path::Path;

/// Runs the targets whose names begin so.
#[track_caller]
fn fuzz(beginnings: &[&str]) {
    let chosen: Vec<_> = targets::targets()
        .into_iter()
        .filter(|target| beginnings.iter().any(|beginning| target.name.starts_with(beginning)))
        .collect();
    assert!(chosen.len() >= beginnings.len(), "{beginnings:?}");
    chosen.iter().for_each(engine::run);
}

/// What the tests below run; the last of them looks that it is everything.
const SOAP_AND_DOCUMENTS: &[&str] = &["xml", "ocir", "plans", "cai3g", "surgemail"];
const MASKS: &[&str] = &["mask"];
const KAMAILIO: &[&str] = &["netstring", "evapi", "json"];
const ASTERISK: &[&str] = &["ami", "states", "zmtp", "manager_json"];
const OPENSIPS: &[&str] = &["evi", "mi_", "members"];
const REST: &[&str] = &["fields", "filter", "callback", "bodies", "webhooks"];
const CONFIGURATIONS: &[&str] = &["config"];
const WORDS: &[&str] = &["patterns", "templates", "times", "terminal"];

#[test]
fn no_document_and_no_soap_breaks_what_reads_it() {
    fuzz(SOAP_AND_DOCUMENTS);
}

#[test]
fn no_document_shows_its_secrets_whatever_stands_around_them() {
    fuzz(MASKS);
}

#[test]
fn nothing_that_kamailio_sends_breaks_what_reads_it() {
    fuzz(KAMAILIO);
}

#[test]
fn nothing_that_asterisk_sends_breaks_what_reads_it() {
    fuzz(ASTERISK);
}

#[test]
fn nothing_that_opensips_sends_breaks_what_reads_it() {
    fuzz(OPENSIPS);
}

#[test]
fn nothing_that_is_posted_breaks_what_reads_it_and_no_private_address_is_called() {
    fuzz(REST);
}

#[test]
fn no_configuration_breaks_its_reader_and_no_error_tells_a_secret() {
    fuzz(CONFIGURATIONS);
}

#[test]
fn no_pattern_template_or_time_breaks_its_reader() {
    fuzz(WORDS);
}

#[test]
#[should_panic(expected = "EVENTMANAGER_SEED is \"12x\", which is no number")]
fn a_seed_that_is_no_number_is_refused() {
    engine::number_in("EVENTMANAGER_SEED", "12x");
}

#[test]
fn every_target_is_run_and_nothing_is_kept_for_what_is_none() {
    let all = [SOAP_AND_DOCUMENTS, MASKS, KAMAILIO, ASTERISK, OPENSIPS, REST, CONFIGURATIONS, WORDS].concat();
    for target in targets::targets() {
        assert!(all.iter().any(|beginning| target.name.starts_with(beginning)), "{} is not run", target.name);
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for folder in std::fs::read_dir(corpus).expect("a corpus") {
        let name = folder.expect("an entry").file_name().into_string().expect("a name");
        assert!(targets::target(&name).is_some(), "{name} is no target");
    }
}
