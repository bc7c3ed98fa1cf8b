//! A shadow and the release beside it, on SQLite and on PostgreSQL.

use crate::support::daemon::Site;
use crate::support::postgres::{Server, execute, query};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Nobody may ever see it.
pub const SECRET: &str = "hunter2";

pub static SERVER: OnceLock<Server> = OnceLock::new();

/// A new database in the server of this test binary.
pub fn database() -> String {
    SERVER.get_or_init(Server::start).create_database()
}

/// The tables as the Erlang release made them, in the words that both databases understand but for the first column.
pub fn old_tables(id: &str) -> String {
    format!(
        "create table em_event (id {id}, user_id varchar(255), command varchar(255), event text, status varchar(32),
            inserted timestamp);
         create table srd_user (id varchar(255) primary key, group_id varchar(255), sipurl varchar(255),
            user_type varchar(32), phonecontext varchar(64), association_id varchar(64), e164 varchar(32),
            vmail_user varchar(255), vmail_password varchar(255), blf_user varchar(255), created timestamp,
            updated timestamp)"
    )
}

/// The old release's databases.
pub enum Release {
    Postgres(String),
    Sqlite(PathBuf),
}

impl Release {
    pub fn postgres() -> Release {
        let url = database();
        execute(&url, &old_tables("serial primary key")).expect("tables");
        Release::Postgres(url)
    }

    pub fn sqlite(directory: &Path) -> Release {
        let path = directory.join("release.db");
        let release = Release::Sqlite(path);
        release.execute(&old_tables("integer primary key"));
        release
    }

    pub fn execute(&self, sql: &str) {
        match self {
            Release::Postgres(url) => execute(url, sql).expect("it runs"),
            Release::Sqlite(path) => {
                Connection::open(path).expect("a database").execute_batch(sql).expect("it runs");
            }
        }
    }

    /// Its address, with a password that nobody asks for.
    pub fn dsn(&self) -> String {
        match self {
            Release::Postgres(url) => url.replace("postgres@", &format!("postgres:{SECRET}@")),
            Release::Sqlite(path) => format!("sqlite:{}", path.display()),
        }
    }

    /// An event, so many minutes after noon of the day that all is about.
    pub fn event(&self, minute: u32, document: &str, command: &str, status: &str) {
        let document = document.replace('\'', "''");
        self.execute(&format!(
            "insert into em_event (user_id, command, event, status, inserted)
             values ('anna@tele.gl', '{command}', '{document}', '{status}', '2026-03-01 12:{minute:02}:00')"
        ));
    }

    pub fn subscriber(&self, id: &str, values: &str) {
        self.execute(&format!(
            "insert into srd_user (id, sipurl, user_type, association_id, e164, vmail_user, vmail_password)
             values ('{id}', {values})"
        ));
    }

    /// Everything that could have been changed: tables with their columns, indexes, and the number of rows.
    pub fn shape(&self) -> String {
        match self {
            Release::Postgres(url) => {
                let sql = "select table_name || '.' || column_name from information_schema.columns
                        where table_schema = 'public'
                    union all select indexname from pg_indexes where schemaname = 'public'
                    union all select 'events ' || count(*) from em_event
                    union all select 'subscribers ' || count(*) from srd_user order by 1";
                format!("{:?}", query(url, sql).expect("rows"))
            }
            Release::Sqlite(path) => {
                std::fs::read(path).expect("the file").iter().map(|b| format!("{b:x}")).collect()
            }
        }
    }
}

/// A shadow's site: its store has been made by a daemon that has run.
pub struct Shadow {
    pub site: Site,
    pub release: Release,
}

impl Shadow {
    pub fn new(release: impl FnOnce(&Path) -> Release) -> Shadow {
        let site = Site::new("");
        let release = release(site.directory.path());
        let shadow = Shadow { site, release };
        shadow.configure("shadow", &format!("[shadow]\nevents = {:?}\n", shadow.release.dsn()));
        assert_eq!(shadow.site.start().terminate(), Some(0));
        shadow
    }

    pub fn configure(&self, mode: &str, section: &str) {
        let text = format!(
            "[node]\ndata_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[processing]\nmode = {mode:?}\n{section}",
            self.site.directory.path()
        );
        std::fs::write(self.site.config(), text).expect("written");
    }

    /// An event of ours; its reason goes into the journal.
    pub fn event(
        &self,
        minute: u32,
        document: &str,
        command: &str,
        status: &str,
        index: u32,
        reason: Option<&str>,
    ) {
        let uuid = uuid::Uuid::now_v7().to_string();
        let database = self.site.database();
        database
            .execute(
                "insert into em_event (uuid, source, command_index, user_id, command, event, status, inserted)
                 values (?1, 'as1', ?2, 'anna@tele.gl', ?3, ?4, ?5, ?6)",
                (&uuid, index, command, document, status, format!("2026-03-01 12:{minute:02}:05.000")),
            )
            .expect("inserted");
        database
            .execute("insert into em_journal (uuid, attempt, reason) values (?1, 1, ?2)", (&uuid, reason))
            .expect("inserted");
    }

    pub fn subscribers(&self) -> Vec<String> {
        let database = self.site.database();
        let sql = "select id || ' ' || sipurl || ' ' || coalesce(e164, '-') || ' ' || coalesce(vmail_user, '-') || ' '
            || coalesce(vmail_password, '-') from srd_user order by id";
        let mut statement = database.prepare(sql).expect("a statement");
        statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    /// Runs a command: its exit code and everything that it has printed.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args(arguments)
            .arg("--config")
            .arg(self.site.config())
            .output()
            .expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("text");
        assert!(!text.contains(SECRET) && !text.contains("mail-secret"), "a secret shows: {text}");
        (output.status.code().expect("no signal"), text)
    }

    pub fn compare_json(&self) -> (i32, serde_json::Value) {
        let (code, text) = self.run(&["compare", "--json"]);
        (code, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }
}

/// Both kinds of databases that the old release may be in.
pub fn both() -> [Shadow; 2] {
    [Shadow::new(|_| Release::postgres()), Shadow::new(Release::sqlite)]
}
