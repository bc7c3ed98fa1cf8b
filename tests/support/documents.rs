//! Documents as an application server sends them.

use eventmanager::wire::ocir::write;

/// A report of one command.
pub fn report(id: u64, command_type: &str, body: &str) -> String {
    write::report(&format!("write{id}"), "provadmin", "admin@tele.gl", command_type, body)
}

/// UserAddRequest in some group.
pub fn add(id: u64, user: &str) -> String {
    add_to(id, "KNI-014", user)
}

/// UserAddRequest in this group.
pub fn add_to(id: u64, group: &str, user: &str) -> String {
    report(id, "UserAddRequest17sp4", &format!("<groupId>{group}</groupId><userId>{user}</userId>"))
}

/// UserModifyRequest that gives a phone.
pub fn set_phone(id: u64, user: &str, phone: &str) -> String {
    report(
        id,
        "UserModifyRequest17sp4",
        &format!("<userId>{user}</userId><phoneNumber>{phone}</phoneNumber>"),
    )
}

/// UserModifyRequest that takes the phone away.
pub fn drop_phone(id: u64, user: &str) -> String {
    report(id, "UserModifyRequest17sp4", &format!("<userId>{user}</userId><phoneNumber xsi:nil=\"true\"/>"))
}

/// UserDeleteRequest.
pub fn delete(id: u64, user: &str) -> String {
    report(id, "UserDeleteRequest", &format!("<userId>{user}</userId>"))
}

/// GroupTrunkGroupAddInstanceRequest with its pilot.
pub fn trunk(id: u64, group: &str, pilot: &str, line_port: &str, password: &str) -> String {
    let body = format!(
        "<groupId>{group}</groupId><name>pbx</name><pilotUser><userId>{pilot}</userId><linePort>{line_port}</linePort>\
         </pilotUser><sipAuthenticationPassword>{}</sipAuthenticationPassword>",
        escaped(password)
    );
    report(id, "GroupTrunkGroupAddInstanceRequest21", &body)
}

/// What a page says of a service or voice portal; an empty phone takes it away.
#[derive(Default, Clone, Copy)]
pub struct Profile<'a> {
    pub phone: Option<&'a str>,
    pub identity: Option<&'a str>,
}

impl Profile<'_> {
    fn element(self) -> String {
        let phone = self.phone.map(|phone| match phone {
            "" => "<phoneNumber xsi:nil=\"true\"/>".to_owned(),
            phone => format!("<phoneNumber>{phone}</phoneNumber>"),
        });
        let identity =
            self.identity.map(|identity| format!("<publicUserIdentity>{identity}</publicUserIdentity>"));
        format!(
            "<serviceInstanceProfile>{}{}</serviceInstanceProfile>",
            phone.unwrap_or_default(),
            identity.unwrap_or_default()
        )
    }
}

/// Group…AddInstanceRequest; `kind` is HuntGroup, AutoAttendant, CallCenter or MeetMeConferencing.
pub fn service_add(id: u64, kind: &str, group: &str, service: &str, profile: Profile) -> String {
    let body =
        format!("<groupId>{group}</groupId><serviceUserId>{service}</serviceUserId>{}", profile.element());
    report(id, &format!("Group{kind}AddInstanceRequest20"), &body)
}

/// Group…ModifyInstanceRequest.
pub fn service_modify(id: u64, kind: &str, service: &str, profile: Profile) -> String {
    let body = format!("<serviceUserId>{service}</serviceUserId>{}", profile.element());
    report(id, &format!("Group{kind}ModifyInstanceRequest20"), &body)
}

/// Group…DeleteInstanceRequest.
pub fn service_delete(id: u64, kind: &str, service: &str) -> String {
    let body = format!("<serviceUserId>{service}</serviceUserId>");
    report(id, &format!("Group{kind}DeleteInstanceRequest"), &body)
}

/// GroupVoiceMessagingGroupModifyVoicePortalRequest; an empty phone takes it away.
pub fn voice_portal(id: u64, group: &str, portal: &str, phone: Option<&str>) -> String {
    let profile = Profile { phone, identity: Some(portal) };
    let body = format!("<groupId>{group}</groupId>{}", profile.element());
    report(id, "GroupVoiceMessagingGroupModifyVoicePortalRequest", &body)
}

/// UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest; without an account, nil.
pub fn voicemail(id: u64, user: &str, account: Option<(&str, &str)>) -> String {
    let account = match account {
        Some((address, password)) => format!(
            "<groupMailServerUserId>{}</groupMailServerUserId>\
             <groupMailServerPassword>{}</groupMailServerPassword>",
            escaped(address),
            escaped(password)
        ),
        None => "<groupMailServerUserId xsi:nil=\"true\"/>".to_owned(),
    };
    let body = format!("<userId>{user}</userId>{account}");
    report(id, "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest", &body)
}

/// UserBusyLampFieldModifyRequest; without a list, nil.
pub fn blf(id: u64, user: &str, list: Option<&str>) -> String {
    let list =
        list.map_or("<listURI xsi:nil=\"true\"/>".to_owned(), |list| format!("<listURI>{list}</listURI>"));
    report(id, "UserBusyLampFieldModifyRequest", &format!("<userId>{user}</userId>{list}"))
}

/// UserAuthenticationModifyRequest.
pub fn password(id: u64, user: &str, password: &str) -> String {
    let body = format!("<userId>{user}</userId><newPassword>{}</newPassword>", escaped(password));
    report(id, "UserAuthenticationModifyRequest", &body)
}

/// GroupDeleteRequest.
pub fn group_delete(id: u64, group: &str) -> String {
    report(id, "GroupDeleteRequest", &format!("<groupId>{group}</groupId>"))
}

/// SystemDomainAddRequest.
pub fn domain_add(id: u64, domain: &str) -> String {
    report(id, "SystemDomainAddRequest", &format!("<domain>{domain}</domain>"))
}

/// SystemDomainDeleteRequest.
pub fn domain_delete(id: u64, domain: &str) -> String {
    report(id, "SystemDomainDeleteRequest", &format!("<domain>{domain}</domain>"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
