//! Who may ask for what over HTTP: sessions of the page, tokens, guesses, headers, certificates.

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod given;
mod guesses;
mod headers;
mod logins;
