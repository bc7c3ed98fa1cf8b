//! How many bytes wait for all subscribers. An event is written once for many of them, and counts once in however many lanes it waits.

use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Bytes that wait in all lanes, at most.
const BYTES: usize = 256 << 20;

/// Of all lanes.
#[derive(Debug, Default)]
pub struct Load {
    /// How often each text is held, by where it begins.
    held: RefCell<HashMap<usize, usize>>,
    bytes: Cell<usize>,
}

/// These bytes wait as long as this lives.
#[derive(Debug)]
pub struct Held {
    bytes: Bytes,
    load: Rc<Load>,
}

impl Load {
    /// Whether these can wait too.
    pub fn has_room_for(&self, bytes: &Bytes) -> bool {
        self.with(bytes) <= BYTES
    }

    /// How many bytes of each of so many lanes are more than its share of half of what may wait, where that much waits.
    pub fn share_of_half(&self, lanes: usize) -> Option<usize> {
        (self.bytes.get() > BYTES / 2).then_some(BYTES / 2 / lanes.max(1))
    }

    /// How many bytes wait, if these do so too.
    fn with(&self, bytes: &Bytes) -> usize {
        let more = if self.held.borrow().contains_key(&place(bytes)) { 0 } else { bytes.len() };
        self.bytes.get() + more
    }

    /// These wait from now on.
    pub fn hold(self: &Rc<Load>, bytes: &Bytes) -> Held {
        self.bytes.set(self.with(bytes));
        *self.held.borrow_mut().entry(place(bytes)).or_default() += 1;
        // What holds them keeps others from their place.
        Held { bytes: bytes.clone(), load: Rc::clone(self) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.load.held.borrow_mut();
        let Some(times) = held.get_mut(&place(&self.bytes)) else { return };
        *times -= 1;
        if *times == 0 {
            held.remove(&place(&self.bytes));
            self.load.bytes.set(self.load.bytes.get() - self.bytes.len());
        }
    }
}

fn place(bytes: &Bytes) -> usize {
    bytes.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_counts_once_until_nobody_holds_it() {
        let (load, one, other) = (Rc::<Load>::default(), Bytes::from(vec![1; 10]), Bytes::from(vec![1; 5]));
        let none = Bytes::new();
        let (first, second, third) = (load.hold(&one), load.hold(&one.clone()), load.hold(&other));
        assert_eq!(load.with(&none), 15);
        drop(first);
        assert_eq!((load.with(&none), load.with(&one)), (15, 15));
        drop(second);
        assert_eq!((load.with(&none), load.with(&one)), (5, 15));
        drop(third);
        assert_eq!(load.with(&none), 0);
    }
}
