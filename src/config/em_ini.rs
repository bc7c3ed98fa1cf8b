//! The Erlang release's `em.ini`, as it is: the same sections, keys and meaning.
//!
//! The broker's `config.ini` is read by [`broker_ini`] beside. Its values are literal (no `${NAME}`, no `file:`). What the release ignored is a warning here.

use super::ini_section::{IniFile, Reader};
use super::problem::{Problem, Problems};
use super::values::*;
use super::{Loaded, MAIL_ALONE, NO_ABSENT, Surroundings, addresses, broker_ini, defaults, ini};
use crate::wire::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const POSTGRES_PORT: u16 = 5432;
const SURGEMAIL_PORT: u16 = 7026;
const BROADWORKS_PORT: u16 = 8025;
const COUNTRY_CODE: &str = "299";
const DEFAULT_PHONE_CONTEXT: &str = "tg.gl";

/// Cities and their phone contexts, each below the default context.
const CITIES: [(&str, &str); 18] = [
    ("Nuuk", "nuk"),
    ("Nanortalik", "nan"),
    ("Narsaq", "nar"),
    ("Qaqortoq", "qaq"),
    ("Qassiarsuk", "qsk"),
    ("Narsarsuaq", "nrs"),
    ("Igaliku", "iga"),
    ("Paamiut", "paa"),
    ("Maniitsoq", "man"),
    ("Kangerlussuaq", "kan"),
    ("Sisimiut", "sis"),
    ("Aasiaat", "aas"),
    ("Qeqertarsuaq", "qeq"),
    ("Ilulissat", "ilu"),
    ("Qasigiannguit", "qas"),
    ("Upernavik", "upv"),
    ("Uummannaq", "uum"),
    ("Alaska", "ala"),
];

/// Reads the INI `text` of a file called `name`. Fails with every problem found.
pub fn parse_ini(text: &str, name: &str, surroundings: &Surroundings) -> Result<Loaded, Problems> {
    let file = IniFile::new(ini::parse(text));
    if broker_ini::is_broker(&file.ini) {
        return broker_ini::parse(file, name, surroundings);
    }
    let config = config(&file, surroundings);
    file.warn_of_the_rest();
    let mut problems = file.problems.take();
    if !problems.is_empty() {
        // What is ignored may be what is missed elsewhere: a key that is written wrong.
        problems.extend(file.warnings.take().into_iter().map(Problem::into_warning));
        return Err(Problems::sorted(name, problems));
    }
    if let Some(section) = file.ini.sections.get("ema") {
        file.warn(Some(section.line), "ema", format!("{NO_ABSENT}; only a TOML file can"));
    }
    Ok(Loaded { config, warnings: Problems::sorted(name, file.warnings.take()) })
}

/// What can be understood of `text`, and what is wrong with it.
pub(super) fn read(text: &str, surroundings: &Surroundings) -> (Config, Vec<Problem>) {
    let file = IniFile::new(ini::parse(text));
    let config = match broker_ini::is_broker(&file.ini) {
        true => broker_ini::config(&file, surroundings),
        false => config(&file, surroundings),
    };
    (config, file.problems.take())
}

/// The databases that the INI `text` names: `[em_db]`, then `[srd_db]`. What else it holds does not matter. An error is
/// everything that is wrong, in one line.
pub(super) fn databases(text: &str) -> Result<(Database, Database), String> {
    let file = IniFile::new(ini::parse(text));
    file.require(&["em_db", "srd_db"]);
    let databases = file.section("em_db", database).zip(file.section("srd_db", database));
    let problems = file.problems.take();
    let told = problems.iter().map(|problem| problem.to_string().trim_start().to_owned());
    match databases {
        Some(databases) if problems.is_empty() => Ok(databases),
        _ => Err(told.collect::<Vec<_>>().join("; ")),
    }
}

fn config(file: &IniFile, surroundings: &Surroundings) -> Config {
    file.require(&["em_db", "srd_db"]);
    let ema = file.section("ema", ema);
    if ema.is_some() {
        file.require(&["service_profiles"]);
    } else if let Some(mail) = file.ini.sections.get("surgemail") {
        file.warn(Some(mail.line), "surgemail", MAIL_ALONE);
    }
    let node = defaults::node(surroundings);
    let events = file.section("em_db", database).unwrap_or_else(|| defaults::events(&node.data_dir));
    let subscribers = file.section("srd_db", database).unwrap_or_else(|| events.clone());
    Config {
        node,
        log: file.section("em", log).unwrap_or_default(),
        store: StoreConfig { subscribers, ..StoreConfig::new(events) },
        cluster: Cluster::default(),
        http: file.section("http", http).unwrap_or_default(),
        processing: Processing::default(),
        numbering: numbering(),
        service_profiles: file.section("service_profiles", service_profiles).unwrap_or_default(),
        ema,
        surgemail: file.section("surgemail", surgemail),
        shadow: None,
        broadworks: file.section("broadworks", broadworks).into_iter().collect(),
        kamailio: Vec::new(),
        asterisk: Vec::new(),
        opensips: Vec::new(),
        device_state: None,
        zmq_server: None,
        routes: Vec::new(),
        evapi_server: None,
        evi: None,
        event_management: None,
        nats: None,
    }
}

/// `[em_db]` or `[srd_db]`, whose keys start with the section's name.
fn database(section: &Reader) -> Database {
    let key = |end: &str| format!("{}_{end}", section.name);
    let host = section.required(&key("host"));
    let host = addresses::host(&host).unwrap_or_else(|_| percent_encoded(&host));
    let port = section.value(&key("port"), addresses::port).unwrap_or(POSTGRES_PORT);
    let database = percent_encoded(&section.required(&key("database")));
    let username = percent_encoded(&section.required(&key("username")));
    let password = section.text(&key("password"));
    let password = password.map_or(String::new(), |password| format!(":{}", percent_encoded(&password)));
    Database::Postgres(Secret::new(format!("postgresql://{username}{password}@{host}:{port}/{database}")))
}

fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn log(section: &Reader) -> Log {
    let default = Log::default();
    let level = section.value("loglevel", log_level);
    Log { level: level.map_or(default.level, String::from), format: default.format }
}

fn log_level(text: &str) -> Result<&'static str, String> {
    match text {
        "debug" => Ok("debug"),
        "info" | "notice" => Ok("info"),
        "warning" | "warn" => Ok("warn"),
        "error" | "critical" | "alert" | "emergency" | "none" => Ok("error"),
        _ => {
            Err("is no level of the release: debug, info, notice, warning, error, critical, alert, emergency"
                .into())
        }
    }
}

pub(super) fn http(section: &Reader) -> Http {
    let default = Http::default();
    let listen = section.value("listen", addresses::listen).unwrap_or(default.listen);
    if !addresses::is_loopback(listen) {
        section.problem(
            "listen",
            "can be reached from other hosts, which needs a token; only a TOML file can name one",
        );
    }
    Http { listen, ..default }
}

fn numbering() -> Numbering {
    let context =
        |(city, short): (&str, &str)| (city.to_string(), format!("{short}.{DEFAULT_PHONE_CONTEXT}"));
    Numbering {
        country_code: COUNTRY_CODE.into(),
        default_phone_context: DEFAULT_PHONE_CONTEXT.into(),
        phone_contexts: CITIES.into_iter().map(context).collect(),
    }
}

fn service_profiles(section: &Reader) -> ServiceProfiles {
    ServiceProfiles {
        r#virtual: section.required("virtual"),
        user: section.required("user"),
        pilot: section.required_or_older("pilot", "trunk_pilot"),
        trunk: section.required_or_older("trunk", "trunk_ddi"),
    }
}

fn ema(section: &Reader) -> Ema {
    section.required("primary_host");
    let primary = section.value("primary_host", addresses::ema_url).unwrap_or_default();
    let secondary = section.value("secondary_host", addresses::ema_url);
    Ema { secondary, ..Ema::new(primary, section.required("username"), section.secret("password")) }
}

fn surgemail(section: &Reader) -> SurgeMail {
    section.required("primary_host");
    let port = section.value("port", addresses::port).unwrap_or(SURGEMAIL_PORT);
    let host = |key| section.value(key, addresses::host).map(|host| format!("{host}:{port}"));
    SurgeMail {
        primary: host("primary_host").unwrap_or_default(),
        secondary: host("secondary_host"),
        username: section.required("username"),
        password: section.secret("password"),
        domain_password: section.secret("domain_password"),
        timeout: defaults::REQUEST_TIMEOUT,
        delete_replaced: false,
    }
}

fn broadworks(section: &Reader) -> Broadworks {
    section.required("host");
    let host = section.value("host", addresses::host).unwrap_or_default();
    Broadworks::new("broadworks", format!("{host}:{BROADWORKS_PORT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_reads_back_what_was_encoded() {
        let check = |password: &str, host: &str| {
            let text = format!(
                "[em_db]\nem_db_host={host}\nem_db_database=e/m\nem_db_username=u:1\nem_db_password={password}\n"
            );
            let file = IniFile::new(ini::parse(&text));
            let Some(Database::Postgres(dsn)) = file.section("em_db", database) else {
                panic!("no database")
            };
            assert!(file.problems.borrow().is_empty());
            let config: tokio_postgres::Config = dsn.expose().parse().expect("a DSN");
            assert_eq!(config.get_password(), Some(password.as_bytes()), "{password}");
            assert_eq!((config.get_user(), config.get_dbname()), (Some("u:1"), Some("e/m")));
            assert_eq!(config.get_hosts().len(), 1);
            assert_eq!(config.get_ports(), [5432]);
        };
        check("plain", "db.example");
        check("ab;c#d", "10.0.0.1");
        check("@:/?#[]%25 \"'\\${X}&=+", "::1");
        check("æøå", "/var/run/postgresql");
    }
}
