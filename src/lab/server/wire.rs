use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that ends, or falls silent, where it is told to.
pub(super) struct Wire<S> {
    stream: S,
    control: Arc<Control>,
}

/// What the other end of the connection's task tells its wire.
#[derive(Default)]
pub(super) struct Control(Mutex<State>);

#[derive(Default)]
struct State {
    /// The bytes that may still be read; then the connection ends.
    left_to_read: Option<usize>,
    /// The bytes that may still be written, and what comes then.
    left_to_write: Option<(usize, End)>,
    /// Asked at the first byte of the next request: after how many bytes of it the connection ends.
    at_request: Option<AtRequest>,
    awaits_request: bool,
    is_cut: bool,
}

/// Says whether a request is cut, and after how many bytes.
type AtRequest = Box<dyn FnMut() -> Option<usize> + Send>;

/// What comes when no more may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The connection ends.
    Cut,
    /// Nothing comes any more.
    Silence,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, control: Arc<Control>) -> Self {
        Self { stream, control }
    }
}

impl Control {
    /// Ends the answer that is about to be written after so many bytes.
    pub(super) fn end_answer(&self, after: usize, end: End) {
        self.state().left_to_write = Some((after, end));
    }

    /// Has each request's first byte ask whether it is cut.
    pub(super) fn at_each_request(&self, ask: impl FnMut() -> Option<usize> + Send + 'static) {
        let mut state = self.state();
        state.at_request = Some(Box::new(ask));
        state.awaits_request = true;
    }

    /// Says that the next byte begins another request.
    pub(super) fn await_request(&self) {
        let mut state = self.state();
        state.awaits_request = state.at_request.is_some();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns how many of the bytes that have come are let through.
    fn count_read(&mut self, came: usize) -> usize {
        if came > 0 && std::mem::take(&mut self.awaits_request) {
            self.left_to_read = self.at_request.as_mut().and_then(|ask| ask());
        }
        let Some(left) = &mut self.left_to_read else { return came };
        let passed = came.min(*left);
        *left -= passed;
        self.is_cut |= *left == 0;
        passed
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.control.state().is_cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = buffer.filled().len() - before;
        let passed = self.control.state().count_read(came);
        buffer.set_filled(before + passed);
        match passed < came {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = {
            let state = self.control.state();
            match state.left_to_write {
                _ if state.is_cut => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                Some((0, End::Cut)) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                // Nobody is woken for this: hyper notices when the other side goes, and ends.
                Some((0, End::Silence)) => return Poll::Pending,
                Some((left, _)) => bytes.len().min(left),
                None => bytes.len(),
            }
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]))?;
        if let Some((left, _)) = &mut self.control.state().left_to_write {
            *left -= written;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An end that was cut off says no goodbye: over TLS a `close_notify` would tell it apart.
        let ended = matches!(self.control.state().left_to_write, Some((0, _)));
        if ended { Poll::Ready(Ok(())) } else { Pin::new(&mut self.stream).poll_shutdown(cx) }
    }
}
