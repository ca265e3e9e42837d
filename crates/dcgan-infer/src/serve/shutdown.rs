//! When to stop.

use std::future::Future;

/// Ready when the process is told to stop: by Ctrl-C, or by SIGTERM where there is that. From the call on, they do
/// nothing else.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn stop_signal() -> impl Future<Output = ()> {
    told()
}

#[cfg(unix)]
fn told() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn received(signal: Option<Signal>) {
        match signal {
            Some(mut signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
    // Before anything is awaited: one that came earlier would end the process there.
    let [interrupt, terminate] =
        [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok());
    async {
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }
}

#[cfg(not(unix))]
async fn told() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
