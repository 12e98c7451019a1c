//! The head of an HTTP/2 upstream's answer, awaited.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use h2::RecvStream;
use h2::client::ResponseFuture;
use http::Response;
use tokio::time::timeout;

use crate::model::Phase;
use crate::proxy::http1::transfer::Progress;
use crate::proxy::observe::Draft;
use crate::proxy::settings::Limits;

/// What can happen while an answer is awaited.
pub(super) enum Event {
    Answer(Result<Response<RecvStream>, h2::Error>),
    Informational(Response<()>),
    /// The client has gone.
    Gone,
    /// No first byte in time.
    Late,
}

/// The next of it. The time for an answer counts from the last movement of the request.
pub(super) async fn event(
    response: &mut ResponseFuture,
    progress: &Progress,
    limits: &Limits,
    draft: &mut Draft,
    mut gone: impl FnMut(&mut Context<'_>) -> bool,
) -> Event {
    let mut next = pin!(poll_fn(|cx| {
        if gone(cx) {
            return Poll::Ready(Event::Gone);
        }
        if let Poll::Ready(Some(Ok(head))) = response.poll_informational(cx) {
            return Poll::Ready(Event::Informational(head));
        }
        Pin::new(&mut *response).poll(cx).map(Event::Answer)
    }));
    loop {
        let wait = limits.first_byte.saturating_sub(progress.last().elapsed());
        tokio::select! {
            biased;
            event = timeout(wait, &mut next) => match event {
                Ok(event) => return event,
                Err(_) if progress.last().elapsed() < limits.first_byte => {}
                Err(_) => return Event::Late,
            },
            () = progress.ended.notified() => draft.phase(Phase::AwaitAnswer),
        }
    }
}
