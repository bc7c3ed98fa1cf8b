//! Subscribers as people look for them: by the beginning of an id, by phone, by public identity, by group.
//!
//! Rows are shown as they stand, with what is wrong with them, and never with their password. Every search goes by an
//! index, whatever the size of the table.

use super::errors::ReadError;
use super::limits::clean;
use super::reader::{Dialect, Reader, Row, Value};
use super::subscribers::subscriber;
use std::time::SystemTime;

/// Which rows of `srd_user` are looked for. `default()` is the first page of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriberSearch {
    /// Empty: everybody.
    pub text: String,
    /// The same text as columns hold a phone: any of these.
    pub phones: Vec<String>,
    /// The same text as columns hold a public identity, without its scheme.
    pub identity: String,
    pub group: Option<String>,
    /// The id of the last row of the page before; empty for the first.
    pub after: String,
    pub limit: usize,
}

/// A row of `srd_user` as it stands, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberRow {
    pub user_id: String,
    pub group_id: Option<String>,
    /// The word in the table, whatever it is.
    pub user_type: Option<String>,
    pub public_identity: Option<String>,
    pub phone: Option<String>,
    pub phone_context: Option<String>,
    pub association_id: Option<String>,
    pub mail_account: Option<String>,
    pub blf_list: Option<String>,
    pub created: Option<SystemTime>,
    pub updated: Option<SystemTime>,
    /// Why events of this subscriber fail, where the row cannot be read.
    pub problem: Option<String>,
}

/// The row of which events are planned, but for the password.
const COLUMNS: &str =
    "cast(id as text), cast(group_id as text), cast(sipurl as text), cast(user_type as text),
    cast(phonecontext as text), cast(association_id as text), cast(e164 as text), cast(vmail_user as text),
    cast(null as text), cast(blf_user as text)";

impl Reader {
    /// A page of the rows that match, in the order of the ids' bytes.
    pub async fn search_subscribers(
        &self,
        search: &SubscriberSearch,
    ) -> Result<Vec<SubscriberRow>, ReadError> {
        let (sql, params) = self.search_sql(search);
        Ok(self.rows(sql, params).await?.into_iter().map(shown).collect())
    }

    /// The row of one user.
    pub async fn subscriber_row(&self, user_id: &str) -> Result<Option<SubscriberRow>, ReadError> {
        let sql =
            format!("select {COLUMNS}, {} from srd_user where id = cast($1 as text) limit 1", self.times());
        let rows = self.rows(sql, vec![Value::Text(clean(user_id).into_owned())]).await?;
        Ok(rows.into_iter().map(shown).next())
    }

    fn times(&self) -> String {
        format!("{}, {}", self.dialect().micros("created"), self.dialect().micros("updated"))
    }

    /// Each kind of text is found by its own index; in one condition together they would be a walk through the table.
    fn search_sql(&self, search: &SubscriberSearch) -> (String, Vec<Value>) {
        let id = match self.dialect() {
            Dialect::Sqlite => "id collate binary",
            Dialect::Postgres => "cast(id as text) collate \"C\"",
        };
        let limit = i64::try_from(search.limit).unwrap_or(i64::MAX);
        let mut params = vec![Value::Text(search.after.clone()), Value::Int(limit)];
        let mut given = |text: &str| {
            params.push(Value::Text(clean(text).into_owned()));
            format!("cast(${} as text)", params.len())
        };
        let page = format!("{id} > cast($1 as text) order by {id} limit cast($2 as bigint)");
        // Conditions, and how many rows of each are enough.
        let mut parts = Vec::new();
        if !search.text.is_empty() {
            let from = given(&search.text);
            let below = behind(&search.text).map(|behind| format!(" and {id} < {}", given(&behind)));
            let begins = format!("{id} >= {from}{}", below.unwrap_or_default());
            let phones: Vec<String> = search.phones.iter().map(|phone| given(phone)).collect();
            let has_phone = format!("e164 in ({})", phones.join(", "));
            let has_identity = format!("sipurl = {}", given(&search.identity));
            parts = vec![(begins, format!("and {page}")), (has_identity, FEW.to_owned())];
            if !phones.is_empty() {
                parts.push((has_phone, FEW.to_owned()));
            }
        }
        let found = match &search.group {
            // The group first: it is small, and what begins with a letter may be many.
            Some(group) => {
                let conditions: Vec<&str> = parts.iter().map(|(condition, _)| condition.as_str()).collect();
                let matching =
                    if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" or ") };
                let members = format!(
                    "members as materialized (select * from srd_user where group_id = {})",
                    given(group)
                );
                format!(
                    "with {members} select {COLUMNS}, {} from members where ({matching}) and",
                    self.times()
                )
            }
            None if parts.is_empty() => format!("select {COLUMNS}, {} from srd_user where", self.times()),
            None => {
                let part = |(condition, end): &(String, String)| {
                    format!("select id from (select id from srd_user where {condition} {end}) as part")
                };
                let parts: Vec<String> = parts.iter().map(part).collect();
                let found = format!("found as materialized ({})", parts.join(" union "));
                format!(
                    "with {found} select {COLUMNS}, {} from found join srd_user using (id) where",
                    self.times()
                )
            }
        };
        (format!("{found} {page}"), params)
    }
}

/// Nobody shares a phone or an identity with so many.
const FEW: &str = "limit 1000";

/// The first text behind all that begin with `text`, in the order of bytes; `None` where there is none.
fn behind(text: &str) -> Option<String> {
    let mut letters: Vec<char> = text.chars().collect();
    while let Some(last) = letters.pop() {
        // The code points of surrogates are no letters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

fn shown(mut row: Row) -> SubscriberRow {
    let readable = subscriber(Row(row.0[..10].to_vec()));
    let problem = readable.err().map(|error| match error {
        ReadError::Row { reason, .. } => reason,
        other => other.to_string(),
    });
    let (created, updated) = (time(&row, 10), time(&row, 11));
    let mut filled = |column| row.text(column).filter(|text| !text.is_empty());
    SubscriberRow {
        user_id: filled(0).unwrap_or_default(),
        group_id: filled(1),
        public_identity: filled(2),
        user_type: filled(3),
        phone_context: filled(4),
        association_id: filled(5),
        phone: filled(6),
        mail_account: filled(7).filter(|text| text != "NODATA"),
        blf_list: filled(9),
        created,
        updated,
        problem,
    }
}

fn time(row: &Row, column: usize) -> Option<SystemTime> {
    row.int(column).map(|_| row.time(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_begins_with_a_text_stands_before_the_next_one() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(behind(text).as_deref(), expected, "{text}");
        check("anna", Some("annb"));
        check("z", Some("{"));
        check("ø", Some("ù"));
        check("a\u{10FFFF}", Some("b"));
        check("\u{D7FF}", Some("\u{E000}"));
        check("\u{10FFFF}", None);
        check("", None);
    }
}
