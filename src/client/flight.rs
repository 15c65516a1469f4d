use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use super::caller::{Caller, LeftOver, Shared};

/// A request that is under way and that opens something on the host, which somebody must close: it owns the
/// connection until it lands.
///
/// Whoever waits for it may stop waiting and come back later. If it is dropped before it has landed, the
/// runtime goes on with it to its end, ends what it has opened, and then closes its connection.
pub(super) struct Flight<T: Send + 'static> {
    future: Option<Flying<T>>,
    left_over: fn(T) -> Option<LeftOver>,
    abandoned: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

type Flying<T> = Pin<Box<dyn Future<Output = (Box<Caller>, T)> + Send>>;

impl<T: Send + 'static> Flight<T> {
    /// Begins with something that returns the caller and what it got; of that, what is to be ended should
    /// nobody want it.
    pub(super) fn new<Fut>(
        caller: Box<Caller>,
        begin: impl FnOnce(Box<Caller>) -> Fut,
        left_over: fn(T) -> Option<LeftOver>,
    ) -> Self
    where
        Fut: Future<Output = (Box<Caller>, T)> + Send + 'static,
    {
        let (abandoned, shared) = (caller.abandoned.clone(), caller.shared.clone());
        Self { future: Some(Box::pin(begin(caller))), left_over, abandoned, shared }
    }
}

impl<T: Send + 'static> Flight<T> {
    /// Gives it up where it is, and its connection with it: for what waits on the host and opens nothing there.
    pub(super) fn give_up(mut self) {
        self.future = None;
    }
}

impl<T: Send + 'static> Future for Flight<T> {
    type Output = (Box<Caller>, T);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.future.as_mut().expect("polled after it has landed");
        let landed = ready!(future.as_mut().poll(cx));
        self.future = None;
        Poll::Ready(landed)
    }
}

impl<T: Send + 'static> Drop for Flight<T> {
    fn drop(&mut self) {
        let Some(future) = self.future.take() else { return };
        self.abandoned.store(true, Ordering::Relaxed);
        let left_over = self.left_over;
        self.shared.finish_in_background(async move {
            let (mut caller, got) = future.await;
            if let Some(left_over) = left_over(got) {
                caller.leave(left_over);
            }
            caller.finish_alone().await;
        });
    }
}
