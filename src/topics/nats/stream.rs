//! The stream: made where it is missing, and never changed where it is not.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, StorageType};
use std::time::Duration;

/// Within this the server knows by its id what it has got already.
const DUPLICATES: Duration = Duration::from_secs(120);

/// Whether there is a stream that takes our subjects, which there is afterwards; else why not.
pub(super) async fn prepare(context: &Context, name: &str, prefix: &str) -> Result<(), String> {
    let wanted = format!("{prefix}.*.*");
    let found = match context.get_stream(name).await {
        Ok(stream) => stream.cached_info().config.subjects.clone(),
        Err(error) => {
            if !is_missing(&error.kind()) {
                return Err(format!("the stream {name} cannot be asked for: {error}"));
            }
            return make(context, name, format!("{prefix}.>")).await;
        }
    };
    match found.iter().any(|subject| covers(subject, &wanted)) {
        true => Ok(()),
        false => {
            Err(format!("the stream {name} is there and does not take {wanted}, but {}", found.join(", ")))
        }
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

async fn make(context: &Context, name: &str, subject: String) -> Result<(), String> {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![subject],
        storage: StorageType::File,
        duplicate_window: DUPLICATES,
        ..Config::default()
    };
    match context.create_stream(config).await {
        Ok(_) => {
            tracing::info!(stream = name, "a stream has been made");
            Ok(())
        }
        Err(error) => Err(format!("the stream {name} cannot be made: {error}")),
    }
}

/// Whether every subject that fits the second fits the first one too. Both may have `*`, and `>` at their end.
pub(super) fn covers(subject: &str, wanted: &str) -> bool {
    let (mut have, mut want) = (subject.split('.'), wanted.split('.'));
    loop {
        match (have.next(), want.next()) {
            (Some(">"), Some(_)) => return true,
            (Some("*"), Some(word)) if word != ">" => {}
            (Some(one), Some(other)) if one == other => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_covers_what_is_narrower() {
        let check = |subject: &str, wanted: &str, expected: bool| {
            assert_eq!(covers(subject, wanted), expected, "{subject} {wanted}");
        };
        check("em.>", "em.>", true);
        check(">", "em.>", true);
        check("em.*.>", "em.>", false);
        check("em.*.*", "em.>", false);
        check("em.as1.>", "em.>", false);
        check("other.>", "em.>", false);
        check("em.>", "em.as1.x", true);
        check("em.*", "em.as1", true);
        check("em", "em.as1", false);
        check("em.as1", "em", false);
        check("*.>", "em.>", true);
        check("em.x", "em.x", true);
        check("em.>", "em.*.*", true);
        check("em.*.*", "em.*.*", true);
        check("em.*.call", "em.*.*", false);
    }
}
