//! Subscribers: rows of `srd_user`, which say what the core should hold, and the events that are about them.

use super::events::Summary;
use super::parameters::{Limit, Parameters, parse};
use super::problem::{Problem, problem, unreadable};
use super::{Sources, seconds};
use crate::processors::attributes::Rules;
use crate::store::{EventSummary, SubscriberRow, SubscriberSearch};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Events that are shown with a subscriber, at most.
pub const EVENTS: usize = 50;

/// Which subscribers.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// How the user id begins, or a whole phone number or public identity.
    text: Option<String>,
    /// A BroadWorks group.
    group: Option<String>,
    /// Subscribers of a page, at most.
    #[param(value_type = u64, minimum = 1, maximum = 500, default = 50)]
    limit: Limit<50, 500>,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// The id of the last row of a page, in hex.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Cursor(String);

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "not the next of an earlier page";
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or(WRONG)?;
        let bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        String::from_utf8(bytes).map(Cursor).map_err(|_| WRONG)
    }
}

impl Search {
    /// What the parameters of a path say.
    pub fn of_query(query: &str) -> Result<Search, String> {
        parse(query)
    }

    /// The same as the store is searched.
    pub fn in_store(&self, rules: &Rules) -> SubscriberSearch {
        let text = self.text.clone().unwrap_or_default();
        SubscriberSearch {
            phones: phones(rules, &text),
            identity: text.strip_prefix("sip:").unwrap_or(&text).to_owned(),
            text,
            group: self.group.clone().filter(|group| !group.is_empty()),
            after: self.cursor.as_ref().map(|cursor| cursor.0.clone()).unwrap_or_default(),
            // One more tells whether there is a page behind it.
            limit: self.limit.get() + 1,
        }
    }

    /// The page of what was found.
    pub fn page(&self, mut rows: Vec<SubscriberRow>) -> Page {
        let has_more = rows.len() > self.limit.get();
        rows.truncate(self.limit.get());
        let next = rows.last().filter(|_| has_more).map(Cursor::behind);
        Page { subscribers: rows.into_iter().map(Row::from).collect(), next }
    }
}

impl Cursor {
    fn behind(row: &SubscriberRow) -> String {
        row.user_id.bytes().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Subscribers in the order of their ids.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriberPage)]
pub struct Page {
    subscribers: Vec<Row>,
    /// What `cursor` must be for the page behind it; null where there is none.
    next: Option<String>,
}

/// A row of `srd_user`, without its passwords.
#[derive(Serialize, ToSchema)]
struct Row {
    user: String,
    group: Option<String>,
    /// `user`, `virtual`, `pilot` or `trunk`.
    r#type: Option<String>,
    /// Without `sip:`.
    public_identity: Option<String>,
    /// Digits without country code.
    phone: Option<String>,
    phone_context: Option<String>,
    /// In the HSS.
    association: Option<String>,
    mail_user: Option<String>,
    /// The list of monitored phones.
    blf_user: Option<String>,
    /// Seconds of the epoch.
    created: Option<f64>,
    updated: Option<f64>,
    /// Why events of this subscriber fail, where the row cannot be read; else null.
    problem: Option<String>,
}

/// A subscriber, or what is known of one that is gone.
#[derive(Serialize, ToSchema)]
pub struct Shown {
    /// Null where there is no such row any more, or not yet.
    subscriber: Option<Row>,
    /// The latest events about it, whoever gave them, the latest first.
    events: Vec<Summary>,
}

impl From<SubscriberRow> for Row {
    fn from(row: SubscriberRow) -> Row {
        Row {
            user: row.user_id,
            group: row.group_id,
            r#type: row.user_type,
            public_identity: row.public_identity,
            phone: row.phone,
            phone_context: row.phone_context,
            association: row.association_id,
            mail_user: row.mail_account,
            blf_user: row.blf_list,
            created: row.created.map(seconds),
            updated: row.updated.map(seconds),
            problem: row.problem,
        }
    }
}

/// Subscribers by the beginning of their id, by phone, public identity or group, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/subscribers",
    params(Search),
    responses(
        (status = 200, description = "A page of subscribers", body = Page),
        (status = 400, description = "A parameter is out of range", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(sources: Data<Sources>, search: Parameters<Search>) -> impl Responder {
    let rules = Rules::of(&sources.config.get());
    match sources.store.search_subscribers(&search.0.in_store(&rules)).await {
        Ok(rows) => HttpResponse::Ok().json(search.0.page(rows)),
        Err(error) => unreadable(&error),
    }
}

/// A phone as people write it, as the table may hold it: `+299 32 10 44` and `321044` are the same.
fn phones(rules: &Rules, text: &str) -> Vec<String> {
    let bare = text.strip_prefix("tel:").unwrap_or(text);
    let digits: String = bare.chars().filter(|letter| !matches!(letter, ' ' | '-' | '+')).collect();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let national = digits.strip_prefix(rules.numbering.country_code.as_str());
    let national = national.filter(|rest| bare.trim_start().starts_with('+') && !rest.is_empty());
    let national = national.map(str::to_owned);
    std::iter::once(digits.clone()).chain(national).collect()
}

/// A subscriber: its row, and the latest events about it.
#[utoipa::path(
    get,
    path = "/api/v1/subscribers/{user}",
    params(("user" = String, Path, description = "Id of the subscriber")),
    responses(
        (status = 200, description = "The subscriber", body = Shown),
        (status = 404, description = "There is neither such a row nor an event about it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(sources: Data<Sources>, user: Path<String>) -> impl Responder {
    let (row, events) =
        tokio::join!(sources.store.subscriber_row(&user), sources.store.events_about(&user, EVENTS));
    let (row, events) = match (row, events) {
        (Ok(row), Ok(events)) => (row, events),
        (Err(error), _) | (_, Err(error)) => return unreadable(&error),
    };
    match shown(&user, row, events) {
        Ok(shown) => HttpResponse::Ok().json(shown),
        Err(detail) => problem(StatusCode::NOT_FOUND, detail),
    }
}

/// A row and the events about it; the error says that there is neither.
pub fn shown(user: &str, row: Option<SubscriberRow>, events: Vec<EventSummary>) -> Result<Shown, String> {
    if row.is_none() && events.is_empty() {
        return Err(format!("there is no subscriber {user:?}, and no event about it"));
    }
    let events = events.into_iter().map(Summary::from).collect();
    Ok(Shown { subscriber: row.map(Row::from), events })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_an_id_in_hex() {
        let check = |text: &str, expected: Option<&str>| {
            let cursor = Cursor::try_from(text.to_owned()).ok();
            assert_eq!(cursor, expected.map(|id| Cursor(id.to_owned())), "{text}");
        };
        check("", Some(""));
        check("61c3b8", Some("aø"));
        check("6", None);
        check("zz", None);
        check("+6", None);
        check("ff", None);
        check("æ", None);
    }

    #[test]
    fn a_phone_is_found_however_it_is_written() {
        let numbering = crate::config::Numbering {
            country_code: "299".into(),
            default_phone_context: String::new(),
            phone_contexts: Default::default(),
        };
        let profile = String::new;
        let service_profiles = crate::config::ServiceProfiles {
            r#virtual: profile(),
            user: profile(),
            pilot: profile(),
            trunk: profile(),
        };
        let rules = Rules { numbering, service_profiles, mail: None };
        let check = |text: &str, expected: &[&str]| assert_eq!(phones(&rules, text), expected, "{text}");
        check("321044", &["321044"]);
        check("+299321044", &["299321044", "321044"]);
        check("+299-321044", &["299321044", "321044"]);
        check("tel:+299 32 10 44", &["299321044", "321044"]);
        check("299321044", &["299321044"]);
        check("+299", &["299"]);
        check("anna", &[]);
        check("3210x", &[]);
        check("", &[]);
        check("+", &[]);
    }
}
