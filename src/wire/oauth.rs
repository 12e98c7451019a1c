//! OAuth 2.0 messages: authorization requests and callbacks, token requests, token answers and errors (RFC 6749).

use serde_json::Value;

use super::form::{self, Form};
use super::servicenow::names;
use super::{authorization, basic, template};
use crate::model::{Request, lossy};

/// A token answer that carries an access token.
#[derive(Clone, Debug, Default)]
pub struct TokenAnswer {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
    /// Seconds, from a number or from text that holds one.
    pub expires_in: Option<i64>,
    pub scope: Option<String>,
    pub token_type: Option<String>,
}

/// An OAuth error (RFC 6749 §5.2), from JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthError {
    pub error: String,
    pub description: String,
    /// The code of Entra, `AADSTS700016` → 700016.
    pub aadsts: Option<u32>,
}

/// The parameters of a redirect back to a client (or of its query).
#[derive(Clone, Debug, Default)]
pub struct Callback {
    /// The redirect URI without query and fragment.
    pub to: String,
    pub code: Option<String>,
    /// None where a sanitizer hid it.
    pub state: Option<String>,
    pub error: Option<String>,
    pub description: Option<String>,
    pub access_token: Option<String>,
}

/// Reads a token answer; `None` where there is no access token in it.
pub fn token_answer(body: &[u8]) -> Option<TokenAnswer> {
    if !names(body, "access_token") {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let access_token = text("access_token").filter(|token| !token.is_empty())?;
    let expires_in = value.get("expires_in").and_then(|v| v.as_i64().or_else(|| v.as_str()?.parse().ok()));
    Some(TokenAnswer {
        access_token,
        refresh_token: text("refresh_token").filter(|token| !token.is_empty()),
        id_token: text("id_token"),
        expires_in,
        scope: text("scope"),
        token_type: text("token_type"),
    })
}

/// Reads an OAuth error; `None` where `error` is no text.
pub fn error(body: &[u8]) -> Option<OAuthError> {
    if !names(body, "error") {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let error = value.get("error")?.as_str()?.to_owned();
    let description = ["error_description", "errorSummary", "message"]
        .iter()
        .find_map(|name| value.get(*name).and_then(Value::as_str))
        .unwrap_or_default()
        .to_owned();
    Some(OAuthError { aadsts: aadsts(&description), error, description })
}

/// The first `AADSTSnnnnn` in a text.
pub fn aadsts(text: &str) -> Option<u32> {
    let rest = text.get(text.find("AADSTS")? + 6..)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

impl OAuthError {
    /// The catch-all of `/oauth_token.do`, in both orders that were seen (wire notes §4.3).
    pub fn is_catch_all(&self) -> bool {
        let pair = (self.error.as_str(), self.description.as_str());
        matches!(pair, ("server_error", "access_denied") | ("access_denied", "server_error"))
    }

    pub fn lower(&self) -> String {
        format!("{}\n{}", self.error, self.description).to_ascii_lowercase()
    }
}

/// Reads a redirect: `Location`, or the URL that the browser then calls.
pub fn callback(url: &str) -> Option<Callback> {
    let (to, rest) = url.split_once(['?', '#'])?;
    let params = form::parse(rest.replace(['#', '?'], "&").as_bytes());
    let get = |name: &str| params.get(name).map(str::to_owned);
    let callback = Callback {
        to: to.to_owned(),
        code: get("code"),
        state: get("state").filter(|state| template::shown(state).is_some()),
        error: get("error"),
        description: get("error_description"),
        access_token: get("access_token"),
    };
    (callback.code.is_some() || callback.error.is_some() || callback.access_token.is_some()).then_some(callback)
}

/// Whether two addresses are equivalent (RFC 3986 §6.2.2.1, §6.2.3): scheme and host in any case, the scheme's own port
/// or none, an empty path or `/`. What follows the path is not looked at.
pub fn same_address(one: &str, other: &str) -> bool {
    normalised(one) == normalised(other)
}

fn normalised(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (scheme, (host, path)) = (scheme.to_ascii_lowercase(), rest.split_at(rest.find('/').unwrap_or(rest.len())));
    let host = host.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => ":",
    };
    let host = host.strip_suffix(port).unwrap_or(&host);
    format!("{scheme}://{host}{}", path.trim_end_matches('/'))
}

/// How a client shows who it is at a token endpoint.
#[derive(Clone, Debug, Default)]
pub struct ClientAuthentication {
    /// `client_id` of the body (or query).
    pub body_id: Option<String>,
    pub body_secret: Option<String>,
    /// User and password of an `Authorization: Basic`.
    pub basic: Option<(String, String)>,
}

impl ClientAuthentication {
    pub fn read(request: &Request, params: &Form) -> ClientAuthentication {
        let basic = request.fields.get("authorization").and_then(|value| {
            let parts = authorization::split(value);
            let credentials =
                (parts.kind == authorization::SchemeKind::Basic).then(|| basic::decode(parts.credentials_of(value)))?;
            credentials.is_readable().then(|| (credentials.user(), lossy(credentials.password()).into_owned()))
        });
        ClientAuthentication {
            body_id: params.get("client_id").map(str::to_owned),
            body_secret: params.get("client_secret").map(str::to_owned),
            basic,
        }
    }

    pub fn id(&self) -> Option<&str> {
        self.body_id.as_deref().or(self.basic.as_ref().map(|(id, _)| id.as_str()))
    }

    /// The id to compare with others: none where a sanitizer hid it.
    pub fn shown_id(&self) -> Option<&str> {
        self.id().and_then(template::shown)
    }

    pub fn secret(&self) -> Option<&str> {
        self.body_secret.as_deref().or(self.basic.as_ref().map(|(_, secret)| secret.as_str()))
    }
}

/// The S256 challenge of a PKCE verifier (RFC 7636 §4.2).
pub fn s256(verifier: &str) -> String {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_answers_and_errors_are_told_apart() {
        let answer = token_answer(br#"{"access_token":"a","expires_in":"1799","scope":"useraccount"}"#).unwrap();
        assert_eq!((answer.expires_in, answer.refresh_token), (Some(1799), None));
        assert!(token_answer(br#"{"error":"invalid_client"}"#).is_none());
        let denied = error(br#"{"error_description":"access_denied","error":"server_error"}"#).unwrap();
        assert!(denied.is_catch_all());
        let entra = error(
            br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}"#,
        )
        .unwrap();
        assert_eq!(entra.aadsts, Some(7_000_215));
    }

    #[test]
    fn callbacks_are_read_with_code_or_error() {
        let back = callback("https://app.example/cb?code=a%2Fb&state=x").unwrap();
        assert_eq!(
            (back.to.as_str(), back.code.as_deref(), back.state.as_deref()),
            ("https://app.example/cb", Some("a/b"), Some("x"))
        );
        assert!(callback("https://app.example/cb?x=1").is_none());
    }

    #[test]
    fn equivalent_addresses_are_the_same() {
        for other in ["https://app.example/cb", "HTTPS://APP.example:443/cb", "https://app.example/cb/?x=1"] {
            assert!(same_address("https://app.example/cb", other), "{other}");
        }
        for other in ["http://app.example/cb", "https://app.example:8443/cb", "https://app.example/CB", "app.example"] {
            assert!(!same_address("https://app.example/cb", other), "{other}");
        }
    }

    #[test]
    fn a_hidden_state_and_a_hidden_client_are_unknown() {
        assert_eq!(callback("https://app.example/cb?code=a&state=[redacted]").unwrap().state, None);
        let client = ClientAuthentication { body_id: Some("[redacted]".into()), ..Default::default() };
        assert_eq!((client.id(), client.shown_id()), (Some("[redacted]"), None));
    }

    #[test]
    fn the_challenge_of_the_rfc_comes_out() {
        assert_eq!(s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
