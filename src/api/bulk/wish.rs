//! What is wished of a set: the act, and the filter that its events match.

use crate::api::acts::tidy;
use crate::api::event_acts::wanted;
use crate::api::events::Selection;
use crate::event::Status;
use crate::operators::Order;
use crate::operators::bulk::Prepare;
use crate::store::Verb;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What to do, and to which events; [`BulkWish`] describes it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    act: Option<Act>,
    filter: Option<Map<String, Value>>,
    reason: Option<String>,
    force: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    Retry,
    Resolve,
}

impl Wish {
    /// The same for the actor of the sets; the error says what is wrong with the wish.
    pub fn prepare(self, actor: String) -> Result<Prepare, String> {
        let mut reason = tidy(self.reason)?;
        let verb = match self.act.ok_or("act is missing: retry or resolve")? {
            Act::Retry => Verb::Retry,
            Act::Resolve => Verb::Resolve,
        };
        if verb == Verb::Resolve {
            reason = Some(wanted(reason)?);
        }
        let selection: Selection =
            serde_path_to_error::deserialize(Value::Object(self.filter.unwrap_or_default()))
                .map_err(|error| format!("the body does not fit: filter.{error}"))?;
        let mut filter = selection.filter();
        // Of the pending ones only those that the Erlang release left are acted on; each of ours is refused.
        let possible = [Status::Failed, Status::Pending];
        if let Some(status) = filter.statuses.iter().find(|status| !possible.contains(status)) {
            return Err(format!("filter.status: nothing to {} in events that are {status}", verb.as_str()));
        }
        if filter.statuses.is_empty() {
            filter.statuses = vec![Status::Failed];
        }
        let order = Order { verb, actor, reason, force: self.force.unwrap_or_default() };
        Ok(Prepare { filter, order })
    }
}

/// What to do, and to which events. To resolve wants a reason.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes a wish")]
pub enum BulkWish {
    Retry(BulkRetry),
    Resolve(BulkResolution),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes a wish")]
pub struct BulkRetry {
    #[schema(inline)]
    act: RetryWord,
    filter: Option<BulkFilter>,
    /// Why: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Also where later events about the same subject have completed or wait, or where that cannot be known.
    force: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes a wish")]
pub struct BulkResolution {
    #[schema(inline)]
    act: ResolveWord,
    filter: Option<BulkFilter>,
    /// Why nothing is to be done: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500, pattern = "[!-~]")]
    reason: String,
    /// Changes nothing.
    force: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "describes a wish")]
enum RetryWord {
    Retry,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "describes a wish")]
enum ResolveWord {
    Resolve,
}

/// As the parameters of `/api/v1/events`: of each condition that is given all must hold; without a status failed events
/// alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the filter of a wish")]
pub struct BulkFilter {
    /// Statuses with commas between them: `failed`, `pending`.
    #[schema(pattern = "^(failed|pending)(,(failed|pending))*$")]
    status: Option<String>,
    #[schema(max_length = 255)]
    command: Option<String>,
    #[schema(max_length = 255)]
    user: Option<String>,
    /// Received then or later.
    since: Option<MomentInBody>,
    /// Received then or earlier.
    until: Option<MomentInBody>,
    #[schema(max_length = 255)]
    text: Option<String>,
    #[schema(max_length = 255)]
    fault: Option<String>,
}

/// Seconds of the epoch as a number, or what a query takes: RFC 3339, or a span back from now.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes the filter of a wish")]
pub enum MomentInBody {
    Seconds(#[schema(inline)] EpochSeconds),
    Text(#[schema(inline)] MomentText),
}

#[derive(Deserialize, ToSchema)]
#[schema(minimum = 0, maximum = 253_402_300_799_i64)]
#[allow(dead_code, reason = "describes the filter of a wish")]
pub struct EpochSeconds(f64);

#[derive(Deserialize, ToSchema)]
#[schema(pattern = "^[1-9][0-9]{0,3}[smhd]$")]
#[allow(dead_code, reason = "describes the filter of a wish")]
pub struct MomentText(String);
