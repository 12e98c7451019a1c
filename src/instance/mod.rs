//! The simulated ServiceNow: a pure state machine. Bodies and headers are those of recorded and reported exchanges;
//! what nobody recorded is the plainest legal answer and marked "assumed".
//!
//! ```text
//! handle(call, now, entropy)
//!   edge::answer            the load balancer: http, hibernation, address rules, doubled Authorization
//!   route                   a path to one of: token, authorize, revoke, login, rest, soap, ui
//!   dress::answer           the node's headers: transaction id, cookies, challenge, framing of caches
//! ```
//!
//! A failure is never asked for: it follows from [`Instance`]'s settings, as on a real one.

mod access;
mod assertion;
mod authenticate;
mod authorize;
mod cors;
mod dress;
mod edge;
mod grants;
mod jwt;
mod login;
pub mod memory;
mod policy;
pub mod provider;
mod reading;
mod rest;
pub mod rules;
mod session;
mod settings;
mod soap;
pub mod state;
mod table;
mod token;
pub mod training;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::model::{Fields, Millis, Request};
use crate::wire::form::{self, Form};

pub use state::Instance;

/// One request as it reaches the simulated host.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub request: &'a Request,
    /// The address that it comes from.
    pub from: IpAddr,
}

/// What goes back. The server that sends it adds the framing.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub fields: Fields,
    pub body: Bytes,
}

/// Time and chance, handed in: the machine has none of its own.
struct Moment<'a> {
    now: Millis,
    entropy: &'a mut dyn FnMut(&mut [u8]),
}

impl Moment<'_> {
    /// So many random hexadecimal digits, in lower case.
    fn hex(&mut self, digits: usize) -> String {
        let mut bytes = vec![0u8; digits.div_ceil(2)];
        (self.entropy)(&mut bytes);
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .take(digits)
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }

    /// An opaque token: 64 random bytes in base64url, 86 characters (wire §7).
    fn token(&mut self) -> String {
        let mut bytes = [0u8; 64];
        (self.entropy)(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The media type of a reply of the node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Xml,
    Html,
    Plain,
    /// No body and no type: 204, and redirects.
    None,
}

/// A reply of the application node before it gets the node's headers.
struct Reply {
    status: u16,
    media: Media,
    body: String,
    fields: Vec<(&'static str, String)>,
    /// `X-Is-Logged-In`.
    logged_in: bool,
    /// The session that the cookies shall name.
    session: Option<String>,
}

impl Reply {
    fn new(status: u16, media: Media, body: impl Into<String>) -> Reply {
        Reply { status, media, body: body.into(), fields: Vec::new(), logged_in: false, session: None }
    }

    fn redirect(to: impl Into<String>) -> Reply {
        Reply::new(302, Media::None, "").with("Location", to)
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.fields.push((name, value.into()));
        self
    }

    fn in_session(mut self, session: Option<String>) -> Reply {
        self.logged_in = session.is_some();
        self.session = session;
        self
    }
}

impl<'a> Call<'a> {
    fn path(&self) -> &'a str {
        self.request.path()
    }

    fn method(&self) -> &'a str {
        &self.request.method
    }

    fn query(&self) -> Form {
        form::parse(self.request.query().unwrap_or_default().as_bytes())
    }

    fn field(&self, name: &str) -> Option<String> {
        self.request.fields.text(name).map(|value| value.into_owned())
    }

    fn cookie(&self, name: &str) -> Option<String> {
        self.request.fields.all("cookie").flat_map(|line| line.split(|&byte| byte == b';')).find_map(|pair| {
            let text = String::from_utf8_lossy(pair);
            let (key, value) = text.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }

    fn body_is(&self, media: &str) -> bool {
        self.field("content-type")
            .is_some_and(|value| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media))
    }
}

impl Instance {
    /// Answers one request. `entropy` fills buffers with random bytes; with the same bytes the answers are the same.
    pub fn handle(&mut self, call: &Call<'_>, now: Millis, entropy: &mut impl FnMut(&mut [u8])) -> Answer {
        if let Some(answer) = edge::answer(self, call, now) {
            return answer;
        }
        let mut moment = Moment { now, entropy };
        let reply = self.route(call, &mut moment);
        dress::answer(self, reply, &mut moment)
    }

    fn route(&mut self, call: &Call<'_>, moment: &mut Moment<'_>) -> Reply {
        match call.path() {
            "/oauth_token.do" => token::reply(self, call, moment),
            "/oauth_auth.do" => authorize::reply(self, call, moment),
            "/oauth_revoke_token.do" => token::revoke(self, call),
            path if path.starts_with("/api/") => rest::reply(self, call, moment),
            path if soap::is_soap(call, path) => soap::reply(self, call, moment),
            _ => login::reply(self, call, moment),
        }
    }
}
