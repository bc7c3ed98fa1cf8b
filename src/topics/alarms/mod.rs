//! What somebody should look at: raised as events of the topic `alarm`, and cleared.

pub mod event;
