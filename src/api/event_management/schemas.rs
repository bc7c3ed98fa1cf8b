//! The resources as the OpenAPI description has them. What is written and read are maps: others may put into them what they like.
#![expect(dead_code, reason = "they describe what goes through as maps, and are never made")]

use serde_json::{Map, Value};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A number from 0, however large.
pub struct Count;

impl PartialSchema for Count {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
    }
}

impl ToSchema for Count {}

/// Under what events are handed on.
#[derive(ToSchema)]
pub struct Topic {
    /// Its name.
    id: String,
    href: String,
    name: Option<String>,
    /// What its events hold; not said by us.
    #[schema(rename = "contentQuery")]
    content_query: Option<String>,
    /// Not said by us.
    #[schema(rename = "headerQuery")]
    header_query: Option<String>,
}

/// What is registered with.
#[derive(ToSchema)]
#[schema(as = HubSubscription_Create)]
#[serde(deny_unknown_fields)]
pub struct HubSubscriptionCreate {
    /// Where events are to be delivered: an `https` address of a host that is configured, without user, password and fragment.
    #[schema(
        max_length = 2048,
        pattern = "^https?://[a-z][a-z0-9]{0,20}(\\.[a-z][a-z0-9]{0,20}){0,3}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]{0,60}){0,5}$"
    )]
    callback: String,
    /// Which events: `eventType=created,updated&event.priority.gte=2`. All where it is absent, null or empty.
    #[schema(
        max_length = 2048,
        pattern = "^([A-Za-z]{1,20}(\\.[A-Za-z]{1,20}){0,2}=[A-Za-z0-9,]{0,20}(&[A-Za-z]{1,20}=[A-Za-z0-9]{0,20}){0,5})?$"
    )]
    query: Option<String>,
    /// Whoever sends it back may; so with the next ones.
    id: Option<String>,
    href: Option<String>,
    #[schema(rename = "@type")]
    kind: Option<String>,
    #[schema(rename = "@baseType")]
    base_type: Option<String>,
    #[schema(rename = "@schemaLocation")]
    schema_location: Option<String>,
}

/// Who has registered for a topic.
#[derive(ToSchema)]
pub struct HubSubscription {
    id: String,
    callback: String,
    query: Option<String>,
    href: Option<String>,
}

/// What is posted, and what is delivered to callbacks. Nothing is required, and other members go with it.
#[derive(ToSchema)]
#[schema(as = Event_Create)]
pub struct EventCreate {
    #[schema(rename = "correlationId")]
    correlation_id: Option<String>,
    description: Option<String>,
    domain: Option<String>,
    /// Of two events of one sender with the same one the second is the first.
    #[schema(rename = "eventId")]
    event_id: Option<String>,
    /// RFC 3339.
    #[schema(
        rename = "eventTime",
        pattern = "^(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
    )]
    event_time: Option<String>,
    #[schema(rename = "eventType")]
    event_type: Option<String>,
    priority: Option<String>,
    /// RFC 3339.
    #[schema(
        rename = "timeOccurred",
        pattern = "^(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
    )]
    time_occurred: Option<String>,
    title: Option<String>,
    #[schema(rename = "analyticCharacteristic")]
    analytic_characteristic: Option<Vec<Map<String, Value>>>,
    /// The entity, or whatever else there is to tell.
    event: Option<Value>,
    #[schema(rename = "relatedParty")]
    related_party: Option<Vec<Map<String, Value>>>,
    #[schema(rename = "reportingSystem")]
    reporting_system: Option<Map<String, Value>>,
    source: Option<Map<String, Value>>,
}

/// An event as a resource: what was posted, or would be delivered, with its id here.
#[derive(ToSchema)]
pub struct Event {
    id: String,
    href: String,
    #[schema(inline)]
    #[serde(flatten)]
    event: EventCreate,
}

/// What every error is answered with.
#[derive(ToSchema)]
pub struct Error {
    #[schema(rename = "@type")]
    kind: String,
    /// The status.
    code: String,
    /// What the status means.
    reason: String,
    /// What is wrong, and what can be done about it.
    message: Option<String>,
    /// The status once more.
    status: Option<String>,
}
