//! One exchange read once: everything that memory and diagnosis need, parsed, with nothing concluded.

use std::borrow::Cow;

use super::authorization::{self, Authorization, SchemeKind};
use super::basic::{self, Basic};
use super::challenge::{self, Challenge};
use super::endpoint::{self, Endpoint};
use super::form::{self, Form};
use super::oauth::{self, Callback, ClientAuthentication, OAuthError, TokenAnswer};
use super::servicenow::{self, Envelope, Fingerprint, Page};
use super::{content, cookie, template};
use crate::model::{Exchange, Millis, Place, Request, Response, lossy};

/// The kind of credential that a request carries; the first that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    None,
    Basic,
    Bearer,
    DevOps,
    /// An Authorization of another scheme, or one that is broken.
    OtherScheme,
    ApiKey,
    Hmac,
    /// `?access_token=`
    QueryToken,
    /// Session cookies alone.
    Cookie,
}

/// All that can be read from one exchange.
pub struct Reading<'a> {
    pub exchange: &'a Exchange,
    /// The request is aimed at an instance: by name, by path, or because the host answered like one.
    pub instance: bool,
    /// The request comes from an instance (or its MID Server's REST step): `User-Agent: ServiceNow/1.0`.
    pub outbound: bool,
    pub endpoint: Endpoint,
    pub credential: Credential,
    /// The first Authorization value and its parts.
    pub authorization: Option<(&'a [u8], Authorization)>,
    pub basic: Option<Basic>,
    /// A sanitizer took the credential out: its shape says nothing.
    pub redacted: bool,
    /// Credentials of a Bearer value, or `access_token` of the query, as text without surrounding blanks.
    pub token: Option<String>,
    /// The API key and where it stands.
    pub api_key: Option<(Place, String)>,
    pub cookies: Vec<(String, Vec<u8>)>,
    pub query: Form,
    /// The request's body without content coding.
    pub sent: Cow<'a, [u8]>,
    /// Parameters of a form body (or what looks like one).
    pub form: Option<Form>,
    pub client: ClientAuthentication,
    /// The answer's body without content coding.
    pub answer: Cow<'a, [u8]>,
    pub envelope: Option<Envelope>,
    pub token_answer: Option<TokenAnswer>,
    pub oauth_error: Option<OAuthError>,
    pub callback: Option<Callback>,
    pub fingerprint: Fingerprint,
    pub page: Option<Page>,
    pub challenges: Vec<Challenge>,
}

/// Fields that carry an API key of ServiceNow, or that tools use for one by mistake.
pub const API_KEY_FIELD: &str = "x-sn-apikey";

impl<'a> Reading<'a> {
    /// Reads. `known_instance`: the host has answered like an instance before.
    pub fn of(exchange: &'a Exchange, known_instance: bool) -> Reading<'a> {
        let request = &exchange.request;
        let response = exchange.response();
        let fingerprint = response.map(|r| servicenow::fingerprint(&r.fields)).unwrap_or_default();
        let outbound = is_outbound(request);
        let by_name = endpoint::is_instance_host(&request.host);
        let by_path = !outbound && names_instance(request.path());
        let instance = by_name || known_instance || by_path || fingerprint.edge || fingerprint.node;
        // An answer pasted alone has no host; its own words tell.
        let instance = instance || request.unseen && exchange.response().is_some_and(speaks_servicenow);
        let query = form::parse(request.query().unwrap_or_default().as_bytes());
        let sent = content::decoded(&request.fields, &request.body);
        let form = form_of(request, &sent);
        let endpoint = endpoint::classify(instance, &request.method, request.path(), request.query());
        let endpoint = provider_token(endpoint, by_name, outbound, form.as_ref());
        let authorization = request.fields.get("authorization").map(|value| (value, authorization::split(value)));
        let basic = authorization.as_ref().filter(|(_, parts)| parts.kind == SchemeKind::Basic);
        let basic = basic.map(|(value, parts)| basic::decode(parts.credentials_of(value)));
        let answer = response.map_or(Cow::Borrowed(&[][..]), |r| content::decoded(&r.fields, &r.body));
        let named = response.map(|r| servicenow::named(&r.body, &answer)).unwrap_or_default();
        let cookies = cookie::sent(&request.fields);
        let api_key = api_key(request, &query);
        let params = form.as_ref().unwrap_or(&query);
        let redacted = is_redacted(request, form.as_ref(), &query);
        let mut reading = Reading {
            redacted,
            client: ClientAuthentication::read(request, params),
            token: token(authorization.as_ref(), &query),
            envelope: if named.error { servicenow::envelope(&answer) } else { None },
            token_answer: if named.access_token { oauth::token_answer(&answer) } else { None },
            oauth_error: if named.error { oauth::error(&answer) } else { None },
            callback: callback(response),
            page: response.and_then(|r| servicenow::page(r, &answer, fingerprint.logged_in)),
            challenges: response.map(|r| challenge::parse(r.fields.all("www-authenticate"))).unwrap_or_default(),
            credential: Credential::None,
            exchange,
            instance,
            outbound,
            endpoint,
            authorization,
            basic,
            api_key,
            cookies,
            query,
            sent,
            form,
            answer,
            fingerprint,
        };
        reading.credential = reading.kind_of_credential();
        reading
    }

    fn kind_of_credential(&self) -> Credential {
        let has_session = self.cookies.iter().any(|(name, _)| cookie::is_session(name));
        match self.authorization.as_ref().map(|(_, parts)| parts.kind) {
            Some(SchemeKind::Basic) => Credential::Basic,
            Some(SchemeKind::Bearer) => Credential::Bearer,
            Some(SchemeKind::DevOps) => Credential::DevOps,
            Some(_) => Credential::OtherScheme,
            None if self.api_key.is_some() => Credential::ApiKey,
            None if self.signature().is_some() => Credential::Hmac,
            None if self.query.has("access_token") => Credential::QueryToken,
            None if has_session || self.redacted && self.exchange.request.fields.has("cookie") => Credential::Cookie,
            None => Credential::None,
        }
    }

    pub fn request(&self) -> &'a Request {
        &self.exchange.request
    }

    pub fn response(&self) -> Option<&'a Response> {
        self.exchange.response()
    }

    pub fn host(&self) -> &'a str {
        &self.exchange.request.host
    }

    pub fn status(&self) -> Option<u16> {
        self.exchange.status()
    }

    /// The answer says 2xx and is no page in the place of data.
    pub fn succeeded(&self) -> bool {
        let page = matches!(self.page, Some(Page::Hibernating | Page::Offline | Page::Login));
        self.status().is_some_and(|status| (200..300).contains(&status)) && !page
    }

    /// How long the answer's body is, as far as that is known where a recording does not show it.
    pub fn answer_length(&self) -> u64 {
        let body = self.response().map(|response| &response.body);
        let unseen = || body.map_or(0, |body| body.left_out.unwrap_or(body.length));
        if self.answer.is_empty() { unseen() } else { self.answer.len() as u64 }
    }

    /// When the answer had arrived (as far as known; else when the request was sent).
    pub fn answered_at(&self) -> Millis {
        let offset = self.exchange.timing.end.or(self.exchange.timing.first_byte).unwrap_or_default();
        Millis(self.exchange.at.0.saturating_add(i64::try_from(offset.as_millis()).unwrap_or(0)))
    }

    /// The clock of the one who answered: its `Date`.
    pub fn date(&self) -> Option<Millis> {
        let response = self.response().filter(|response| !response.ours)?;
        super::date::parse_http(&response.fields.text("date")?)
    }

    /// Parameters of the token request: the form's, else the query's.
    pub fn params(&self) -> &Form {
        self.form.as_ref().unwrap_or(&self.query)
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().get(name)
    }

    /// The grant that a token request asks for, as sent.
    pub fn grant(&self) -> Option<&str> {
        self.param("grant_type").or_else(|| self.query.get("grant_type"))
    }

    /// The credential's own bytes: what the memory tags. The Basic value, the token, the key, or the session cookie.
    pub fn credential_bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self.credential {
            Credential::Basic => self.basic.as_ref().map(|basic| Cow::Borrowed(&basic.decoded[..])),
            Credential::Bearer | Credential::QueryToken => {
                self.token.as_ref().map(|token| Cow::Borrowed(token.as_bytes()))
            }
            Credential::ApiKey => self.api_key.as_ref().map(|(_, key)| Cow::Borrowed(key.as_bytes())),
            Credential::Cookie => self.session_cookie().map(Cow::Borrowed),
            Credential::DevOps | Credential::OtherScheme => {
                self.authorization.as_ref().map(|(value, _)| Cow::Borrowed(*value))
            }
            Credential::Hmac => self.signature(),
            Credential::None => None,
        }
    }

    /// An HMAC signature, in its field or in the query.
    fn signature(&self) -> Option<Cow<'_, [u8]>> {
        const NAME: &str = "x-sn-hmac-signature-256";
        let field = self.exchange.request.fields.get(NAME).map(Cow::Borrowed);
        field.or_else(|| self.query.get(NAME).map(|value| Cow::Borrowed(value.as_bytes())))
    }

    /// The value of JSESSIONID, or of the first session cookie.
    pub fn session_cookie(&self) -> Option<&[u8]> {
        let named = |wanted: &str| self.cookies.iter().find(|(name, _)| name == wanted);
        named("JSESSIONID")
            .or_else(|| self.cookies.iter().find(|(name, _)| cookie::is_session(name)))
            .map(|(_, value)| &value[..])
    }

    /// The user that the request names: Basic, `username` of a password grant, `user_name` of a login.
    pub fn user(&self) -> Option<String> {
        if let Some(basic) = &self.basic {
            return (!matches!(self.endpoint, Endpoint::Token | Endpoint::ProviderToken)).then(|| basic.user());
        }
        let form = self.form.as_ref()?;
        form.get("username").or_else(|| form.get("user_name")).map(str::to_owned)
    }

    /// The client as one party: its address and its name.
    pub fn party(&self) -> String {
        let address = self.exchange.client.address.map(|address| address.ip().to_string()).unwrap_or_default();
        format!("{address}|{}", self.user_agent())
    }

    pub fn user_agent(&self) -> String {
        self.exchange.request.fields.text("user-agent").unwrap_or_default().into_owned()
    }

    /// Whether the client is a MID Server: its own endpoints, or its user agent.
    pub fn is_mid(&self) -> bool {
        let path = self.exchange.request.path().to_ascii_lowercase();
        let mid_paths = ["midservercheck.do", "instanceinfo.do", "midserverfilesync.do", "midfieldforfilecontent.do"];
        let queue = path.contains("/table/ecc_queue") || path.contains("/table/ecc_agent");
        mid_paths.iter().any(|name| path.ends_with(name))
            || queue
            || ["mid server", "midserver"].iter().any(|name| self.user_agent().to_ascii_lowercase().contains(name))
    }
}

/// Whether the values of the credential's own fields were taken out.
fn is_redacted(request: &Request, form: Option<&Form>, query: &Form) -> bool {
    let marked = |value: &[u8]| template::redacted(&lossy(value));
    let secrets = ["client_secret", "password", "code", "refresh_token", "assertion", "access_token", API_KEY_FIELD];
    let fields = ["authorization", API_KEY_FIELD, "cookie"];
    fields.iter().any(|name| request.fields.all(name).any(marked))
        || form.into_iter().chain([query]).any(|form| {
            form.pairs.iter().any(|pair| secrets.contains(&pair.name.as_str()) && template::redacted(&pair.value))
        })
}

fn is_outbound(request: &Request) -> bool {
    let agent = request.fields.text("user-agent").unwrap_or_default();
    agent.starts_with("ServiceNow/") || request.fields.has("x-snc-integration-source")
}

/// A body that only an instance writes.
fn speaks_servicenow(response: &Response) -> bool {
    let body = content::decoded(&response.fields, &response.body);
    let denied = oauth::error(&body).is_some_and(|error| error.is_catch_all());
    let page = matches!(servicenow::page(response, &body, None), Some(Page::Hibernating | Page::Offline | Page::Login));
    denied || page || servicenow::envelope(&body).is_some()
}

/// Paths that only instances have.
fn names_instance(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.contains("/api/now/")
        || lower.contains("/api/sn_")
        || lower.ends_with("/oauth_token.do")
        || lower.ends_with("/oauth_auth.do")
}

/// A POST of a grant is a token request, whatever its path says. `instance`: the host has an instance's name.
fn provider_token(endpoint: Endpoint, instance: bool, outbound: bool, form: Option<&Form>) -> Endpoint {
    let grants = form.is_some_and(|form| form.has("grant_type"));
    match endpoint {
        Endpoint::Other | Endpoint::Page if grants && instance => Endpoint::TokenMisspelt,
        Endpoint::Api { name } if grants && instance && name.starts_with("now/") => Endpoint::TokenMisspelt,
        Endpoint::Other if grants => Endpoint::ProviderToken,
        Endpoint::Page | Endpoint::Api { .. } if grants && outbound => Endpoint::ProviderToken,
        endpoint => endpoint,
    }
}

/// A body is read as a form where the media type says so, or where it is missing or wrong and the text looks like one.
pub(super) fn form_of(request: &Request, sent: &[u8]) -> Option<Form> {
    if sent.is_empty() {
        return None;
    }
    let mime = request.fields.text("content-type").unwrap_or_default().to_ascii_lowercase();
    let looks = |sent: &[u8]| {
        let text = sent.trim_ascii_start();
        !text.starts_with(b"{") && !text.starts_with(b"<") && !text.starts_with(b"[") && text.contains(&b'=')
    };
    let form =
        mime.contains("x-www-form-urlencoded") || (mime.is_empty() || mime.contains("text/plain")) && looks(sent);
    let grant = looks(sent) && sent.windows(10).any(|window| window == b"grant_type");
    (form && looks(sent) || grant).then(|| form::parse(sent))
}

fn token(authorization: Option<&(&[u8], Authorization)>, query: &Form) -> Option<String> {
    match authorization {
        Some((value, parts)) if parts.kind == SchemeKind::Bearer => {
            let text = lossy(parts.credentials_of(value)).trim().to_owned();
            (!text.is_empty()).then_some(text)
        }
        Some(_) => None,
        None => query.get("access_token").map(str::to_owned),
    }
}

fn api_key(request: &Request, query: &Form) -> Option<(Place, String)> {
    if let Some(value) = request.fields.text(API_KEY_FIELD) {
        return Some((Place::request_field(API_KEY_FIELD), value.trim().to_owned()));
    }
    query.get(API_KEY_FIELD).map(|value| (Place::Query(API_KEY_FIELD.into()), value.to_owned()))
}

fn callback(response: Option<&Response>) -> Option<Callback> {
    let response = response?;
    let location = response.fields.text("location")?;
    oauth::callback(&location)
}
