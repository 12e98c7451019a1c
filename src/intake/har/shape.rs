//! The parts of a HAR entry that are read, borrowed from its text. Every member may be absent, null or of another type.

use serde::Deserialize;

use super::loose::{FromMember, List, Loose, Plain};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    pub started_date_time: Plain<'a>,
    #[serde(borrow)]
    pub time: Plain<'a>,
    #[serde(borrow)]
    pub request: Option<Loose<Request<'a>>>,
    #[serde(borrow)]
    pub response: Loose<Response<'a>>,
    #[serde(borrow)]
    pub timings: Loose<Timings<'a>>,
    #[serde(borrow, rename = "serverIPAddress")]
    pub server_address: Plain<'a>,
    #[serde(borrow)]
    pub connection: Plain<'a>,
    /// What stopped the exchange: in why401's own words, or in a browser's.
    #[serde(borrow, rename = "_error")]
    pub error: Plain<'a>,
    #[serde(borrow, rename = "_client")]
    pub client: Plain<'a>,
    #[serde(borrow, rename = "_way")]
    pub way: Plain<'a>,
    #[serde(borrow, rename = "_connectAgent")]
    pub connect_agent: Plain<'a>,
    #[serde(borrow, rename = "_unseen")]
    pub unseen: Plain<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub method: Plain<'a>,
    #[serde(borrow)]
    pub url: Plain<'a>,
    #[serde(borrow, rename = "_rawMethod")]
    pub raw_method: Plain<'a>,
    #[serde(borrow, rename = "_rawUrl")]
    pub raw_url: Plain<'a>,
    #[serde(borrow, rename = "_rawHead")]
    pub raw_head: Plain<'a>,
    #[serde(borrow)]
    pub http_version: Plain<'a>,
    #[serde(borrow)]
    pub headers: List<Pair<'a>>,
    #[serde(borrow)]
    pub cookies: List<Cookie<'a>>,
    #[serde(borrow)]
    pub query_string: List<Pair<'a>>,
    #[serde(borrow)]
    pub post_data: Loose<PostData<'a>>,
    #[serde(borrow)]
    pub body_size: Plain<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PostData<'a> {
    #[serde(borrow)]
    pub mime_type: Plain<'a>,
    #[serde(borrow)]
    pub text: Plain<'a>,
    #[serde(borrow)]
    pub encoding: Plain<'a>,
    #[serde(borrow)]
    pub params: List<Pair<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub status: Plain<'a>,
    #[serde(borrow)]
    pub status_text: Plain<'a>,
    #[serde(borrow)]
    pub http_version: Plain<'a>,
    #[serde(borrow)]
    pub headers: List<Pair<'a>>,
    #[serde(borrow)]
    pub cookies: List<Cookie<'a>>,
    #[serde(borrow)]
    pub content: Loose<Content<'a>>,
    #[serde(borrow, rename = "redirectURL")]
    pub redirect_url: Plain<'a>,
    #[serde(borrow)]
    pub body_size: Plain<'a>,
    /// Chrome's place for what stopped the exchange.
    #[serde(borrow, rename = "_error")]
    pub error: Plain<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub size: Plain<'a>,
    #[serde(borrow)]
    pub mime_type: Plain<'a>,
    #[serde(borrow)]
    pub text: Plain<'a>,
    #[serde(borrow)]
    pub encoding: Plain<'a>,
}

/// Milliseconds; -1 where a phase did not happen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timings<'a> {
    #[serde(borrow)]
    pub blocked: Plain<'a>,
    #[serde(borrow)]
    pub dns: Plain<'a>,
    #[serde(borrow)]
    pub connect: Plain<'a>,
    #[serde(borrow)]
    pub ssl: Plain<'a>,
    #[serde(borrow)]
    pub send: Plain<'a>,
    #[serde(borrow)]
    pub wait: Plain<'a>,
    #[serde(borrow)]
    pub receive: Plain<'a>,
}

/// A header, a query parameter or a form parameter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pair<'a> {
    #[serde(borrow)]
    pub name: Plain<'a>,
    #[serde(borrow)]
    pub value: Plain<'a>,
    /// The bytes of a value that is no UTF-8, one character for each.
    #[serde(borrow, rename = "_raw")]
    pub raw: Plain<'a>,
}

impl<'a> FromMember<'a> for Pair<'a> {
    fn from_member(name: Plain<'a>, value: Plain<'a>) -> Self {
        Pair { name, value, raw: Plain::Nothing }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cookie<'a> {
    #[serde(borrow)]
    pub name: Plain<'a>,
    #[serde(borrow)]
    pub value: Plain<'a>,
    #[serde(borrow)]
    pub path: Plain<'a>,
    #[serde(borrow)]
    pub domain: Plain<'a>,
}

impl<'a> FromMember<'a> for Cookie<'a> {
    fn from_member(name: Plain<'a>, value: Plain<'a>) -> Self {
        Cookie { name, value, ..Cookie::default() }
    }
}
