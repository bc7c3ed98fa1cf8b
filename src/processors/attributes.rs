//! What the core calls a subscriber: the identifiers and profiles that follow from user id, type and phone.

use crate::config::{Config, Numbering, ServiceProfiles, SurgeMail};
use crate::plan::{Subscriber, UserType};
use crate::wire::Field;
use crate::wire::Secret;
use crate::wire::cai3g::{Association, PrivateUser, PublicData, ServiceProfile};
use md5::{Digest, Md5};

/// The part of the configuration that plans depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    pub numbering: Numbering,
    pub service_profiles: ServiceProfiles,
    /// `None`: mail is not provisioned.
    pub mail: Option<MailRules>,
}

/// How mail accounts are provisioned.
#[derive(Debug, Clone, PartialEq)]
pub struct MailRules {
    /// Whether an account goes when its user gets another one.
    pub delete_replaced: bool,
}

impl Rules {
    /// The rules of a whole configuration.
    pub fn of(config: &Config) -> Rules {
        let mail = |mail: &SurgeMail| MailRules { delete_replaced: mail.delete_replaced };
        Rules {
            numbering: config.numbering.clone(),
            service_profiles: config.service_profiles.clone(),
            mail: config.surgemail.as_ref().map(mail),
        }
    }

    /// The phone context of whom nothing else is known of.
    pub fn default_phone_context(&self) -> String {
        self.numbering.default_phone_context.clone()
    }

    /// The configured service profile of a user type.
    pub fn configured_profile(&self, user_type: UserType) -> &str {
        match user_type {
            UserType::User => &self.service_profiles.user,
            UserType::Virtual => &self.service_profiles.r#virtual,
            UserType::Pilot => &self.service_profiles.pilot,
            UserType::Trunk => &self.service_profiles.trunk,
        }
    }

    /// The phone context of a city, and a warning where a city is named that the configuration does not know.
    pub fn phone_context(&self, city: Field<&str>) -> (String, Option<String>) {
        match city {
            Field::Absent | Field::Nil => (self.default_phone_context(), None),
            Field::Value(city) => match self.numbering.phone_contexts.get(city) {
                Some(context) => (context.clone(), None),
                None => {
                    let warning = format!("no phone context is configured for {city:?}: the default is used");
                    (self.default_phone_context(), Some(warning))
                }
            },
        }
    }

    /// ENUM's name of a phone: `tel:<country><phone>`.
    pub fn msisdn(&self, phone: &str) -> String {
        format!("tel:{}{phone}", self.numbering.country_code)
    }

    /// The HSS's public identity of a phone: `tel:+<country><phone>`.
    pub fn tel_uri(&self, phone: &str) -> String {
        format!("tel:+{}{phone}", self.numbering.country_code)
    }

    /// The phone of a [`Rules::msisdn`] or [`Rules::tel_uri`], as the SRD holds it.
    pub fn phone_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let number = name.strip_prefix("tel:")?;
        number.strip_prefix('+').unwrap_or(number).strip_prefix(&self.numbering.country_code)
    }

    /// A phone as the SRD holds it: digits, without the prefix `+<country>-`.
    ///
    /// The error says what is wrong with it.
    pub fn phone(&self, text: &str) -> Result<String, String> {
        let prefix = format!("+{}-", self.numbering.country_code);
        let digits = text.strip_prefix(&prefix).unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(digits.to_owned());
        }
        Err(format!("phone number {text:?} is neither digits nor {prefix} and digits"))
    }
}

/// The association id of a user id or list URI: lower-case hex MD5.
pub fn association_id(user_id: &str) -> String {
    Md5::digest(user_id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A subscriber as it begins: with its default identity and nothing else.
pub fn new_subscriber(user_id: &str, user_type: UserType) -> Subscriber {
    Subscriber {
        user_id: user_id.to_owned(),
        group_id: None,
        public_identity: user_id.to_owned(),
        user_type,
        phone_context: None,
        association_id: association_id(user_id),
        phone: None,
        mail_account: None,
        mail_password: None,
        blf_list: None,
    }
}

/// 1 for what registers itself (user, pilot), 0 for trunk and virtual.
pub fn implicit_reg_set(user_type: UserType) -> u8 {
    match user_type {
        UserType::User | UserType::Pilot => 1,
        UserType::Trunk | UserType::Virtual => 0,
    }
}

/// `sip:` and the identity.
pub fn sip_uri(identity: &str) -> String {
    format!("sip:{identity}")
}

/// Public data of any identity of `subscriber`.
pub fn public_data(subscriber: &Subscriber, public_id: String) -> PublicData {
    PublicData {
        public_id,
        private_user_id: subscriber.user_id.clone(),
        implicit_reg_set: implicit_reg_set(subscriber.user_type),
        service_profile_id: subscriber.public_identity.clone(),
    }
}

/// The subscriber's own service profile.
pub fn service_profile(rules: &Rules, subscriber: &Subscriber, phone_context: &str) -> ServiceProfile {
    ServiceProfile {
        service_profile_id: subscriber.public_identity.clone(),
        configured_profile_id: rules.configured_profile(subscriber.user_type).to_owned(),
        phone_context: phone_context.to_owned(),
    }
}

/// The whole association; without a password it is a public service identity (PSI).
pub fn association(
    rules: &Rules,
    subscriber: &Subscriber,
    phone_context: &str,
    password: Option<Secret>,
) -> Association {
    Association {
        association_id: subscriber.association_id.clone(),
        is_psi: password.is_none(),
        private_user: PrivateUser { private_user_id: subscriber.user_id.clone(), password },
        public_data: public_data(subscriber, sip_uri(&subscriber.public_identity)),
        service_profile: service_profile(rules, subscriber, phone_context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let mut numbering = Numbering {
            country_code: "299".into(),
            default_phone_context: "tg.gl".into(),
            ..Numbering::default()
        };
        numbering.phone_contexts.insert("Nuuk".into(), "nuk.tg.gl".into());
        Rules { numbering, service_profiles: ServiceProfiles::default(), mail: None }
    }

    #[test]
    fn a_phone_is_digits_with_or_without_the_country_prefix() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(rules().phone(text).ok().as_deref(), expected, "{text:?}");
        };
        check("321044", Some("321044"));
        check("+299-321044", Some("321044"));
        check("+45-321044", None);
        check("+299321044", None);
        check("32 10 44", None);
        check("+299-", None);
        check("", None);
        check("٣٢١", None);
    }

    #[test]
    fn a_city_selects_its_phone_context_and_an_unknown_one_warns() {
        let check = |city: Field<&str>, expected: &str, warned: bool| {
            let (context, warning) = rules().phone_context(city);
            assert_eq!((context.as_str(), warning.is_some()), (expected, warned), "{city:?}");
        };
        check(Field::Value("Nuuk"), "nuk.tg.gl", false);
        check(Field::Value("nuuk"), "tg.gl", true);
        check(Field::Nil, "tg.gl", false);
        check(Field::Absent, "tg.gl", false);
    }

    #[test]
    fn an_association_id_is_the_md5_of_the_user_id() {
        assert_eq!(association_id("nivi.petersen@voice.example.gl"), "630c00d88cf8e4331e456963b9e9d054");
    }
}
