//! `[nats]`, with its `[nats.consume]`.

use super::route::topic;
use crate::config::addresses;
use crate::config::defaults::NATS_DURABLE;
use crate::config::section::Section;
use crate::config::values::{Nats, NatsAuth, NatsConsume};

const SCHEMES: [&str; 2] = ["nats://", "tls://"];
/// Of a name or subject.
const LONGEST: usize = 255;

pub(super) fn nats(section: &Section) -> Nats {
    section.require(&["urls"]);
    let urls = section.hidden_list("urls", url);
    if urls.as_ref().is_some_and(Vec::is_empty) {
        section.problem("urls", "names no server");
    }
    let default = Nats::new(urls.unwrap_or_default());
    let nats = Nats {
        stream: section.value("stream", name).unwrap_or(default.stream),
        subject_prefix: section.value("subject_prefix", prefix).unwrap_or(default.subject_prefix),
        auth: auth(section),
        ca: section.path_to("ca"),
        in_flight: section.number("in_flight", 1..=100_000).unwrap_or(default.in_flight),
        keep_backlog: section.duration("keep_backlog").unwrap_or(default.keep_backlog),
        consume: section.section("consume", consume),
        urls: default.urls,
    };
    check_clear(section, &nats);
    check_loop(section, &nats);
    nats
}

/// `nats://HOST:PORT`, or `tls://HOST:PORT`.
fn url(text: &str) -> Result<String, String> {
    let address = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    let address = address.ok_or("is neither nats://HOST:PORT nor tls://HOST:PORT")?;
    if address.contains('@') {
        return Err("must not hold a user; token, username and password have keys of their own".to_owned());
    }
    addresses::host_and_port(address)?;
    Ok(text.to_owned())
}

/// Of a stream or a consumer.
fn name(text: &str) -> Result<String, String> {
    match is_token(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("is no name of letters, digits, \"-\" and \"_\", {LONGEST} at most")),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    match text.len() <= LONGEST && text.split('.').all(is_token) {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("is no subject of letters, digits, \"-\" and \"_\" between dots, {LONGEST} at most"))
        }
    }
}

/// A subject, in which `*` stands for any part and `>` at the end for any rest.
fn subject(text: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        !part.is_empty()
            && (part == "*" || part.bytes().all(|byte| byte.is_ascii_graphic() && !b"*>".contains(&byte)))
    };
    let parts = text.strip_suffix(".>").unwrap_or(text);
    match text.len() <= LONGEST && (text == ">" || parts.split('.').all(is_part)) {
        true => Ok(text.to_owned()),
        false => Err("is no subject such as \"orders.created\", \"orders.*\" or \"orders.>\"".to_owned()),
    }
}

fn is_token(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_fine)
}

/// By a token, by a user or by a file: the first of them that is there.
fn auth(section: &Section) -> NatsAuth {
    let token = section.secret("token");
    let (username, password) = (section.text("username"), section.secret("password"));
    let credentials = section.path_to("credentials");
    let no_effect = |keys: &[&str], beside: &str| {
        for key in keys.iter().filter(|key| section.has(key)) {
            section.warn(key, format!("has no effect beside {beside}"));
        }
    };
    if section.has("token") {
        no_effect(&["username", "password", "credentials"], "token");
        return NatsAuth::Token(token.unwrap_or_default());
    }
    if section.has("username") || section.has("password") {
        no_effect(&["credentials"], "username and password");
        section.require(&["username", "password"]);
        let (username, password) = (username.unwrap_or_default(), password.unwrap_or_default());
        return NatsAuth::User { username, password };
    }
    credentials.map_or(NatsAuth::None, NatsAuth::Credentials)
}

fn consume(section: &Section) -> NatsConsume {
    section.require(&["stream", "subject", "topic"]);
    NatsConsume {
        stream: section.value("stream", name).unwrap_or_default(),
        subject: section.value("subject", subject).unwrap_or_default(),
        durable: section.value("durable", name).unwrap_or_else(|| NATS_DURABLE.to_owned()),
        topic: section.value("topic", topic).unwrap_or_default(),
    }
}

/// A file of credentials signs what the server asks: it does not go over the wire itself.
fn check_clear(section: &Section, nats: &Nats) {
    let goes = matches!(nats.auth, NatsAuth::Token(_) | NatsAuth::User { .. });
    if goes && nats.urls.iter().any(|url| !url.starts_with("tls://")) {
        section.warn("urls", "what shows who we are goes in clear to a server that is not tls://");
    }
}

/// Reports what would feed in what we publish.
fn check_loop(section: &Section, nats: &Nats) {
    let Some(NatsConsume { stream, subject, .. }) = &nats.consume else { return };
    if *stream == nats.stream && overlap(subject, &format!("{}.*.*", nats.subject_prefix)) {
        section.problem("consume", format!("{subject:?} has what we publish there ourselves"));
    }
}

/// Whether there is a subject that both mean.
fn overlap(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        match (ones.next(), others.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(one), Some(other)) if one == other || one == "*" || other == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loaded, Surroundings, parse_toml};
    use crate::wire::Secret;
    use std::path::Path;

    const URLS: &str = "urls = ['nats://n1:4222']";

    fn load(keys: &str) -> Result<Loaded, String> {
        let text = format!("[nats]\n{keys}\n");
        parse_toml(&text, "a.toml", &Surroundings::of_process(Path::new(".")))
            .map_err(|problems| problems.to_string())
    }

    fn parse(keys: &str) -> Nats {
        load(keys).expect(keys).config.nats.expect("the section")
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = load(keys).expect_err(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
        assert!(!problems.contains("hunter2"), "a secret shows: {problems}");
    }

    #[test]
    fn servers_are_named_and_the_rest_has_a_default() {
        assert_eq!(parse(URLS), Nats::new(vec!["nats://n1:4222".to_owned()]));
        assert_eq!(parse("urls = ['nats://n1:4222', 'tls://[::1]:4222']").urls.len(), 2);
        check("", "nats.urls: is missing");
        check("urls = []", "names no server");
        check("urls = ['n1:4222']", "is neither nats://");
        check("urls = ['nats://n1']", "the port is missing");
        check("urls = ['nats://u:hunter2@n1:4222']", "keys of their own");
    }

    #[test]
    fn there_is_one_way_to_show_who_we_are() {
        let auth = |keys: &str| parse(&format!("urls = ['tls://n1:4222']\n{keys}")).auth;
        assert_eq!(auth("token = 'hunter2'"), NatsAuth::Token(Secret::new("hunter2")));
        let user = NatsAuth::User { username: "em".to_owned(), password: Secret::new("hunter2") };
        assert_eq!(auth("username = 'em'\npassword = 'hunter2'"), user);
        assert_eq!(auth("credentials = '/etc/em.creds'"), NatsAuth::Credentials("/etc/em.creds".into()));
        check(&format!("{URLS}\nusername = 'em'"), "password: is missing");
        let warnings = |keys: &str| load(keys).expect(keys).warnings.to_string();
        let beside =
            warnings("urls = ['tls://n1:4222']\ntoken = 'hunter2'\ncredentials = 'x'\nusername = 'em'");
        assert!(beside.contains("nats.credentials: has no effect beside token"), "{beside}");
        assert!(beside.contains("nats.username: has no effect") && beside.lines().count() == 2, "{beside}");
        let clear = warnings(&format!("{URLS}\ntoken = 'hunter2'"));
        assert!(clear.contains("nats.urls: what shows who we are goes in clear"), "{clear}");
        assert!(warnings("urls = ['tls://n1:4222']\ntoken = 'hunter2'").is_empty());
    }

    #[test]
    fn names_and_subjects_are_plain() {
        assert_eq!(parse(&format!("{URLS}\nsubject_prefix = 'em.a-1'")).subject_prefix, "em.a-1");
        for text in ["a..b", ".a", "a.", "a.*", "a b", ""] {
            check(&format!("{URLS}\nsubject_prefix = '{text}'"), "is no subject of");
        }
        check(&format!("{URLS}\nstream = 'a.b'"), "is no name of letters");
        let consume = |subject: &str| {
            format!("{URLS}\n[nats.consume]\nstream = 'IN'\nsubject = '{subject}'\ntopic = 'order'")
        };
        for text in ["orders", "orders.*", "orders.*.x", "orders.>", ">", "*", "$JS.x"] {
            let consume = parse(&consume(text)).consume.expect(text);
            assert_eq!((consume.subject.as_str(), consume.durable.as_str()), (text, "eventmanager"));
        }
        for text in ["", "a..b", "a b", "a.>.b", "a*", ".>"] {
            check(&consume(text), "is no subject such as");
        }
    }

    #[test]
    fn what_we_publish_is_not_fed_in() {
        let consume = |stream: &str, subject: &str| {
            format!("{URLS}\n[nats.consume]\nstream = '{stream}'\nsubject = '{subject}'\ntopic = 'order'")
        };
        for subject in
            [">", "eventmanager.>", "*.as1.*", "eventmanager.as1.UserAddRequest", "eventmanager.*.*"]
        {
            check(&consume("EVENTS", subject), "what we publish there ourselves");
            parse(&consume("OTHERS", subject));
        }
        for subject in ["orders.>", "eventmanager.in", "eventmanager.a.b.c", "*"] {
            parse(&consume("EVENTS", subject));
        }
    }
}
