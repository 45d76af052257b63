//! Stores over the PostgreSQL server that an environment variable names, directly or through PgBouncer.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secrets_toml::store::PostgresStore;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

use crate::proxy::Proxy;
use crate::waiting::Waiting;

/// The isolation levels other than the server's default.
pub(crate) const LEVELS: [&str; 2] = ["repeatable read", "serializable"];

/// The time after which a test that waits has failed. Nothing takes as long, however slow the machine is.
pub(crate) const HANGS: Duration = Duration::from_secs(120);

/// The statements of other connections to the schema that are under way.
pub(crate) const UNDER_WAY: &str = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
    AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()";

/// Those of them that wait for a lock.
pub(crate) const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE \
    cardinality(pg_blocking_pids(pid)) > 0 AND application_name = current_setting('application_name')";

/// Reads a variable that the script sets which starts the server.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "these tests need PostgreSQL and PgBouncer: start them by `eval \"$(.ci/postgres \
             start)\"`, which sets {name}, and stop them by `.ci/postgres stop`"
        )
    })
}

/// The folder of the server's sockets.
fn folder() -> PathBuf {
    variable("SECRETS_TOML_POSTGRES_FOLDER").into()
}

/// A name that the server does not have from an earlier run: process IDs come again.
fn fresh_name() -> String {
    static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{:x}_{}", *RUN, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A place of its own on that server: a schema, or a database if PgBouncer is in between, which passes
/// on no setting of a connection.
pub(crate) struct Schema {
    name: String,
    config: String,
    /// The configuration without the pooler.
    direct: String,
}

impl Schema {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// A schema whose connections begin with this isolation level.
    pub(crate) async fn under(level: &str) -> Self {
        let level = level.replace(' ', "\\\\ ");
        Self::with(&format!(" -c default_transaction_isolation={level}")).await
    }

    async fn with(options: &str) -> Self {
        let config = variable("SECRETS_TOML_POSTGRES");
        let name = fresh_name();
        let client = connect(&config).await.unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        let config =
            format!("{config} application_name={name} options='-c search_path={name}{options}'");
        Self { name, direct: config.clone(), config }
    }

    /// A database behind PgBouncer.
    pub(crate) async fn pooled() -> Self {
        let (server, pooler) =
            (variable("SECRETS_TOML_POSTGRES"), variable("SECRETS_TOML_PGBOUNCER"));
        let name = fresh_name();
        let client = connect(&server).await.unwrap();
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let of = |config: &str| format!("{config} dbname={name} application_name={name}");
        Self { direct: of(&server), config: of(&pooler), name }
    }

    /// The configuration, for another process.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.config != self.direct
    }

    /// Starts a proxy before the server, or before PgBouncer.
    pub(crate) async fn proxy(&self) -> Proxy {
        let port = if self.is_pooled() { 6432 } else { 9999 };
        Proxy::start(folder().join(format!(".s.PGSQL.{port}"))).await
    }

    /// A client of the server.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.direct).await.unwrap()
    }

    /// A client of the pooler, if there is one.
    pub(crate) async fn pooled_client(&self) -> Client {
        connect(&self.config).await.unwrap()
    }

    /// Makes a store over the schema, with its own connections.
    pub(crate) fn store(&self) -> PostgresStore {
        store(&self.config)
    }

    /// Makes a store that connects through a proxy.
    pub(crate) fn store_through(&self, proxy: &Proxy) -> PostgresStore {
        let (host, port) = ("host=127.0.0.1", proxy.port);
        let config = self.config.split(' ').filter(|part| !part.starts_with("host="));
        let config = config.filter(|part| !part.starts_with("port=")).collect::<Vec<_>>().join(" ");
        store(&format!("{host} port={port} {config}"))
    }

    /// Lets PgBouncer make new connections to the database, and waits until it has closed the old ones.
    pub(crate) async fn reconnect(&self) {
        let pooler =
            variable("SECRETS_TOML_PGBOUNCER").replace("dbname=postgres", "dbname=pgbouncer");
        let console = connect(&pooler).await.unwrap();
        for command in ["RECONNECT", "WAIT_CLOSE"] {
            console.simple_query(&format!("{command} {}", self.name)).await.unwrap();
        }
    }

    /// Terminates the backends of the schema's connections, except the one of `admin`.
    pub(crate) async fn kill(&self, admin: &Client) {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE (application_name = $1 OR datname = $1) AND pid <> pg_backend_pid()";
        admin.query(kill, &[&self.name]).await.unwrap();
    }

    /// Creates the user of the server that needs a password.
    pub(crate) async fn user_with_a_password(&self) {
        // Another run of the tests may be at the same point.
        let make = "SELECT pg_advisory_xact_lock(1); DROP ROLE IF EXISTS locked; \
                    CREATE ROLE locked LOGIN PASSWORD 'correct horse'";
        self.client().await.batch_execute(make).await.unwrap();
    }

    /// Makes a store of a user with a password.
    pub(crate) fn store_of(&self, user: &str, password: &str) -> PostgresStore {
        let config = format!("{} user={user} password={password}", self.config);
        store(&config)
    }

    /// Makes a store of a role that has only these rights on the tables.
    pub(crate) async fn store_with(&self, rights: &str) -> PostgresStore {
        let name = &self.name;
        let grant = format!(
            "CREATE ROLE {name}; GRANT USAGE ON SCHEMA {name} TO {name}; \
             GRANT {rights} ON ALL TABLES IN SCHEMA {name} TO {name}"
        );
        self.client().await.batch_execute(&grant).await.unwrap();
        let config = format!("{} options='-c search_path={name} -c role={name}'", self.config);
        store(&config)
    }
}

pub(crate) async fn connect(config: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(config, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Changes settings of the whole server. Its processes load them one after the other.
pub(crate) async fn configure(admin: &Client, settings: &[&str]) {
    for setting in settings {
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
    }
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

pub(crate) async fn number(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// Waits until a query returns this number. The client must not be in a transaction: there, the server
/// shows the activity at its first query again.
pub(crate) async fn until(client: &Client, query: &str, expected: i64) {
    let found = async {
        while number(client, query).await != expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(HANGS, found).await.expect(query);
}

/// Makes a store, of a configuration as text.
pub(crate) fn store(config: &str) -> PostgresStore {
    PostgresStore::new(config.parse().unwrap(), NoTls)
}

impl Waiting<PostgresStore> {
    /// Makes one of three stores in a schema of its own.
    pub(crate) fn new() -> Self {
        Self::within(Schema::new())
    }

    pub(crate) fn under(level: &str) -> Self {
        Self::within(Schema::under(level))
    }

    pub(crate) fn pooled() -> Self {
        Self::within(Schema::pooled())
    }

    fn within(schema: impl Future<Output = Schema>) -> Self {
        Self::over(async {
            let schema = schema.await;
            schema.store().migrate().await.unwrap();
            vec![schema.store(), schema.store(), schema.store()]
        })
    }
}
