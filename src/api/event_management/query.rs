//! Parameters of the lists: `fields`, `offset`, `limit`, `raisedAfter` and `raisedBefore`.
//!
//! A `+` is one, as in a time with its zone; a space is written `%20`.

use crate::wire::event_management::Selection;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Entries of a page where nobody says.
const USUAL: usize = 100;
/// And at most, whatever is asked for.
const MOST: usize = 1_000;

/// What of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub fields: Selection,
    pub offset: u64,
    pub limit: usize,
    pub after: Option<SystemTime>,
    pub before: Option<SystemTime>,
}

/// What a resource by itself takes.
pub const ONE: &[&str] = &["fields"];
/// What a list takes.
pub const PAGE: &[&str] = &["fields", "offset", "limit"];
/// What a list of events takes.
pub const PAGE_OF_EVENTS: &[&str] = &["fields", "offset", "limit", "raisedAfter", "raisedBefore"];

impl Query {
    /// Reads a query of these parameters; the error says what is wrong with it.
    pub fn parse(query: &str, known: &[&str]) -> Result<Query, String> {
        let given = pairs(query, known)?;
        let get = |name: &str| given.get(name).map(String::as_str);
        let of = |name: &'static str| move |reason: String| format!("parameter {name}: {reason}");
        Ok(Query {
            fields: Selection::parse(get("fields")).map_err(of("fields"))?,
            offset: get("offset").map_or(Ok(0), number).map_err(of("offset"))?,
            limit: get("limit").map_or(Ok(USUAL), size).map_err(of("limit"))?,
            after: get("raisedAfter").map(moment).transpose().map_err(of("raisedAfter"))?,
            before: get("raisedBefore").map(moment).transpose().map_err(of("raisedBefore"))?,
        })
    }

    /// What of `entries` is wanted, and how many there are.
    pub fn page<T>(&self, entries: Vec<T>) -> (Vec<T>, u64) {
        let total = entries.len() as u64;
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        (entries.into_iter().skip(offset).take(self.limit).collect(), total)
    }
}

fn pairs(query: &str, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let mut given = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|text| percent_decode_str(text).decode_utf8());
        let (Ok(name), Ok(value)) = (name, value) else { return Err("a parameter is no UTF-8".to_owned()) };
        if !known.contains(&name.as_ref()) {
            return Err(match known {
                [] => format!("parameter {name}: not known here; there are none"),
                _ => format!("parameter {name}: not known here; known are {}", known.join(", ")),
            });
        }
        if given.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(format!("parameter {name}: it is there twice"));
        }
    }
    Ok(given)
}

/// One that has no room is as good as the largest.
fn number(text: &str) -> Result<u64, String> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.parse().unwrap_or(u64::MAX)),
        false => Err("not a number from 0".to_owned()),
    }
}

fn size(text: &str) -> Result<usize, String> {
    number(text).map(|number| usize::try_from(number).unwrap_or(MOST).min(MOST))
}

fn moment(text: &str) -> Result<SystemTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|time| time.unix_timestamp() >= 0);
    time.map(SystemTime::from).ok_or_else(|| "no time such as 2026-03-01T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_page_is_where_its_parameters_say() {
        let check = |query: &str, expected: Result<(u64, usize), &str>| {
            let page = Query::parse(query, PAGE_OF_EVENTS).map(|query| (query.offset, query.limit));
            assert_eq!(page, expected.map_err(str::to_owned), "{query}");
        };
        check("", Ok((0, 100)));
        check("offset=5&limit=7", Ok((5, 7)));
        check("limit=0", Ok((0, 0)));
        check("limit=1000", Ok((0, 1_000)));
        check("limit=5000", Ok((0, 1_000)));
        check("limit=99999999999999999999999&offset=99999999999999999999999", Ok((u64::MAX, 1_000)));
        check("limit=%35", Ok((0, 5)));
        check("offset=-1", Err("parameter offset: not a number from 0"));
        check("offset=", Err("parameter offset: not a number from 0"));
        check("offset", Err("parameter offset: not a number from 0"));
        check("limit=+5", Err("parameter limit: not a number from 0"));
        check("limit=x", Err("parameter limit: not a number from 0"));
        check("limit=1.5", Err("parameter limit: not a number from 0"));
        check("limit=1&limit=1", Err("parameter limit: it is there twice"));
        check("fields=", Err("parameter fields: a name is empty"));
        check("limit=%ff", Err("a parameter is no UTF-8"));
        check(
            "x=1",
            Err("parameter x: not known here; known are fields, offset, limit, raisedAfter, raisedBefore"),
        );
        assert!(Query::parse("offset=1", ONE).is_err());
        let none = "parameter x: not known here; there are none".to_owned();
        assert_eq!(Query::parse("x=1", &[]).map(drop), Err(none));
    }

    #[test]
    fn a_time_may_have_a_zone_with_a_plus() {
        let check = |time: &str, expected: Option<u64>| {
            let query = Query::parse(&format!("raisedAfter={time}"), PAGE_OF_EVENTS);
            let after = query.ok().and_then(|query| query.after);
            assert_eq!(
                after,
                expected.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
                "{time}"
            );
        };
        check("2026-03-01T12:00:00Z", Some(1_772_366_400));
        check("2026-03-01T13:00:00+01:00", Some(1_772_366_400));
        check("2026-03-01T13%3A00%3A00%2B01:00", Some(1_772_366_400));
        for none in ["", "yesterday", "1772366400", "2026-03-01", "1969-12-31T23:59:59Z"] {
            check(none, None);
        }
    }

    #[test]
    fn a_page_beyond_the_end_is_empty() {
        let page = |query: &str| Query::parse(query, PAGE).expect("good").page(vec![1, 2, 3]);
        assert_eq!(page(""), (vec![1, 2, 3], 3));
        assert_eq!(page("offset=1&limit=1"), (vec![2], 3));
        assert_eq!(page("offset=3"), (vec![], 3));
        assert_eq!(page("offset=18446744073709551615"), (vec![], 3));
        assert_eq!(page("limit=0"), (vec![], 3));
    }
}
