//! The parts of a HAR entry that are read, borrowed from its text. Every member may be absent, null or of another type.

use serde::Deserialize;

use super::loose::{FromMember, List, Loose, Plain};

/// An object of a HAR: each field, its kind, and the member that it is read from.
macro_rules! object {
    ($(#[$about:meta])* $name:ident { $($(#[$says:meta])* $field:ident: $kind:ty = $member:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name<'a> {
            $($(#[$says])* #[serde(borrow, rename = $member)] pub $field: $kind,)*
        }
    };
}

object! {
    Entry {
        started_date_time: Plain<'a> = "startedDateTime",
        time: Plain<'a> = "time",
        request: Option<Loose<Request<'a>>> = "request",
        response: Loose<Response<'a>> = "response",
        timings: Loose<Timings<'a>> = "timings",
        server_address: Plain<'a> = "serverIPAddress",
        connection: Plain<'a> = "connection",
        /// What stopped the exchange: in why401's own words, or in a browser's.
        error: Plain<'a> = "_error",
        client: Plain<'a> = "_client",
        way: Plain<'a> = "_way",
        connect_agent: Plain<'a> = "_connectAgent",
        unseen: Plain<'a> = "_unseen",
        unverified: Plain<'a> = "_unverified",
    }
}

object! {
    Request {
        method: Plain<'a> = "method",
        url: Plain<'a> = "url",
        raw_method: Plain<'a> = "_rawMethod",
        raw_url: Plain<'a> = "_rawUrl",
        raw_head: Plain<'a> = "_rawHead",
        http_version: Plain<'a> = "httpVersion",
        headers: List<Pair<'a>> = "headers",
        cookies: List<Cookie<'a>> = "cookies",
        query_string: List<Pair<'a>> = "queryString",
        post_data: Loose<PostData<'a>> = "postData",
        headers_size: Plain<'a> = "headersSize",
        body_size: Plain<'a> = "bodySize",
        comment: Plain<'a> = "comment",
    }
}

object! {
    PostData {
        mime_type: Plain<'a> = "mimeType",
        text: Plain<'a> = "text",
        encoding: Plain<'a> = "encoding",
        params: List<Pair<'a>> = "params",
    }
}

object! {
    Response {
        status: Plain<'a> = "status",
        status_text: Plain<'a> = "statusText",
        http_version: Plain<'a> = "httpVersion",
        headers: List<Pair<'a>> = "headers",
        cookies: List<Cookie<'a>> = "cookies",
        content: Loose<Content<'a>> = "content",
        redirect_url: Plain<'a> = "redirectURL",
        body_size: Plain<'a> = "bodySize",
        /// Chrome's place for what stopped the exchange.
        error: Plain<'a> = "_error",
    }
}

object! {
    Content {
        size: Plain<'a> = "size",
        mime_type: Plain<'a> = "mimeType",
        text: Plain<'a> = "text",
        encoding: Plain<'a> = "encoding",
        comment: Plain<'a> = "comment",
    }
}

object! {
    /// Milliseconds; -1 where a phase did not happen.
    Timings {
        blocked: Plain<'a> = "blocked",
        dns: Plain<'a> = "dns",
        connect: Plain<'a> = "connect",
        ssl: Plain<'a> = "ssl",
        send: Plain<'a> = "send",
        wait: Plain<'a> = "wait",
        receive: Plain<'a> = "receive",
    }
}

object! {
    /// A header, a query parameter or a form parameter.
    Pair {
        name: Plain<'a> = "name",
        value: Plain<'a> = "value",
        /// The bytes of a value that is no UTF-8, one character for each.
        raw: Plain<'a> = "_raw",
    }
}

impl<'a> FromMember<'a> for Pair<'a> {
    fn from_member(name: Plain<'a>, value: Plain<'a>) -> Self {
        Pair { name, value, raw: Plain::Nothing }
    }
}

object! {
    Cookie {
        name: Plain<'a> = "name",
        value: Plain<'a> = "value",
        path: Plain<'a> = "path",
        domain: Plain<'a> = "domain",
    }
}

impl<'a> FromMember<'a> for Cookie<'a> {
    fn from_member(name: Plain<'a>, value: Plain<'a>) -> Self {
        Cookie { name, value, ..Cookie::default() }
    }
}
