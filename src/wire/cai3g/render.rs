//! Requests as SOAP.
//!
//! ```text
//! <cai3:Set xmlns:hss="http://schemas.ericsson.com/ma/HSS/"><cai3:MOType>IMSAssociation@…</cai3:MOType>
//!   <cai3:MOId><hss:associationId>630c…</hss:associationId></cai3:MOId>
//!   <cai3:MOAttributes><hss:SetIMSAssociation associationId="630c…">
//!     <hss:privateUser privateUserId="u@d"><hss:userPassword>…</hss:userPassword></hss:privateUser>
//!   </hss:SetIMSAssociation></cai3:MOAttributes></cai3:Set>
//! ```
//!
//! Names, order and attributes are those that the gateway is known to take; it repeats each id as an attribute.

use super::request::{Association, EnumRequest, HssRequest, PublicData, ServiceProfile};
use super::{CAI3G, HSS, IPWORKS, SOAP, XSI};
use crate::wire::Secret;
use crate::wire::xml::escape::{push_attribute, push_text};

/// Asks for a session.
pub fn login(user: &str, password: &Secret) -> String {
    envelope(None, |out| {
        out.open("cai3:Login", &[]);
        out.leaf("cai3:userId", user);
        out.leaf("cai3:pwd", password.expose());
        out.close("cai3:Login");
    })
}

/// Gives a session back.
pub fn logout(session: &Secret) -> String {
    envelope(Some(session), |out| {
        out.open("cai3:Logout", &[]);
        out.leaf("cai3:sessionId", session.expose());
        out.close("cai3:Logout");
    })
}

/// A request to the HSS.
pub fn hss(request: &HssRequest, session: &Secret) -> String {
    envelope(Some(session), |out| match request {
        HssRequest::CreateAssociation(association) => out.create_association(association),
        HssRequest::DeleteAssociation { association_id } => {
            out.open("cai3:Delete", &[("xmlns:hss", HSS)]);
            out.association_id(association_id);
            out.close("cai3:Delete");
        }
        HssRequest::SetPublicIdentity { association_id, public_data } => {
            out.set(association_id, |out| out.public_data(public_data, false));
        }
        HssRequest::DeletePublicIdentity { association_id, public_id } => {
            out.set_nil(association_id, "hss:publicData", "publicIdValue", public_id);
        }
        HssRequest::SetServiceProfile { association_id, service_profile } => {
            out.set(association_id, |out| out.service_profile(service_profile));
        }
        HssRequest::DeleteServiceProfile { association_id, service_profile_id } => {
            out.set_nil(
                association_id,
                "hss:subscriberServiceProfile",
                "serviceProfileId",
                service_profile_id,
            );
        }
        HssRequest::SetPhoneContext { association_id, service_profile_id, phone_context } => {
            out.set(association_id, |out| {
                out.open("hss:subscriberServiceProfile", &[("serviceProfileId", service_profile_id)]);
                out.leaf("hss:phoneContext", phone_context);
                out.close("hss:subscriberServiceProfile");
            });
        }
        HssRequest::SetPassword { association_id, private_user_id, password } => {
            out.set(association_id, |out| {
                out.open("hss:privateUser", &[("privateUserId", private_user_id)]);
                out.leaf("hss:userPassword", password.expose());
                out.close("hss:privateUser");
            });
        }
    })
}

/// A request to ENUM.
pub fn enumeration(request: &EnumRequest, session: &Secret) -> String {
    let (operation, msisdn) = match request {
        EnumRequest::Create { msisdn, .. } => ("cai3:Create", msisdn),
        EnumRequest::Delete { msisdn } => ("cai3:Delete", msisdn),
    };
    envelope(Some(session), |out| {
        out.open(operation, &[("xmlns:ns", IPWORKS)]);
        out.leaf("cai3:MOType", &format!("DNSSubscription@{IPWORKS}"));
        out.open("cai3:MOId", &[]);
        out.leaf("ns:msisdn", msisdn);
        out.close("cai3:MOId");
        out.open("cai3:MOAttributes", &[]);
        match request {
            EnumRequest::Create { public_id, .. } => out.create_subscription(msisdn, public_id),
            EnumRequest::Delete { .. } => {
                out.open("ns:deleteDNSSubscription", &[("msisdn", msisdn)]);
                out.close("ns:deleteDNSSubscription");
            }
        }
        out.close("cai3:MOAttributes");
        out.close(operation);
    })
}

/// An envelope around what `body` writes.
pub(super) fn envelope(session: Option<&Secret>, body: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer(String::with_capacity(2048));
    out.0.push_str(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    out.open("S:Envelope", &[("xmlns:S", SOAP), ("xmlns:cai3", CAI3G)]);
    out.open("S:Header", &[]);
    if let Some(session) = session {
        out.leaf("cai3:SessionId", session.expose());
    }
    out.close("S:Header");
    out.open("S:Body", &[]);
    body(&mut out);
    out.close("S:Body");
    out.close("S:Envelope");
    out.0
}

/// Writes elements; every value is escaped.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            push_attribute(&mut self.0, value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    pub(super) fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        push_text(&mut self.0, text);
        self.close(name);
    }

    fn association_id(&mut self, association_id: &str) {
        self.leaf("cai3:MOType", &format!("IMSAssociation@{HSS}"));
        self.open("cai3:MOId", &[]);
        self.leaf("hss:associationId", association_id);
        self.close("cai3:MOId");
    }

    fn create_association(&mut self, association: &Association) {
        let Association { association_id, is_psi, private_user, public_data, service_profile } = association;
        self.open("cai3:Create", &[("xmlns:hss", HSS)]);
        self.association_id(association_id);
        self.open("cai3:MOAttributes", &[]);
        self.open("hss:CreateIMSAssociation", &[("associationId", association_id)]);
        self.leaf("hss:associationId", association_id);
        self.leaf("hss:chargingProfId", "DefaultChargingProfile");
        self.leaf("hss:isPsi", if *is_psi { "true" } else { "false" });
        self.open("hss:privateUser", &[("privateUserId", &private_user.private_user_id)]);
        self.leaf("hss:privateUserId", &private_user.private_user_id);
        if let Some(password) = &private_user.password {
            self.leaf("hss:userPassword", password.expose());
            self.leaf("hss:allowedAuthMechanism", "DIGEST");
        }
        self.close("hss:privateUser");
        self.public_data(public_data, true);
        self.service_profile(service_profile);
        self.close("hss:CreateIMSAssociation");
        self.close("cai3:MOAttributes");
        self.close("cai3:Create");
    }

    fn set(&mut self, association_id: &str, body: impl FnOnce(&mut Self)) {
        self.set_with(association_id, &[("xmlns:hss", HSS)], body);
    }

    /// Removes the element that the attribute names.
    fn set_nil(&mut self, association_id: &str, element: &str, attribute: &str, id: &str) {
        self.set_with(association_id, &[("xmlns:hss", HSS), ("xmlns:xsi", XSI)], |out| {
            out.open(element, &[(attribute, id), ("xsi:nil", "true")]);
            out.close(element);
        });
    }

    fn set_with(&mut self, association_id: &str, namespaces: &[(&str, &str)], body: impl FnOnce(&mut Self)) {
        self.open("cai3:Set", namespaces);
        self.association_id(association_id);
        self.open("cai3:MOAttributes", &[]);
        self.open("hss:SetIMSAssociation", &[("associationId", association_id)]);
        body(self);
        self.close("hss:SetIMSAssociation");
        self.close("cai3:MOAttributes");
        self.close("cai3:Set");
    }

    /// Only an identity that is added later says whether it is the default.
    fn public_data(&mut self, data: &PublicData, is_first: bool) {
        self.open("hss:publicData", &[("publicIdValue", &data.public_id)]);
        self.leaf("hss:publicIdValue", &data.public_id);
        self.leaf("hss:privateUserId", &data.private_user_id);
        self.leaf("hss:implicitRegSet", &data.implicit_reg_set.to_string());
        if !is_first {
            self.leaf("hss:isDefault", "false");
        }
        self.leaf("hss:serviceProfileId", &data.service_profile_id);
        self.leaf("hss:sessionBarringInd", "false");
        self.close("hss:publicData");
    }

    fn service_profile(&mut self, profile: &ServiceProfile) {
        let configured = &profile.configured_profile_id;
        self.open("hss:subscriberServiceProfile", &[("serviceProfileId", &profile.service_profile_id)]);
        self.leaf("hss:serviceProfileId", &profile.service_profile_id);
        self.open("hss:configuredServiceProfile", &[("configuredServiceProfileId", configured)]);
        self.leaf("hss:configuredServiceProfileId", configured);
        self.close("hss:configuredServiceProfile");
        self.leaf("hss:maxNumberSessions", "99");
        self.leaf("hss:phoneContext", &profile.phone_context);
        self.close("hss:subscriberServiceProfile");
    }

    fn create_subscription(&mut self, msisdn: &str, public_id: &str) {
        self.open("ns:createDNSSubscription", &[("msisdn", msisdn)]);
        self.leaf("ns:msisdn", msisdn);
        self.open("ns:records", &[("publicId", public_id)]);
        self.leaf("ns:publicId", public_id);
        self.leaf("ns:flags", "nu");
        self.leaf("ns:order", "10");
        self.leaf("ns:preference", "10");
        self.leaf("ns:service", "E2U+sip");
        self.close("ns:records");
        self.close("ns:createDNSSubscription");
    }
}
