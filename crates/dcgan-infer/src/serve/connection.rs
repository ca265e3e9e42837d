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
        answer(stream, place, &router, config, &open);
    }
    drop(listener);
    if tokio::time::timeout(config.grace, open.shutdown()).await.is_err() {
        tracing::warn!("requests that took longer than the time of grace were cut off");
    }
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
    // An answer in two packets would wait for the client's word on the first.
    drop(stream.set_nodelay(true));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.timeout)
        .serve_connection(TokioIo::new(Stream::new(stream, place)), TowerToHyperService::new(router.clone()));
    let connection = open.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
