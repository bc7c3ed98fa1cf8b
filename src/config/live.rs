//! A value that is replaced while the daemon runs: whoever works with it sees the new one at its next look.

use std::sync::Arc;
use tokio::sync::watch;

/// The writing side; there is one.
#[derive(Debug)]
pub struct Setting<T>(watch::Sender<Arc<T>>);

impl<T> Setting<T> {
    /// A setting with its first value.
    pub fn new(value: T) -> Self {
        Setting(watch::Sender::new(Arc::new(value)))
    }

    /// A reading side.
    pub fn live(&self) -> Live<T> {
        Live(self.0.subscribe())
    }

    /// What is in force.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another value in force, whatever it is.
    pub fn replace(&self, value: T) {
        self.0.send_replace(Arc::new(value));
    }
}

impl<T: PartialEq> Setting<T> {
    /// Puts a value in force. One that is in force already wakes nobody.
    pub fn set(&self, value: T) {
        if **self.0.borrow() == value {
            return;
        }
        self.replace(value);
    }
}

/// A reading side: cheap to clone, and never without a value.
#[derive(Debug)]
pub struct Live<T>(watch::Receiver<Arc<T>>);

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Live(self.0.clone())
    }
}

impl<T> Live<T> {
    /// A value that is never replaced.
    pub fn fixed(value: T) -> Self {
        Setting::new(value).live()
    }

    /// What is in force now.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// The value that has been put in force since this was last asked.
    pub fn take_new(&mut self) -> Option<Arc<T>> {
        // An error says that nothing new can come.
        self.0.has_changed().unwrap_or(false).then(|| Arc::clone(&self.0.borrow_and_update()))
    }

    /// Resolves with this when another value is in force; `None` when nothing new can come.
    pub async fn changed(mut self) -> Option<Self> {
        self.0.changed().await.ok()?;
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_in_force_already_wakes_nobody() {
        let setting = Setting::new(1);
        let mut live = setting.live();
        setting.set(1);
        assert_eq!(live.take_new(), None);
        setting.set(2);
        assert_eq!((live.take_new(), live.take_new()), (Some(Arc::new(2)), None));
        assert_eq!((*live.get(), *Live::fixed(3).get()), (2, 3));
    }
}
