//! All failpoints there are.

/// A place at which a test may end, delay or fail the daemon.
#[derive(Debug)]
pub struct Point {
    pub name: &'static str,
    /// What has been done there, and what has not.
    pub between: &'static str,
    /// Whether the call can come to a [`Fault`](super::Fault).
    pub may_fail: bool,
}

const fn point(name: &'static str, between: &'static str) -> Point {
    Point { name, between, may_fail: false }
}

const fn of_store(name: &'static str, between: &'static str) -> Point {
    Point { name, between, may_fail: true }
}

/// All of them. `store.subscribers` is the writer of a database for subscribers alone; `store.sqlite` and `store.postgres` are met with that
/// database alone, and `cluster` by the nodes of one.
pub const POINTS: &[Point] = &[
    of_store("store.events.connect.after", "connected, tables up to date; nothing is committed"),
    of_store("store.events.commit.before", "a batch is taken from the queue; its transaction has not begun"),
    of_store("store.events.commit.after", "committed; nobody who waits for it is told"),
    of_store("store.events.read.before", "a query is written and not sent"),
    of_store("store.subscribers.connect.after", "connected, tables up to date; nothing is committed"),
    of_store(
        "store.subscribers.commit.before",
        "a batch is taken from the queue; its transaction has not begun",
    ),
    of_store("store.subscribers.commit.after", "the effect is committed; its journal's mark is not"),
    of_store("store.subscribers.read.before", "a query is written and not sent"),
    point("store.sqlite.commit.within", "all rows are written; the transaction is not committed"),
    point("store.postgres.commit.within", "the transaction is sent whole; no answer is read"),
    point("cluster.take.before", "the active one is silent or has let go; nothing is asked of the row"),
    point(
        "cluster.take.within",
        "the writer's lock is ours and the epoch is counted up; that is not committed",
    ),
    point("cluster.take.after", "the place is taken; the writer's lock is not let go, and no lease is held"),
    point("cluster.beat.before", "a beat is due; it is not sent"),
    point("cluster.beat.after", "a beat is committed; the lease is not extended"),
    point("cluster.raise.before", "the subscribers have been under a later epoch; ours is not raised"),
    point("cluster.raise.after", "our epoch is raised; the lease is not held under it"),
    point("cluster.let_go.before", "everything has ended in order; the others do not know"),
    point("cluster.let_go.after", "the place is let go; the process has not ended"),
    point("cluster.wish.before", "a hand-over is asked for; nobody else knows"),
    point("cluster.wish.after", "the other node is told to get ready; who has asked is not answered"),
    point("cluster.ready.before", "the application servers are connected; the active one does not know"),
    point("cluster.ready.after", "the active one may end in order; this one waits for that"),
    point("intake.hand_over.before", "events are read from a connection; the intake does not know them"),
    point("intake.hand_over.after", "events are stored; the connection they came from does not know"),
    point("intake.announce.before", "events are stored; the router does not know them"),
    point("router.plan.after", "an event is planned; nothing of the plan is stored"),
    point("router.verdict.before", "all steps are answered; the last answer and the verdict are not stored"),
    point("router.verdict.after", "the verdict is stored; who waits for the event's keys is not let go"),
    point("southbound.hss.send.before", "the step is stored as sent; nothing is sent"),
    point("southbound.hss.answer.after", "the HSS has answered; the answer is not stored"),
    point("southbound.enum.send.before", "the step is stored as sent; nothing is sent"),
    point("southbound.enum.answer.after", "ENUM has answered; the answer is not stored"),
    point("southbound.mail.send.before", "the step is stored as sent; nothing is sent"),
    point("southbound.mail.answer.after", "the mail server has answered; the answer is not stored"),
    point("ema.login.before", "a session is needed; no login is sent"),
    point("ema.login.after", "a session is open; nothing is asked with it"),
    point("ema.answer.within", "the head of an answer is read; its body is not"),
    point("recorder.store.before", "an event of a script or an Asterisk is wanted; it is in memory alone"),
    point(
        "recorder.store.after",
        "an event of a script or an Asterisk is stored and handed on; nobody is told",
    ),
    point("kamailio.event.before", "an event of a script is read; nothing is done about it"),
    point("kamailio.answer.before", "a question is decided; its answer is not written"),
    point("kamailio.answer.after", "an answer is written; it is not counted"),
    point("kamailio.webhook.before", "a webhook decides about a question; nothing is sent to it"),
    point("kamailio.webhook.after", "a webhook has answered; the question is not"),
    point("asterisk.write.before", "states are to be set; nothing is written"),
    point("asterisk.write.after", "states are written to an Asterisk; it has not answered"),
    point("asterisk.answer.after", "an Asterisk has answered an action; nothing is made of it"),
    point("asterisk.module.ask.before", "a module is to be asked for something; nothing is written"),
    point("asterisk.module.answer.after", "a module has answered; nothing is made of it"),
    point("agents.forward.before", "a message of an agent is read; no other agent is told"),
    point(
        "agents.forward.after",
        "a message of an agent is queued for the others; the state in it is not remembered",
    ),
    point("opensips.subscribe.before", "an event is to be subscribed to; nothing is sent"),
    point("opensips.subscribe.after", "OpenSIPS has answered; what it said is not known to us"),
    point("opensips.event.before", "events are read; nothing is done about them"),
    point("api.event.before", "an event is posted and checked; nothing is stored"),
    point("api.event.after", "an event is posted and stored; it is not answered"),
    point("operator.act.before", "what an operator wishes for an event is checked; nothing is stored"),
    point("operator.act.after", "it is stored; neither the router nor the operator knows"),
    point("operator.action.before", "an operator's action stands in the audit; no Asterisk knows of it"),
    point(
        "operator.action.after",
        "an Asterisk has answered an operator's action; the operator does not know",
    ),
    point("topics.hand_on.before", "rows of the topic log are in memory alone"),
    point("topics.hand_on.after", "rows of the topic log are stored; who handed them on is not told"),
    point("hub.register.before", "a hub is checked; nothing is stored"),
    point("hub.register.after", "a hub is stored; nothing is delivered to it, and nothing answered"),
    point("hub.send.before", "the next event of a hub is found; nothing is sent"),
    point("hub.answer.after", "a hub has answered; what came of it is not stored"),
    point("hub.place.before", "an event is delivered; the place of the hub is not queued at the store"),
    point("hub.place.after", "the place of a hub is stored; the next one is not begun"),
    point("evi.subscribe.before", "a subscription is checked; nothing is stored"),
    point("evi.subscribe.after", "a subscription is stored; nothing is sent to it, and nothing answered"),
    point("evi.send.before", "an event waits for a subscriber; nothing is sent"),
    point("evi.send.after", "an event is sent to a subscriber; it does not count as sent"),
    point("evi.place.before", "events are sent; the place in the log is not queued at the store"),
    point("evi.place.after", "the place in the log is stored; it is not remembered"),
    point("evapi.send.before", "frames wait for a consumer; nothing is written"),
    point("evapi.send.after", "frames are written to a consumer; they are not counted"),
    point("nats.publish.before", "the next event is found; nothing is sent"),
    point("nats.publish.after", "a message is sent; its acknowledgement is not awaited"),
    point("nats.ack.after", "a message is acknowledged; the place behind it is not reached"),
    point("nats.place.before", "messages are acknowledged; the place is not queued at the store"),
    point("nats.place.after", "the place is stored; it is not remembered"),
    point("nats.take_in.before", "messages have come; nothing is stored"),
    point("nats.take_in.after", "messages are stored; none is acknowledged"),
    point("peer.token.before", "a token is needed; nothing is sent"),
    point("peer.token.after", "a token is granted; nothing is sent with it"),
    point("peer.register.before", "a registration is missing at a peer; nothing is sent"),
    point("peer.register.after", "a peer has registered us; that is not stored"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries.flat_map(|entry| if entry.is_dir() { sources(&entry) } else { vec![entry] }).collect()
    }

    /// The names with which failpoints are called in the text of a file, where they stand there.
    fn called(text: &str) -> Vec<&str> {
        let calls = text.split("failpoints::").skip(1).filter_map(|call| {
            let (function, rest) = call.split_once('(')?;
            ["pass", "pass_at_once", "fault"].contains(&function).then_some(rest.trim_start())
        });
        calls.filter_map(|rest| rest.strip_prefix('"')?.split('"').next()).collect()
    }

    #[test]
    fn every_failpoint_stands_in_the_table_once_and_is_somewhere_in_the_source() {
        let names: BTreeSet<&str> = POINTS.iter().map(|point| point.name).collect();
        assert_eq!(names.len(), POINTS.len(), "one is there twice");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = sources(&root).into_iter().filter(|file| !file.starts_with(root.join("failpoints")));
        let texts: Vec<String> =
            files.map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect();
        let unknown: Vec<&str> =
            texts.iter().flat_map(|text| called(text)).filter(|name| !names.contains(name)).collect();
        assert!(unknown.is_empty(), "not in the table: {unknown:?}");
        let is_in = |name: &&str| texts.iter().any(|text| text.contains(&format!("\"{name}\"")));
        let nowhere: Vec<&str> = names.into_iter().filter(|name| !is_in(name)).collect();
        assert!(nowhere.is_empty(), "nowhere in the source: {nowhere:?}");
    }
}
