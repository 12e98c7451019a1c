//! One exchange as an entry: every member that HAR 1.2 demands, also where there was no answer.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::switched;
use super::cookies::{self, Cookie};
use super::timings::Timings;
use super::{Beside, uri};
use crate::intake::har::custom;
use crate::intake::{stopped, way};
use crate::model::{Body, Exchange, Fields, Outcome, Phase, Unverified, Way, lossy};
use crate::wire::{content, date, form};

// Members that begin with `_` are named in `intake::har::custom`; a test holds the two together.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a, Q, A> {
    started_date_time: String,
    time: f64,
    request: Q,
    response: A,
    cache: Cache,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(rename = "_client", skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(rename = "_way", skip_serializing_if = "Option::is_none")]
    way: Option<&'static str>,
    #[serde(rename = "_connectAgent", skip_serializing_if = "Option::is_none")]
    connect_agent: Option<&'a str>,
    #[serde(rename = "_called", skip_serializing_if = "Option::is_none")]
    called: Option<&'a str>,
    #[serde(rename = "_switched", skip_serializing_if = "Option::is_none")]
    switched: Option<switched::View>,
    #[serde(rename = "_unseen", skip_serializing_if = "Option::is_none")]
    unseen: Option<&'static str>,
    #[serde(rename = "_unverified", skip_serializing_if = "Option::is_none")]
    unverified: Option<&'static str>,
    #[serde(rename = "_error", skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
    #[serde(rename = "_findings", skip_serializing_if = "Option::is_none")]
    findings: Option<&'a RawValue>,
}

/// Methods that every validator of HAR knows; CONNECT is none of them. Another one stands in `_rawMethod`.
const METHODS: [&str; 7] = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"];

#[derive(Serialize)]
struct Cache {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    method: &'a str,
    #[serde(rename = "_rawMethod", skip_serializing_if = "Option::is_none")]
    raw_method: Option<&'a str>,
    url: String,
    #[serde(rename = "_rawUrl", skip_serializing_if = "Option::is_none")]
    raw_url: Option<String>,
    http_version: &'a str,
    cookies: Vec<Cookie>,
    headers: Vec<Header<'a>>,
    query_string: Vec<Parameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<PostData<'a>>,
    headers_size: i64,
    body_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
    #[serde(rename = "_rawHead", skip_serializing_if = "Option::is_none")]
    raw_head: Option<String>,
}

#[derive(Serialize)]
struct Header<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    #[serde(rename = "_raw", skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

#[derive(Serialize)]
struct Parameter {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostData<'a> {
    mime_type: String,
    text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    status: u16,
    status_text: &'a str,
    http_version: &'a str,
    cookies: Vec<Cookie>,
    headers: Vec<Header<'a>>,
    content: Content<'a>,
    #[serde(rename = "redirectURL")]
    redirect_url: String,
    headers_size: i64,
    body_size: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    /// Length without content coding.
    size: u64,
    /// What the coding saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<i64>,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

impl<'a> Entry<'a, Request<'a>, Response<'a>> {
    pub fn new(exchange: &'a Exchange, beside: Beside<'a>) -> Self {
        let request = Request::new(&exchange.request, matches!(exchange.outcome, Outcome::Refused(_)));
        let agent = exchange.client.connect_agent.as_deref();
        let error = error(&exchange.outcome).map(Cow::Owned);
        Entry {
            findings: beside.findings,
            ..Entry::around(exchange, request, Response::new(&exchange.outcome), agent, error)
        }
    }
}

impl<'a, Q, A> Entry<'a, Q, A> {
    /// What stands around request and answer.
    pub fn around(
        exchange: &'a Exchange,
        request: Q,
        response: A,
        connect_agent: Option<&'a str>,
        error: Option<Cow<'a, str>>,
    ) -> Self {
        let timings = Timings::new(&exchange.timing);
        let client = &exchange.client;
        Entry {
            started_date_time: date::iso(exchange.at),
            time: timings.sum(),
            request,
            response,
            cache: Cache {},
            timings,
            server_address: exchange.upstream.address.map(|address| address.ip().to_string()),
            connection: (client.connection > 0).then(|| client.connection.to_string()),
            client: client.address.map(|address| address.to_string()),
            way: (client.way != Way::Recorded).then(|| way::name(client.way)),
            connect_agent,
            called: client.called.as_deref(),
            switched: switched::view(exchange),
            unseen: exchange.request.unseen.then_some("request"),
            unverified: exchange.upstream.unverified.map(Unverified::as_str),
            error,
            findings: None,
        }
    }
}

/// What stopped the exchange, or cut its answer short.
pub(super) fn error(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Answered(response) => response.cut.as_ref().map(stopped::failed),
        other => stopped::words(other),
    }
}

impl<'a> Request<'a> {
    /// `refused`: where the fault is says nothing without the head.
    pub fn new(request: &'a crate::model::Request, refused: bool) -> Request<'a> {
        let (url, raw_url) = uri::of(request);
        let known = METHODS.contains(&request.method.as_str());
        let query = form::parse(request.query().unwrap_or_default().as_bytes());
        let pairs = query.pairs.into_iter().map(|pair| Parameter { name: pair.name, value: pair.value });
        Request {
            method: if known { &request.method } else { "OPTIONS" },
            raw_method: (!known).then_some(&request.method),
            url,
            raw_url,
            http_version: &request.version,
            cookies: cookies::sent(&request.fields),
            headers: headers(&request.fields),
            query_string: pairs.collect(),
            post_data: post_data(&request.fields, &request.body),
            headers_size: -1,
            body_size: request.body.length,
            comment: comment(&request.body),
            raw_head: if refused { request.head.as_ref() } else { request.odd_head() }.map(|head| latin1(head)),
        }
    }
}

impl<'a> Response<'a> {
    pub fn new(outcome: &'a Outcome) -> Response<'a> {
        match outcome {
            Outcome::Answered(response) => Response {
                status: response.status,
                status_text: &response.reason,
                http_version: &response.version,
                cookies: cookies::set(&response.fields),
                headers: headers(&response.fields),
                content: Content::new(&response.fields, &response.body),
                redirect_url: response.fields.text("location").unwrap_or_default().into_owned(),
                headers_size: -1,
                body_size: i64::try_from(response.body.length).unwrap_or(-1),
            },
            // An answer that never began to come: with a status it would read as one that was cut.
            Outcome::Failed(failure) if failure.phase != Phase::ReadBody => Response::none(failure.status.unwrap_or(0)),
            Outcome::Refused(fault) => Response::none(fault.status),
            Outcome::Failed(_) | Outcome::Abandoned(_) => Response::none(0),
        }
    }

    /// No answer of the upstream; the status is the one that the client was given.
    fn none(status: u16) -> Response<'a> {
        let content =
            Content { size: 0, compression: None, mime_type: String::new(), text: None, encoding: None, comment: None };
        Response {
            status,
            status_text: "",
            http_version: "",
            cookies: Vec::new(),
            headers: Vec::new(),
            content,
            redirect_url: String::new(),
            headers_size: -1,
            body_size: -1,
        }
    }
}

impl<'a> Content<'a> {
    fn new(fields: &Fields, body: &'a Body) -> Content<'a> {
        let bytes = content::decoded(fields, body);
        let coded = content::is_coded(fields);
        let captured = body.left_out.unwrap_or(bytes.len() as u64);
        let size = body.left_out.unwrap_or_else(|| content::length(fields, body, captured));
        let saved = i64::try_from(size).unwrap_or(0) - i64::try_from(body.length).unwrap_or(0);
        let (text, encoding) = text(bytes);
        Content {
            size,
            compression: (coded && captured > 0).then_some(saved),
            mime_type: mime_type(fields),
            text: (captured > 0 && body.left_out.is_none()).then_some(text),
            encoding,
            comment: comment(body),
        }
    }
}

fn headers(fields: &Fields) -> Vec<Header<'_>> {
    fields
        .0
        .iter()
        .map(|field| Header {
            name: lossy(&field.name),
            value: lossy(&field.value),
            raw: std::str::from_utf8(&field.value).is_err().then(|| latin1(&field.value)),
        })
        .collect()
}

fn post_data<'a>(fields: &Fields, body: &'a Body) -> Option<PostData<'a>> {
    let bytes = content::decoded(fields, body);
    let (text, encoding) = text(bytes);
    (!text.is_empty()).then(|| PostData { mime_type: mime_type(fields), text, encoding })
}

/// Says which setting left the text out.
fn comment(body: &Body) -> Option<&'static str> {
    body.left_out.map(|_| custom::LEFT_OUT)
}

fn mime_type(fields: &Fields) -> String {
    fields.text("content-type").unwrap_or_default().into_owned()
}

/// Text as it is, other bytes in base64.
fn text(bytes: Cow<'_, [u8]>) -> (Cow<'_, str>, Option<&'static str>) {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), None),
            Err(_) => (Cow::Owned(STANDARD.encode(bytes)), Some("base64")),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => (Cow::Owned(text), None),
            Err(error) => (Cow::Owned(STANDARD.encode(error.as_bytes())), Some("base64")),
        },
    }
}

/// Each byte as the character of its number.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
