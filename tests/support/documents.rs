//! Documents as an application server sends them.

use eventmanager::wire::ocir::write;

/// A report of one command.
pub fn report(id: u64, command_type: &str, body: &str) -> String {
    write::report(&format!("write{id}"), "provadmin", "admin@tele.gl", command_type, body)
}

/// UserAddRequest.
pub fn add(id: u64, user: &str) -> String {
    report(id, "UserAddRequest17sp4", &format!("<groupId>KNI-014</groupId><userId>{user}</userId>"))
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
