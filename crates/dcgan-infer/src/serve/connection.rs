//! Connections: how many there are, how long they may take, and how they end.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::SharedApp;
use super::places::{Place, Places};
use super::route::Routes;
use super::stream::Stream;

/// How long to wait where the system has no file descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(50);

/// How long connections stay open that nothing is asked on, once the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a server that stops waits for clients of which none sends or takes anything.
const STALL: Duration = Duration::from_secs(2);

/// Bytes of a request's head, and of what a client sends ahead, that are held for a connection.
const READ_AHEAD: usize = 128 << 10;

/// Answers connections until `stop` is ready; then those that are open, for the time of grace.
pub(super) async fn serve(listener: TcpListener, app: &SharedApp, stop: impl Future<Output = ()>) {
    let (open, routes, places) = (GracefulShutdown::new(), Routes::new(app), Places::new(&app.config));
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            (stream, place) = accept(&listener, &places) => {
                // A reserved place is for one request: the next client may be a health check.
                let answer = if place.is_reserved { answer_once } else { answer };
                answer(stream, place, app, &routes, &open);
            }
            () = &mut stop => break,
        }
    }
    // Answers say by now that their connection closes. One that is closed without such an answer may have the next
    // request on its way: clients that send one after the other are given the time to hear it.
    let last = Instant::now() + FAREWELL;
    while let Ok((stream, place)) = timeout_at(last, accept(&listener, &places)).await {
        answer_once(stream, place, app, &routes, &open);
    }
    // On a busy machine the runtime may not know yet of those that connected last; a closed listener resets them.
    for (stream, place) in connected(listener, &places) {
        answer_once(stream, place, app, &routes, &open);
    }
    tokio::select! {
        () = open.shutdown() => {}
        () = app.activity.rest(STALL) => tracing::warn!("clients that neither sent nor read anything were cut off"),
        () = tokio::time::sleep(app.config.grace) => {
            tracing::warn!("requests that took longer than the time of grace were cut off");
        }
    }
}

/// The connections that wait to be accepted, as far as there are places for them, and no further ones.
fn connected(listener: TcpListener, places: &Places) -> Vec<(TcpStream, Place)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let next = || {
        let place = places.try_take()?;
        let (stream, _) = listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, place))
    };
    std::iter::from_fn(next).collect()
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, places.take().await),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Answers the requests of a connection, in a task of its own.
fn answer(stream: TcpStream, place: Place, app: &SharedApp, routes: &Routes, open: &GracefulShutdown) {
    let service = TowerToHyperService::new(routes.of(&place));
    let connection = http(&place).serve_connection(io(stream, place, app), service);
    let connection = open.watch(connection);
    tokio::spawn(async move { end(connection.await) });
}

/// Answers one request of a connection.
///
/// Once the server stops, it is not told to: hyper would close it at once if its request is there and was not read yet.
fn answer_once(stream: TcpStream, place: Place, app: &SharedApp, routes: &Routes, open: &GracefulShutdown) {
    let (mut http, service) = (http(&place), TowerToHyperService::new(routes.of(&place)));
    // As long as it is there, the server is not done.
    let (watcher, app) = (open.watcher(), app.clone());
    tokio::spawn(async move {
        // One on which nothing is asked holds nobody up.
        if tokio::time::timeout(FAREWELL, stream.readable()).await.is_ok() {
            end(http.keep_alive(false).serve_connection(io(stream, place, &app), service).await);
        }
        drop(watcher);
    });
}

fn http(place: &Place) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(place.timeout).max_buf_size(READ_AHEAD);
    http
}

fn io(stream: TcpStream, place: Place, app: &SharedApp) -> TokioIo<Stream> {
    // An answer in two packets would wait for the client's word on the first.
    drop(stream.set_nodelay(true));
    TokioIo::new(Stream::new(stream, place, app.activity.clone()))
}

fn end(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
