//! Reads of `srd_user`. Operators edit it by hand: an empty column counts as null, and so does `NODATA`, which the
//! Erlang release wrote where there was no mail account.

use super::errors::ReadError;
use super::limits::clean;
use super::reader::{Dialect, Reader, Row, Value};
use crate::plan::{Subscriber, UserType};
use crate::wire::Secret;

const COLUMNS: &str =
    "cast(id as text), cast(group_id as text), cast(sipurl as text), cast(user_type as text),
    cast(phonecontext as text), cast(association_id as text), cast(e164 as text), cast(vmail_user as text),
    cast(vmail_password as text), cast(blf_user as text)";

impl Reader {
    /// The subscribers among these users, each readable or not.
    pub async fn subscribers(&self, ids: &[String]) -> Result<Vec<Result<Subscriber, ReadError>>, ReadError> {
        let ids: Vec<_> = ids.iter().map(|id| clean(id)).collect();
        let each = self.dialect().each("$1");
        let condition = match self.dialect() {
            Dialect::Sqlite => format!("id in (select each.value from {each})"),
            // As an array, which is taken for ten ids. Rows of a function are taken for a hundred, and then all of a
            // table of ten thousand is read for a single one.
            Dialect::Postgres => format!("id = any (array (select each.value from {each}))"),
        };
        let sql = format!("select {COLUMNS} from srd_user where {condition}");
        let json = serde_json::json!(ids).to_string();
        let rows = self.rows_by_key(sql, vec![Value::Text(json)]).await?;
        Ok(rows.into_iter().map(subscriber).collect())
    }

    /// Whose rows hold one of these phones: user and phone.
    pub async fn holders(&self, phones: &[String]) -> Result<Vec<(String, String)>, ReadError> {
        let phones: Vec<_> = phones.iter().map(|phone| clean(phone)).collect();
        let each = self.dialect().each("$1");
        let condition = match self.dialect() {
            Dialect::Sqlite => format!("e164 in (select each.value from {each})"),
            Dialect::Postgres => format!("e164 = any (array (select each.value from {each}))"),
        };
        let sql = format!(
            "select cast(id as text), cast(e164 as text) from srd_user where {condition} order by id"
        );
        let json = serde_json::json!(phones).to_string();
        let rows = self.rows_by_key(sql, vec![Value::Text(json)]).await?;
        Ok(rows.into_iter().filter_map(|mut row| Some((row.text(0)?, row.text(1)?))).collect())
    }

    /// The members of a group, by id, each readable or not.
    pub async fn group_members(
        &self,
        group_id: &str,
    ) -> Result<Vec<Result<Subscriber, ReadError>>, ReadError> {
        let sql = format!("select {COLUMNS} from srd_user where group_id = cast($1 as text) order by id");
        let rows = self.rows(sql, vec![Value::Text(clean(group_id).into_owned())]).await?;
        Ok(rows.into_iter().map(subscriber).collect())
    }

    /// A page of all subscribers, by id, after the last id of the page before.
    pub async fn subscriber_page(&self, after: &str, limit: usize) -> Result<Vec<Subscriber>, ReadError> {
        let sql = format!(
            "select {COLUMNS} from srd_user where id > cast($1 as text) order by id limit cast($2 as bigint)"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.subscriber_rows(sql, vec![Value::Text(after.to_owned()), Value::Int(limit)]).await
    }

    /// A page of all rows, readable or not, each with its id: in the order of the ids' bytes, whatever the database's
    /// collation, so that the rows of two databases can be read side by side.
    pub async fn subscribers_in_order(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Result<Subscriber, ReadError>)>, ReadError> {
        let id = match self.dialect() {
            Dialect::Sqlite => "id collate binary",
            Dialect::Postgres => "cast(id as text) collate \"C\"",
        };
        let sql = format!(
            "select {COLUMNS} from srd_user where {id} > cast($1 as text) order by {id} limit cast($2 as bigint)"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(sql, vec![Value::Text(after.to_owned()), Value::Int(limit)]).await?;
        let identified = |mut row: Row| {
            let id = row.text(0).unwrap_or_default();
            row.0[0] = Value::Text(id.clone());
            (id, subscriber(row))
        };
        Ok(rows.into_iter().map(identified).collect())
    }

    async fn subscriber_rows(&self, sql: String, params: Vec<Value>) -> Result<Vec<Subscriber>, ReadError> {
        self.rows(sql, params).await?.into_iter().map(subscriber).collect()
    }
}

pub(super) fn subscriber(mut row: Row) -> Result<Subscriber, ReadError> {
    let key = row.text(0).unwrap_or_default();
    let mut filled = |column| row.text(column).filter(|text| !text.is_empty());
    let missing = |column: &str| ReadError::Row {
        table: "srd_user",
        key: key.clone(),
        reason: format!("column {column} is empty"),
    };
    let group_id = filled(1);
    let public_identity = filled(2).ok_or_else(|| missing("sipurl"))?;
    let word = filled(3).ok_or_else(|| missing("user_type"))?;
    let user_type = UserType::parse(&word).ok_or_else(|| ReadError::Row {
        table: "srd_user",
        key: key.clone(),
        reason: format!("{word:?} is not a user type (user, virtual, pilot, trunk)"),
    })?;
    let phone_context = filled(4);
    let association_id = filled(5).ok_or_else(|| missing("association_id"))?;
    let phone = filled(6);
    let mail_account = filled(7).filter(|text| text != "NODATA");
    let mail_password = filled(8).filter(|text| text != "NODATA").map(Secret::new);
    let blf_list = filled(9);
    Ok(Subscriber {
        user_id: key,
        group_id,
        public_identity,
        user_type,
        phone_context,
        association_id,
        phone,
        mail_account,
        mail_password,
        blf_list,
    })
}
