//! The loop that one writes first, on one thread: a document is read and stored, its requests are sent one after the other, and it is
//! marked as done before the next.

use super::bare::Clients;
use bytes::Bytes;
use eventmanager::plan::Request;
use eventmanager::wire::ocir::{DEFAULT_MAX_DOCUMENT, Document, Framer};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// Events of each kind that it does, which are the first ones: at a gateway that takes its time it is not at more for long.
const EVENTS: usize = 100;

/// What one event takes on average.
pub struct Took {
    pub whole: Duration,
    /// Of it, until what was asked is answered.
    pub asking: Duration,
}

/// A loop with a database and simulators of its own.
pub struct Loop {
    pub clients: Clients,
    database: Connection,
    _directory: tempfile::TempDir,
}

impl Loop {
    pub async fn new() -> Loop {
        let directory = tempfile::tempdir().expect("a directory");
        let database = Connection::open(directory.path().join("events.db")).expect("a database");
        database.pragma_update(None, "journal_mode", "wal").expect("a pragma");
        // What it has stored is not to be lost either.
        database.pragma_update(None, "synchronous", "full").expect("a pragma");
        let table = "create table event (id integer primary key, command text, document text, status text)";
        database.execute(table, ()).expect("a table");
        Loop { clients: Clients::connect(1).await, database, _directory: directory }
    }

    /// Does the first events of these, each with its requests.
    pub async fn run(&mut self, documents: &Bytes, lists: Vec<Vec<Request>>) -> Took {
        let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
        framer.push(documents);
        let (mut done, mut asking, began) = (0, Duration::ZERO, Instant::now());
        for requests in lists.into_iter().take(EVENTS) {
            let frame = framer.next_frame().expect("it is not too large").expect("each has a document");
            let document = Document::parse(&frame);
            let command = document.commands().next().expect("a command");
            let insert = "insert into event (command, document, status) values (?1, ?2, 'pending')";
            self.database.execute(insert, (command.command_type(), &document.text)).expect("stored");
            let id = self.database.last_insert_rowid();
            asking += self.clients.run(vec![requests], 1).await;
            self.database
                .execute("update event set status = 'completed' where id = ?1", [id])
                .expect("marked");
            done += 1;
        }
        Took { whole: began.elapsed() / done, asking: asking / done }
    }
}
