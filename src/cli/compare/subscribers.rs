//! The subscribers of both sides: two streams in the order of their ids, merged.

use super::report::Report;
use crate::plan::Subscriber;
use crate::store::{ReadError, Reading};
use anyhow::ensure;
use std::collections::VecDeque;

const PAGE: usize = 1000;

type Row = (String, Result<Subscriber, ReadError>);

/// What is different about a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    /// There and here; `None` where the values are not shown.
    pub values: Option<[Option<String>; 2]>,
}

/// Reports subscribers that only one side has, and those whose columns differ.
pub async fn compare(there: &Reading, here: &Reading, report: &mut Report) -> anyhow::Result<()> {
    let (mut there, mut here) = (Stream::new(there), Stream::new(here));
    loop {
        there.fill().await?;
        here.fill().await?;
        match (there.page.front(), here.page.front()) {
            (None, None) => return Ok(()),
            (Some((id, _)), other) if other.is_none_or(|(other, _)| id < other) => {
                report.subscriber_only(id, true);
                there.page.pop_front();
            }
            (other, Some((id, _))) if other.is_none_or(|(other, _)| id < other) => {
                report.subscriber_only(id, false);
                here.page.pop_front();
            }
            (Some((id, one)), Some((_, two))) => {
                report.subscriber_both(id, &columns(one, two));
                there.page.pop_front();
                here.page.pop_front();
            }
            // Only one of the two is there: one of the arms above has it.
            (_, _) => return Ok(()),
        }
    }
}

struct Stream<'a> {
    reading: &'a Reading,
    page: VecDeque<Row>,
    last: String,
    ended: bool,
}

impl<'a> Stream<'a> {
    fn new(reading: &'a Reading) -> Stream<'a> {
        Stream { reading, page: VecDeque::new(), last: String::new(), ended: false }
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if !self.page.is_empty() || self.ended {
            return Ok(());
        }
        let page = self.reading.subscribers(&self.last, PAGE).await?;
        let Some((last, _)) = page.last() else {
            self.ended = true;
            return Ok(());
        };
        // An id whose bytes are no text would be met again and again.
        ensure!(*last > self.last, "subscribers do not come in the order of their ids, at {last:?}");
        self.last = last.clone();
        self.page = page.into();
        Ok(())
    }
}

/// The columns that differ. An empty one counts as null, and so does `NODATA` where there is no mail account.
fn columns(there: &Result<Subscriber, ReadError>, here: &Result<Subscriber, ReadError>) -> Vec<Column> {
    let (one, two) = match (there, here) {
        (Ok(one), Ok(two)) => (one, two),
        (Err(one), Err(two)) if one == two => return Vec::new(),
        _ => {
            let told = |row: &Result<Subscriber, ReadError>| Some(row.as_ref().err()?.to_string());
            return vec![Column { name: "row", values: Some([told(there), told(here)]) }];
        }
    };
    let texts = [
        ("group_id", &one.group_id, &two.group_id),
        ("phonecontext", &one.phone_context, &two.phone_context),
        ("e164", &one.phone, &two.phone),
        ("vmail_user", &one.mail_account, &two.mail_account),
        ("blf_user", &one.blf_list, &two.blf_list),
    ];
    let required = [
        ("sipurl", one.public_identity.as_str(), two.public_identity.as_str()),
        ("user_type", one.user_type.as_str(), two.user_type.as_str()),
        ("association_id", &one.association_id, &two.association_id),
    ];
    let shown = |name, one: Option<&str>, two: Option<&str>| {
        (one != two).then(|| Column { name, values: Some([one.map(str::to_owned), two.map(str::to_owned)]) })
    };
    let required = required.into_iter().filter_map(|(name, one, two)| shown(name, Some(one), Some(two)));
    let texts = texts.into_iter().filter_map(|(name, one, two)| shown(name, one.as_deref(), two.as_deref()));
    let mut columns: Vec<Column> = required.chain(texts).collect();
    if one.mail_password != two.mail_password {
        columns.push(Column { name: "vmail_password", values: None });
    }
    columns
}
