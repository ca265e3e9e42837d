//! The bytes of a connection, and its end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

/// How long what a client still sends is taken after the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// A connection that ends in stages, as RFC 9112, 9.6 has it: nothing more is sent, then what still comes is thrown away.
/// One that is closed while something comes is reset, and answers that are on their way may be lost.
#[derive(Debug)]
pub(super) struct Stream {
    /// The connection, and its place among those that there may be.
    open: Option<(TcpStream, OwnedSemaphorePermit)>,
    /// Whether the client sends no more.
    is_over: bool,
}

impl Stream {
    pub(super) fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        Self { open: Some((stream, place)), is_over: false }
    }

    fn inner(&mut self) -> Pin<&mut TcpStream> {
        let (stream, _) = self.open.as_mut().expect("it is taken when it is dropped");
        Pin::new(stream)
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

async fn linger(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let drained = async {
        stream.shutdown().await?;
        let mut rest = vec![0; 1 << 14];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // The client may be gone already, or never go.
    drop(tokio::time::timeout(LINGER, drained).await);
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.inner().poll_read(context, buffer));
        self.is_over |= read.is_err() || (buffer.filled().len() == before && buffer.remaining() > 0);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        parts: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(context, parts)
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
