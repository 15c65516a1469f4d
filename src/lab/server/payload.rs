use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The body of an answer: whole, with its length, or in chunks.
#[derive(Debug, Default)]
pub(super) struct Payload {
    pieces: VecDeque<Bytes>,
    length: Option<u64>,
}

impl Payload {
    pub(super) fn whole(body: Bytes) -> Self {
        let length = Some(body.len() as u64);
        Self { pieces: Some(body).filter(|body| !body.is_empty()).into_iter().collect(), length }
    }

    /// In chunks of uneven sizes, so that they end anywhere.
    pub(super) fn chunked(mut body: Bytes) -> Self {
        let mut pieces = VecDeque::new();
        while !body.is_empty() {
            let size = [1, 700, 37, 4099][pieces.len() % 4];
            pieces.push_back(body.split_to(size.min(body.len())));
        }
        Self { pieces, length: None }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
