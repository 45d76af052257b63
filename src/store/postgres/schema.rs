//! The table: what makes it, and what it must look like.

use tokio::time::Instant;
use tokio_postgres::types::Type;

use crate::store::error::StoreError;
use crate::store::postgres::failure::column;
use crate::store::postgres::pool::{Pool, Statement};
use crate::store::postgres::statement::lock_timeout;

/// Records are `EXTERNAL`, since compressing ciphertext is in vain.
pub(super) const SCHEMA: &str = r"CREATE TABLE IF NOT EXISTS secrets_toml_records (
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
";

/// Makes only the index.
const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS secrets_toml_records_key_id ON secrets_toml_records (key_id);";

/// The columns of the table, and whether it has the index.
const CATALOGUE: &str = r"
SELECT pg_is_in_recovery(), to_regclass('secrets_toml_records') IS NOT NULL,
       (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod)
                          || CASE WHEN attgenerated = 's' THEN ' generated' ELSE '' END, ', '
                          ORDER BY attname)
          FROM pg_catalog.pg_attribute
         WHERE attrelid = to_regclass('secrets_toml_records') AND attnum > 0 AND NOT attisdropped),
       EXISTS (SELECT FROM pg_catalog.pg_index AS i
                 JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid
                WHERE i.indrelid = to_regclass('secrets_toml_records') AND a.attname = $1
                  AND i.indkey[0] = a.attnum)";

/// The columns of a table that `SCHEMA` has made.
const COLUMNS: &str =
    "commitment bytea generated, key_id bytea generated, record bytea, scope bytea";

/// How long a start waits for a lock of the table. What waits for one delays all that come after it.
const LOCK_TIMEOUT: &str = "2s";

/// Makes what is absent. It takes no lock of the table if nothing is.
pub(super) async fn migrate(pool: &Pool, deadline: Instant) -> Result<(), StoreError> {
    let rows = pool.read(deadline, CATALOGUE, &[(&"key_id", Type::TEXT)]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Unavailable("no answer".into()))?;
    let (exists, columns, index) =
        (column(row, 1)?, column::<Option<&str>>(row, 2)?, column(row, 3)?);
    let absent = match (exists, index) {
        (false, _) => SCHEMA,
        (true, _) if columns != Some(COLUMNS) => {
            let columns = columns.unwrap_or_default();
            let cause = format!(
                "the table secrets_toml_records has another layout: ({columns}) instead of ({COLUMNS})"
            );
            return Err(StoreError::Foreign(cause.into()));
        }
        (true, false) => INDEX,
        (true, true) => return Ok(()),
    };
    // The first lock admits one migration at a time: concurrent `CREATE … IF NOT EXISTS` can fail. Only
    // other migrations wait for it.
    let statements = format!(
        "SELECT set_config('lock_timeout', '{}ms', true);
         SELECT pg_advisory_xact_lock(x'5345435245545301'::bigint);
         SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true);
         {absent}",
        lock_timeout(deadline)
    );
    pool.write(deadline, Statement::Several(&statements)).await?;
    Ok(())
}
