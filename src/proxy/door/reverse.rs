//! A reverse listener's connection: plain, or TLS under the listener's own name.

use std::sync::Arc;
use std::time::Instant;

use super::connect;
use super::front::{self, Door, Entry, Opened};
use crate::model::{Client, Scheme, Way};
use crate::proxy::Shared;
use crate::proxy::link::Link;
use crate::proxy::settings::Origin;
use crate::proxy::stream::{Rewound, Stream};
use crate::proxy::tls;

/// Serves a connection to `here` that stands for `upstream`.
pub(in crate::proxy) async fn serve(shared: Arc<Shared>, link: Link, client: Client, here: Origin, upstream: Origin) {
    let client = Client { way: Way::Reverse, ..client };
    if here.scheme == Scheme::Http {
        let entry = Entry::Reverse { here, upstream };
        return front::serve(shared, link, Door { entry, client, opened: None }).await;
    }
    let opened = Opened { head: None, at: Instant::now(), resumed: false };
    let Some((tcp, ahead)) = link.into_tcp() else { return };
    match tls::accept(&shared, Rewound::new(ahead, tcp), &here).await {
        Ok(accepted) => {
            let link = Link::new(Stream::Server(Box::new(accepted.stream)));
            let client = Client { tls: Some(accepted.facts), ..client };
            let opened = Opened { resumed: accepted.resumed, ..opened };
            let entry = Entry::Reverse { here, upstream };
            front::serve(shared, link, Door { entry, client, opened: Some(opened) }).await;
        }
        Err(failure) => connect::failed(&shared, client, &opened, &upstream, failure).await,
    }
}
