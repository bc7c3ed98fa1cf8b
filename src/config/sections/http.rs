//! `[http]` and `[[http.token]]`.

use super::choice;
use crate::config::addresses;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::*;
use std::collections::BTreeSet;

const ROLES: [(&str, Role); 3] =
    [("viewer", Role::Viewer), ("operator", Role::Operator), ("peer", Role::Peer)];

pub(super) fn http(section: &Section) -> Http {
    let mut names = BTreeSet::new();
    let http = Http {
        listen: section.value("listen", addresses::listen).unwrap_or(Http::default().listen),
        tls_cert: section.path_to("tls_cert"),
        tls_key: section.path_to("tls_key"),
        tokens: section.sections("token", |token_section| token(token_section, &mut names)),
        original_paths_open: section.flag("original_paths_open").unwrap_or(true),
    };
    for (given, missing) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert")] {
        if section.has(given) && section.lacks(missing) {
            section.problem(given, format!("works only together with {missing}"));
        }
    }
    // `token = []` is a key, and nobody's token.
    let nobody = section.lacks("token") || (section.has("token") && http.tokens.is_empty());
    if !addresses::is_loopback(http.listen) && nobody {
        section.problem("listen", "can be reached from other hosts, which needs a [[http.token]]");
    }
    if section.has("original_paths_open") && http.original_paths_open && !addresses::is_loopback(http.listen)
    {
        section.warn("original_paths_open", "has no effect: listen can be reached from other hosts");
    }
    http
}

fn token(section: &Section, names: &mut BTreeSet<String>) -> Token {
    section.require(&["name", "role", "sha256"]);
    let token = Token {
        name: section.text("name").unwrap_or_default(),
        role: section.value("role", choice(&ROLES)).unwrap_or(Role::Viewer),
        sha256: section.hidden("sha256", units::sha256).unwrap_or_default(),
    };
    if !token.name.is_empty() && !names.insert(token.name.clone()) {
        section.problem("name", format!("{:?} is the name of another token already", token.name));
    }
    token
}
