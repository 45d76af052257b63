//! Cancellation: asks the server to stop a statement, on a connection of its own.
//!
//! The other side closes that connection when it has dealt with the request. The client,
//! `CancelToken::cancel_query`, does not wait for that. A pooler then loses the request, and PgBouncer before
//! 1.19.1 even ends (its issue 801). So this file sends the request and waits, as PostgreSQL's own client does.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, duplex, sink};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Config, NoTls, Socket};

const DEFAULT_PORT: u16 = 5432;

/// Asks the server to cancel a statement. Nobody says if it has cancelled anything.
///
/// If the configuration requires TLS, or has several hosts, only the client can connect, and nothing waits.
pub(super) async fn cancel<T: MakeTlsConnect<Socket>>(
    config: &Config,
    token: CancelToken,
    tls: T,
) -> io::Result<()> {
    let ([host], true) = (config.get_hosts(), config.get_ssl_mode() != SslMode::Require) else {
        return token.cancel_query(tls).await.map_err(io::Error::other);
    };
    let request = request_of(&token).await?;
    let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    match (host, config.get_hostaddrs().first()) {
        (_, Some(address)) => pass_on(TcpStream::connect((*address, port)).await?, &request).await,
        (Host::Tcp(name), None) => {
            pass_on(TcpStream::connect((&name[..], port)).await?, &request).await
        }
        #[cfg(unix)]
        (Host::Unix(folder), None) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            pass_on(UnixStream::connect(socket).await?, &request).await
        }
    }
}

/// The bytes that the client would send.
async fn request_of(token: &CancelToken) -> io::Result<Vec<u8>> {
    let (client, mut server) = duplex(64);
    token.cancel_query_raw(client, NoTls).await.map_err(io::Error::other)?;
    let mut request = Vec::new();
    server.read_to_end(&mut request).await?;
    Ok(request)
}

/// Sends a request, and waits until the other side closes the connection.
async fn pass_on(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> io::Result<()> {
    connection.write_all(request).await?;
    copy(&mut connection, &mut sink()).await.map(drop)
}
