//! Stores over the PostgreSQL server that an environment variable names, directly or through PgBouncer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{AsyncStore, PostgresStore, Store, StoreError};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::proxy::Proxy;

/// The isolation levels other than the server's default.
pub(crate) const LEVELS: [&str; 2] = ["repeatable read", "serializable"];

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

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
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

    /// Terminates the backends of the schema's connections, except the one of `admin`.
    pub(crate) async fn kill(&self, admin: &Client) {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE (application_name = $1 OR datname = $1) AND pid <> pg_backend_pid()";
        admin.query(kill, &[&self.name]).await.unwrap();
    }

    /// Creates the user of the server that needs a password.
    pub(crate) async fn user_with_a_password(&self) {
        let make = "DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'correct horse'";
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

/// Makes a store, of a configuration as text.
pub(crate) fn store(config: &str) -> PostgresStore {
    PostgresStore::new(config.parse().unwrap(), NoTls)
}

/// A blocking store over the asynchronous one. Its calls use three stores in rotation.
pub(crate) struct Waiting {
    runtime: Runtime,
    stores: [PostgresStore; 3],
    turn: AtomicU32,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self::over(Schema::new())
    }

    pub(crate) fn under(level: &str) -> Self {
        Self::over(Schema::under(level))
    }

    pub(crate) fn pooled() -> Self {
        Self::over(Schema::pooled())
    }

    fn over(schema: impl Future<Output = Schema>) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let stores = runtime.block_on(async {
            let schema = schema.await;
            schema.store().migrate().await.unwrap();
            [(); 3].map(|()| schema.store())
        });
        Self { runtime, stores, turn: AtomicU32::new(0) }
    }

    fn store(&self) -> &PostgresStore {
        &self.stores[self.turn.fetch_add(1, Ordering::Relaxed) as usize % 3]
    }
}

impl Store for Waiting {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.runtime.block_on(self.store().get(scope))
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.runtime.block_on(self.store().apply(fence, writes))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.runtime.block_on(self.store().scan(prefix, after, limit, fetch))
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.runtime.block_on(self.store().purge(scope))
    }
}
