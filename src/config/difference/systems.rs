//! The lines of the systems that requests go to, and of what the requests need.

use super::lines::{Lines, word};
use crate::config::values::{Ema, Numbering, ServiceProfiles, SurgeMail};

impl Lines {
    pub fn numbering(&mut self, numbering: &Numbering, profiles: &ServiceProfiles) {
        let Numbering { country_code, default_phone_context, phone_contexts } = numbering;
        let ServiceProfiles { r#virtual, user, pilot, trunk } = profiles;
        let texts = [
            ("numbering.country_code", country_code),
            ("numbering.default_phone_context", default_phone_context),
            ("service_profiles.virtual", r#virtual),
            ("service_profiles.user", user),
            ("service_profiles.pilot", pilot),
            ("service_profiles.trunk", trunk),
        ];
        for (key, text) in texts {
            // Empty where the section is not there.
            self.set(key, Some(text).filter(|text| !text.is_empty()));
        }
        for (city, context) in phone_contexts {
            self.put(format!("numbering.phone_contexts.{city:?}"), context);
        }
    }

    pub fn ema(&mut self, ema: &Ema) {
        let Ema { primary, secondary, username, password, sessions, timeout, faults } = ema;
        self.url("ema.primary", primary);
        secondary.iter().for_each(|url| self.url("ema.secondary", url));
        self.put("ema.username", username);
        self.secret("ema.password", password);
        self.put("ema.sessions", sessions);
        self.time("ema.timeout", timeout);
        for (code, class) in faults {
            self.put(format!("ema.faults.{code}"), word(class));
        }
    }

    pub fn surgemail(&mut self, surgemail: &SurgeMail) {
        let SurgeMail { primary, secondary, username, password, domain_password, timeout, delete_replaced } =
            surgemail;
        self.put("surgemail.primary", primary);
        self.set("surgemail.secondary", secondary.as_ref());
        self.put("surgemail.username", username);
        self.secret("surgemail.password", password);
        self.secret("surgemail.domain_password", domain_password);
        self.time("surgemail.timeout", timeout);
        self.put("surgemail.delete_replaced", delete_replaced);
    }
}
