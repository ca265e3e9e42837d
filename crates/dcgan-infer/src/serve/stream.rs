//! The bytes of a connection, and its end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::activity::Activity;
use super::bare_error;
use super::places::Place;

/// A connection that ends in stages, as RFC 9112, 9.6 has it: nothing more is sent, then what still comes is thrown away.
/// One that is closed while something comes is reset, and answers that are on their way may be lost.
///
/// A client that takes no byte of its answer for the time limit is reset.
#[derive(Debug)]
pub(super) struct Stream {
    /// The connection, and its place among those that there may be.
    open: Option<(TcpStream, Place)>,
    /// Whether the client sends no more.
    is_over: bool,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    /// An error that is written in place of hyper's, and how much of it is written.
    error: Option<(Vec<u8>, usize)>,
    activity: Arc<Activity>,
}

impl Stream {
    pub(super) fn new(stream: TcpStream, place: Place, activity: Arc<Activity>) -> Self {
        Self { open: Some((stream, place)), is_over: false, stall: None, error: None, activity }
    }

    fn open(&mut self) -> &mut (TcpStream, Place) {
        self.open.as_mut().expect("it is taken when it is dropped")
    }

    fn inner(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.open().0)
    }

    /// Writes, unless the client has taken nothing for the time limit.
    fn write_with(
        &mut self,
        context: &mut Context,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(self.inner(), context);
        if written.is_ready() {
            self.stall = None;
            self.activity.touch();
            return written;
        }
        let limit = self.open().1.timeout;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stall.as_mut().poll(context));
        // The system drops what it holds for the client, too.
        drop(self.inner().set_zero_linger());
        self.is_over = true;
        tracing::debug!("a client took nothing of its answer for the time limit");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Writes the error to its end, in place of the `length` bytes that hyper has for it.
    fn write_error(&mut self, context: &mut Context, length: usize) -> Poll<io::Result<usize>> {
        while let Some((bytes, done)) = self.error.take() {
            match self.write_with(context, |stream, context| stream.poll_write(context, &bytes[done..])) {
                Poll::Ready(Ok(more)) if done + more < bytes.len() => self.error = Some((bytes, done + more)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.error = Some((bytes, done));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(length))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let (Some((stream, place)), Ok(runtime), false) =
            (self.open.take(), Handle::try_current(), self.is_over)
        {
            runtime.spawn(linger(stream, place));
        }
    }
}

async fn linger(mut stream: TcpStream, place: Place) {
    let drained = async {
        stream.shutdown().await?;
        let mut rest = vec![0; 1 << 14];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // The client may be gone already, or never go.
    drop(tokio::time::timeout(place.linger(), drained).await);
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.inner().poll_read(context, buffer));
        self.activity.touch();
        self.is_over |= read.is_err() || (buffer.filled().len() == before && buffer.remaining() > 0);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        parts: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        // hyper offers the same bytes again until they are written.
        if let [part] = parts
            && self.error.is_none()
            && let Some(error) = bare_error::with_body(part)
        {
            self.error = Some((error, 0));
        }
        match (&self.error, parts) {
            (Some(_), [part]) => self.write_error(context, part.len()),
            _ => self.write_with(context, |stream, context| stream.poll_write_vectored(context, parts)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.open.as_ref().is_some_and(|(stream, _)| stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }
}
