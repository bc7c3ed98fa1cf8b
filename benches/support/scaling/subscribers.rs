//! Provisioning beside ever more subscribers.

use super::Curve;
use super::day::{Day, USERS};

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Rows made by the database itself.
const FILL: &str = "insert into srd_user (id, group_id, sipurl, user_type, phonecontext, association_id, e164, created)
    with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n + 1 < ?1)
    select printf('user%07d@tele.gl', n), printf('KNI-%05d', n / 20), printf('user%07d@tele.gl', n), 'user', 'nuk.tg.gl',
        printf('%032x', n), printf('%07d', n), current_timestamp from numbers";

pub fn print() {
    let mut curve = Curve::new("subscribers", "a phone set", "subscribers");
    for size in SIZES {
        let day = Day::new();
        day.site.database().execute(FILL, [size]).expect("subscribers");
        curve.add(size.into(), day.cost(), USERS.into());
    }
}
