//! XML, the documents of BroadWorks in it, and what is planned of them.

use super::source::{Source, seed};
use super::{Target, samples};
use eventmanager::config::{Numbering, ServiceProfiles};
use eventmanager::plan::{Plan, Request, Subscriber, UserType};
use eventmanager::processors::attributes::{MailRules, Rules, new_subscriber};
use eventmanager::processors::{Decision, Inputs, command_type};
use eventmanager::wire::cai3g::server::{Operation, parse_request};
use eventmanager::wire::cai3g::{enumeration, hss};
use eventmanager::wire::ocir::{Command, Document, Notification};
use eventmanager::wire::surgemail::{Credentials, target};
use eventmanager::wire::xml::escape::{attribute_value, push_attribute, push_text, resolve};
use eventmanager::wire::xml::{
    Element, Fallback, MAX_DEPTH, Step, Tree, Walker, XmlError, decode, is_allowed,
};
use eventmanager::wire::{Field, Secret, mask_secrets};

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds| Target { name, run, seeds, words: samples::XML_WORDS, longest: 32 << 10 };
    vec![
        target("xml", xml, || {
            samples::xml_documents().into_iter().map(|text| seed(&[&text], &[1])).collect()
        }),
        target("xml_text", xml_text, || vec![seed(&["Bær & \"søn\" <\r\n\t>", "lt", "#x41"], &[])]),
        target("ocir_document", ocir_document, samples::ocir_streams),
        target("plans", plans, || samples::ocir_streams().into_iter().chain(samples::commands()).collect()),
    ]
}

fn xml(data: &[u8]) {
    let mut source = Source::new(data);
    let fallback = source.one_of(&[Fallback::Latin1, Fallback::Utf8]);
    let bytes = source.rest();
    let decoded = decode(bytes, fallback);
    // No encoding that is read as such makes more than three bytes of one.
    assert!(decoded.text.len() <= 3 * bytes.len() + 3);
    walk(&decoded.text);
    if let Ok(tree) = Tree::parse(&decoded.text, usize::MAX) {
        let mut written = String::new();
        write(tree.root(), &mut written);
        let again = Tree::parse(&written, usize::MAX).unwrap_or_else(|error| panic!("{error}: {written:?}"));
        same(tree.root(), again.root());
    }
    assert!(Tree::parse(&decoded.text, decoded.text.len().saturating_sub(1)).is_err());
}

/// Every step to the end.
fn walk(text: &str) {
    let Ok(mut walker) = Walker::new(text, usize::MAX) else { return };
    let length = walker.text().len();
    let (mut steps, mut before) = (0, 0);
    loop {
        steps += 1;
        assert!(steps <= 2 * length + 2, "it does not end");
        let step = walker.next();
        assert!(walker.position() >= before && walker.position() <= length && walker.depth() <= MAX_DEPTH);
        before = walker.position();
        match step {
            Ok(Step::End) => return,
            Ok(Step::Open(tag)) => {
                let _ = (tag.local(), tag.has_attributes(), tag.is_nil());
                if let Ok(Some(value)) = tag.attribute("type") {
                    assert!(value.chars().all(is_allowed), "{value:?}");
                }
            }
            Ok(Step::Text(text)) => assert!(text.chars().all(is_allowed)),
            Ok(Step::Character(character)) => assert!(is_allowed(character)),
            Ok(Step::Close) => {}
            Err(error) if error.is_character() => {}
            Err(error) => return assert!(at(&error).is_none_or(|at| at <= length), "{error}"),
        }
    }
}

fn at(error: &XmlError) -> Option<usize> {
    match error {
        XmlError::NotWellFormed { at, .. } | XmlError::Doctype { at } | XmlError::TooDeep { at } => Some(*at),
        XmlError::Unfinished { at, .. } => Some(*at),
        _ => None,
    }
}

/// An element anew: names with a prefix, as there may have been one that is gone.
fn write(element: Element, out: &mut String) {
    out.push_str("<x:");
    out.push_str(element.name());
    out.push_str(" a=\"");
    push_attribute(out, element.attribute("type").as_deref().unwrap_or_default());
    out.push_str("\">");
    push_text(out, element.text());
    element.children().for_each(|child| write(child, out));
    out.push_str("</x:");
    out.push_str(element.name());
    out.push('>');
}

fn same(one: Element, other: Element) {
    assert_eq!((one.name(), one.has_children()), (other.name(), other.has_children()));
    assert_eq!(one.text(), other.text(), "of {}", one.name());
    assert_eq!(one.attribute("type").unwrap_or_default(), other.attribute("a").unwrap_or_default());
    assert_eq!(one.children().count(), other.children().count());
    one.children().zip(other.children()).for_each(|(one, other)| same(one, other));
}

fn xml_text(data: &[u8]) {
    let mut source = Source::new(data);
    let (text, raw, reference) = (source.text(), source.text(), source.text());
    let readable: String = text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect();
    let mut written = "<a b=\"".to_owned();
    push_attribute(&mut written, &text);
    written.push_str("\">");
    push_text(&mut written, &text);
    written.push_str("</a>");
    let tree = Tree::parse(&written, usize::MAX).unwrap_or_else(|error| panic!("{error}: {written:?}"));
    assert_eq!(tree.root().text(), readable);
    assert_eq!(tree.root().attribute("b").as_deref(), Some(readable.as_str()));
    if let Ok(value) = attribute_value(&raw, 0) {
        assert!(value.len() <= raw.len() && !value.contains('\t') || raw.contains("&#"));
    }
    if let Ok(character) = resolve(&reference, 0) {
        assert!(is_allowed(character));
    }
}

fn ocir_document(data: &[u8]) {
    let document = Document::parse(data);
    if !matches!(document.content, Err(eventmanager::wire::ocir::DocumentError::Encoding(_))) {
        // As the store gives it back.
        assert_eq!(Document::from_text(document.text.clone()).content, document.content);
    }
    let commands: Vec<Command> = document.commands().cloned().collect();
    let counted: usize = document.content.iter().flatten().map(Notification::commands).sum();
    assert_eq!(commands.len(), counted);
    for (index, command) in commands.iter().enumerate() {
        assert_eq!(command.index, index);
        assert_eq!(document.clone().into_command(index as u32).as_ref(), Ok(&Some(command.clone())));
        let _ = (command.report_id(), command.user_id(), command.version(), command.elements().count());
        let _ = (command.field("userId"), command.has("a/b"), command.fields("a/b/c").count());
        assert!(!command.command_type().contains(|c: char| c.is_ascii_digit()));
    }
    mask_secrets(&document.text);
}

pub fn rules(mail: bool) -> Rules {
    Rules {
        numbering: Numbering {
            country_code: "299".into(),
            default_phone_context: "tg.gl".into(),
            phone_contexts: [("Nuuk".to_owned(), "nuk.tg.gl".to_owned())].into(),
        },
        service_profiles: ServiceProfiles {
            r#virtual: "sp_virtual".into(),
            user: "sp_user".into(),
            pilot: "sp_pilot".into(),
            trunk: "sp_trunk".into(),
        },
        mail: mail.then_some(MailRules { delete_replaced: true }),
    }
}

/// Whatever a document asks for: every request that is planned is read by the other side as what was meant, and none shows its secret.
fn plans(data: &[u8]) {
    let mut source = Source::new(data);
    let decisions = source.byte();
    let document = Document::parse(source.rest());
    let rules = rules(decisions & 1 == 0);
    let new_password = Secret::new("n3w-Passw0rd");
    for command in document.commands() {
        let Some(entry) = command_type(command.command_type()) else { continue };
        let subject = (entry.subject)(command, &rules);
        let row = (decisions & 2 == 0).then(|| subscriber(command, decisions));
        let members = [Ok(new_subscriber("member@tele.gl", UserType::User)), Err("unreadable".to_owned())];
        let inputs = Inputs {
            command,
            subscriber: row.as_ref(),
            members: &members[..usize::from(decisions >> 6).min(2)],
            rules: &rules,
            new_password: &new_password,
        };
        let decision = (entry.plan)(&inputs);
        assert_eq!(decision, (entry.plan)(&inputs), "it depends on its inputs alone");
        match decision {
            Ok(Decision::Run(plan)) => check(&plan),
            Ok(Decision::Ignore(why)) => assert!(!why.is_empty()),
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
        let _ = subject.whose();
    }
}

/// The row of the user that the command names.
fn subscriber(command: &Command, decisions: u8) -> Subscriber {
    let user = command.field("userId").value().unwrap_or(command.user_id());
    let types = [UserType::User, UserType::Virtual, UserType::Pilot, UserType::Trunk];
    let mut row = new_subscriber(user, types[usize::from(decisions >> 2 & 3)]);
    row.phone = (decisions & 16 == 0).then(|| "321044".to_owned());
    row.mail_account = (decisions & 32 == 0).then(|| "old@mail.tele.gl".to_owned());
    row
}

fn check(plan: &Plan) {
    let stored = serde_json::to_string(plan).expect("a plan can be stored");
    assert_eq!(serde_json::from_str::<Plan>(&stored).as_ref().ok(), Some(plan), "and read back");
    for (_, steps) in plan.branches() {
        assert!(steps.end <= plan.steps.len());
    }
    let session = Secret::new("session");
    for step in &plan.steps {
        let written = match &step.request {
            Request::Hss(request) => Some((hss(request, &session), Operation::Hss(request.clone()))),
            Request::Enum(request) => {
                Some((enumeration(request, &session), Operation::Enum(request.clone())))
            }
            Request::Mail(request) => {
                let credentials = Credentials {
                    username: "u".into(),
                    password: session.clone(),
                    domain_password: session.clone(),
                };
                assert!(target(request, &credentials).expose().bytes().all(|byte| byte.is_ascii_graphic()));
                None
            }
        };
        if let Some((written, meant)) = written {
            let read = parse_request(written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!(read.operation, meant, "{written}");
        }
        if let Some(secret) = step.request.secret().map(Secret::expose).filter(|secret| secret.len() > 5) {
            let shown = format!("{:?} {}", step.request, step.request);
            let others = format!("{:?}", step.request.masked());
            assert!(!shown.contains(secret) || others.contains(secret), "a secret shows");
        }
    }
    let _ = Field::Value(plan.digest());
}
