//! Which target reads with which decoder of `src/wire`: a new one without a target is told.

use crate::targets;
use std::collections::BTreeSet;
use std::path::Path;

/// File and function below `src/wire`, and the target that calls it, itself or through another one.
const DECODERS: &[(&str, &str)] = &[
    ("ami/decoder.rs next_line", "ami_messages"),
    ("ami/decoder.rs next_message", "ami_messages"),
    ("ami/request.rs next_request", "ami_actions"),
    ("cai3g/answer.rs parse_answer", "cai3g_answer"),
    ("cai3g/server.rs parse_request", "cai3g_request"),
    ("evapi/bare.rs next_object", "evapi_bare"),
    ("evapi/event.rs parse", "evapi_event"),
    ("evapi/flat.rs read", "evapi_event"),
    ("event_management/callback.rs parse", "callback"),
    ("event_management/event.rs event_create", "bodies"),
    ("event_management/fields.rs parse", "fields"),
    ("event_management/filter.rs parse", "filter"),
    ("event_management/hub.rs hub_request", "bodies"),
    ("event_management/operand.rs moment", "filter"),
    ("evi/call.rs parse", "evi_event"),
    ("evi/json.rs parse", "evi_event"),
    ("evi/mod.rs parse", "evi_event"),
    ("evi/text.rs read", "evi_event"),
    ("evi/text.rs read_params", "evi_event"),
    ("json.rs flagged", "json"),
    ("json.rs unique", "json"),
    ("manager_json/agent.rs read", "manager_json"),
    ("manager_json/event.rs read", "manager_json"),
    ("manager_json/reply.rs read", "manager_json"),
    ("mi/arguments.rs read", "mi_request"),
    ("mi/json.rs parse_reply", "mi_reply"),
    ("mi/json.rs parse_request", "mi_request"),
    ("mi/text.rs parse_reply", "mi_reply"),
    ("mi/text.rs parse_request", "mi_request"),
    ("netstring.rs next_frame", "netstring"),
    ("ocir/document.rs parse", "ocir_document"),
    ("ocir/frame.rs next_frame", "ocir_frames"),
    ("ocir/mask/spelling.rs closing", "mask"),
    ("ocir/mask/spelling.rs opening", "mask"),
    ("ocir/mask/spelling.rs quote", "mask"),
    ("surgemail/request.rs parse", "surgemail"),
    ("webhooks.rs parse", "webhooks"),
    ("xml/decode.rs decode", "xml"),
    ("xml/escape.rs attribute_value", "xml_text"),
    ("xml/escape.rs resolve", "xml_text"),
    ("xml/tree.rs parse", "xml"),
    ("xml/walk.rs next", "xml"),
    ("zmtp/decoder.rs next_item", "zmtp"),
    ("zmtp/socket_type.rs of", "zmtp"),
];

/// The public functions of a file that read something: by their names, or because they make of a text or bytes what may not be there.
fn found(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.split("pub fn ").skip(1).filter_map(|function| {
        let signature = function.split('{').next()?;
        let name = signature.split(['(', '<']).next()?;
        let (takes, gives) = signature.split_once("->").unwrap_or((signature, ""));
        let verbs = ["decode", "next", "parse", "read"];
        let is_named = verbs.iter().any(|verb| name == *verb || name.starts_with(&format!("{verb}_")));
        let has_self = takes.contains("self,") || takes.contains("self)");
        let is_input = ["str,", "str)", "[u8]", "Bytes"].iter().any(|kind| takes.contains(kind));
        let is_unsure = ["Result<", "Option<"].iter().any(|kind| gives.trim().starts_with(kind));
        let reads = is_named || (!has_self && is_input && is_unsure && name != "new");
        reads.then_some(name)
    })
}

fn look_into(folder: &Path, wire: &Path, all: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            look_into(&path, wire, all);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = std::fs::read_to_string(&path).expect("a file");
            let file = path.strip_prefix(wire).expect("below it").display();
            all.extend(found(&text).map(|name| format!("{file} {name}")));
        }
    }
}

#[test]
fn every_decoder_has_a_target() {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire");
    let mut all = BTreeSet::new();
    look_into(&wire, &wire, &mut all);
    let listed: BTreeSet<String> = DECODERS.iter().map(|(decoder, _)| (*decoder).to_owned()).collect();
    assert_eq!(all, listed, "the decoders that there are, and those whose targets are known");
    for (decoder, target) in DECODERS {
        assert!(targets::target(target).is_some(), "{decoder}: {target} is no target");
    }
}
