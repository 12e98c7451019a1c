//! Symbolic places in an exchange; a view makes them concrete.

use std::fmt;

/// Where a piece of evidence is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The raw head, when it could not be parsed; spans count from its first byte.
    RequestHead,
    RequestMethod,
    /// Scheme, host and port.
    RequestUrl,
    /// Path and query as sent.
    RequestTarget,
    /// One value of a request field; `nth` counts from 0 among fields of that name. The name is in lower case.
    RequestField {
        name: String,
        nth: usize,
    },
    /// The decoded user name or password of Basic credentials; spans count in the decoded text.
    BasicDecoded,
    /// One parameter of the query, raw value.
    Query(String),
    /// One parameter of a form body, raw value.
    Form(String),
    RequestBody,
    ResponseStatus,
    ResponseField {
        name: String,
        nth: usize,
    },
    ResponseBody,
    /// The connection itself: TLS, TCP, names.
    Connection,
    /// Time that passed between exchanges.
    Clock,
    /// An earlier exchange, by its number.
    Exchange(u64),
}

impl Place {
    /// A request field, by name in lower case, its first occurrence.
    pub fn request_field(name: &str) -> Place {
        Place::RequestField { name: name.to_ascii_lowercase(), nth: 0 }
    }

    /// A response field, by name in lower case, its first occurrence.
    pub fn response_field(name: &str) -> Place {
        Place::ResponseField { name: name.to_ascii_lowercase(), nth: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::RequestHead => f.write_str("request.head"),
            Place::RequestMethod => f.write_str("request.method"),
            Place::RequestUrl => f.write_str("request.url"),
            Place::RequestTarget => f.write_str("request.target"),
            Place::RequestField { name, nth: 0 } => write!(f, "request.headers.{name}"),
            Place::RequestField { name, nth } => write!(f, "request.headers.{name}[{nth}]"),
            Place::BasicDecoded => f.write_str("request.headers.authorization.decoded"),
            Place::Query(name) => write!(f, "request.query.{name}"),
            Place::Form(name) => write!(f, "request.form.{name}"),
            Place::RequestBody => f.write_str("request.body"),
            Place::ResponseStatus => f.write_str("response.status"),
            Place::ResponseField { name, nth: 0 } => write!(f, "response.headers.{name}"),
            Place::ResponseField { name, nth } => write!(f, "response.headers.{name}[{nth}]"),
            Place::ResponseBody => f.write_str("response.body"),
            Place::Connection => f.write_str("connection"),
            Place::Clock => f.write_str("clock"),
            Place::Exchange(id) => write!(f, "exchange.{id}"),
        }
    }
}
