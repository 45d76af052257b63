//! The SQL of the store. Each call is one transaction: one statement, or several in one message.

use tokio::time::Instant;
use tokio_postgres::types::Type;

use crate::store::backend::{Write, past};
use crate::store::commits::Call;
use crate::store::postgres::connection::Parameter;

/// Every read tells whether the server is in recovery, and hence may lag behind. It returns a row
/// even if there is nothing to return.
pub(super) const GET: &str = r"
SELECT pg_is_in_recovery(), (SELECT record FROM secrets_toml_records WHERE scope = $1)";

/// Asked after a write that a read-only transaction has refused.
pub(super) const IS_IN_RECOVERY: &str = "SELECT pg_is_in_recovery()";

pub(super) const COUNT: &str = r"
SELECT pg_is_in_recovery(), key_id, count FROM (SELECT) AS one LEFT JOIN (
    SELECT key_id, count(*) FROM secrets_toml_records WHERE scope <> '\x7d' GROUP BY key_id
) AS counted ON true";

/// The query of one page, of records or of heads.
///
/// `$3` limits the rows, and `$4` the bytes: a window sums up the lengths from the first row to each
/// row, and the rows that exceed the limit are dropped. `octet_length` reads the length of a record
/// without fetching the record, so the server fetches only what it returns. The first row is kept
/// whatever its length is, because an empty page would end the scan.
macro_rules! scan {
    ($record:literal, $len:literal) => {
        concat!(
            "SELECT pg_is_in_recovery(), page.* FROM (SELECT) AS one LEFT JOIN (
                 SELECT scope, ",
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
             ) AS page ON true
             ORDER BY scope"
        )
    };
}

pub(super) const SCAN_HEADS: &str =
    scan!("substring(record FROM 1 FOR 104)", "least(octet_length(record), 104)");
pub(super) const SCAN_RECORDS: &str = scan!("record", "octet_length(record)");

/// Applies calls, each of which has writes.
///
/// - `settings` holds for this transaction only. A pooler gives the connection to somebody else next.
/// - `fence` locks the keyring's row, if it is the expected one. If a transaction is just replacing it,
///   `FOR SHARE` waits for that one and checks the commitment again; and nobody replaces the row before
///   this statement is committed. A subquery with `EXISTS` does neither: it sees the row as it was at
///   the start of the statement. `writes` is empty unless the fence holds.
/// - If no keyring is expected, no row can be locked: whoever makes one locks the table, and this
///   statement locks it before it looks. But above `read committed`, it looks at the table as it was
///   before it waited for that lock. So nothing is written then, and the answer is `STRICT`.
/// - `touched` are the rows that exist and that a call would change. `locked` locks them in the order
///   of their keys, so that two statements never wait for each other. With `SKIP LOCKED` it waits for
///   nobody: a call of which a row is missing from `locked` is `busy`, and nothing of it is written.
/// - `replaced` checks `commitment` again if the row changed after the statement began. `created` waits
///   for another statement that just creates the scope, and then does nothing.
/// - Past rows are removed and put for the scopes that were written. A row that is put is not removed:
///   PostgreSQL does not say what becomes of a row that one statement changes twice.
///
/// A statement without past rows has no part for them: the server plans each statement anew.
///
/// The whole statement sees the table as it was at its start. So whoever removes a record removes
/// its past rows in the same transaction: a write that saw the record saw all of them.
macro_rules! apply {
    ($skip:literal, $busy:literal, $past:literal, $touched:literal, $changed:literal) => {
        concat!(
            r"
WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', $1, true),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
               WHEN 'off' THEN 'on' WHEN 'local' THEN 'on'
               ELSE current_setting('synchronous_commit') END, true)
), fence AS MATERIALIZED (
    SELECT 1 FROM secrets_toml_records
     WHERE scope = '\x7d' AND commitment = $2::bytea AND (SELECT count(*) FROM settings) = 1
       FOR SHARE
), open AS MATERIALIZED (
    SELECT 1 FROM fence
    UNION ALL
    SELECT 1 WHERE $2::bytea IS NULL AND (SELECT count(*) FROM settings) = 1
       AND current_setting('transaction_isolation') LIKE 'read %'
       AND NOT EXISTS (SELECT FROM secrets_toml_records WHERE scope = '\x7d')
), writes AS MATERIALIZED (
    SELECT w.* FROM open, unnest($3::int4[], $4::bytea[], $5::bytea[], $6::bytea[])
                          WITH ORDINALITY AS w (call, scope, expected, record, place)
), ",
            $past,
            r"touched AS MATERIALIZED (
    SELECT w.call, r.scope FROM writes AS w
      JOIN secrets_toml_records AS r ON r.scope = w.scope",
            $touched,
            r"
), locked AS MATERIALIZED (
    SELECT r.scope FROM secrets_toml_records AS r WHERE r.scope IN (SELECT scope FROM touched)
     ORDER BY r.scope FOR UPDATE ",
            $skip,
            r"
), busy AS MATERIALIZED (
    SELECT DISTINCT call FROM touched WHERE ",
            $busy,
            r"
), ready AS MATERIALIZED (
    SELECT w.* FROM writes AS w
     WHERE (SELECT count(*) FROM locked) >= 0 AND w.call NOT IN (SELECT call FROM busy)
), replaced AS (
    UPDATE secrets_toml_records AS r SET record = w.record FROM ready AS w
     WHERE r.scope = w.scope AND r.commitment = w.expected
    RETURNING r.scope, w.place
), created AS (
    INSERT INTO secrets_toml_records (scope, record)
    SELECT scope, record FROM ready WHERE expected IS NULL ORDER BY scope
    ON CONFLICT (scope) DO NOTHING
    RETURNING scope
), applied AS (
    SELECT scope, place FROM replaced
    UNION ALL
    SELECT c.scope, w.place FROM created AS c JOIN ready AS w ON w.scope = c.scope
)",
            $changed,
            r"
SELECT 0, 0::int8 FROM open
UNION ALL SELECT 1, place FROM applied
UNION ALL SELECT 2, call::int8 FROM busy
UNION ALL SELECT 3, 0 WHERE $2::bytea IS NULL
      AND current_setting('transaction_isolation') NOT LIKE 'read %'"
        )
    };
    ($skip:literal, $busy:literal, with past) => {
        apply!(
            $skip,
            $busy,
            r"past AS MATERIALIZED (
    SELECT * FROM unnest($7::bytea[], $8::bytea[], $9::bytea[]) AS p (scope, key, record)
), ranges AS MATERIALIZED (
    SELECT * FROM unnest($10::bytea[], $11::bytea[], $12::bytea[]) AS d (scope, low, high)
), ",
            r"
    UNION ALL
    SELECT w.call, r.scope FROM writes AS w JOIN past AS p ON p.scope = w.scope
      JOIN secrets_toml_records AS r ON r.scope = p.key
    UNION ALL
    SELECT w.call, r.scope FROM writes AS w JOIN ranges AS d ON d.scope = w.scope
      JOIN secrets_toml_records AS r ON r.scope >= d.low AND r.scope < d.high",
            r", removed AS (
    DELETE FROM secrets_toml_records AS r
     USING applied AS a JOIN ranges AS d ON d.scope = a.scope
     WHERE r.scope >= d.low AND r.scope < d.high AND r.scope NOT IN (SELECT key FROM past)
), put AS (
    INSERT INTO secrets_toml_records (scope, record)
    SELECT p.key, p.record FROM applied AS a JOIN past AS p ON p.scope = a.scope ORDER BY p.key
    ON CONFLICT (scope) DO UPDATE SET record = excluded.record
)"
        )
    };
    ($skip:literal, $busy:literal, without past) => {
        apply!($skip, $busy, "", "", "")
    };
}

/// How a statement treats the rows that another transaction has locked.
#[derive(Clone, Copy)]
pub(super) enum Locked {
    Skip,
    Wait,
}

/// The kinds of rows in its answer.
pub(super) const OPEN: i32 = 0;
pub(super) const APPLIED: i32 = 1;
pub(super) const BUSY: i32 = 2;
pub(super) const STRICT: i32 = 3;

/// Precedes the statement, with literals for its parameters, if it has answered `STRICT`.
const READ_COMMITTED: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;";

/// Calls, in columns: the parameters of the statement that applies them.
#[derive(Default)]
pub(super) struct Columns<'a> {
    lock_timeout: String,
    fence: Option<&'a [u8]>,
    calls: Vec<i32>,
    scopes: Vec<&'a [u8]>,
    expected: Vec<Option<&'a [u8]>>,
    records: Vec<&'a [u8]>,
    past: [Vec<&'a [u8]>; 3],
    ranges: [Vec<&'a [u8]>; 3],
}

impl<'a> Columns<'a> {
    /// The calls have one fence.
    pub(super) fn new(calls: impl IntoIterator<Item = &'a Call>, lock_timeout: u128) -> Self {
        let mut columns = Self { lock_timeout: format!("{lock_timeout}ms"), ..Self::default() };
        for (number, call) in (0..).zip(calls) {
            columns.fence = call.fence.as_ref().map(|fence| &fence[..]);
            for write in &call.writes {
                columns.calls.push(number);
                columns.scopes.push(write.scope());
                columns.expected.push(write.expected().map(|expected| &expected[..]));
                columns.records.push(write.record());
                for row in write.past() {
                    push(&mut columns.past, [write.scope(), row.scope(), row.record()]);
                }
                for range in write.removed() {
                    push(&mut columns.ranges, [write.scope(), &range.start, &range.end]);
                }
            }
        }
        columns
    }

    /// The statement for these columns.
    pub(super) fn sql(&self, locked: Locked) -> &'static str {
        match (locked, self.has_past()) {
            (Locked::Skip, false) => {
                apply!("SKIP LOCKED", "scope NOT IN (SELECT scope FROM locked)", without past)
            }
            (Locked::Skip, true) => {
                apply!("SKIP LOCKED", "scope NOT IN (SELECT scope FROM locked)", with past)
            }
            (Locked::Wait, false) => apply!("", "false", without past),
            (Locked::Wait, true) => apply!("", "false", with past),
        }
    }

    fn has_past(&self) -> bool {
        !self.past[0].is_empty() || !self.ranges[0].is_empty()
    }

    /// The number of bytes that the client sends, or a few more.
    pub(super) fn len(&self) -> usize {
        let bytes = [&self.scopes, &self.records].into_iter().chain(&self.past).chain(&self.ranges);
        let bytes = bytes.flatten().map(|value| value.len() + 4).sum::<usize>();
        bytes + self.calls.len() * (8 + 36)
    }

    pub(super) fn parameters(&self) -> Vec<Parameter<'_>> {
        let ([past_of, past_keys, past_records], [of, low, high]) = (&self.past, &self.ranges);
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&self.lock_timeout, Type::TEXT),
            (&self.fence, Type::BYTEA),
            (&self.calls, Type::INT4_ARRAY),
            (&self.scopes, Type::BYTEA_ARRAY),
            (&self.expected, Type::BYTEA_ARRAY),
            (&self.records, Type::BYTEA_ARRAY),
            (past_of, Type::BYTEA_ARRAY),
            (past_keys, Type::BYTEA_ARRAY),
            (past_records, Type::BYTEA_ARRAY),
            (of, Type::BYTEA_ARRAY),
            (low, Type::BYTEA_ARRAY),
            (high, Type::BYTEA_ARRAY),
        ];
        if !self.has_past() {
            parameters.truncate(6);
        }
        parameters
    }
}

impl Columns<'_> {
    pub(super) fn has_fence(&self) -> bool {
        self.fence.is_some()
    }

    /// The statement under `read committed`, without parameters.
    pub(super) fn rendered(&self, locked: Locked) -> String {
        let array = |values: &[&[u8]]| {
            let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
            format!("ARRAY[{}]", values.join(","))
        };
        let optional = |value: &Option<&[u8]>| value.map_or_else(|| "NULL".to_owned(), literal);
        let expected: Vec<_> = self.expected.iter().map(optional).collect();
        let calls: Vec<_> = self.calls.iter().map(i32::to_string).collect();
        let ([past_of, past_keys, past_records], [of, low, high]) = (&self.past, &self.ranges);
        let literals = [
            format!("'{}'", self.lock_timeout),
            optional(&self.fence),
            format!("ARRAY[{}]", calls.join(",")),
            array(&self.scopes),
            format!("ARRAY[{}]", expected.join(",")),
            array(&self.records),
            array(past_of),
            array(past_keys),
            array(past_records),
            array(of),
            array(low),
            array(high),
        ];
        let mut statements = format!("{READ_COMMITTED}{}", self.sql(locked));
        // `$12` comes before `$1`. No literal has a `$`.
        for (number, literal) in (1..).zip(literals).collect::<Vec<_>>().into_iter().rev() {
            statements = statements.replace(&format!("${number}"), &literal);
        }
        statements
    }
}

/// Appends a row to columns.
fn push<'a>(columns: &mut [Vec<&'a [u8]>; 3], row: [&'a [u8]; 3]) {
    columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
}

/// The part of the time that is left in which a statement may wait for a lock, in milliseconds. The
/// server ends it before the deadline, so that the answer is certain.
pub(super) fn lock_timeout(deadline: Instant) -> u128 {
    let left = deadline.saturating_duration_since(Instant::now());
    (left * 9 / 10).as_millis().max(1)
}

/// Precedes statements in one transaction: as the statement above makes them itself.
fn settings(lock_timeout: u128) -> String {
    format!(
        "SELECT set_config('lock_timeout', '{lock_timeout}ms', true);
         SELECT set_config('synchronous_commit', 'on', true)
          WHERE current_setting('synchronous_commit') IN ('off', 'local');"
    )
}

/// The statements that write the keyring's row, in one transaction. The fence is the condition.
///
/// The lock waits until no write is under way, and no write begins before it is committed. Without it,
/// a write that expects no keyring would not notice one that is just being made. And a row that one
/// `FOR SHARE` after another locks could never be replaced: they overlap for ever, while a lock of the
/// table waits in line.
pub(super) fn keyring_of(write: &Write, lock_timeout: u128) -> String {
    let [scope, record] = [write.scope(), write.record()].map(literal);
    let write = match write.expected() {
        Some(expected) => format!(
            "UPDATE secrets_toml_records SET record = {record}
              WHERE scope = {scope} AND commitment = {}",
            literal(expected)
        ),
        None => format!(
            "INSERT INTO secrets_toml_records (scope, record) VALUES ({scope}, {record})
             ON CONFLICT (scope) DO NOTHING"
        ),
    };
    let lock = "LOCK TABLE secrets_toml_records IN SHARE ROW EXCLUSIVE MODE;";
    format!("{}{lock}{write}", settings(lock_timeout))
}

/// The statements of a purge, in one transaction. Each sees the table anew.
///
/// The first `DELETE` waits for a write of the record, and from then on no write of the scope applies.
/// So the second one sees the past row that the write put; a single statement would not. If there was
/// no record, one may have been created in between: then its past rows are left alone.
pub(super) fn purge_of(scope: &[u8], lock_timeout: u128) -> String {
    let past = past(scope);
    let [scope, low, high] = [scope, &past.start[..], &past.end[..]].map(literal);
    format!(
        "{}DELETE FROM secrets_toml_records WHERE scope = {scope};
         DELETE FROM secrets_toml_records WHERE scope >= {low} AND scope < {high}
            AND NOT EXISTS (SELECT FROM secrets_toml_records WHERE scope = {scope})",
        settings(lock_timeout)
    )
}

fn literal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("decode('{digits}', 'hex')")
}
