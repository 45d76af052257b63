//! Connections to the PostgreSQL server that an environment variable names.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{AsyncStore, PostgresStore, Store, StoreError};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, NoTls};

const VARIABLE: &str = "SECRETS_TOML_POSTGRES";

/// A new schema on that server.
pub(crate) struct Schema {
    name: String,
    config: String,
    /// The tasks that drive the stores' connections.
    driven: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Schema {
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let config = std::env::var(VARIABLE).unwrap_or_else(|_| {
            panic!(
                "these tests need a PostgreSQL server: start one by `eval \"$(.ci/postgres \
                 start)\"`, which sets {VARIABLE}, and stop it by `.ci/postgres stop`"
            )
        });
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        let client = connect(&config).await.unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        let config = format!("{config} application_name={name} options='-c search_path={name}'");
        Self { name, config, driven: Arc::default() }
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.config).await.unwrap()
    }

    /// Makes a store over the schema, with its own connection.
    pub(crate) fn store(&self) -> PostgresStore {
        let (config, driven) = (self.config.clone(), self.driven.clone());
        PostgresStore::new(move || {
            let (config, driven) = (config.clone(), driven.clone());
            async move {
                let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
                let task = tokio::spawn(connection);
                driven.lock().unwrap().push(task.abort_handle());
                Ok(client)
            }
        })
    }

    /// Terminates the backends of the schema's connections, except the one of `admin`.
    pub(crate) async fn kill(&self, admin: &Client) {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE application_name = $1 AND pid <> pg_backend_pid()";
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
        PostgresStore::new(move || {
            let config = config.clone();
            async move { Ok(connect(&config).await?) }
        })
    }

    /// Cuts the connections of the stores.
    pub(crate) fn cut(&self) {
        self.driven.lock().unwrap().drain(..).for_each(|task| task.abort());
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
        PostgresStore::new(move || {
            let config = config.clone();
            async move { Ok(connect(&config).await?) }
        })
    }
}

pub(crate) async fn connect(config: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(config, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A blocking store over the asynchronous one. Its calls use three connections in rotation.
pub(crate) struct Waiting {
    runtime: Runtime,
    stores: [PostgresStore; 3],
    turn: AtomicU32,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let stores = runtime.block_on(async {
            let schema = Schema::new().await;
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
