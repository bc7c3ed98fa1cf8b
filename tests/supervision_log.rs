//! What supervision writes into the log. A process of its own: what one thread logs without a subscriber, tracing may
//! switch off for all.

#[allow(dead_code)] // shared with the other tests
#[path = "supervision/actors.rs"]
mod actors;

use actors::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use std::io;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn with(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

#[actix::test]
async fn every_exit_is_logged_once_with_path_reason_and_delay() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(log);
    let journal = Journal::default();
    let (a, a_addr) = journal.worker("a");
    let (deaf, _) = journal.worker_with("deaf", DEAF, None);
    let inner = Supervisor::new("inner", Strategy::OneForOne, MANY, QUICK, vec![a]);
    let root = supervise(Strategy::OneForOne, vec![Spec::supervisor(inner).0, deaf.shutdown(ms(20))]);
    a_addr.do_send(Panic);
    assert_eq!(a_addr.send(Count).await, Ok(1));
    a_addr.do_send(Quit);
    assert_eq!(a_addr.send(Count).await, Ok(1));
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    let check = |text, level, fields: &[&str]| {
        let found = lines.with(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(level), "{found:?}");
        fields.iter().for_each(|field| assert!(found[0].contains(field), "{field} in {found:?}"));
    };
    check("child panicked", "ERROR", &[r#"actor="inner/a""#, "exit=panic: boom a", "restart_in=Some("]);
    check("exit=normal", "WARN", &[r#"actor="inner/a""#, "restart_in=Some("]);
    check("child did not stop in time and is killed", "WARN", &[r#"actor="deaf""#, "deadline=20ms"]);
    check("exit=killed", "WARN", &[r#"actor="deaf""#]);
    check("supervision tree stopped", "INFO", &[]);
}
