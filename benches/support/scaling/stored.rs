//! Provisioning beside ever more events of before.

use super::Curve;
use super::day::{Day, USERS};

const SIZES: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Events that have ended, over the last ninety days.
const FILL: &str = "insert into em_event (user_id, command, event, status, inserted, uuid, source, notification_id, command_index)
    with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n + 1 < ?1)
    select 'admin@example.org', 'UserModifyRequest', '<command>' || n || '</command>', case when n % 3 = 0 then 'ignored' else 'completed' end,
        strftime('%Y-%m-%d %H:%M:%f', 'now', (n * 7776000.0 / ?1 - 7776000) || ' seconds'),
        printf('0197%04x-0000-7000-8000-%012x', n % 65536, n), 'as0', 'write' || n, 0 from numbers";

pub fn print() {
    let mut curve = Curve::new("stored", "a phone set", "stored events");
    for size in SIZES {
        let day = Day::new();
        day.site.database().execute(FILL, [size]).expect("events");
        curve.add(size.into(), day.cost(), USERS.into());
    }
}
