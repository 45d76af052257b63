//! The pool: one statement on one connection, until a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{Object, PoolError};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Error, Row, SimpleQueryMessage, Socket};

use crate::store::error::StoreError;
use crate::store::postgres::connection::{Connection, Connector, Parameter};
use crate::store::postgres::failure::{
    Doing, Fault, column, connect_failure, failure, is_lost, is_rolled_back,
};
use crate::store::postgres::statement::IS_IN_RECOVERY;

/// The pause before a statement that was rolled back is sent again. It grows with each attempt.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Pool {
    connections: deadpool::managed::Pool<Connector>,
    named: Arc<AtomicBool>,
}

impl Pool {
    pub(super) fn new<T>(config: Config, tls: T, size: usize) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let named = Arc::new(AtomicBool::new(false));
        let pool = deadpool::managed::Pool::builder(Connector::new(config, tls, named.clone()));
        // It fails only if a timeout is set without a runtime.
        let connections = pool.max_size(size).build().expect("no timeout is set");
        Self { connections, named }
    }

    /// Lets connections that are made from now on prepare statements by name.
    pub(super) fn name_statements(&self) {
        self.named.store(true, Ordering::Relaxed);
    }

    /// Changes the number of connections.
    pub(super) fn resize(&self, size: usize) {
        self.connections.resize(size);
    }

    /// Runs a query that changes nothing. Its first column tells if the server is in recovery. If the
    /// connection is lost, the query is sent again on another one.
    pub(super) async fn read(
        &self,
        deadline: Instant,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = Statement::Typed(sql, parameters);
        // After the first attempt, all idle connections are closed that may be lost, too.
        let mut again = true;
        loop {
            match self.send(deadline, Doing::Reading, statement).await? {
                Ok(answer) => return self.checked(answer.rows()),
                Err(error) if again && is_lost(&error) => again = false,
                Err(error) if is_rolled_back(&error) => sleep(PAUSE).await,
                Err(error) => return Err(failure(error, Doing::Reading)),
            }
        }
    }

    /// Refuses what a server in recovery has read.
    fn checked(&self, rows: Vec<Row>) -> Result<Vec<Row>, StoreError> {
        if rows.first().map(|row| column(row, 0)).transpose()? == Some(true) {
            // The next connect may find the primary server.
            self.leave_all();
            let cause = "the database is in recovery: it may lag behind, and cannot be written to";
            return Err(StoreError::Unavailable(cause.into()));
        }
        Ok(rows)
    }

    /// Runs a statement that writes. If the server has rolled it back for the sake of another one, it
    /// has written nothing, and is sent again.
    pub(super) async fn write(
        &self,
        deadline: Instant,
        statement: Statement<'_>,
    ) -> Result<Answer, Fault> {
        let mut pause = PAUSE;
        loop {
            match self.send(deadline, Doing::Writing, statement).await? {
                Ok(answer) => return Ok(answer),
                Err(error) if is_rolled_back(&error) && Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    pause = (2 * pause).min(50 * PAUSE);
                }
                Err(error) => {
                    let is_refused = error.as_db_error().is_some();
                    return Err(Fault { error: failure(error, Doing::Writing), is_refused });
                }
            }
        }
    }

    /// Runs one statement. The inner error is the client's, and the outer one that of the deadline.
    async fn send(
        &self,
        deadline: Instant,
        doing: Doing,
        statement: Statement<'_>,
    ) -> Result<Result<Answer, Error>, StoreError> {
        let lease = self.lease(deadline).await?;
        let warnings = lease.connection().warnings();
        // If this future is dropped, or the deadline comes first, the lease is dropped in doubt.
        let answer = timeout_at(deadline, statement.run(lease.connection())).await;
        let Ok(answer) = answer else {
            return Err(doing.unsure("the server did not answer before the deadline"));
        };
        match &answer {
            Ok(_) if doing == Doing::Writing && lease.connection().warnings() != warnings => {
                // So a commit reports that it has stopped to wait for its standby.
                lease.settle();
                return Err(doing.unsure("the server wrote, and warned that it may not be durable"));
            }
            Err(error) if is_lost(error) => self.leave(lease),
            // Either the database is read-only, or the server is not the primary one, or not any more.
            Err(error) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                let asks = Statement::Typed(IS_IN_RECOVERY, &[]).run(lease.connection());
                let answer = timeout_at(deadline, asks).await;
                self.leave(lease);
                if let Ok(Ok(answer)) = answer {
                    self.checked(answer.rows())?;
                }
            }
            _ => lease.settle(),
        }
        Ok(answer)
    }

    /// Closes a connection, and the idle ones of its era: they may lead to the same server. Those that
    /// were made since somebody else noticed the same loss stay.
    fn leave(&self, lease: Lease) {
        let era = lease.connection().era;
        self.connections.manager().end(era);
        lease.close();
        drop(self.connections.retain(|connection, _| connection.era > era));
    }

    /// Closes all idle connections.
    fn leave_all(&self) {
        drop(self.connections.retain(|_, _| false));
    }

    /// Takes a connection, or makes one.
    async fn lease(&self, deadline: Instant) -> Result<Lease, StoreError> {
        loop {
            let Ok(got) = timeout_at(deadline, self.connections.get()).await else {
                let cause = "no connection was free before the deadline";
                return Err(StoreError::Unavailable(cause.into()));
            };
            match got {
                Ok(object) => return Ok(Lease(Some(object))),
                // Another process has the last connection. One of ours will be free.
                Err(PoolError::Backend(error))
                    if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
                        && self.connections.status().size > 0 => {}
                Err(PoolError::Backend(error)) => return Err(connect_failure(&error)),
                Err(error) => return Err(StoreError::Unavailable(error.to_string().into())),
            }
        }
    }
}

/// A statement, or several: one round trip.
#[derive(Clone, Copy)]
pub(super) enum Statement<'a> {
    Typed(&'static str, &'a [Parameter<'a>]),
    /// Several statements without parameters, in one transaction.
    Several(&'a str),
}

impl Statement<'_> {
    async fn run(self, connection: &Connection) -> Result<Answer, Error> {
        match self {
            Self::Typed(sql, parameters) => {
                Ok(Answer::Rows(connection.query(sql, parameters).await?))
            }
            Self::Several(sql) => Ok(Answer::Several(connection.client.simple_query(sql).await?)),
        }
    }
}

pub(super) enum Answer {
    Rows(Vec<Row>),
    Several(Vec<SimpleQueryMessage>),
}

impl Answer {
    /// The rows of pairs of numbers, whichever way the statement was sent.
    pub(super) fn pairs(&self) -> Result<Vec<(i32, i64)>, StoreError> {
        let foreign = || StoreError::Foreign("the server returned other columns".into());
        let mut pairs = Vec::new();
        match self {
            Self::Rows(rows) => {
                for row in rows {
                    pairs.push((column(row, 0)?, column(row, 1)?));
                }
            }
            Self::Several(messages) => {
                for message in messages {
                    let SimpleQueryMessage::Row(row) = message else { continue };
                    let (Some(first), Some(second)) = (row.get(0), row.get(1)) else {
                        return Err(foreign());
                    };
                    let pair = first.parse().ok().zip(second.parse().ok());
                    pairs.push(pair.ok_or_else(foreign)?);
                }
            }
        }
        Ok(pairs)
    }

    /// The rows of a typed statement.
    pub(super) fn rows(self) -> Vec<Row> {
        match self {
            Self::Rows(rows) => rows,
            Self::Several(_) => Vec::new(),
        }
    }

    /// The number of rows that one of several statements has changed.
    pub(super) fn changed(&self, place: usize) -> u64 {
        let Self::Several(messages) = self else { return 0 };
        let mut counts = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::CommandComplete(count) => Some(*count),
            _ => None,
        });
        counts.nth(place).unwrap_or(0)
    }
}

/// A connection in use. If it is dropped before its statement is answered, it is not used again.
struct Lease(Option<Object<Connector>>);

impl Lease {
    fn connection(&self) -> &Connection {
        self.0.as_ref().expect("it is taken only when the lease ends")
    }

    /// Returns the connection to the pool.
    fn settle(mut self) {
        drop(self.0.take());
    }

    /// Closes the connection.
    fn close(mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(object) = self.0.take() else { return };
        let pool = Object::pool(&object);
        let connection = Object::take(object);
        match pool {
            Some(pool) => pool.manager().abandon(connection),
            None => drop(connection),
        }
    }
}
