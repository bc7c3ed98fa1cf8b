//! Work of codecs and plan functions: `wire` tells how long it takes, and `instructions` how much it is.

mod documents;
mod kamailio;
mod manager;
mod netstrings;
mod opensips;
mod plans;
mod soap;

use bytes::BytesMut;
use std::hint::black_box;

/// One thing to do with a sample.
pub struct Case {
    pub name: &'static str,
    /// Does it once.
    pub work: Box<dyn FnMut()>,
    pub amount: Amount,
    /// How much a second it is to be at least.
    pub at_least: Option<f64>,
    pub bound: Option<Bound>,
}

/// How much is done at once.
#[derive(Clone, Copy)]
pub enum Amount {
    Bytes(usize),
    /// So many, of what.
    Items(usize, &'static str),
}

/// What does the least with the same bytes.
pub struct Bound {
    pub name: &'static str,
    pub work: Box<dyn FnMut()>,
    /// Which part of it the case is to be at least.
    pub at_least: Option<f64>,
}

impl Case {
    fn new(name: &'static str, amount: Amount, work: impl FnMut() + 'static) -> Case {
        Case { name, work: Box::new(work), amount, at_least: None, bound: None }
    }

    fn at_least(mut self, rate: f64) -> Case {
        self.at_least = Some(rate);
        self
    }

    fn beside(mut self, name: &'static str, work: impl FnMut() + 'static) -> Case {
        self.bound = Some(Bound { name, work: Box::new(work), at_least: None });
        self
    }

    fn of_it_at_least(mut self, part: f64) -> Case {
        if let Some(bound) = &mut self.bound {
            bound.at_least = Some(part);
        }
        self
    }
}

/// All of them.
pub fn all() -> Vec<Case> {
    [
        documents::cases(),
        netstrings::cases(),
        kamailio::cases(),
        manager::cases(),
        opensips::cases(),
        soap::cases(),
        plans::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What even the least does: it has the bytes in a place of its own.
fn copy(bytes: impl AsRef<[u8]> + 'static) -> impl FnMut() {
    let mut place = BytesMut::new();
    move || {
        place.clear();
        place.extend_from_slice(black_box(bytes.as_ref()));
        black_box(&place);
    }
}
