//! A private PostgreSQL cluster, as Debian installs it: made for one test binary, gone with it.
//!
//! It listens on loopback only and runs as an unprivileged user when the tests run as root. `DATABASE_URL` (of a user
//! who may create databases) is used instead where it is set, except by tests that stop their server.

use super::ports::lasting;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A cluster that is stopped and deleted when it is dropped, or when the test binary ends in whatever way.
pub struct Cluster {
    directory: PathBuf,
    port: u16,
    /// The shell that runs the server, and ends it when its input ends.
    keeper: Option<Child>,
}

/// Runs until its input ends, which the end of the test binary sees to; deletes the cluster unless a word says how to stop
/// it and that it stays.
const KEEPER: &str = r#"
    "$1" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c max_connections=200 \
        -c unix_socket_directories="$2" >"$2/log" 2>&1 &
    read -r word
    [ "$word" = fast ] && kill -INT $! || kill -QUIT $!
    kill -CONT $!
    wait $!
    [ -n "$word" ] || rm -rf "$2"
"#;

impl Cluster {
    /// Makes a cluster and starts it. Panics with what is missing where PostgreSQL is not installed.
    pub fn start() -> Cluster {
        let directory =
            tempfile::Builder::new().prefix("em-postgres-").tempdir().expect("a directory").keep();
        if let Some((uid, gid)) = unprivileged() {
            chown(&directory, Some(uid), Some(gid)).expect("the directory can be given away");
        }
        let made = as_unprivileged(&find("initdb"))
            .current_dir(&directory)
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pgdata")
            .arg(directory.join("data"))
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut cluster = Cluster { directory, port: lasting().port(), keeper: None };
        cluster.resume();
        cluster
    }

    /// Starts the server, at the port that it had before, and waits until it answers.
    pub fn resume(&mut self) {
        let keeper = as_unprivileged(Path::new("/bin/sh"))
            .current_dir(&self.directory)
            .args(["-c", KEEPER, "keeper"])
            .arg(find("postgres"))
            .arg(&self.directory)
            .arg(self.port.to_string())
            .stdin(Stdio::piped())
            .spawn()
            .expect("the server starts");
        self.keeper = Some(keeper);
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Err(error) = execute(&self.url("postgres"), "select 1") {
            assert!(Instant::now() < deadline, "the server does not answer: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the files of the server are; what is made there for it must be given to its user.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Stops the server at once, as a crash would (`SIGQUIT`, "immediate shutdown"); it can be resumed.
    pub fn crash(&mut self) {
        self.stop(b"immediate\n");
    }

    /// Stops the server as an administrator does (`SIGINT`, "fast shutdown"): connections are told; it can be resumed.
    pub fn shut_down(&mut self) {
        self.stop(b"fast\n");
    }

    /// Lets the server hang: connections stay, and nothing is answered until [`Cluster::go_on`].
    pub fn hang(&self) {
        // The first process before its children, so that there is no further one.
        self.signal("-STOP", &[self.first_process()]);
        self.signal("-STOP", &self.children());
    }

    /// Ends what [`Cluster::hang`] has begun.
    pub fn go_on(&self) {
        self.signal("-CONT", &self.children());
        self.signal("-CONT", &[self.first_process()]);
    }

    fn first_process(&self) -> String {
        let file = self.directory.join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the server runs");
        text.lines().next().expect("its process").to_owned()
    }

    fn children(&self) -> Vec<String> {
        let found = Command::new("pgrep").args(["-P", &self.first_process()]).output().expect("pgrep runs");
        String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
    }

    fn signal(&self, signal: &str, processes: &[String]) {
        // One that has just ended is no matter.
        let _ = Command::new("kill")
            .arg(signal)
            .args(processes)
            .stderr(Stdio::null())
            .status()
            .expect("kill runs");
    }

    fn stop(&mut self, word: &[u8]) {
        let Some(mut keeper) = self.keeper.take() else { return };
        if let Some(mut input) = keeper.stdin.take() {
            let _ = input.write_all(word);
        }
        let _ = keeper.wait();
    }

    /// Offers TLS with a certificate that nobody vouches for, as Debian's packages do.
    pub fn offer_tls(&self) {
        let made = as_unprivileged(Path::new("/usr/bin/openssl"))
            .current_dir(self.directory.join("data"))
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"])
            .args(["-keyout", "server.key", "-out", "server.crt"])
            .output()
            .expect("openssl runs: apt-get install openssl");
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
        execute(&self.url("postgres"), "alter system set ssl = on").expect("TLS can be configured");
        execute(&self.url("postgres"), "select pg_reload_conf()").expect("the configuration is read again");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The address of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop(b"");
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Where tests get their databases from.
pub enum Server {
    Private(Cluster),
    /// `DATABASE_URL`.
    Given(String),
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub fn start() -> Server {
        match std::env::var("DATABASE_URL") {
            Ok(url) => Server::Given(url),
            Err(_) => Server::Private(Cluster::start()),
        }
    }

    /// Creates a database and gives its address.
    pub fn create_database(&self) -> String {
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("em_test_{}_{number}", std::process::id());
        execute(&self.url("postgres"), &format!("create database {name}")).expect("the database is created");
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        match self {
            Server::Private(cluster) => cluster.url(database),
            Server::Given(url) => {
                let (start, query) = url.split_once('?').unwrap_or((url, ""));
                let (server, _) = start.rsplit_once('/').expect("DATABASE_URL names a database");
                format!("{server}/{database}?{query}")
            }
        }
    }
}

/// Runs SQL on a connection of its own.
pub fn execute(url: &str, sql: &str) -> Result<(), String> {
    query(url, sql).map(drop)
}

/// Runs SQL on a connection of its own, and gives the rows of its answers as text.
pub fn query(url: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    // On a thread, because the caller may be inside a runtime.
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            let messages = client.simple_query(&sql).await.map_err(|error| format!("{error:?}"))?;
            let rows = messages.into_iter().filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
                }
                _ => None,
            });
            Ok(rows.collect())
        })
    });
    worker.join().expect("the query does not panic")
}

/// A program, to be run by an unprivileged user.
fn as_unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = unprivileged() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Debian keeps the server's programs off the path.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join(program));
    let debian = (13..=20)
        .rev()
        .map(|version| Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin").join(program));
    debian.chain(on_path).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{program} is not installed: apt-get install postgresql, or set DATABASE_URL to a server")
    })
}

/// `postgres` refuses to run as root: then it runs as `postgres`, or `nobody`.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(args).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)))
}
