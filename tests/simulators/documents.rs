//! Requests of CAI3G as a provisioning client writes them.

pub fn login(user: &str, password: &str) -> String {
    format!("<cai3:Login><cai3:userId>{user}</cai3:userId><cai3:pwd>{password}</cai3:pwd></cai3:Login>")
}

fn hss(operation: &str, id: &str, attributes: &str) -> String {
    format!(
        "<cai3:{operation} xmlns:hss=\"http://schemas.ericsson.com/ma/HSS/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <cai3:MOType>IMSAssociation@http://schemas.ericsson.com/ma/HSS/</cai3:MOType>\
         <cai3:MOId><hss:associationId>{id}</hss:associationId></cai3:MOId>{attributes}</cai3:{operation}>"
    )
}

pub fn set(id: &str, children: &str) -> String {
    hss(
        "Set",
        id,
        &format!(
            "<cai3:MOAttributes><hss:SetIMSAssociation associationId=\"{id}\">{children}\
             </hss:SetIMSAssociation></cai3:MOAttributes>"
        ),
    )
}

pub fn public_data(public_id: &str, user: &str, profile: &str) -> String {
    format!(
        "<hss:publicData publicIdValue=\"{public_id}\"><hss:publicIdValue>{public_id}</hss:publicIdValue>\
         <hss:privateUserId>{user}</hss:privateUserId><hss:implicitRegSet>1</hss:implicitRegSet>\
         <hss:isDefault>false</hss:isDefault><hss:serviceProfileId>{profile}</hss:serviceProfileId>\
         <hss:sessionBarringInd>false</hss:sessionBarringInd></hss:publicData>"
    )
}

pub fn profile(id: &str) -> String {
    format!(
        "<hss:subscriberServiceProfile serviceProfileId=\"{id}\"><hss:serviceProfileId>{id}</hss:serviceProfileId>\
         <hss:configuredServiceProfile configuredServiceProfileId=\"sp\">\
         <hss:configuredServiceProfileId>sp</hss:configuredServiceProfileId></hss:configuredServiceProfile>\
         <hss:maxNumberSessions>99</hss:maxNumberSessions><hss:phoneContext>tg.gl</hss:phoneContext>\
         </hss:subscriberServiceProfile>"
    )
}

pub fn nil_public_data(public_id: &str) -> String {
    format!("<hss:publicData publicIdValue=\"{public_id}\" xsi:nil=\"true\"/>")
}

pub fn nil_profile(id: &str) -> String {
    format!("<hss:subscriberServiceProfile serviceProfileId=\"{id}\" xsi:nil=\"true\"/>")
}

pub fn create_association(id: &str, user: &str) -> String {
    let public_data =
        public_data(&format!("sip:{user}"), user, user).replace("<hss:isDefault>false</hss:isDefault>", "");
    let profile = profile(user);
    hss(
        "Create",
        id,
        &format!(
            "<cai3:MOAttributes><hss:CreateIMSAssociation associationId=\"{id}\">\
             <hss:associationId>{id}</hss:associationId>\
             <hss:chargingProfId>DefaultChargingProfile</hss:chargingProfId><hss:isPsi>false</hss:isPsi>\
             <hss:privateUser privateUserId=\"{user}\"><hss:privateUserId>{user}</hss:privateUserId>\
             <hss:userPassword>geheim</hss:userPassword>\
             <hss:allowedAuthMechanism>DIGEST</hss:allowedAuthMechanism></hss:privateUser>\
             {public_data}{profile}</hss:CreateIMSAssociation></cai3:MOAttributes>"
        ),
    )
}

pub fn delete_association(id: &str) -> String {
    hss("Delete", id, "")
}

fn enumeration(operation: &str, msisdn: &str, attributes: &str) -> String {
    format!(
        "<cai3:{operation} xmlns:ns=\"http://schemas.ericsson.com/ema/UserProvisioning/IPWorks/5.0/\">\
         <cai3:MOType>DNSSubscription@http://schemas.ericsson.com/ema/UserProvisioning/IPWorks/5.0/</cai3:MOType>\
         <cai3:MOId><ns:msisdn>{msisdn}</ns:msisdn></cai3:MOId>\
         <cai3:MOAttributes>{attributes}</cai3:MOAttributes></cai3:{operation}>"
    )
}

pub fn create_enum(msisdn: &str, public_id: &str) -> String {
    let attributes = format!(
        "<ns:createDNSSubscription msisdn=\"{msisdn}\"><ns:msisdn>{msisdn}</ns:msisdn>\
         <ns:records publicId=\"{public_id}\"><ns:publicId>{public_id}</ns:publicId><ns:flags>nu</ns:flags>\
         <ns:order>10</ns:order><ns:preference>10</ns:preference><ns:service>E2U+sip</ns:service></ns:records>\
         </ns:createDNSSubscription>"
    );
    enumeration("Create", msisdn, &attributes)
}

pub fn delete_enum(msisdn: &str) -> String {
    enumeration("Delete", msisdn, &format!("<ns:deleteDNSSubscription msisdn=\"{msisdn}\"/>"))
}
