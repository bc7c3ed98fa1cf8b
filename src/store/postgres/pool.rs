//! Read connections to PostgreSQL: a small pool that lives on the background runtime.

use super::{Address, BY_KEYS, Background, SESSION, reason};
use crate::store::limits::clean;
use crate::store::reader::{Row, Value};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::types::{FromSql, ToSql, Type};

const CONNECTIONS: usize = 4;
/// Of these there are fewer: what they are asked for is found at once.
const CONNECTIONS_BY_KEY: usize = 2;

/// What is read here may be another program's: the server itself refuses to change it.
const READ_ONLY: &str = "set default_transaction_read_only = on";

/// A read that takes longer has met a dead server; the server itself gives up sooner.
const READ_TIMEOUT: Duration = Duration::from_secs(40);
/// Until there is a connection that can be used.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const NO_ANSWER: &str = "the server does not answer in time";

#[derive(Clone)]
pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
    by_key: deadpool_postgres::Pool,
    background: Arc<Background>,
}

impl Pool {
    pub fn new(address: &Address, background: Arc<Background>) -> Result<Self, String> {
        let pool = connections(address, CONNECTIONS, &[SESSION, READ_ONLY])?;
        let by_key = connections(address, CONNECTIONS_BY_KEY, &[SESSION, READ_ONLY, BY_KEYS])?;
        Ok(Pool { pool, by_key, background })
    }

    /// All rows of a query; the error is its reason.
    pub async fn rows(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, String> {
        self.run(&self.pool, sql, params, Planned::Once).await
    }

    /// All rows of a query that finds a few by their keys.
    pub async fn rows_by_key(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, String> {
        self.run(&self.by_key, sql, params, Planned::Once).await
    }

    /// All rows of a query that is planned anew for its values and not kept.
    pub async fn rows_planned(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, String> {
        self.run(&self.pool, sql, params, Planned::ForValues).await
    }

    async fn run(
        &self,
        pool: &deadpool_postgres::Pool,
        sql: String,
        params: Vec<Value>,
        planned: Planned,
    ) -> Result<Vec<Row>, String> {
        let pool = pool.clone();
        self.background.run(async move { query(&pool, &sql, params, planned).await }).await?
    }
}

/// So many connections at most, each with these settings.
fn connections(
    address: &Address,
    most: usize,
    settings: &'static [&'static str],
) -> Result<deadpool_postgres::Pool, String> {
    let manager = Manager::from_config(
        address.config.clone(),
        address.tls.clone(),
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    deadpool_postgres::Pool::builder(manager)
        .max_size(most)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(Duration::from_secs(10)))
        .create_timeout(Some(Duration::from_secs(10)))
        .post_create(Hook::async_fn(move |client, _| {
            let ready = async move {
                for settings in settings {
                    client.batch_execute(settings).await?;
                }
                Ok(())
            };
            Box::pin(async move { ready.await.map_err(HookError::Backend) })
        }))
        .build()
        .map_err(|error| error.to_string())
}

/// When a statement is planned.
#[derive(Clone, Copy)]
enum Planned {
    /// By each connection; after some uses for any values.
    Once,
    /// Each time.
    ForValues,
}

async fn query(
    pool: &deadpool_postgres::Pool,
    sql: &str,
    params: Vec<Value>,
    planned: Planned,
) -> Result<Vec<Row>, String> {
    let client = match timeout(CONNECT_TIMEOUT, pool.get()).await {
        Ok(Ok(client)) => client,
        Ok(Err(PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)))) => {
            return Err(reason(&error));
        }
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err(NO_ANSWER.to_owned()),
    };
    let types: Vec<Type> = params.iter().map(kind).collect();
    let params: Vec<Box<dyn ToSql + Sync + Send>> = params.into_iter().map(param).collect();
    let params = params.iter().map(|param| &**param as &(dyn ToSql + Sync));
    let rows = async {
        match planned {
            Planned::Once => {
                let statement = client.prepare_cached(sql).await?;
                client.query(&statement, &params.collect::<Vec<_>>()).await
            }
            Planned::ForValues => client.query_typed(sql, &params.zip(types).collect::<Vec<_>>()).await,
        }
    };
    match timeout(READ_TIMEOUT, rows).await {
        Ok(Ok(rows)) => rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| reason(&error)),
        Err(_) => {
            // It is dead, however alive its socket is, and so are most likely those that wait beside it: none is asked again.
            let _ = deadpool_postgres::Object::take(client);
            pool.retain(|_, _| false);
            Err(NO_ANSWER.to_owned())
        }
        Ok(Err(error)) => {
            // A table may have changed under the statements that this connection keeps: do not use it again.
            let _ = deadpool_postgres::Object::take(client);
            Err(reason(&error))
        }
    }
}

fn kind(value: &Value) -> Type {
    match value {
        Value::Int(_) => Type::INT8,
        Value::Null | Value::Text(_) => Type::TEXT,
    }
}

fn param(value: Value) -> Box<dyn ToSql + Sync + Send> {
    match value {
        Value::Null => Box::new(None::<String>),
        Value::Int(number) => Box::new(number),
        Value::Text(text) => Box::new(clean(&text).into_owned()),
    }
}

/// Text of any encoding: a database of encoding SQL_ASCII gives whatever bytes somebody has put in.
struct Lossy(String);

impl<'a> FromSql<'a> for Lossy {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Lossy(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        <String as FromSql>::accepts(ty)
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let values = row.columns().iter().enumerate().map(|(index, column)| {
        Ok(if *column.type_() == Type::INT8 {
            row.try_get::<_, Option<i64>>(index)?.map_or(Value::Null, Value::Int)
        } else {
            row.try_get::<_, Option<Lossy>>(index)?.map_or(Value::Null, |Lossy(text)| Value::Text(text))
        })
    });
    Ok(Row(values.collect::<Result<_, _>>()?))
}
