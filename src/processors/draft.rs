//! A plan in the making: every operation appends the requests of one row of the table below and moves the
//! subscriber on, so that the next operation plans against the state that this one leaves.
//!
//! | operation | requests, in this order |
//! |---|---|
//! | create | create association |
//! | create a service | create association; with a phone: set tel URI, create ENUM |
//! | phone | of the old one: delete tel URI, delete ENUM; of the new one: set tel URI, create ENUM |
//! | identity | delete ENUM, delete tel URI; delete public identity, delete service profile, set service profile, set public identity; set tel URI, create ENUM |
//! | type | delete association, delete ENUM, create association; set tel URI, create ENUM |
//! | phone context | set phone context |
//! | mail account | create account; delete the old one, where that is configured |
//! | list | delete the association of the old list; create that of the new one |
//! | delete | delete the association of the list; delete tel URI, delete ENUM; delete mail account; delete association |
//!
//! The orders are those that the core is known to take. They differ in whether the tel URI or the ENUM record goes first,
//! and are kept as they are for that reason alone. ENUM is written last, when the identity that it points to is there.

use super::attributes::{
    self, Rules, association, association_id, new_subscriber, public_data, service_profile, sip_uri,
};
use crate::plan::{Plan, Request, Step, Subscriber, SubscriberChanges, SubscriberEffect, UserType};
use crate::wire::cai3g::{EnumRequest, HssRequest};
use crate::wire::surgemail::{MailAccount, MailRequest};
use crate::wire::{Field, Secret};

/// The steps so far, and the subscriber as they leave it.
pub struct Draft<'a> {
    rules: &'a Rules,
    subscriber: Subscriber,
    /// The context with which the event ends: every body of the event carries it.
    phone_context: String,
    plan: Plan,
}

impl<'a> Draft<'a> {
    /// A plan for `subscriber`, whose bodies carry `phone_context`.
    pub fn new(rules: &'a Rules, subscriber: Subscriber, phone_context: String) -> Self {
        Draft { rules, subscriber, phone_context, plan: Plan::default() }
    }

    /// The subscriber as the steps so far leave it.
    pub fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// Adds something that an operator should know.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.plan.warnings.push(warning.into());
    }

    /// The finished plan.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// Creates the association and the subscriber's row; without a password as a PSI.
    pub fn create(&mut self, password: Option<Secret>) {
        self.create_association(password);
        self.commit(SubscriberEffect::Insert(Box::new(self.subscriber.clone())));
    }

    /// Creates a PSI with its phone, where it has one, and its row at the very end: an event that fails before can be
    /// run again, which would find the subscriber there if the row came first.
    pub fn create_service(&mut self, phone: Option<String>) {
        self.create_association(None);
        if let Some(phone) = &phone {
            self.set_tel_uri(phone);
            self.create_enum(phone);
        }
        self.subscriber.phone = phone;
        self.commit(SubscriberEffect::Insert(Box::new(self.subscriber.clone())));
    }

    /// The plan that removes everything of `subscriber`: its list, phone, mail account and association, and its row.
    pub fn deletion(rules: &'a Rules, subscriber: Subscriber) -> Plan {
        let mut draft = Draft::new(rules, subscriber, rules.default_phone_context());
        if let Some(list) = draft.subscriber.blf_list.take() {
            draft.delete_association_of(&list);
        }
        if let Some(phone) = draft.subscriber.phone.take() {
            draft.delete_tel_uri(&phone);
            draft.delete_enum(&phone);
        }
        if let Some(account) = draft.subscriber.mail_account.take() {
            draft.delete_mail_account(&account);
        }
        draft.delete_association();
        draft.commit(SubscriberEffect::Delete { user_id: draft.subscriber.user_id.clone() });
        draft.finish()
    }

    /// Does with the phone what the document says.
    pub fn change_phone(&mut self, phone: Field<String>) {
        match phone {
            Field::Absent => {}
            Field::Nil => self.set_phone(None),
            Field::Value(phone) => self.set_phone(Some(phone)),
        }
    }

    /// Gives the phone, changes it, or drops it (`None`).
    pub fn set_phone(&mut self, phone: Option<String>) {
        if phone == self.subscriber.phone {
            return;
        }
        if let Some(old) = self.subscriber.phone.clone() {
            self.delete_tel_uri(&old);
            self.delete_enum(&old);
        }
        if let Some(new) = &phone {
            self.set_tel_uri(new);
            self.create_enum(new);
        }
        let change = phone.clone().map_or(Field::Nil, Field::Value);
        self.subscriber.phone = phone;
        self.update(SubscriberChanges { phone: change, ..SubscriberChanges::default() });
    }

    /// Moves the subscriber to another public identity; a phone it has moves along.
    pub fn set_identity(&mut self, identity: String) {
        if identity == self.subscriber.public_identity {
            return;
        }
        let phone = self.subscriber.phone.clone();
        if let Some(phone) = &phone {
            self.delete_enum(phone);
            self.delete_tel_uri(phone);
        }
        let association_id = self.subscriber.association_id.clone();
        let old = std::mem::replace(&mut self.subscriber.public_identity, identity.clone());
        self.hss(HssRequest::DeletePublicIdentity {
            association_id: association_id.clone(),
            public_id: sip_uri(&old),
        });
        self.hss(HssRequest::DeleteServiceProfile {
            association_id: association_id.clone(),
            service_profile_id: old,
        });
        let service_profile = service_profile(self.rules, &self.subscriber, &self.phone_context);
        self.hss(HssRequest::SetServiceProfile { association_id, service_profile });
        self.set_public_identity(sip_uri(&identity));
        if let Some(phone) = &phone {
            self.set_tel_uri(phone);
            self.create_enum(phone);
        }
        self.update(SubscriberChanges {
            public_identity: Field::Value(identity),
            phone: phone.map_or(Field::Absent, Field::Value),
            ..SubscriberChanges::default()
        });
    }

    /// Recreates the association as another type, with the identity and phone it has.
    ///
    /// A SIP password cannot be read back from the HSS: a user that had one loses it, which is a warning.
    pub fn set_type(&mut self, user_type: UserType, new_password: &Secret) {
        let old = self.subscriber.user_type;
        if user_type == old {
            return;
        }
        let phone = self.subscriber.phone.clone();
        self.delete_association();
        if let Some(phone) = &phone {
            self.delete_enum(phone);
        }
        self.subscriber.user_type = user_type;
        self.create_association((user_type != UserType::Trunk).then(|| new_password.clone()));
        if let Some(phone) = &phone {
            self.set_tel_uri(phone);
            self.create_enum(phone);
        }
        self.update(SubscriberChanges { user_type: Field::Value(user_type), ..SubscriberChanges::default() });
        if attributes::implicit_reg_set(old) == 1 {
            self.warn("lost SIP password");
        }
    }

    /// Writes the context to the subscriber's own profile where the row holds another.
    pub fn set_phone_context(&mut self) {
        let context = self.phone_context.clone();
        if self.subscriber.phone_context.as_ref() == Some(&context) {
            return;
        }
        self.hss(HssRequest::SetPhoneContext {
            association_id: self.subscriber.association_id.clone(),
            service_profile_id: self.subscriber.public_identity.clone(),
            phone_context: context.clone(),
        });
        self.subscriber.phone_context = Some(context.clone());
        self.update(SubscriberChanges {
            phone_context: Field::Value(context),
            ..SubscriberChanges::default()
        });
    }

    /// Gives the subscriber another mail account; the one before stays at the server unless it is to be deleted.
    pub fn set_mail_account(&mut self, account: MailAccount, password: Secret, delete_replaced: bool) {
        let text = account.to_string();
        self.mail(MailRequest::CreateAccount { account, password: password.clone() });
        match self.subscriber.mail_account.replace(text.clone()) {
            Some(old) if delete_replaced => self.delete_mail_account(&old),
            Some(old) => self.warn(format!("mail account {old} stays at the mail server")),
            None => {}
        }
        self.update(SubscriberChanges {
            mail_account: Field::Value(text),
            mail_password: Field::Value(password),
            ..SubscriberChanges::default()
        });
    }

    /// Gives the subscriber a list of monitored phones, changes it, or removes it (`None`).
    pub fn set_blf_list(&mut self, list: Option<String>) {
        if list == self.subscriber.blf_list {
            return;
        }
        if let Some(old) = self.subscriber.blf_list.take() {
            self.delete_association_of(&old);
        }
        if let Some(list) = &list {
            let psi = new_subscriber(list, UserType::Virtual);
            let whole = association(self.rules, &psi, &self.rules.default_phone_context(), None);
            self.hss(HssRequest::CreateAssociation(whole));
        }
        let change = list.clone().map_or(Field::Nil, Field::Value);
        self.subscriber.blf_list = list;
        self.update(SubscriberChanges { blf_list: change, ..SubscriberChanges::default() });
    }

    fn create_association(&mut self, password: Option<Secret>) {
        let whole = association(self.rules, &self.subscriber, &self.phone_context, password);
        self.hss(HssRequest::CreateAssociation(whole));
    }

    fn delete_association(&mut self) {
        let association_id = self.subscriber.association_id.clone();
        self.hss(HssRequest::DeleteAssociation { association_id });
    }

    /// Deletes the association of a list.
    fn delete_association_of(&mut self, list: &str) {
        self.hss(HssRequest::DeleteAssociation { association_id: association_id(list) });
    }

    /// Deletes an account of the subscriber, as far as there is a mail server and the row holds an account.
    fn delete_mail_account(&mut self, text: &str) {
        match (MailAccount::parse(text), &self.rules.mail) {
            (Some(account), Some(_)) => self.mail(MailRequest::DeleteAccount { account }),
            (Some(_), None) => {
                self.warn(format!("mail account {text} is not deleted: mail is not provisioned"))
            }
            (None, _) => self.warn(format!("mail account {text} is not deleted: it is not LOCALPART@DOMAIN")),
        }
    }

    fn set_tel_uri(&mut self, phone: &str) {
        self.set_public_identity(self.rules.tel_uri(phone));
    }

    fn delete_tel_uri(&mut self, phone: &str) {
        let association_id = self.subscriber.association_id.clone();
        let public_id = self.rules.tel_uri(phone);
        self.hss(HssRequest::DeletePublicIdentity { association_id, public_id });
    }

    fn set_public_identity(&mut self, public_id: String) {
        let association_id = self.subscriber.association_id.clone();
        let public_data = public_data(&self.subscriber, public_id);
        self.hss(HssRequest::SetPublicIdentity { association_id, public_data });
    }

    fn create_enum(&mut self, phone: &str) {
        let public_id = sip_uri(&self.subscriber.public_identity);
        self.push(Request::Enum(EnumRequest::Create { msisdn: self.rules.msisdn(phone), public_id }));
    }

    fn delete_enum(&mut self, phone: &str) {
        self.push(Request::Enum(EnumRequest::Delete { msisdn: self.rules.msisdn(phone) }));
    }

    fn mail(&mut self, request: MailRequest) {
        self.push(Request::Mail(request));
    }

    fn hss(&mut self, request: HssRequest) {
        self.push(Request::Hss(request));
    }

    fn push(&mut self, request: Request) {
        self.plan.steps.push(Step { request, effect: None });
    }

    fn update(&mut self, changes: SubscriberChanges) {
        self.commit(SubscriberEffect::Update { user_id: self.subscriber.user_id.clone(), changes });
    }

    /// Ties a row's effect to the last of its requests: both are committed together.
    fn commit(&mut self, effect: SubscriberEffect) {
        let last =
            self.plan.steps.last_mut().expect("every operation has pushed a request before its effect");
        last.effect = Some(effect);
    }
}
