//! A few sequences of every kind, with a crash at every single boundary in turn and at every two that follow each
//! other, and with every single request refused or lost.

use crate::commands::Sent;
use crate::life::Site;
use crate::sequence::{Extent, Fate, Sequence};
use crate::world::{self, Report};
use crate::{paused, shrink};
use eventmanager::config::OnFailure;

const EXTENTS: [Extent; 2] = [Extent::Routing, Extent::Process];
/// One more than any of these sequences sends.
const REQUESTS: u32 = 40;

fn add(user: &str, rest: &str) -> Sent {
    Sent::new("UserAddRequest17sp4", format!("{rest}<userId>{user}@w.gl</userId>"))
}

fn modify(user: &str, rest: &str) -> Sent {
    Sent::new("UserModifyRequest17sp4", format!("<userId>{user}@w.gl</userId>{rest}"))
}

fn phone(phone: &str) -> String {
    format!("<phoneNumber>{phone}</phoneNumber>")
}

fn endpoint(kind: &str, rest: &str) -> String {
    format!("<endpoint><{kind}><x/>{rest}</{kind}></endpoint>")
}

fn list(user: &str, list: &str) -> Sent {
    let body = format!("<userId>{user}@w.gl</userId>{list}");
    Sent::new("UserBusyLampFieldModifyRequest", body)
}

fn mailbox(user: &str, account: &str) -> Sent {
    let body = format!(
        "<userId>{user}@w.gl</userId><groupMailServerUserId>{account}@mail.w.gl</groupMailServerUserId>\
         <groupMailServerPassword>mail-1</groupMailServerPassword>"
    );
    Sent::new("UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest", body)
}

fn service(act: &str, profile: &str) -> Sent {
    let body = format!(
        "<groupId>G1</groupId><serviceUserId>s1@w.gl</serviceUserId>\
         <serviceInstanceProfile>{profile}</serviceInstanceProfile>"
    );
    Sent::new(&format!("GroupHuntGroup{act}InstanceRequest20"), body)
}

fn delete(user: &str) -> Sent {
    Sent::new("UserDeleteRequest", format!("<userId>{user}@w.gl</userId>"))
}

/// Crashes everywhere and refuses everything once.
fn check(commands: Vec<Sent>) {
    let undisturbed = Sequence::undisturbed(commands);
    paused(async {
        let mut site = Site::new();
        let boundaries = run(&mut site, undisturbed.clone()).await.boundaries;
        for first in 0..boundaries {
            for extent in EXTENTS {
                let mut once = undisturbed.clone();
                once.crashes.insert(first, extent);
                assert_eq!(run(&mut site, once.clone()).await.crashes, 1, "boundary {first} is reached");
                for then in EXTENTS {
                    let mut twice = once.clone();
                    twice.crashes.insert(first + 1, then);
                    assert!(run(&mut site, twice).await.crashes >= 1);
                }
            }
        }
        refuse_each(&mut site, undisturbed).await;
    });
}

/// Every request is refused once, and the operator retries; or its answer is lost.
async fn refuse_each(site: &mut Site, undisturbed: Sequence) {
    let fates = [
        Fate::Refused,
        Fate::NotTaken,
        Fate::Unanswered { applied: true },
        Fate::Unanswered { applied: false },
    ];
    for number in 0..REQUESTS {
        for fate in fates {
            let mut once = undisturbed.clone();
            once.on_failure = OnFailure::Hold;
            once.fates.insert(number, fate);
            run(site, once).await;
        }
    }
}

async fn run(site: &mut Site, sequence: Sequence) -> Report {
    match world::run(site, &sequence).await {
        Ok(report) => report,
        Err(error) => panic!("{}", shrink::explain(site, sequence, error).await),
    }
}

#[test]
fn a_user_comes_gets_phone_and_identity_and_goes() {
    let identity = endpoint("accessDeviceEndpoint", "<linePort>desk1@w.gl</linePort>");
    check(vec![
        add("u1", ""),
        modify("u1", &phone("321001")),
        modify("u1", &(phone("321002") + &identity)),
        delete("u1"),
    ]);
}

#[test]
fn a_user_with_a_phone_becomes_a_trunk_and_a_user_again() {
    let trunk = endpoint("trunkAddressing", "");
    check(vec![
        add("u1", ""),
        modify("u1", &phone("321001")),
        modify("u1", &trunk),
        modify("u1", "<endpoint xsi:nil=\"true\"/>"),
    ]);
}

#[test]
fn a_service_comes_with_a_phone_which_moves_to_a_user() {
    check(vec![
        service("Add", &phone("321001")),
        add("u1", ""),
        service("Modify", "<phoneNumber xsi:nil=\"true\"/>"),
        modify("u1", &phone("+299-321001")),
        Sent::new("GroupHuntGroupDeleteInstanceRequest", "<serviceUserId>s1@w.gl</serviceUserId>"),
    ]);
}

#[test]
fn a_mail_account_comes_is_replaced_and_moves() {
    check(vec![
        add("u1", ""),
        add("u2", ""),
        mailbox("u1", "m1"),
        mailbox("u1", "m2"),
        mailbox("u2", "m1"),
        delete("u1"),
        mailbox("u2", "m2"),
    ]);
}

#[test]
fn a_list_comes_changes_and_goes_to_another_user() {
    check(vec![
        add("u1", ""),
        add("u2", ""),
        list("u1", "<listURI>sip:list1@w.gl</listURI>"),
        list("u1", "<listURI>sip:list2@w.gl</listURI>"),
        list("u2", "<listURI>sip:list1@w.gl</listURI>"),
        list("u1", "<listURI xsi:nil=\"true\"/>"),
    ]);
}

#[test]
fn a_group_of_three_with_everything_goes() {
    let group = "<groupId>G1</groupId>";
    check(vec![
        add("u1", group),
        modify("u1", &phone("321001")),
        list("u1", "<listURI>sip:list1@w.gl</listURI>"),
        mailbox("u1", "m1"),
        add("u2", group),
        modify("u2", &phone("321002")),
        service("Add", &phone("321003")),
        Sent::new("GroupDeleteRequest", group),
        add("u3", group),
        modify("u3", &phone("321001")),
    ]);
}
