//! Who subscribes to our EVI, in a transaction of the PostgreSQL writer.

use super::script::Script;
use super::statements::{SUBSCRIBE, UNSUBSCRIBE};
use crate::store::followers::{EviChange, EviSubscription};
use crate::store::limits::clean;
use crate::store::writes::micros;

/// A subscription that is made, renewed or ended.
pub(super) fn add_evi<'a>(script: &mut Script<'a>, change: &'a EviChange) -> usize {
    match change {
        EviChange::Subscribe(subscription) => {
            let EviSubscription { event, socket, address, format, expire, expires } = subscription;
            script.add(
                SUBSCRIBE,
                vec![
                    Box::new(clean(event)),
                    Box::new(clean(socket)),
                    Box::new(address.as_deref()),
                    Box::new(format.as_str()),
                    Box::new(i64::from(*expire)),
                    Box::new(micros(*expires)),
                ],
            )
        }
        EviChange::Unsubscribe { event, socket } => {
            script.add(UNSUBSCRIBE, vec![Box::new(clean(event)), Box::new(clean(socket))])
        }
    }
}
