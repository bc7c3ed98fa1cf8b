//! What operators do: pauses, and what is decided about single events, each with its line of `em_audit`.

use super::script::{Param, Script};
use super::statements::{AUDIT, DECIDE, PAUSE, RESUME};
use crate::event::Status;
use crate::store::acts::{Act, Pause, PauseChange};
use crate::store::limits::{clean, subject_name};
use crate::store::rulings::{Decided, Ruling};
use crate::store::writes::{micros, resolution};
use tokio_postgres::Row;

/// What an operator has done, and what it pauses or resumes.
pub(super) fn add_act<'a>(script: &mut Script<'a>, act: &'a Act, change: Option<&'a PauseChange>) -> usize {
    match change {
        Some(PauseChange::Pause(pause)) => drop(script.add(PAUSE, pause_params(pause))),
        Some(PauseChange::Resume(system)) => drop(script.add(RESUME, vec![Box::new(system.as_str())])),
        None => {}
    }
    script.add(
        AUDIT,
        vec![
            Box::new(act.uuid),
            Box::new(micros(act.at)),
            Box::new(clean(&act.actor)),
            Box::new(clean(&act.act)),
            Box::new(clean(&act.object)),
            Box::new(act.detail.as_deref().map(clean)),
        ],
    )
}

/// What an operator has decided about an event, and the act that it was.
pub(super) fn add_ruling<'a>(script: &mut Script<'a>, ruling: &'a Ruling) -> usize {
    let Ruling { event, is, uuid, verb, about, act, over } = ruling;
    let over = over.as_ref();
    script.add(
        DECIDE,
        vec![
            Box::new(*event),
            Box::new(*uuid),
            Box::new(act.uuid),
            Box::new(verb.status().as_str()),
            Box::new(clean(&resolution(act)).into_owned()),
            Box::new(micros(act.at)),
            Box::new(clean(&act.actor)),
            Box::new(clean(&act.act)),
            Box::new(clean(&act.object)),
            Box::new(act.detail.as_deref().map(clean)),
            Box::new(about.iter().map(|subscriber| subject_name(subscriber)).collect::<Vec<_>>()),
            Box::new(*is),
            Box::new(over.map(|row| row.uuid)),
            Box::new(over.map(|row| clean(&row.topic))),
            Box::new(over.map(|row| clean(&row.source))),
            Box::new(over.map(|row| clean(&row.name))),
            Box::new(over.map(|row| micros(row.at))),
            Box::new(over.map(|row| clean(&row.payload))),
            Box::new(over.map(|row| row.form.word())),
            Box::new(over.and_then(|row| row.form.origin()).map(clean)),
        ],
    )
}

/// The outcome of [`DECIDE`].
pub(super) fn decided(row: Option<&Row>) -> Decided {
    let Some(row) = row else { return Decided::Gone };
    if !row.get::<_, bool>(3) {
        return Decided::Refused(row.get::<_, Option<&str>>(1).and_then(Status::parse));
    }
    let attempt: i32 = row.get(2);
    Decided::Done {
        uuid: row.get(0),
        attempt: u32::try_from(attempt).unwrap_or_default(),
        is_over: row.get(4),
    }
}

fn pause_params(pause: &Pause) -> Vec<Param<'_>> {
    vec![
        Box::new(pause.system.as_str()),
        Box::new(micros(pause.at)),
        Box::new(clean(&pause.actor)),
        Box::new(pause.reason.as_deref().map(clean)),
    ]
}
