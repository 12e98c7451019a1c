//! Which names of fields, parameters and members say that their value is a secret.

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Evidence that must stay: error codes, scopes, grant types, lifetimes, client ids.
    Public,
    /// Nothing; the value's own look decides.
    Unknown,
    /// A secret where it looks like one: names such as `code` that are also used for plain things.
    Maybe,
    Secret,
}

/// Letters and digits in lower case: `X-Api-Key`, `api_key` and `apiKey` are one name.
fn folded(name: &str) -> Vec<u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
}

/// Names that hold a secret's word and are none: their values are evidence. In the order of their letters, as all here.
const PUBLIC: [&str; 30] = [
    "accesstokenlifespan",
    "authcodelifespan",
    "clientassertiontype",
    "clientid",
    "codechallengemethod",
    "error",
    "errorcode",
    "errorcodes",
    "errordescription",
    "expiresin",
    "extexpiresin",
    "granttype",
    "issuedtokentype",
    "passwordneedsreset",
    "realm",
    "refreshtokenexpiresin",
    "refreshtokenlifespan",
    "requestedtokentype",
    "responsemode",
    "responsetype",
    "scope",
    "statuscode",
    "subjecttokentype",
    "tokenendpoint",
    "tokenendpointauthmethod",
    "tokentype",
    "tokentypehint",
    "tokenuri",
    "tokenurl",
    "username",
];

/// Words that make any name that holds them a secret's.
const WORDS: [&str; 21] = [
    "apikey",
    "assertion",
    "authorization",
    "codechallenge",
    "credential",
    "csrf",
    "jwt",
    "macaroon",
    "passcode",
    "passphrase",
    "passw",
    "privatekey",
    "pwd",
    "relaystate",
    "samlrequest",
    "samlresponse",
    "secret",
    "sessionid",
    "signature",
    "token",
    "verifier",
];

/// Whole names of secrets.
const EXACT: [&str; 20] = [
    "ck",
    "gck",
    "glidesessionstore",
    "glideuser",
    "glideuseractivity",
    "glideusersession",
    "hmac",
    "jsessionid",
    "mfa",
    "otp",
    "pass",
    "pin",
    "rspauth",
    "sig",
    "snapikey",
    "subjecttoken",
    "sysparmck",
    "xmfatoken",
    "xsnapikey",
    "xusertoken",
];

/// Names that are a secret's in a query or a form, and may be anything in JSON.
const WEAK: [&str; 8] = ["auth", "cnonce", "code", "key", "nonce", "opaque", "state", "ticket"];

/// Whether one of `WORDS` stands in the name. Only those are compared that begin with the letter that stands there.
fn holds_a_word(name: &[u8]) -> bool {
    (0..name.len()).any(|at| {
        let rest = name.get(at..).unwrap_or_default();
        let first = rest.first();
        let begins = |word: &&&str| word.as_bytes().first() == first;
        matches!(first, Some(b'a' | b'c' | b'j' | b'm' | b'p' | b'r' | b's' | b't' | b'v'))
            && WORDS.iter().filter(begins).any(|word| rest.starts_with(word.as_bytes()))
    })
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.binary_search_by(|other| other.as_bytes().cmp(name)).is_ok()
}

/// What the name of a parameter, member, element or cookie says.
pub(super) fn secrecy(name: &str) -> Secrecy {
    let name = folded(name);
    let name = name.as_slice();
    if is_one_of(&PUBLIC, name) {
        Secrecy::Public
    } else if is_one_of(&EXACT, name) || holds_a_word(name) {
        Secrecy::Secret
    } else if is_one_of(&WEAK, name) {
        Secrecy::Maybe
    } else {
        Secrecy::Unknown
    }
}

/// What the name of a header field says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// A scheme and credentials.
    Authorization,
    Cookie,
    SetCookie,
    /// A challenge or its like: parameters, some of them secret.
    Challenge,
    /// A URL, or a value with one in it.
    Url,
    Secret,
    Other,
}

pub(super) fn field_kind(name: &str) -> FieldKind {
    let lower = name.trim().to_ascii_lowercase();
    match lower.as_str() {
        "cookie" | "cookie2" => FieldKind::Cookie,
        "set-cookie" | "set-cookie2" => FieldKind::SetCookie,
        "www-authenticate" | "proxy-authenticate" | "authentication-info" | "proxy-authentication-info" => {
            FieldKind::Challenge
        }
        "referer" | "location" | "content-location" | "link" | "refresh" | "x-original-url" | "x-rewrite-url" => {
            FieldKind::Url
        }
        "access-control-allow-headers" | "access-control-request-headers" | "vary" => FieldKind::Other,
        _ if is_authorization(&lower) => FieldKind::Authorization,
        _ if secrecy(&lower) == Secrecy::Secret => FieldKind::Secret,
        _ if lower.starts_with("x-auth") => FieldKind::Secret,
        _ => FieldKind::Other,
    }
}

/// `Authorization`, its proxy twin, and the ways to misspell it.
fn is_authorization(lower: &str) -> bool {
    let first = lower.bytes().find(u8::is_ascii_alphabetic);
    if !matches!(first, Some(b'a' | b'x' | b'p')) {
        return false;
    }
    let name: String = lower.chars().filter(char::is_ascii_alphabetic).collect();
    let name = name.trim_start_matches('x').trim_start_matches("proxy");
    name == "auth" || name.starts_with("authori") || name.starts_with("autori") || name.starts_with("authroi")
}

#[cfg(test)]
mod tests {
    use super::Secrecy::*;
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_any_spelling() {
        for name in
            ["access_token", "refreshToken", "X-Api-Key", "client_secret", "password", "user_password", "id_token"]
        {
            assert_eq!(secrecy(name), Secret, "{name}");
        }
        for name in
            ["code_verifier", "SAMLResponse", "sysparm_ck", "g_ck", "JSESSIONID", "client_assertion", "glide_user"]
        {
            assert_eq!(secrecy(name), Secret, "{name}");
        }
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(PUBLIC.is_sorted() && EXACT.is_sorted() && WEAK.is_sorted());
    }

    #[test]
    fn evidence_stays() {
        for name in
            ["token_type", "expires_in", "error_description", "client_id", "grant_type", "scope", "token_type_hint"]
        {
            assert_eq!(secrecy(name), Public, "{name}");
        }
        assert_eq!([secrecy("code"), secrecy("state")], [Maybe, Maybe]);
        assert_eq!([secrecy("sysparm_limit"), secrecy("username")], [Unknown, Public]);
    }

    #[test]
    fn fields_have_their_kind() {
        use FieldKind::*;
        for (name, kind) in [
            ("Authorization", Authorization),
            ("Proxy-Authorization", Authorization),
            ("Authorisation", Authorization),
            ("X-Authorization", Authorization),
            ("Autorization", Authorization),
            ("Cookie", Cookie),
            ("X-UserToken", Secret),
            ("x-sn-apikey", Secret),
            ("X-Auth-Key", Secret),
            ("WWW-Authenticate", Challenge),
            ("Location", Url),
            ("X-Transaction-ID", Other),
            ("X-Is-Logged-In", Other),
            ("Host", Other),
        ] {
            assert_eq!(field_kind(name), kind, "{name}");
        }
    }
}
