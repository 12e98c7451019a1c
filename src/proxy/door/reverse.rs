//! A reverse listener's connection: plain, or TLS under the listener's own name.

use std::time::Instant;

use super::connect;
use super::front::{Door, Entry, Opened};
use crate::model::{Client, Scheme, Way};
use crate::proxy::Shared;
use crate::proxy::link::Link;
use crate::proxy::settings::Origin;
use crate::proxy::stream::{Rewound, Stream};
use crate::proxy::tls;

/// Takes a connection to `here` that stands for `upstream`.
pub(in crate::proxy) async fn open(
    shared: &Shared,
    link: Link,
    client: Client,
    here: Origin,
    upstream: Origin,
) -> Option<(Link, Door)> {
    let client = Client { way: Way::Reverse, ..client };
    if here.scheme == Scheme::Http {
        return Some((link, Door { entry: Entry::Reverse { here, upstream }, client, opened: None }));
    }
    let opened = Opened { head: None, at: Instant::now(), resumed: false };
    let (tcp, ahead) = link.into_tcp()?;
    match tls::accept(shared, Rewound::new(ahead, tcp), &here).await {
        Ok(accepted) => {
            let link = Link::new(Stream::Server(Box::new(accepted.stream)));
            let client = Client { tls: Some(accepted.facts), ..client };
            let opened = Opened { resumed: accepted.resumed, ..opened };
            Some((link, Door { entry: Entry::Reverse { here, upstream }, client, opened: Some(opened) }))
        }
        Err(failure) => {
            connect::failed(shared, client, &opened, &upstream, failure).await;
            None
        }
    }
}
