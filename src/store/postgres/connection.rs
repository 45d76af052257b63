//! Connections to the server: how they are made, and how one ends that is in doubt.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::error::Severity;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Error, Row, Socket, Statement};

use crate::store::postgres::cancel::cancel;

/// The pause after a connect that failed. It doubles with each further one, up to the maximum.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection in doubt stays open for the sake of its cancellation: a pooler cancels only
/// what a client waits for.
const CANCELLING: Duration = Duration::from_secs(2);

type Connecting = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;
type Cancelling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A parameter of a statement, and its type. The types are built-in ones only: for any other, the
/// client would prepare a statement of its own.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The statements that were prepared by name on one connection.
type Prepared = std::sync::Mutex<HashMap<&'static str, Statement>>;

/// An open connection. The task that drives it ends with it.
pub(super) struct Connection {
    pub(super) client: Client,
    /// How many warnings the server has sent.
    warnings: Arc<AtomicU64>,
    /// `None` if statements may have no names.
    prepared: Option<Prepared>,
    /// How many times connections had been lost when it was made: those that are lost together count as
    /// one time.
    pub(super) era: u64,
    task: JoinHandle<()>,
    runtime: Handle,
}

impl Connection {
    async fn open<T>(
        config: &Config,
        tls: T,
        prepared: Option<Prepared>,
        era: u64,
    ) -> Result<Self, Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, mut connection) = config.connect(tls).await?;
        let warnings = Arc::new(AtomicU64::new(0));
        let counted = warnings.clone();
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notice(notice) = message
                    && notice.parsed_severity() == Some(Severity::Warning)
                {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { client, warnings, prepared, era, task, runtime: Handle::current() })
    }

    /// Runs a statement, by its name if it may have one.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let Some(prepared) = &self.prepared else {
            return self.client.query_typed(sql, parameters).await;
        };
        let lock = || prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(sql).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let types: Vec<_> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
                let statement = self.client.prepare_typed(sql, &types).await?;
                lock().insert(sql, statement.clone());
                statement
            }
        };
        let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
        self.client.query(&statement, &values).await
    }

    /// The number of warnings so far. A warning arrives before the answer to the statement that it
    /// belongs to.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Relaxed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping the client alone would wait for the answer to the statement under way.
        self.task.abort();
    }
}

/// Makes connections, one at a time.
pub(super) struct Connector {
    connect: Box<dyn Fn(u64) -> Connecting + Send + Sync>,
    cancel: Box<dyn Fn(CancelToken) -> Cancelling + Send + Sync>,
    /// The last connect, if it failed. Held by the call that connects.
    gate: Mutex<Option<Failed>>,
    /// The era of the next connection.
    era: AtomicU64,
}

struct Failed {
    error: Arc<Error>,
    at: Instant,
    pause: Duration,
}

impl Connector {
    pub(super) fn new<T>(config: Config, tls: T, named: Arc<AtomicBool>) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (config, cancelling) = (Arc::new(config), tls.clone());
        Self {
            cancel: Box::new({
                let config = config.clone();
                move |token| {
                    let (config, tls) = (config.clone(), cancelling.clone());
                    Box::pin(async move { drop(cancel(&config, token, tls).await) })
                }
            }),
            connect: Box::new(move |era| {
                let (config, tls) = (config.clone(), tls.clone());
                let prepared = named.load(Ordering::Relaxed).then(Prepared::default);
                Box::pin(async move { Connection::open(&config, tls, prepared, era).await })
            }),
            gate: Mutex::new(None),
            era: AtomicU64::new(0),
        }
    }

    /// Ends an era: a connection of it was lost.
    pub(super) fn end(&self, era: u64) {
        self.era.fetch_max(era + 1, Ordering::SeqCst);
    }

    /// Cancels the statement that the connection may have under way, and then closes it.
    pub(super) fn abandon(&self, connection: Connection) {
        let cancel = (self.cancel)(connection.client.cancel_token());
        let runtime = connection.runtime.clone();
        runtime.spawn(async move {
            drop(timeout(CANCELLING, cancel).await);
            drop(connection);
        });
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = Arc<Error>;

    /// Connects. Whoever waits for the gate while an attempt fails is told of it, and does not try.
    async fn create(&self) -> Result<Connection, Arc<Error>> {
        let asked = Instant::now();
        let mut last = self.gate.lock().await;
        let mut pause = FIRST_PAUSE;
        if let Some(failed) = &*last {
            if failed.at >= asked {
                return Err(failed.error.clone());
            }
            sleep_until(failed.at + failed.pause).await;
            pause = MAX_PAUSE.min(2 * failed.pause);
        }
        match (self.connect)(self.era.load(Ordering::SeqCst)).await {
            Ok(connection) => {
                *last = None;
                Ok(connection)
            }
            Err(error) => {
                let error = Arc::new(error);
                *last = Some(Failed { error: error.clone(), at: Instant::now(), pause });
                Err(error)
            }
        }
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Arc<Error>> {
        match connection.client.is_closed() {
            true => Err(RecycleError::message("closed")),
            false => Ok(()),
        }
    }
}
