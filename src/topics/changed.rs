//! What an event of an application server has changed, as those see it who follow entities: a subscriber, a group or a mail domain
//! that was created, updated or deleted.

use super::TopicEvent;
use super::hand_on::json_in_ascii;
use crate::event::Form;
use crate::plan::{Plan, Request, Subscriber, SubscriberEffect};
use crate::wire::surgemail::MailRequest;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The word in `change`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Created,
    Updated,
    Deleted,
}

impl ChangeKind {
    /// The word in payloads, in conditions of rules, and in Event Management's `eventType`.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Created => "created",
            ChangeKind::Updated => "updated",
            ChangeKind::Deleted => "deleted",
        }
    }

    /// What a plan does that has been walked to its end; `None` where it does nothing.
    pub fn of(plan: &Plan) -> Option<ChangeKind> {
        if !plan.members.is_empty() {
            return Some(ChangeKind::Deleted);
        }
        (!plan.steps.is_empty()).then(|| ChangeKind::of_steps(plan))
    }

    fn of_steps(plan: &Plan) -> ChangeKind {
        let mut effects = plan.steps.iter().filter_map(|step| step.effect.as_ref()).filter(|it| is_whole(it));
        match (effects.next(), effects.next_back(), domain(plan)) {
            // One that goes and comes again is there before and after.
            (Some(SubscriberEffect::Delete { .. }), Some(SubscriberEffect::Insert(_)), _) => {
                ChangeKind::Updated
            }
            (_, Some(SubscriberEffect::Delete { .. }), _)
            | (Some(SubscriberEffect::Delete { .. }), None, _) => ChangeKind::Deleted,
            (Some(SubscriberEffect::Insert(_)), ..) => ChangeKind::Created,
            (.., Some((_, kind))) => kind,
            _ => ChangeKind::Updated,
        }
    }
}

fn is_whole(effect: &SubscriberEffect) -> bool {
    !matches!(effect, SubscriberEffect::Update { .. })
}

/// The mail domain that the plan is about.
fn domain(plan: &Plan) -> Option<(&str, ChangeKind)> {
    plan.steps.iter().find_map(|step| match &step.request {
        Request::Mail(MailRequest::SaveDomain { domain }) => Some((domain.as_str(), ChangeKind::Created)),
        Request::Mail(MailRequest::DeleteDomain { domain }) => Some((domain.as_str(), ChangeKind::Deleted)),
        _ => None,
    })
}

/// The entity that a plan has changed. `whose` is its name; `row` the subscriber's as the database has it, and `last` the effect that is
/// yet to be committed.
pub fn entity(
    plan: &Plan,
    whose: &str,
    mut row: Option<Subscriber>,
    last: Option<&SubscriberEffect>,
) -> Map<String, Value> {
    if !plan.members.is_empty() {
        let members: Vec<&str> = plan.members.iter().map(|member| member.user_id.as_str()).collect();
        return object(json!({ "id": whose, "@type": "Group", "members": members }));
    }
    if let Some((domain, _)) = domain(plan) {
        return object(json!({ "id": domain, "@type": "MailDomain" }));
    }
    // Of one that goes the last state is told.
    last.filter(|effect| !matches!(effect, SubscriberEffect::Delete { .. }))
        .into_iter()
        .for_each(|effect| effect.apply(&mut row));
    let mut entity = object(json!({ "id": whose, "@type": "Subscriber" }));
    if let Some(row) = row {
        let user_type = Some(row.user_type.as_str().to_owned());
        let columns = [
            ("group", row.group_id),
            ("type", user_type),
            ("public_identity", Some(row.public_identity)),
            ("phone", row.phone),
            ("phone_context", row.phone_context),
            ("association", Some(row.association_id)),
            ("mail_user", row.mail_account),
            ("blf_user", row.blf_list),
        ];
        entity.extend(columns.map(|(name, value)| (name.to_owned(), Value::from(value))));
    }
    entity
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Puts the entity beside the fields of events that say what has changed.
pub fn amend(events: &mut [TopicEvent], entity: Map<String, Value>) {
    let Some(Ok(Value::Object(mut fields))) =
        events.first().map(|event| serde_json::from_str(&event.payload))
    else {
        return;
    };
    fields.insert("entity".to_owned(), Value::Object(entity));
    let payload: Arc<str> = json_in_ascii(&Value::Object(fields).to_string()).into();
    for event in events {
        (event.payload, event.form) = (Arc::clone(&payload), Form::Change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Member, Step, SubscriberChanges, UserType};
    use crate::wire::cai3g::EnumRequest;
    use crate::wire::{Field, Secret};

    fn anna() -> Subscriber {
        Subscriber {
            user_id: "anna@tele.gl".into(),
            group_id: Some("g".into()),
            public_identity: "anna@tele.gl".into(),
            user_type: UserType::User,
            phone_context: None,
            association_id: "a1".into(),
            phone: Some("321044".into()),
            mail_account: None,
            mail_password: Some(Secret::new("sesame")),
            blf_list: None,
        }
    }

    fn insert() -> SubscriberEffect {
        SubscriberEffect::Insert(Box::new(anna()))
    }

    fn delete() -> SubscriberEffect {
        SubscriberEffect::Delete { user_id: "anna@tele.gl".into() }
    }

    fn update() -> SubscriberEffect {
        let changes = SubscriberChanges { phone: Field::Value("321045".into()), ..Default::default() };
        SubscriberEffect::Update { user_id: "anna@tele.gl".into(), changes }
    }

    fn plan(effects: &[SubscriberEffect]) -> Plan {
        let request = Request::Enum(EnumRequest::Delete { msisdn: "1".into() });
        let step =
            |effect: &SubscriberEffect| Step { request: request.clone(), effect: Some(effect.clone()) };
        Plan { steps: effects.iter().map(step).collect(), ..Plan::default() }
    }

    fn of_domain(request: MailRequest) -> Plan {
        Plan { steps: vec![Step { request: Request::Mail(request), effect: None }], ..Plan::default() }
    }

    #[test]
    fn what_a_plan_does_to_a_row_is_a_word() {
        let check = |effects: &[SubscriberEffect], kind: &str| {
            assert_eq!(ChangeKind::of(&plan(effects)).map(ChangeKind::as_str), Some(kind), "{effects:?}");
        };
        assert_eq!(ChangeKind::of(&Plan::default()), None);
        check(&[insert()], "created");
        check(&[insert(), update()], "created");
        check(&[update()], "updated");
        check(&[update(), delete()], "deleted");
        check(&[delete(), update()], "deleted");
        check(&[delete(), insert()], "updated");
        let group =
            Plan { members: vec![Member { user_id: "anna@tele.gl".into(), steps: 1 }], ..plan(&[delete()]) };
        assert_eq!(ChangeKind::of(&group), Some(ChangeKind::Deleted));
        let save = of_domain(MailRequest::SaveDomain { domain: "tele.gl".into() });
        assert_eq!(ChangeKind::of(&save), Some(ChangeKind::Created));
        let delete = of_domain(MailRequest::DeleteDomain { domain: "tele.gl".into() });
        assert_eq!(ChangeKind::of(&delete), Some(ChangeKind::Deleted));
    }

    #[test]
    fn the_entity_is_as_the_event_leaves_it_and_has_no_password() {
        let check =
            |plan: &Plan, row: Option<Subscriber>, last: Option<SubscriberEffect>, expected: Value| {
                let entity = entity(plan, "anna@tele.gl", row, last.as_ref());
                assert_eq!(Value::Object(entity), expected);
            };
        let whole = |phone: &str| {
            json!({ "id": "anna@tele.gl", "@type": "Subscriber", "group": "g", "type": "user",
                "public_identity": "anna@tele.gl", "phone": phone, "phone_context": null, "association": "a1",
                "mail_user": null, "blf_user": null })
        };
        check(&plan(&[insert()]), None, Some(insert()), whole("321044"));
        check(&plan(&[insert()]), Some(anna()), None, whole("321044"));
        check(&plan(&[update()]), Some(anna()), Some(update()), whole("321045"));
        check(&plan(&[delete()]), Some(anna()), Some(delete()), whole("321044"));
        check(&plan(&[delete()]), None, None, json!({ "id": "anna@tele.gl", "@type": "Subscriber" }));
        let member = Member { user_id: "bo@tele.gl".into(), steps: 1 };
        let group = Plan { members: vec![member], ..plan(&[delete()]) };
        let expected = json!({ "id": "anna@tele.gl", "@type": "Group", "members": ["bo@tele.gl"] });
        check(&group, None, None, expected);
        let domain = of_domain(MailRequest::SaveDomain { domain: "tele.gl".into() });
        check(&domain, None, None, json!({ "id": "tele.gl", "@type": "MailDomain" }));
    }
}
