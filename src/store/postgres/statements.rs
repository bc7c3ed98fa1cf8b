//! What the PostgreSQL writer says. Many rows go in one statement, as arrays that `unnest` turns into a table.

/// `with ordinality` and `order by` make ids follow the order of the batch.
pub(super) const APPEND: &str = "
    insert into em_event (uuid, source, notification_id, command_index, user_id, command, event, status, note,
        inserted)
    select new.uuid, new.source, new.notification_id, new.command_index, new.user_id, new.command, new.event,
        new.status, new.note, cast(to_timestamp(new.received / 1e6) as timestamp)
    from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::bigint[]) with ordinality
        as new(uuid, source, notification_id, command_index, user_id, command, event, status, note, received, place)
    order by new.place
    on conflict (uuid) do nothing
    returning uuid, cast(id as bigint)";

/// Rows of the topic log. One writer at a time inserts, so that numbers become visible in their order.
pub(super) const LOG: &str = "
    insert into em_topic_log (uuid, topic, source, name, at, payload, form, origin)
    select new.uuid, new.topic, new.source, new.name, to_timestamp(new.at / 1e6), new.payload, new.form, new.origin
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
            with ordinality
        as new(uuid, topic, source, name, at, payload, form, origin, place)
    order by new.place
    on conflict (uuid, topic) do nothing";

pub(super) const SHORTEN: &str = "
    with gone as (delete from em_topic_log where sequence = any($1::bigint[]) returning 1)
    select count(*) from gone";

/// How far a reader of the topic log has come. A hub that there is not has no place.
pub(super) const PLACE: &str = "
    insert into em_cursor (reader, sequence, number)
    select $1::text, $2::bigint, $3::bigint
    where $4::uuid is null or exists (select 1 from em_hub where id = $4::uuid)
    on conflict (reader) do update set sequence = greatest(em_cursor.sequence, excluded.sequence),
        number = greatest(em_cursor.number, excluded.number)";

pub(super) const RAISE: &str = "
    insert into em_alarm (kind, object, uuid, raised)
    values ($1::text, $2::text, $3::uuid, to_timestamp($4::bigint / 1e6))
    on conflict (kind, object) do nothing";

pub(super) const CLEAR: &str = "delete from em_alarm where kind = $1::text and object = $2::text";

pub(super) const KEEP_REGISTRATION: &str = "
    insert into em_registration (peer, url, topic, callback, hub, created)
    values ($1::text, $2::text, $3::text, $4::text, $5::text, to_timestamp($6::bigint / 1e6))
    on conflict (url, topic) do update set peer = excluded.peer, callback = excluded.callback, hub = excluded.hub,
        created = excluded.created";

pub(super) const FORGET_REGISTRATION: &str = "
    delete from em_registration where url = $1::text and topic = $2::text";

pub(super) const SUBSCRIBE: &str = "
    insert into em_evi_subscription (event, socket, address, format, expire, expires)
    values ($1::text, $2::text, $3::text, $4::text, $5::bigint, to_timestamp($6::bigint / 1e6))
    on conflict (event, socket) do update set address = excluded.address, format = excluded.format,
        expire = excluded.expire, expires = excluded.expires";

pub(super) const UNSUBSCRIBE: &str = "
    delete from em_evi_subscription where event = $1::text and socket = $2::text";

pub(super) const STORED: &str = "
    select uuid, cast(id as bigint) from em_event where uuid = any($1::uuid[])";

/// Completes the note `duplicate of ` of rows that were just stored, also where the original came with them.
pub(super) const DUPLICATES: &str = "
    update em_event as event
    set note = event.note || coalesce(
        (select cast(original.id as text) from em_event as original where original.uuid = new.original),
        cast(new.original as text))
    from unnest($1::uuid[], $2::uuid[]) as new(uuid, original)
    where event.uuid = new.uuid and event.note like '%duplicate of '";

pub(super) const JOURNAL: &str = "
    insert into em_journal (uuid, attempt, plan, warnings)
    select * from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[])
    on conflict (uuid, attempt) do update set
        plan = coalesce(excluded.plan, em_journal.plan),
        warnings = case
            when excluded.warnings is null or strpos(em_journal.warnings, excluded.warnings) > 0
                then em_journal.warnings
            else coalesce(em_journal.warnings, e'\\n') || substr(excluded.warnings, 2) end
    where excluded.plan is not null or excluded.warnings is not null";

pub(super) const STEPS: &str = "
    insert into em_step (uuid, attempt, position, state, answer, marked)
    select new.uuid, new.attempt, new.place, new.state, new.answer, to_timestamp(new.marked / 1e6)
    from unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::bigint[])
        as new(uuid, attempt, place, state, answer, marked)
    on conflict (uuid, attempt, position) do update set
        state = excluded.state, answer = excluded.answer, marked = excluded.marked";

/// A verdict counts only while the row is pending, and only then what is handed on with it is.
pub(super) const VERDICTS: &str = "
    with new as (
        select * from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::boolean[])
            as new(uuid, attempt, status, reason, digest, holds)
    ), ended as (
        update em_event as event set status = new.status from new
        where event.uuid = new.uuid and event.status = 'pending'
        returning event.uuid
    ), handed_on as (
        insert into em_topic_log (uuid, topic, source, name, at, payload, form, origin)
        select row.uuid, row.topic, row.source, row.name, to_timestamp(row.at / 1e6), row.payload, row.form, row.origin
        from unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[],
                $14::text[], $15::text[])
            with ordinality as row(event, uuid, topic, source, name, at, payload, form, origin, place)
        join ended on ended.uuid = row.event
        order by row.place
        on conflict (uuid, topic) do nothing
    )
    update em_journal as journal set reason = new.reason, digest = new.digest, holds = new.holds from new, ended
    where new.uuid = ended.uuid and journal.uuid = new.uuid and journal.attempt = new.attempt";

/// Answered only while the session lives, and with it the lock.
pub(super) const CONFIRM: &str = "select 1";

pub(super) const STATUSES: &str = "
    select uuid, cast(status as text) from em_event where uuid = any($1::uuid[])";

pub(super) const PANICS: &str = "
    insert into em_journal (uuid, attempt, panics) values ($1::uuid, $2::integer, $3::integer)
    on conflict (uuid, attempt) do update set panics = excluded.panics";

/// Writes the whole row over the one that is there, without help of a primary key, which may be missing.
pub(super) const INSERT_SUBSCRIBER: &str = "
    with changed as (
        update srd_user set group_id = $2::text, sipurl = $3::text, user_type = $4::text, phonecontext = $5::text,
            association_id = $6::text, e164 = $7::text, vmail_user = $8::text, vmail_password = $9::text,
            blf_user = $10::text, updated = localtimestamp
        where id = $1::text returning 1
    )
    insert into srd_user (id, group_id, sipurl, user_type, phonecontext, association_id, e164, vmail_user,
        vmail_password, blf_user, created, updated)
    select $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text,
        localtimestamp, localtimestamp
    where not exists (select 1 from changed)";

/// Every column has a flag that says whether it changes.
pub(super) const UPDATE_SUBSCRIBER: &str = "
    update srd_user set
        sipurl = case when $2::boolean then $3::text else sipurl end,
        user_type = case when $4::boolean then $5::text else user_type end,
        phonecontext = case when $6::boolean then $7::text else phonecontext end,
        e164 = case when $8::boolean then $9::text else e164 end,
        vmail_user = case when $10::boolean then $11::text else vmail_user end,
        vmail_password = case when $12::boolean then $13::text else vmail_password end,
        blf_user = case when $14::boolean then $15::text else blf_user end,
        updated = localtimestamp
    where id = $1::text";

pub(super) const DELETE_SUBSCRIBER: &str = "delete from srd_user where id = $1::text";

pub(super) const AUDIT: &str = "
    insert into em_audit (uuid, at, actor, act, object, detail)
    values ($1::uuid, to_timestamp($2::bigint / 1e6), $3::text, $4::text, $5::text, $6::text)
    on conflict (uuid) do nothing";

/// What an operator decides about an event: what [`Verb::takes`](crate::store::Verb::takes) says, and all that follows
/// from it. Gives uuid, status before, latest attempt, whether it was done, now or before, and whether
/// the end of its alarm is in the topic log.
pub(super) const DECIDE: &str = "
    with old as (
        select event.id, event.uuid, event.status, coalesce(event.uuid, $2::uuid) as named,
            (select max(attempt) from em_journal as journal where journal.uuid = event.uuid) as attempt,
            exists (select 1 from em_audit where em_audit.uuid = $3::uuid) as is_recorded
        from em_event as event
        where event.id = $1::bigint and (event.uuid is not distinct from $12::uuid or event.uuid = $2::uuid)
        for update
    ), taken as (
        select * from old where not is_recorded
            and (status = 'failed' or status = 'pending' and ($4::text = 'ignored' or uuid is null))
    ), changed as (
        update em_event as event set status = $4::text, uuid = taken.named,
            note = case when $4::text = 'ignored' and taken.attempt is null
                then $5::text || coalesce('; before: ' || event.note, '') else event.note end
        from taken where event.id = taken.id
    ), begun as (
        insert into em_journal (uuid, attempt)
        select named, coalesce(attempt, 0) + 1 from taken where $4::text = 'pending'
    ), told as (
        update em_journal as journal set reason = $5::text || coalesce('; before: ' || journal.reason, '')
        from taken
        where journal.uuid = taken.named and journal.attempt = taken.attempt and $4::text = 'ignored'
    ), subjects as (
        insert into em_subject (subscriber, event)
        select about.subscriber, taken.named from taken, unnest($11::text[]) as about(subscriber)
        where $4::text = 'pending'
        on conflict do nothing
    ), audited as (
        insert into em_audit (uuid, at, actor, act, object, detail)
        select $3::uuid, to_timestamp($6::bigint / 1e6), $7::text, $8::text, $9::text, $10::text from taken
    ), over as (
        insert into em_topic_log (uuid, topic, source, name, at, payload, form, origin)
        select $13::uuid, $14::text, $15::text, $16::text, to_timestamp($17::bigint / 1e6), $18::text, $19::text, $20::text
        from taken
        where $13::uuid is not null and $4::text = 'ignored' and (taken.status = 'failed' or taken.attempt > 1)
        on conflict (uuid, topic) do nothing
        returning 1
    )
    select old.named, cast(old.status as text),
        coalesce(old.attempt, 0) + case when $4::text = 'pending' and not old.is_recorded then 1 else 0 end,
        old.is_recorded or exists (select 1 from taken),
        exists (select 1 from over)
            or old.is_recorded and exists (select 1 from em_topic_log where uuid = $13::uuid and topic = $14::text)
    from old";

pub(super) const PAUSE: &str = "
    insert into em_pause (system, at, actor, reason)
    values ($1::text, to_timestamp($2::bigint / 1e6), $3::text, $4::text)
    on conflict (system) do nothing";

pub(super) const RESUME: &str = "delete from em_pause where system = $1::text";

/// Several writes of a batch may be about the same subscriber and event.
pub(super) const SUBJECTS: &str = "
    insert into em_subject (subscriber, event)
    select * from unnest($1::text[], $2::uuid[])
    on conflict do nothing";

/// The condition is that of [`EXPIRES`](crate::store::writes::EXPIRES).
pub(super) const EXPIRE: &str = "
    with gone as (
        delete from em_event where id = any($1::bigint[])
            and inserted < cast(to_timestamp($2::bigint / 1e6) as timestamp)
            and (status in ('completed', 'ignored') or status is null)
        returning uuid
    ), journal as (
        delete from em_journal using gone where em_journal.uuid = gone.uuid
    ), steps as (
        delete from em_step using gone where em_step.uuid = gone.uuid
    ), subjects as (
        delete from em_subject using gone where em_subject.event = gone.uuid
    )
    select count(*) from gone";

pub(super) const FORGET: &str = "
    with gone as (
        select uuid from unnest($1::uuid[]) as asked(uuid)
        where not exists (select 1 from em_event as event where event.uuid = asked.uuid)
    ), journal as (
        delete from em_journal using gone where em_journal.uuid = gone.uuid returning 1
    ), steps as (
        delete from em_step using gone where em_step.uuid = gone.uuid returning 1
    ), subjects as (
        delete from em_subject using gone where em_subject.event = gone.uuid returning 1
    )
    select (select count(*) from journal) + (select count(*) from steps) + (select count(*) from subjects)";
