//! The simulated peers of a test, the configuration that names them, and what they must hold.

use super::daemon::Site;
use super::ports::any;
use eventmanager::plan::{Subscriber, UserType};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, faults};
use eventmanager::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};
use eventmanager::simulators::traffic::Traffic;
use eventmanager::wire::Secret;

/// An application server, a provisioning gateway and a mail server.
pub struct Peers {
    pub broadworks: BroadworksHandle,
    pub ema: EmaHandle,
    pub surgemail: SurgemailHandle,
}

impl Peers {
    pub fn start() -> Peers {
        Peers {
            broadworks: BroadworksSimulator::start(any()).expect("an application server"),
            ema: EmaSimulator::start(EmaOptions::default()).expect("an ema"),
            surgemail: SurgemailSimulator::start(SurgemailOptions::default()).expect("a mail server"),
        }
    }

    /// The sections of a configuration that names all of them, with short times; `ema` are further keys of `[ema]`.
    pub fn config(&self, ema: &str) -> String {
        self.mail_config() + &config(&self.broadworks.addr().to_string(), &self.ema.url(), ema)
    }

    fn mail_config(&self) -> String {
        let SurgemailOptions { username, password, domain_password, .. } = SurgemailOptions::default();
        format!(
            "[surgemail]\nprimary = \"{}\"\nusername = {username:?}\npassword = {:?}\ndomain_password = {:?}\n",
            self.surgemail.addr(),
            password.expose(),
            domain_password.unwrap_or_default().expose(),
        )
    }

    /// HSS, ENUM, mail server and `srd_user` hold exactly what the stream of documents has asked for.
    #[track_caller]
    pub fn check(&self, traffic: &Traffic, site: &Site) {
        let core = self.ema.state();
        assert_eq!(traffic.wrong_passwords(&core), Vec::<String>::new(), "other passwords than were set");
        assert_eq!(core.without_passwords(), traffic.expected_state());
        assert_eq!(self.surgemail.state(), traffic.expected_mail());
        assert_eq!(subscribers(site), traffic.expected_subscribers());
    }
}

/// The rows of `srd_user`, by user id.
pub fn subscribers(site: &Site) -> Vec<Subscriber> {
    let database = site.database();
    let sql = "select id, group_id, sipurl, user_type, phonecontext, association_id, e164, vmail_user,
                vmail_password, blf_user from srd_user order by id";
    let mut statement = database.prepare(sql).expect("a statement");
    let row = |row: &rusqlite::Row| {
        Ok(Subscriber {
            user_id: row.get(0)?,
            group_id: row.get(1)?,
            public_identity: row.get(2)?,
            user_type: UserType::parse(&row.get::<_, String>(3)?).expect("a user type"),
            phone_context: row.get(4)?,
            association_id: row.get(5)?,
            phone: row.get(6)?,
            mail_account: row.get(7)?,
            mail_password: row.get::<_, Option<String>>(8)?.map(Secret::new),
            blf_list: row.get(9)?,
        })
    };
    statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// The sections of a configuration for peers at these addresses.
pub fn config(broadworks: &str, ema_url: &str, ema: &str) -> String {
    let numbering = eventmanager::simulators::traffic::numbering();
    let contexts = numbering.phone_contexts.iter().map(|(city, context)| format!("{city:?} = {context:?}\n"));
    format!(
        "[processing]\nretry_initial = \"20ms\"\nretry_max = \"200ms\"\n\
         [numbering]\ncountry_code = {:?}\ndefault_phone_context = {:?}\n[numbering.phone_contexts]\n{}\
         [service_profiles]\nvirtual = \"sp_virtual\"\nuser = \"sp_user\"\npilot = \"sp_pilot\"\ntrunk = \"sp_trunk\"\n\
         [ema]\nprimary = {ema_url:?}\nusername = \"emauser\"\npassword = \"emapass\"\n{ema}\n\
         [ema.faults]\n{}\n[[broadworks]]\nname = \"as1\"\naddress = {broadworks:?}\n",
        numbering.country_code,
        numbering.default_phone_context,
        contexts.collect::<String>(),
        faults(),
    )
}

/// The codes of the simulated EMA for "already there" and "not there", as `[ema.faults]` has them.
fn faults() -> String {
    let class = |codes: &[u32], class: &str| {
        codes.iter().map(|code| format!("{code} = {class:?}\n")).collect::<String>()
    };
    class(faults::EXISTS, "exists") + &class(faults::ABSENT, "absent")
}
