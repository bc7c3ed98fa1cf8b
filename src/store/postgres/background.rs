//! A small runtime on a thread of its own, on which connections live.
//!
//! A `tokio-postgres` connection dies with the runtime that it was made on; ours outlives any actor's arbiter and
//! lets every arbiter read.

use std::io;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Ends its thread, and with it every connection, when it is dropped.
pub(crate) struct Background {
    runtime: Handle,
    _stop: oneshot::Sender<()>,
}

impl Background {
    pub fn start() -> io::Result<Arc<Background>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().name("store-postgres".to_owned()).spawn(move || {
            // An error means that the sender is gone: the same news.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Arc::new(Background { runtime: handle, _stop: stop }))
    }

    /// Runs a future there; the error is that it has panicked or the runtime is gone.
    pub async fn run<F>(&self, future: F) -> Result<F::Output, String>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.runtime.spawn(future).await.map_err(|error| error.to_string())
    }

    /// Begins something there that ends at the latest when what is returned is dropped.
    pub fn begin(&self, future: impl Future<Output = ()> + Send + 'static) -> Begun {
        Begun(self.runtime.spawn(future).abort_handle())
    }
}

/// Ends it when dropped.
pub(crate) struct Begun(AbortHandle);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.abort();
    }
}
