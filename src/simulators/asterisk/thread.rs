//! The thread on which simulated Asterisks run.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread for one Asterisk or several. It ends when the last of them and its last clone are dropped.
#[derive(Clone)]
pub struct AsteriskThread(Arc<Thread>);

struct Thread {
    runtime: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl AsteriskThread {
    /// A thread on which nothing runs yet.
    pub fn start() -> io::Result<AsteriskThread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let name = "simulated-asterisk".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            // Either way it is to end.
            let _ = runtime.block_on(ended);
        })?;
        Ok(AsteriskThread(Arc::new(Thread { runtime: handle, end: Some(end), thread: Some(thread) })))
    }

    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.spawn(task);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told.
            let _ = thread.join();
        }
    }
}
