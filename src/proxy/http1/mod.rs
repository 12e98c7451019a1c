//! HTTP/1 as bytes: heads, framing, bodies, and the conversation of the two ends over them. Read and written here and not
//! by a library: why is said in `proxy`.

pub(super) mod converse;
pub(super) mod dating;
pub(super) mod download;
pub(super) mod facade;
pub(super) mod framing;
pub(super) mod head;
pub(super) mod lenient;
pub(super) mod manner;
pub(super) mod rewrite;
#[doc(hidden)]
pub mod strict;
pub(super) mod trailers;
pub(super) mod transfer;
