//! A transaction that is sent to the server in one go.

use crate::failpoints;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

pub(super) type Param<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// One array parameter from one value of every item.
pub(super) fn column<'a, T, V>(items: &[T], value: impl Fn(T) -> V) -> Param<'a>
where
    T: Copy,
    V: ToSql + Sync + Send + 'a,
{
    Box::new(items.iter().map(|item| value(*item)).collect::<Vec<V>>())
}

/// A number without a sign as an `integer` column takes it.
pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A connection with the statements that it has prepared.
pub(super) struct Session {
    pub client: Client,
    prepared: HashMap<&'static str, Statement>,
}

/// Statements with their parameters, in order.
#[derive(Default)]
pub(super) struct Script<'a> {
    calls: Vec<(&'static str, Vec<Param<'a>>)>,
}

impl<'a> Script<'a> {
    /// Adds a statement and says where its rows will be among the results.
    pub fn add(&mut self, sql: &'static str, params: Vec<Param<'a>>) -> usize {
        self.calls.push((sql, params));
        self.calls.len() - 1
    }
}

impl Session {
    pub fn new(client: Client) -> Self {
        Session { client, prepared: HashMap::new() }
    }

    /// Runs the script in one transaction and returns the rows of every statement.
    pub async fn run(&mut self, script: Script<'_>) -> Result<Vec<Vec<Row>>, Error> {
        for (sql, _) in &script.calls {
            self.prepare(sql).await?;
        }
        // A single statement is a transaction by itself.
        let framed = script.calls.len() > 1;
        let mut calls = script.calls;
        if framed {
            self.prepare("begin").await?;
            self.prepare("commit").await?;
            calls.insert(0, ("begin", Vec::new()));
            calls.push(("commit", Vec::new()));
        }
        let results = self.pipeline(&calls).await;
        if results.is_err() && framed {
            // Where the script broke before its commit was sent, the transaction is still open. Where the
            // connection is lost, so is the transaction.
            let _ = self.client.batch_execute("rollback").await;
        }
        let mut results = results?;
        if framed {
            results.pop();
            results.remove(0);
        }
        Ok(results)
    }

    async fn prepare(&mut self, sql: &'static str) -> Result<(), Error> {
        if !self.prepared.contains_key(sql) {
            let statement = self.client.prepare(sql).await?;
            self.prepared.insert(sql, statement);
        }
        Ok(())
    }

    /// Sends everything, then takes the answers in order. The first error counts: the server has ignored what came
    /// after it, and a commit of a failed transaction rolls it back.
    async fn pipeline(&self, calls: &[(&'static str, Vec<Param<'_>>)]) -> Result<Vec<Vec<Row>>, Error> {
        let mut queries: Vec<_> =
            calls.iter().map(|(sql, params)| Query::Waiting(Box::pin(self.query(sql, params)))).collect();
        // A query is sent when it is polled for the first time.
        let mut started = 0;
        let starting = poll_fn(|context| {
            for query in &mut queries[started..] {
                started += 1;
                if let Query::Waiting(future) = query
                    && let Poll::Ready(result) = future.as_mut().poll(context)
                {
                    // It could not even be sent: nothing may follow it, least of all the commit.
                    let failed = result.is_err();
                    *query = Query::Done(result);
                    if failed {
                        break;
                    }
                }
            }
            Poll::Ready(())
        });
        pin!(starting).await;
        failpoints::pass("store.postgres.commit.within").await;
        let mut results = Vec::with_capacity(queries.len());
        for query in queries {
            results.push(match query {
                Query::Waiting(future) => future.await?,
                Query::Done(result) => result?,
            });
        }
        Ok(results)
    }

    async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let params: Vec<&(dyn ToSql + Sync)> =
            params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        self.client.query(&self.prepared[sql], &params).await
    }
}

enum Query<F> {
    Waiting(Pin<Box<F>>),
    Done(Result<Vec<Row>, Error>),
}
