//! Connections: how many there are, how long they may take, and how they end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::ServeConfig;
use super::stream::Stream;

/// How long to wait where the system has no file descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(50);

/// How long connections stay open that nothing is asked on, once the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Answers connections until `stop` is ready; then those that are open, for the time of grace.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    config: &ServeConfig,
    stop: impl Future<Output = ()>,
) {
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(config.max_connections));
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            (stream, place) = accept(&listener, &places) => answer(stream, place, &router, config, &open),
            () = &mut stop => break,
        }
    }
    // Answers say by now that their connection closes. One that is closed without such an answer may have the next
    // request on its way: clients that send one after the other are given the time to hear it.
    let last = Instant::now() + FAREWELL;
    while let Ok((stream, place)) = timeout_at(last, accept(&listener, &places)).await {
        answer_once(stream, place, &router, config, &open);
    }
    // On a busy machine the runtime may not know yet of those that connected last; a closed listener resets them.
    for (stream, place) in connected(listener, &places) {
        answer_once(stream, place, &router, config, &open);
    }
    if tokio::time::timeout(config.grace, open.shutdown()).await.is_err() {
        tracing::warn!("requests that took longer than the time of grace were cut off");
    }
}

/// The connections that wait to be accepted, as far as there are places for them, and no further ones.
fn connected(listener: TcpListener, places: &Arc<Semaphore>) -> Vec<(TcpStream, OwnedSemaphorePermit)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let next = || {
        let place = places.clone().try_acquire_owned().ok()?;
        let (stream, _) = listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, place))
    };
    std::iter::from_fn(next).collect()
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Answers the requests of a connection, in a task of its own.
fn answer(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: &Router,
    config: &ServeConfig,
    open: &GracefulShutdown,
) {
    let service = TowerToHyperService::new(router.clone());
    let connection = http(config).serve_connection(io(stream, place), service);
    let connection = open.watch(connection);
    tokio::spawn(async move { end(connection.await) });
}

/// Answers one request of a connection that came when the server stopped already.
///
/// It is not told to stop: hyper would close it at once if its request is there and was not read yet.
fn answer_once(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: &Router,
    config: &ServeConfig,
    open: &GracefulShutdown,
) {
    let (mut http, service) = (http(config), TowerToHyperService::new(router.clone()));
    // As long as it is there, the server is not done.
    let watcher = open.watcher();
    tokio::spawn(async move {
        // One on which nothing is asked holds nobody up.
        if tokio::time::timeout(FAREWELL, stream.readable()).await.is_ok() {
            end(http.keep_alive(false).serve_connection(io(stream, place), service).await);
        }
        drop(watcher);
    });
}

fn http(config: &ServeConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(config.timeout);
    http
}

fn io(stream: TcpStream, place: OwnedSemaphorePermit) -> TokioIo<Stream> {
    // An answer in two packets would wait for the client's word on the first.
    drop(stream.set_nodelay(true));
    TokioIo::new(Stream::new(stream, place))
}

fn end(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
