//! From the name of a peer's host to its addresses: anew for each delivery, where the last answer is older than a second.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// So long deliveries share an answer, and a failure likewise.
const SHARED: Duration = Duration::from_secs(1);

/// The addresses of a name.
pub type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// The addresses, or why there are none.
type Found = Result<Vec<IpAddr>, String>;

/// The addresses of one host.
pub struct Resolving {
    host: String,
    lookup: Lookup,
    /// Held while it is asked: there is one question at a time.
    latest: Mutex<Option<(Instant, Found)>>,
}

impl Resolving {
    /// As the system resolves names.
    pub fn of_system() -> Lookup {
        Arc::new(|host| {
            Box::pin(async move {
                // The port is no part of the question.
                Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
            })
        })
    }

    pub fn new(host: String, lookup: Lookup) -> Resolving {
        Resolving { host, lookup, latest: Mutex::default() }
    }

    /// All of them, in order, each once; never none. The error says why there are none.
    pub async fn addresses(&self) -> Found {
        let mut latest = self.latest.lock().await;
        if let Some((at, answer)) = &*latest
            && at.elapsed() < SHARED
        {
            return answer.clone();
        }
        let answer = self.ask().await;
        *latest = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn ask(&self) -> Found {
        let mut addresses = (self.lookup)(self.host.clone()).await.map_err(|error| error.to_string())?;
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_shared_for_a_second_and_then_asked_for_anew() {
        let asked = Arc::new(AtomicU8::new(0));
        let count = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |host| {
            assert_eq!(host, "peer.example");
            let last = count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                let addresses = [[10, 0, 0, 9], [10, 0, 0, last], [10, 0, 0, 9]];
                Ok(addresses.map(IpAddr::from).to_vec())
            })
        });
        let resolving = Resolving::new("peer.example".to_owned(), lookup);
        let (one, other) = tokio::join!(resolving.addresses(), resolving.addresses());
        assert_eq!(one, other);
        assert_eq!(one.expect("found"), [[10, 0, 0, 0], [10, 0, 0, 9]].map(IpAddr::from));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        tokio::time::advance(SHARED).await;
        assert_eq!(resolving.addresses().await.expect("found")[0], IpAddr::from([10, 0, 0, 1]));
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_error() {
        let none: Lookup = Arc::new(|_| Box::pin(async { Ok(Vec::new()) }));
        assert!(Resolving::new("peer".to_owned(), none).addresses().await.is_err());
    }
}
