//! Logs and metrics of the whole process.

mod bad_frames;
mod labels;
pub mod link;
mod log;
mod one_line;
mod panics;
pub mod process;
mod seldom;

pub use bad_frames::count_bad_frame;
pub use labels::Labels;
pub use log::{LogLevel, LogWriter, start_log};
pub use panics::log_panics;
pub use seldom::Seldom;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds in seconds: a commit takes a millisecond, an outage minutes.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
    3600.0,
];
/// Upper bounds in rows of a transaction.
const ROWS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0];

/// Collects the process's metrics for `/metrics`. Only once in a process.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_rows".into()), ROWS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    counter!("eventmanager_events_received_total", "Well-formed events as they were read from the peer");
    counter!("eventmanager_events_total", "Events that have got a final status");
    counter!("eventmanager_event_warnings_total", "Warnings of events that have ended");
    histogram!("eventmanager_event_duration_seconds", "From receipt to final status");
    gauge!("eventmanager_events_pending", "Events without a final status");
    gauge!("eventmanager_oldest_pending_seconds", "Age of the oldest event without a final status");
    gauge!(
        "eventmanager_connection_up",
        "Whether an endpoint, NATS or a peer at which we register is connected, 1 or 0"
    );
    counter!("eventmanager_reconnects_total", "Attempts to reconnect to an endpoint");
    counter!(
        "eventmanager_logins_refused_total",
        "Logins that an endpoint has refused with what is configured"
    );
    counter!("eventmanager_frames_bad_total", "What came from an endpoint and could not be read");
    counter!(
        "eventmanager_dropped_total",
        "Events of an endpoint that came faster than they were handled or stored"
    );
    counter!("eventmanager_kamailio_events_total", "Events of Kamailio by their name");
    counter!("eventmanager_kamailio_doubtful_total", "Events of Kamailio in which a key came twice");
    counter!(
        "eventmanager_kamailio_answers_total",
        "Suspended transactions of Kamailio, by what came of them"
    );
    histogram!("eventmanager_kamailio_answer_seconds", "From a question of Kamailio to its answer");
    counter!("eventmanager_state_changes_total", "Changes of states that an Asterisk had a say in");
    gauge!("eventmanager_state_lag_seconds", "Age of the oldest change that an Asterisk has not confirmed");
    histogram!("eventmanager_state_told_seconds", "From a change to its confirmation by an Asterisk");
    gauge!("eventmanager_state_queue", "Writes to an Asterisk that wait or are not answered");
    counter!(
        "eventmanager_state_coalesced_total",
        "Changes that a later one has replaced before they were written to an Asterisk"
    );
    counter!("eventmanager_state_rejected_total", "What cannot be written of or to an Asterisk, by reason");
    counter!("eventmanager_state_resyncs_total", "Lists of an Asterisk that were compared");
    gauge!(
        "eventmanager_state_divergence",
        "Keys of which an Asterisk was seen to have another value than it was told"
    );
    gauge!("eventmanager_state_entries", "Devices and presentities that are mirrored");
    counter!("eventmanager_handed_on_total", "Rows of the topic log that were written");
    counter!("eventmanager_nats_published_total", "Events that NATS has got");
    counter!("eventmanager_nats_skipped_total", "Events that are too large for NATS");
    counter!(
        "eventmanager_topic_log_lost_total",
        "Events that were deleted before a hub or NATS had got them, by reader"
    );
    gauge!("eventmanager_nats_unacked", "Messages to NATS that are not acknowledged");
    gauge!("eventmanager_nats_backlog", "Rows of the topic log that NATS has not got");
    gauge!("eventmanager_evi_subscriptions", "Subscriptions to our EVI");
    histogram!("eventmanager_hub_delivery_seconds", "Requests that delivered events to hubs");
    counter!("eventmanager_evi_sent_total", "Events for subscribers of our EVI, by what came of them");
    counter!("eventmanager_evi_requests_total", "Commands to our EVI, by what came of them");
    gauge!("eventmanager_evapi_clients", "Clients of our EVAPI server");
    counter!("eventmanager_evapi_frames_total", "Frames that were written to clients of our EVAPI server");
    counter!("eventmanager_evapi_commands_total", "What clients of our EVAPI server have sent");
    counter!("eventmanager_evapi_disconnects_total", "Clients of our EVAPI server that have gone, by reason");
    counter!("eventmanager_evapi_refused_total", "Clients that our EVAPI server has not let in, by reason");
    gauge!("eventmanager_agent_server_up", "Whether an agent has reached its server, 1 or 0");
    gauge!("eventmanager_agents", "Agents that are subscribed to our server of agents");
    gauge!(
        "eventmanager_agent_states",
        "States that our server of agents remembers, for those who come later"
    );
    counter!("eventmanager_agent_messages_total", "Messages that our server of agents has forwarded");
    counter!("eventmanager_agent_dropped_total", "Messages for which an agent had no room");
    counter!(
        "eventmanager_agent_ends_total",
        "Connections of agents to our server that have failed, by reason"
    );
    counter!("eventmanager_agent_refused_total", "Agents that our server has not let in, by reason");
    counter!("eventmanager_duplicates_total", "Notifications and events that had come already");
    counter!(
        "eventmanager_left_to_other_total",
        "Events that came while another daemon had the database, which are lost unless that one read them as well"
    );
    counter!("eventmanager_notification_gaps_total", "Notification ids that were never seen");
    counter!(
        "eventmanager_notification_backs_total",
        "Notification ids that were not larger than the one before"
    );
    counter!("eventmanager_events_refused_total", "Events that the database refused as they came");
    counter!("eventmanager_notifications_total", "Notifications that are not events, by kind");
    counter!("eventmanager_mislabelled_total", "Documents in UTF-8 that declare ISO-8859-1");
    counter!(
        "eventmanager_swept_total",
        "Rows deleted: events past their retention, what events left that are gone, and what was handed on long ago"
    );
    counter!("eventmanager_reloads_total", "Reloads of the configuration, by what came of them");
    counter!("eventmanager_actor_restarts_total", "Restarts of a supervised actor");
    histogram!("eventmanager_southbound_request_seconds", "Requests to HSS, ENUM and mail");
    gauge!("eventmanager_breaker_open", "Whether a host is left alone because it is away, 1 or 0");
    gauge!("eventmanager_paused", "Whether operators have paused a system, 1 or 0");
    counter!("eventmanager_session_logins_total", "Sessions opened at a provisioning host");
    counter!("eventmanager_http_refused_total", "Requests over HTTP that did not pass, by reason");
    gauge!(
        "eventmanager_tls_certificate_expiry_seconds",
        "When the certificate expires, seconds of the epoch"
    );
    counter!("eventmanager_tls_reloads_total", "New certificates, taken or refused");
    gauge!("eventmanager_ready", "Whether the store commits, so that events are taken, 1 or 0");
    gauge!("eventmanager_store_up", "Whether a database commits, 1 or 0");
    gauge!("eventmanager_build_info", "1, with the version that runs and the name of the node");
    gauge!("eventmanager_disk_free_bytes", "Room on the file system of an embedded database");
    gauge!("eventmanager_disk_low", "Whether there is less room than store.disk_low, 1 or 0");
    histogram!("eventmanager_store_commit_seconds", "Duration of the store's transactions");
    gauge!("eventmanager_stream_readers", "Open streams of what happens");
    histogram!("eventmanager_store_batch_rows", "Rows of the store's transactions");
    counter!("eventmanager_arbiter_stalled_total", "Threads that did not answer in time");
    gauge!("eventmanager_cluster_active", "Whether this node of the cluster holds the lease, 1 or 0");
    gauge!("eventmanager_cluster_epoch", "How often a node of the cluster has taken over");
    gauge!("eventmanager_cluster_others", "Other nodes of the cluster that are there");
    counter!("eventmanager_cluster_takeovers_total", "Take-overs by this node, by why");
    counter!(
        "eventmanager_cluster_handovers_failed_total",
        "Hand-overs for which the other node was not ready in time"
    );
    counter!(
        "eventmanager_cluster_refused_total",
        "What was not sent or written because this node does not hold the lease"
    );
    gauge!("process_start_time_seconds", "When the process began, in seconds of the epoch");
    gauge!("process_resident_memory_bytes", "Memory in use");
    counter!("process_cpu_seconds_total", "Processor time that has been used");
    gauge!("process_open_fds", "Open files and sockets");
    gauge!("process_max_fds", "How many files and sockets may be open");
    gauge!("eventmanager_subscriptions", "Events of an OpenSIPS that are subscribed to, and that are to be");
    counter!(
        "eventmanager_subscriptions_lost_total",
        "Subscriptions that an OpenSIPS had lost and that were made anew"
    );
    counter!("eventmanager_subscription_requests_total", "Requests to an OpenSIPS, by what came of them");
    counter!("eventmanager_receive_lost_total", "Events of an OpenSIPS for which the kernel had no room");
    gauge!("eventmanager_receive_buffer_bytes", "What the kernel holds of unread events of an OpenSIPS");
}
