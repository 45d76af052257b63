//! A store in a PostgreSQL table.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};

use crate::seal::KeyId;
use crate::store::backend::{
    Fetch, HEAD_LEN, KEYRING_ROW, MAX_PAGE_LEN, Outcome, Row, Write, past,
};
use crate::store::contract::AsyncStore;
use crate::store::error::{Cause, StoreError};
use crate::store::page::check_batch;

/// The default limit of one statement: long enough for a batch, and short enough for a request.
const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The lock admits one migration at a time: concurrent `CREATE … IF NOT EXISTS` can fail. Records are
/// `EXTERNAL`, since compressing ciphertext is in vain.
const MIGRATION: &str = r"
BEGIN;
SELECT pg_advisory_xact_lock(x'5345435245545301'::bigint);
CREATE TABLE IF NOT EXISTS secrets_toml_records (
    scope bytea PRIMARY KEY,
    record bytea NOT NULL,
    commitment bytea GENERATED ALWAYS AS (substring(record FROM 73 FOR 32)) STORED,
    key_id bytea GENERATED ALWAYS AS (
        CASE WHEN octet_length(record) >= 120 AND substring(record FROM 1 FOR 4) = '\x89534c44'
             THEN substring(record FROM 21 FOR 16) END
    ) STORED
);
ALTER TABLE secrets_toml_records ALTER COLUMN record SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS secrets_toml_records_key_id ON secrets_toml_records (key_id);
COMMIT;
";

/// The settings of each connection. `APPLY` relies on `read committed`: under a stricter level, a
/// write that waited for another one would fail instead of checking its condition again.
const SESSION: &str = r"
SET default_transaction_isolation = 'read committed';
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') = 'off';
";

const GET: &str = "SELECT record FROM secrets_toml_records WHERE scope = $1";

/// One statement, hence one transaction: a batch is atomic without a `BEGIN`.
///
/// `fence` locks the keyring's row, if it is the expected one. If a transaction is just replacing it,
/// `FOR SHARE` waits for that one and checks the commitment again; and nobody replaces the row before
/// this statement is committed. A subquery with `EXISTS` does neither: it sees the row as it was at the
/// start of the statement. If no keyring is expected, no row can be locked: whoever makes one locks
/// the table (`KEYRING`), and this statement locks it before it looks. `writes` is empty unless the
/// fence holds, and the row without a scope tells that it does.
///
/// `UPDATE` waits for a row that another transaction has locked, and then checks `commitment` again.
/// `INSERT` waits for another one of the same scope, and then does nothing. Past rows are removed and
/// put for the scopes that were written, and those scopes are returned. A row that is put is not
/// removed: PostgreSQL does not say what becomes of a row that one statement changes twice.
///
/// The whole statement sees the table as it was at its start. So whoever removes a record removes
/// its past rows in the same transaction: a write that saw the record saw all of them.
const APPLY: &str = r"
WITH fence AS MATERIALIZED (
    SELECT 1 FROM secrets_toml_records
     WHERE scope = '\x7d' AND commitment = $10::bytea FOR SHARE
), open AS MATERIALIZED (
    SELECT 1 FROM fence
    UNION ALL
    SELECT 1 WHERE $10::bytea IS NULL
       AND NOT EXISTS (SELECT FROM secrets_toml_records WHERE scope = '\x7d')
), writes AS MATERIALIZED (
    SELECT w.* FROM open,
           unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS w (scope, expected, record)
), past AS (
    SELECT * FROM unnest($4::bytea[], $5::bytea[], $6::bytea[]) AS p (scope, key, record)
), ranges AS (
    SELECT * FROM unnest($7::bytea[], $8::bytea[], $9::bytea[]) AS d (scope, low, high)
), replaced AS (
    UPDATE secrets_toml_records AS r SET record = w.record FROM writes AS w
     WHERE r.scope = w.scope AND r.commitment = w.expected
    RETURNING r.scope
), created AS (
    INSERT INTO secrets_toml_records (scope, record)
    SELECT scope, record FROM writes WHERE expected IS NULL
    ON CONFLICT (scope) DO NOTHING
    RETURNING scope
), applied AS (
    SELECT scope FROM replaced UNION ALL SELECT scope FROM created
), removed AS (
    DELETE FROM secrets_toml_records AS r
     USING applied AS a JOIN ranges AS d ON d.scope = a.scope
     WHERE r.scope >= d.low AND r.scope < d.high AND r.scope NOT IN (SELECT key FROM past)
), put AS (
    INSERT INTO secrets_toml_records (scope, record)
    SELECT p.key, p.record FROM applied AS a JOIN past AS p ON p.scope = a.scope
    ON CONFLICT (scope) DO UPDATE SET record = excluded.record
)
SELECT NULL::bytea FROM open UNION ALL SELECT scope FROM applied";

/// Begins the transaction that writes the keyring's row.
///
/// It waits until no write is under way, and no write begins before it is committed. Without the lock,
/// a write that expects no keyring would not notice one that is just being made. And a row that one
/// `FOR SHARE` after another locks could never be replaced: they overlap for ever, while a lock of the
/// table waits in line.
const KEYRING: &str = "BEGIN; LOCK TABLE secrets_toml_records IN SHARE ROW EXCLUSIVE MODE";

/// The query of one page, of records or of heads.
///
/// `$3` limits the rows, and `$4` the bytes: a window sums up the lengths from the first row to each
/// row, and the rows that exceed the limit are dropped. `octet_length` reads the length of a record
/// without fetching the record, so the server fetches only what it returns. The first row is kept
/// whatever its length is, because an empty page would end the scan.
macro_rules! scan {
    ($record:literal, $len:literal) => {
        concat!(
            "SELECT scope, ",
            $record,
            " FROM (
                 SELECT scope, record, row_number() OVER rows AS place,
                        sum(octet_length(scope) + ",
            $len,
            ") OVER rows AS total
                   FROM (SELECT scope, record FROM secrets_toml_records
                          WHERE scope >= $1 AND scope < $2 ORDER BY scope LIMIT $3) AS page
                 WINDOW rows AS (ORDER BY scope ROWS UNBOUNDED PRECEDING)
             ) AS summed
             WHERE place = 1 OR total <= $4
             ORDER BY scope"
        )
    };
}

const SCAN_HEADS: &str =
    scan!("substring(record FROM 1 FOR 104)", "least(octet_length(record), 104)");
const SCAN_RECORDS: &str = scan!("record", "octet_length(record)");

/// Two statements in one transaction, each of which sees the table anew.
///
/// The first one waits for a write of the record, and from then on no write of the scope applies. So
/// the second one sees the past row that the write put; a single statement would not. If there was
/// no record, one may have been created in between: then its past rows are left alone.
fn purge_of(scope: &[u8]) -> String {
    let past = past(scope);
    let [scope, low, high] = [scope, &past.start, &past.end].map(|bytes| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("decode('{digits}', 'hex')")
    });
    format!(
        "DELETE FROM secrets_toml_records WHERE scope = {scope};
         DELETE FROM secrets_toml_records WHERE scope >= {low} AND scope < {high}
            AND NOT EXISTS (SELECT FROM secrets_toml_records WHERE scope = {scope})"
    )
}

const COUNT: &str = r"
SELECT key_id, count(*) FROM secrets_toml_records WHERE scope <> '\x7d' GROUP BY key_id";

/// An upper bound of all scopes: no encoding begins with 0xFF.
const LAST: [u8; 1024] = [0xFF; 1024];

/// How often a batch is sent that the server rolls back because of a deadlock.
const ATTEMPTS: usize = 5;

/// An [`AsyncStore`] in a PostgreSQL table, for processes on any number of machines.
///
/// The store connects by a function of yours, so TLS, runtime and address are your choice. It
/// connects at the first call, and again after it has lost the connection. It is tested with
/// PostgreSQL 15.
///
/// # Examples
///
/// ```no_run
/// use secrets_toml::store::PostgresStore;
/// use tokio_postgres::NoTls;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::new(|| async {
///     let config = "host=/run/postgresql dbname=secrets tcp_user_timeout=10s";
///     let (client, connection) = tokio_postgres::connect(config, NoTls).await?;
///     tokio::spawn(connection);
///     Ok(client)
/// });
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
///
/// # On the server
///
/// The records are in the table `secrets_toml_records`, in the first schema of the connection's
/// `search_path`. [`migrate`](Self::migrate) creates it:
///
/// | column | content |
/// |---|---|
/// | `scope` | the encoding of a scope, the primary key |
/// | `record` | the sealed record |
/// | `commitment` | the record's commitment, generated by the server |
/// | `key_id` | the record's key ID, generated by the server, with an index |
///
/// A store has one connection. Any number of tasks share it, and the server works on one of their
/// statements at a time. For more at a time, make several stores.
///
/// On each new connection the store
///
/// - sets `statement_timeout`, and `default_transaction_isolation` to `read committed`;
/// - sets `synchronous_commit` to `on` if it is `off`;
/// - refuses a server in recovery, because a replica may lag behind;
/// - prepares its statements.
///
/// So a connection pooler must give each connection a session of its own, as PgBouncer does with
/// `pool_mode = session`.
///
/// # Rights
///
/// The calls need `USAGE` on the schema, and on the table `SELECT`, `INSERT`, `UPDATE` and `DELETE`.
/// A role with `SELECT` alone can read. [`migrate`](Self::migrate) needs `CREATE` on the schema and
/// ownership of the table, so it can run as another role.
///
/// # Errors
///
/// - [`StoreError::Missing`] if the table is absent.
/// - [`StoreError::Foreign`] if the table has other columns.
/// - [`StoreError::Unavailable`] if the server cannot be reached, is in recovery, or refuses a
///   statement, and if a read fails or takes too long.
/// - [`StoreError::Unknown`] if a write takes too long, or its answer is lost.
/// - [`StoreError::Corrupt`] if the server reports corrupted data.
///
/// The store sends a transaction that the server rolled back because of a deadlock again, up to 5
/// times in all.
/// An error has the server's message and `SQLSTATE`, without its details. An error of your function
/// is passed on as it is, so it must not contain a password.
///
/// # What it does not promise
///
/// - Durability beyond the server's: with `fsync = off` a crash can lose acknowledged writes, and so
///   can a failover to an asynchronous replica.
/// - Protection from roles that can write to the table. They can delete records and put old ones
///   back, but cannot read or forge them.
/// - Encryption on the network, unless your function connects with TLS. Records are sealed, but the
///   names of scopes are readable.
pub struct PostgresStore {
    connect: Box<dyn Fn() -> Connecting + Send + Sync>,
    timeout: Duration,
    session: Mutex<Option<Arc<Session>>>,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Client, Cause>> + Send>>;

/// A connection and its prepared statements.
struct Session {
    client: Client,
    get: Statement,
    apply: Statement,
    scan_heads: Statement,
    scan_records: Statement,
    count: Statement,
}

impl PostgresStore {
    /// Creates a store in the database that `connect` connects to. It does not connect yet.
    pub fn new<F>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Client, Cause>> + Send + 'static,
    {
        Self {
            connect: Box::new(move || Box::pin(connect())),
            timeout: DEFAULT_STATEMENT_TIMEOUT,
            session: Mutex::default(),
        }
    }

    /// Limits the time that the server spends on one statement: 10 seconds by default.
    ///
    /// Waiting for locks counts. The limit is rounded down to milliseconds, and is at least one.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Creates the table and its index if they are absent.
    ///
    /// It may run at every start, and in several processes at once. It uses a connection of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server cannot be reached, is in recovery, or refuses it.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        // A transaction that fails is rolled back when the connection is closed, with `client`.
        client.batch_execute(MIGRATION).await.map_err(|error| failure(error, Doing::Reading))
    }

    /// Connects to a server that is not in recovery.
    async fn client(&self) -> Result<Client, StoreError> {
        let client = (self.connect)().await.map_err(StoreError::Unavailable)?;
        let millis = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX).max(1);
        let settings = format!("SET statement_timeout = {millis};{SESSION}");
        let reading = |error| failure(error, Doing::Reading);
        client.batch_execute(&settings).await.map_err(reading)?;
        let row = client.query_one("SELECT pg_is_in_recovery()", &[]).await.map_err(reading)?;
        if row.try_get(0).map_err(reading)? {
            let cause = "the database is in recovery: it may lag behind, and cannot be written to";
            return Err(StoreError::Unavailable(cause.into()));
        }
        Ok(client)
    }

    /// Returns the connection. Connects if there is none, or if it was closed.
    async fn session(&self) -> Result<Arc<Session>, StoreError> {
        let current = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = current.filter(|session| !session.client.is_closed()) {
            return Ok(session);
        }
        let session = Arc::new(Session::prepare(self.client().await?).await?);
        // The lock is not held while a task connects. If two tasks connect at once, the later
        // connection is kept, and the other one closes when its task has used it.
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        Ok(session)
    }

    /// Makes the next call connect, unless another task has connected since.
    fn forget(&self, lost: &Arc<Session>) {
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|session| Arc::ptr_eq(session, lost));
    }

    /// Translates the error of a write.
    fn wrote(&self, session: &Arc<Session>, error: Error) -> StoreError {
        if is_lost(&error) {
            self.forget(session);
        }
        failure(error, Doing::Writing)
    }

    /// Runs `APPLY`, while others run it, too.
    async fn apply_beside_others(
        &self,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let mut attempts = 1;
        loop {
            let session = self.session().await?;
            match session.client.query(&session.apply, parameters).await {
                Ok(rows) => return Ok(rows),
                // The server rolls back one of two batches that wait for each other.
                Err(error) if is_rolled_back(&error) && attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(self.wrote(&session, error)),
            }
        }
    }

    /// Runs `APPLY` while nobody else does, on a connection of its own: tasks share the other one, and
    /// their statements would be in this transaction.
    async fn apply_alone(
        &self,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let client = self.client().await?;
        // Until the commit is sent, nothing is changed: the transaction ends with the connection.
        let not_yet = |error| failure(error, Doing::Reading);
        client.batch_execute(KEYRING).await.map_err(not_yet)?;
        let rows = client.query(APPLY, parameters).await.map_err(not_yet)?;
        let committed = client.batch_execute("COMMIT").await;
        committed.map_err(|error| failure(error, Doing::Writing))?;
        Ok(rows)
    }

    /// Runs a query that changes nothing. Repeats it once on a new connection if the connection is
    /// lost, which is safe for a read only.
    async fn read(
        &self,
        statement: fn(&Session) -> &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let session = self.session().await?;
        match session.client.query(statement(&session), parameters).await {
            Ok(rows) => return Ok(rows),
            Err(error) if is_lost(&error) => self.forget(&session),
            Err(error) => return Err(failure(error, Doing::Reading)),
        }
        let session = self.session().await?;
        let rows = session.client.query(statement(&session), parameters).await;
        rows.map_err(|error| failure(error, Doing::Reading))
    }
}

impl Session {
    async fn prepare(client: Client) -> Result<Self, StoreError> {
        let prepare = async |query| {
            let prepared = client.prepare(query).await;
            prepared.map_err(|error| failure(error, Doing::Reading))
        };
        Ok(Self {
            get: prepare(GET).await?,
            apply: prepare(APPLY).await?,
            scan_heads: prepare(SCAN_HEADS).await?,
            scan_records: prepare(SCAN_RECORDS).await?,
            count: prepare(COUNT).await?,
            client,
        })
    }
}

impl AsyncStore for PostgresStore {
    async fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.read(|session| &session.get, &[&scope]).await?;
        rows.first().map(|row| column(row, 0)).transpose()
    }

    async fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        check_batch(writes)?;
        let scopes: Vec<_> = writes.iter().map(Write::scope).collect();
        let expected: Vec<_> =
            writes.iter().map(|write| write.expected().map(|c| &c[..])).collect();
        let records: Vec<_> = writes.iter().map(Write::record).collect();
        let (mut past, mut ranges) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
        for write in writes {
            for row in write.past() {
                push(&mut past, [write.scope(), row.scope(), row.record()]);
            }
            for range in write.removed() {
                push(&mut ranges, [write.scope(), &range.start, &range.end]);
            }
        }
        let ([past_of, past_keys, past_records], [of, low, high]) = (&past, &ranges);
        let fence = fence.map(|fence| &fence[..]);
        let parameters: [&(dyn ToSql + Sync); 10] =
            [&scopes, &expected, &records, past_of, past_keys, past_records, of, low, high, &fence];
        let rows = if scopes.contains(&KEYRING_ROW) {
            self.apply_alone(&parameters).await?
        } else {
            self.apply_beside_others(&parameters).await?
        };
        let applied = rows.iter().map(|row| column::<Option<&[u8]>>(row, 0));
        let applied = applied.collect::<Result<HashSet<_>, _>>()?;
        let is_open = applied.contains(&None);
        let outcome = |write: &Write| match applied.contains(&Some(write.scope())) {
            true => Outcome::Applied,
            false if is_open => Outcome::Conflict,
            false => Outcome::Fenced,
        };
        Ok(writes.iter().map(outcome).collect())
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        // The next key after a key is the key with a zero byte at its end.
        let start = match after {
            Some(after) if after >= prefix => [after, &[0]].concat(),
            _ => prefix.to_vec(),
        };
        let end = end(prefix);
        // The server numbers and sums all rows of the inner query, so that one needs a limit, too.
        // Each row counts for more than `HEAD_LEN` bytes, so this one cuts no page short.
        let most = MAX_PAGE_LEN / HEAD_LEN;
        let (limit, len) = (limit.min(most) as i64, MAX_PAGE_LEN as i64);
        let statement: fn(&Session) -> &Statement = match fetch {
            Fetch::Heads => |session| &session.scan_heads,
            Fetch::Records => |session| &session.scan_records,
        };
        let rows = self.read(statement, &[&start, &end, &limit, &len]).await?;
        rows.iter().map(|row| Ok(Row::new(column(row, 0)?, column(row, 1)?))).collect()
    }

    async fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        let purge = purge_of(scope);
        let mut attempts = 1;
        let answers = loop {
            let session = self.session().await?;
            match session.client.simple_query(&purge).await {
                Ok(answers) => break answers,
                Err(error) if is_rolled_back(&error) && attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(self.wrote(&session, error)),
            }
        };
        // The first answer is that of the first statement: the number of records, without past rows.
        Ok(matches!(answers.first(), Some(SimpleQueryMessage::CommandComplete(1..))))
    }

    /// One query, which an index answers.
    async fn count_by_key(&self) -> Result<BTreeMap<Option<KeyId>, u64>, StoreError> {
        let rows = self.read(|session| &session.count, &[]).await?;
        let count = |row| {
            let id: Option<Vec<u8>> = column(row, 0)?;
            let id = id.and_then(|id| id.try_into().ok()).map(KeyId::from_bytes);
            Ok((id, column::<i64>(row, 1)?.unsigned_abs()))
        };
        rows.iter().map(count).collect()
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

/// The least key that is greater than all keys with a prefix.
fn end(prefix: &[u8]) -> Vec<u8> {
    match prefix.iter().rposition(|&byte| byte < 0xFF) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end
        }
        None => LAST.to_vec(),
    }
}

/// Appends a row to columns.
fn push<'a>(columns: &mut [Vec<&'a [u8]>; 3], row: [&'a [u8]; 3]) {
    columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    place: usize,
) -> Result<T, StoreError> {
    row.try_get(place).map_err(|error| StoreError::Foreign(error.into()))
}

/// Returns `true` if the connection is lost, even if the client has not noticed yet: an error that
/// is not the server's, or the server's report that it shuts the connection down.
fn is_lost(error: &Error) -> bool {
    error.as_db_error().is_none_or(|told| told.code().code().starts_with("57P"))
}

fn is_rolled_back(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE)
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Reading,
    Writing,
}

/// Translates an error. While writing, it is `Unknown` unless the server has refused the statement.
fn failure(error: Error, doing: Doing) -> StoreError {
    let unsure = |cause| match doing {
        Doing::Reading => StoreError::Unavailable(cause),
        Doing::Writing => StoreError::Unknown(cause),
    };
    let Some(told) = error.as_db_error() else { return unsure(error.into()) };
    let code = told.code();
    let cause = || format!("{} (SQLSTATE {})", told.message(), code.code()).into();
    match code {
        &SqlState::UNDEFINED_TABLE => StoreError::Missing,
        &SqlState::UNDEFINED_COLUMN
        | &SqlState::UNDEFINED_FUNCTION
        | &SqlState::DATATYPE_MISMATCH
        | &SqlState::WRONG_OBJECT_TYPE
        | &SqlState::INVALID_COLUMN_REFERENCE
        | &SqlState::GENERATED_ALWAYS
        | &SqlState::NOT_NULL_VIOLATION
        | &SqlState::CHECK_VIOLATION => StoreError::Foreign(cause()),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => StoreError::Corrupt(cause()),
        // The connection, the time limit, the server's system, or the server itself failed: the
        // statement may have been committed by then.
        _ if ["08", "57", "58", "XX"].iter().any(|class| code.code().starts_with(class)) => {
            unsure(cause())
        }
        // The server refused the statement, and has rolled it back.
        _ => StoreError::Unavailable(cause()),
    }
}
