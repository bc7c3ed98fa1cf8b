//! What a receiver must have got: every number in its order, and again only what the daemon may send again.

use super::receiver::Received;
use std::collections::BTreeMap;

/// So many events come again after a kill at most.
const AGAIN: i64 = 100;

/// The ids of the events, by their numbers; the error says what is wrong with their order. A daemon was killed so often, and so many
/// requests were not taken: an event that comes again without a reason is an error as well.
pub fn ids(received: &[Received], kills: usize, refused: usize) -> Result<Vec<String>, String> {
    let mut ids: BTreeMap<i64, String> = BTreeMap::new();
    let (mut before, mut most, mut back) = (0, 0, 0);
    for request in received {
        let (number, id) = (request.sequence(), request.header("webhook-id").to_owned());
        if request.method != "POST" || number > before + 1 {
            return Err(format!("{} {number} comes after {before}: something is left out", request.method));
        }
        if number + AGAIN <= most {
            return Err(format!("{number} comes after {most}: more than {AGAIN} come again"));
        }
        back += usize::from(number <= before);
        (before, most) = (number, most.max(number));
        let known = ids.entry(number).or_insert_with(|| id.clone());
        if *known != id {
            return Err(format!("the number {number} is two events, {known} and {id}"));
        }
    }
    if back > kills + refused {
        return Err(format!("it goes back {back} times at {kills} kills, and {refused} were not taken"));
    }
    Ok(ids.into_values().collect())
}
