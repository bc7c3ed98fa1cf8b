//! The simulated SurgeMail.

use crate::client::Client;
use eventmanager::simulators::script::{Action, Rule};
use eventmanager::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};

fn start_mail() -> SurgemailHandle {
    SurgemailSimulator::start(SurgemailOptions::default()).unwrap()
}

/// A request of the mail administrator; `mailadmin:mailpass` unless `authorization` says otherwise.
fn mail(server: &SurgemailHandle, target: &str, authorization: &str) -> u16 {
    let headers = format!("Authorization: Basic {authorization}\r\nContent-Type: text/html\r\n");
    Client::connect(server.addr()).unwrap().post(target, &headers, "").unwrap().0
}

const MAIL_ADMIN: &str = "bWFpbGFkbWluOm1haWxwYXNz";

#[test]
fn mail_domains_and_accounts_come_and_go() {
    let server = start_mail();
    let ask = |target: &str| mail(&server, target, MAIL_ADMIN);
    let save = "/cgi/admin.cgi?show=simple_msg.xml&cmd=global_misc_save\
                &misc_settings=domain_name,manager_username,manager_password,create_user,create_max\
                &misc_cmd=special&domainid=-1&name=x.gl&manager_username=admin&manager_password=p%26%C3%A6";
    let create = "/cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_create&user_fields=user_id\
                  &username=admin@x.gl&password=p%26%C3%A6&lusername=nivi&lpassword=geheim";
    assert_eq!(ask(save), 200);
    assert_eq!(ask(create), 200);
    assert_eq!(server.state().to_string(), "domain x.gl, manager admin\n    nivi@x.gl\n");
    assert_eq!(server.state().domains["x.gl"].manager_password.expose(), "p&æ");
    assert_eq!(ask(&create.replace("p%26%C3%A6", "wrong")), 403);
    assert_eq!(mail(&server, save, "d3Jvbmc6d3Jvbmc="), 401);
    assert_eq!(ask("/cgi/admin.cgi?cmd=unheard_of"), 400);
    assert_eq!(ask(&create.replace("user_create", "user_delete").replace("&lpassword=geheim", "")), 200);
    assert!(server.state().domains["x.gl"].accounts.is_empty());
    let delete = "/cgi/admin.cgi?show=simple_msg.xml&cmd=domain_delete&domain=x.gl&delete_users=true&delete_files=true";
    assert_eq!(ask(delete), 200);
    assert!(server.state().domains.is_empty());
    assert_eq!(server.requests(), 7);
}

#[test]
fn mail_for_a_domain_made_elsewhere_wants_the_common_password() {
    let server = start_mail();
    let create = "/cgi/domadmin.cgi?cmd=cmd_user_login&lcmd=user_create&user_fields=user_id\
                  &username=admin@x.gl&password=domainpass&lusername=nivi&lpassword=geheim";
    assert_eq!(mail(&server, &create.replace("domainpass", "wrong"), MAIL_ADMIN), 403);
    assert_eq!(mail(&server, create, MAIL_ADMIN), 200);
    server.script(vec![Rule::new(Action::Status(503)).contains("lusername=malik")]);
    assert_eq!(mail(&server, &create.replace("nivi", "malik"), MAIL_ADMIN), 503);
    assert_eq!(server.state().to_string(), "domain x.gl, manager admin@x.gl\n    nivi@x.gl\n");
}
