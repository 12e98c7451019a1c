//! A third party that ServiceNow calls: a token endpoint and an API, as plain data like the instance (report 002).

use std::collections::VecDeque;

use crate::model::{Fields, Millis};
use crate::wire::{date, form};

use super::memory::keep;
use super::state::IpRange;
use super::{Answer, Call, Moment, reading};

/// Path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth2/v2.0/token";
/// Path below which the API is.
pub const API_PATH: &str = "/api/data/";

#[derive(Clone)]
pub struct Provider {
    pub host: String,
    pub clients: Vec<ProviderClient>,
    /// Parameters that a token request must have beyond those of its grant: `scope`, `resource`, `audience`.
    pub required_parameters: Vec<String>,
    /// Seconds.
    pub token_lifespan: i64,
    /// The token answer names its token otherwise (`token` instead of `access_token`).
    pub misnames_access_token: bool,
    /// Field names go out in lower case, `content-type` among them (causes J4).
    pub lower_case_fields: bool,
    pub blocked_addresses: Vec<IpRange>,
    pub tokens: VecDeque<ProviderToken>,
}

#[derive(Clone)]
pub struct ProviderClient {
    pub client_id: String,
    pub client_secret: String,
    pub placement: Placement,
    /// Values of `grant_type` that it may use.
    pub grants: Vec<String>,
    /// Its application user is a member of the organisation that holds the data.
    pub member: bool,
}

/// Where the token endpoint wants the client's credentials (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Body,
}

#[derive(Clone)]
pub struct ProviderToken {
    pub value: String,
    pub client_id: String,
    pub expires: Millis,
}

/// An answer that is no success.
struct Refused {
    status: u16,
    body: String,
    challenge: Option<&'static str>,
}

impl Provider {
    pub fn new(host: &str) -> Provider {
        Provider {
            host: host.to_ascii_lowercase(),
            clients: Vec::new(),
            required_parameters: Vec::new(),
            token_lifespan: 3600,
            misnames_access_token: false,
            lower_case_fields: false,
            blocked_addresses: Vec::new(),
            tokens: VecDeque::new(),
        }
    }

    pub fn client_mut(&mut self, client_id: &str) -> Option<&mut ProviderClient> {
        self.clients.iter_mut().find(|client| client.client_id == client_id)
    }

    /// Answers one request; pure, like [`super::Instance::handle`].
    pub fn handle(&mut self, call: &Call<'_>, now: Millis, entropy: &mut impl FnMut(&mut [u8])) -> Answer {
        let mut moment = Moment { now, entropy };
        let result = if self.blocked_addresses.iter().any(|range| range.contains(call.from)) {
            Err(Refused {
                status: 403,
                body: error("Forbidden", "The source address is not allowed."),
                challenge: None,
            })
        } else if call.path() == TOKEN_PATH {
            self.token(call, &mut moment)
        } else {
            self.data(call, now)
        };
        match result {
            Ok(body) => self.answer(200, body, None, now),
            Err(refused) => self.answer(refused.status, refused.body, refused.challenge, now),
        }
    }

    fn answer(&self, status: u16, body: String, challenge: Option<&str>, now: Millis) -> Answer {
        let case = |name: &str| if self.lower_case_fields { name.to_ascii_lowercase() } else { name.to_owned() };
        let mut fields = Fields::default();
        fields.push(case("Cache-Control"), "no-store");
        fields.push(case("Content-Type"), "application/json; charset=utf-8");
        if let Some(challenge) = challenge {
            fields.push(case("WWW-Authenticate"), challenge.to_owned());
        }
        fields.push(case("Date"), date::http(now));
        Answer { status, fields, body: body.into() }
    }

    fn token(&mut self, call: &Call<'_>, moment: &mut Moment<'_>) -> Result<String, Refused> {
        let form = form::parse(&call.request.body.bytes);
        let client = self.authenticated(call, &form)?.clone();
        let grant = form.get("grant_type").unwrap_or_default();
        if !client.grants.iter().any(|allowed| allowed == grant) {
            return Err(oauth_error(400, "unsupported_grant_type", &format!("Invalid grant_type: {grant}")));
        }
        if let Some(missing) = self.required_parameters.iter().find(|name| !form.has(name)) {
            let text = format!("The request body must contain the following parameter: '{missing}'.");
            return Err(oauth_error(400, "invalid_request", &text));
        }
        let value = moment.token();
        let expires = moment.now.plus_seconds(self.token_lifespan);
        keep(&mut self.tokens, ProviderToken { value: value.clone(), client_id: client.client_id, expires });
        let name = if self.misnames_access_token { "token" } else { "access_token" };
        Ok(format!("{{\"token_type\":\"Bearer\",\"expires_in\":{},\"{name}\":\"{value}\"}}", self.token_lifespan))
    }

    /// The client, by credentials in the one place that it is registered for.
    fn authenticated(&self, call: &Call<'_>, form: &form::Form) -> Result<&ProviderClient, Refused> {
        let in_basic = call.field("authorization").and_then(|value| reading::basic(value.strip_prefix("Basic ")?));
        let in_body =
            form.get("client_id").map(|id| (id.to_owned(), form.get("client_secret").unwrap_or_default().to_owned()));
        let (shown, placement) = match (in_basic, in_body) {
            (Some(shown), _) => (Some(shown), Placement::Basic),
            (None, shown) => (shown, Placement::Body),
        };
        let (id, secret) = shown.unwrap_or_default();
        let refused =
            |text| Refused { challenge: Some("Basic realm=\"token\""), ..oauth_error(401, "invalid_client", text) };
        let client =
            self.clients.iter().find(|client| client.client_id == id).ok_or_else(|| refused("Unknown client"))?;
        if client.placement != placement {
            return Err(refused("Client authentication failed"));
        }
        if client.client_secret != secret {
            return Err(refused("Invalid client secret provided"));
        }
        Ok(client)
    }

    fn data(&self, call: &Call<'_>, now: Millis) -> Result<String, Refused> {
        if !call.path().starts_with(API_PATH) {
            return Err(Refused { status: 404, body: error("NotFound", "No such resource."), challenge: None });
        }
        let unauthorised =
            |challenge, text| Refused { status: 401, body: error("Unauthorized", text), challenge: Some(challenge) };
        let authorization = call.field("authorization").unwrap_or_default();
        let Some(sent) = authorization.strip_prefix("Bearer ") else {
            return Err(unauthorised("Bearer", "No access token was sent."));
        };
        let token = self.tokens.iter().find(|token| token.value == sent && now < token.expires);
        let Some(token) = token else {
            return Err(unauthorised("Bearer error=\"invalid_token\"", "The access token is expired or unknown."));
        };
        let member = self.clients.iter().any(|client| client.client_id == token.client_id && client.member);
        if !member {
            let body = error("0x80072560", "The user is not a member of the organization.");
            return Err(Refused { status: 403, body, challenge: None });
        }
        Ok(String::from("{\"value\":[{\"name\":\"Acme\"}]}"))
    }
}

fn error(code: &str, message: &str) -> String {
    format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\"}}}}")
}

fn oauth_error(status: u16, name: &str, text: &str) -> Refused {
    let text = serde_json::Value::from(text);
    Refused { status, body: format!("{{\"error\":\"{name}\",\"error_description\":{text}}}"), challenge: None }
}
