//! What comes over connections and is of no use.

/// Counts something that came over a connection and could not be read, by a word of ours.
pub fn count_bad_frame(connection: &str, reason: &'static str) {
    let connection = connection.to_owned();
    metrics::counter!("eventmanager_frames_bad_total", "connection" => connection, "reason" => reason)
        .increment(1);
}
