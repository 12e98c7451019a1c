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

/// Names of up to this many letters and digits are compared without room from the heap.
const SHORT: usize = 64;

/// What `say` says of the letters and digits of a name in lower case: `X-Api-Key`, `api_key` and `apiKey` are one name.
fn folded<T>(name: &[u8], say: impl FnOnce(&[u8]) -> T) -> T {
    if name.len() > SHORT {
        let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
        return say(&letters.collect::<Vec<u8>>());
    }
    let mut room = [0; SHORT];
    let mut length = 0;
    for byte in name {
        let Some(to) = room.get_mut(length) else { break };
        *to = byte.to_ascii_lowercase();
        // Another one is written over.
        length += usize::from(byte.is_ascii_alphanumeric());
    }
    say(room.get(..length).unwrap_or_default())
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

/// The lengths of the whole names that are known, as bits, by their first bytes: most names are none of them.
#[expect(clippy::indexing_slicing, reason = "the compiler computes it, and refuses an index that is out of bounds")]
const LENGTHS: [u64; 256] = {
    let mut lengths = [0; 256];
    let lists: [&[&str]; 3] = [&PUBLIC, &EXACT, &WEAK];
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let name = lists[list][at].as_bytes();
            lengths[name[0] as usize] |= 1 << name.len();
            at += 1;
        }
        list += 1;
    }
    lengths
};

/// Whether one of `WORDS` stands in the name.
fn holds_a_word(name: &[u8]) -> bool {
    (0..name.len()).any(|at| {
        let rest = name.get(at..).unwrap_or_default();
        let begins = rest.first_chunk().and_then(|three| BEGINS.get(place(*three)));
        begins == Some(&true) && WORDS.iter().any(|word| rest.starts_with(word.as_bytes()))
    })
}

/// Where one of `WORDS` may begin, by the first three letters there.
#[expect(clippy::indexing_slicing, reason = "the compiler computes it, and refuses an index that is out of bounds")]
static BEGINS: [bool; 1 << 15] = {
    let mut begins = [false; 1 << 15];
    let mut at = 0;
    while at < WORDS.len() {
        let word = WORDS[at].as_bytes();
        begins[place([word[0], word[1], word[2]])] = true;
        at += 1;
    }
    begins
};

/// Five bits tell letters of one case apart; digits share them with some.
const fn place([first, second, third]: [u8; 3]) -> usize {
    (first as usize & 31) << 10 | (second as usize & 31) << 5 | third as usize & 31
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.binary_search_by(|other| other.as_bytes().cmp(name)).is_ok()
}

fn may_be_listed(name: &[u8]) -> bool {
    let lengths = name.first().and_then(|first| LENGTHS.get(usize::from(*first))).copied().unwrap_or(0);
    name.len() < 64 && lengths >> name.len() & 1 == 1
}

/// What the name of a parameter, member, element or cookie says.
pub(super) fn secrecy(name: &str) -> Secrecy {
    secrecy_of(name.as_bytes())
}

/// The same, of a name in UTF-8; its letters beyond ASCII say nothing.
pub(super) fn secrecy_of(name: &[u8]) -> Secrecy {
    folded(name, |name| {
        let listed = may_be_listed(name);
        if listed && is_one_of(&PUBLIC, name) {
            Secrecy::Public
        } else if listed && is_one_of(&EXACT, name) || holds_a_word(name) {
            Secrecy::Secret
        } else if listed && is_one_of(&WEAK, name) {
            Secrecy::Maybe
        } else {
            Secrecy::Unknown
        }
    })
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
    /// A host, perhaps with user information before it that does not belong there.
    Host,
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
        "host" | "x-forwarded-host" | "x-original-host" => FieldKind::Host,
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
            ("hOsT", Host),
            ("Vary", Other),
            ("Access-Control-Allow-Headers", Other),
            ("Access-Control-Request-Headers", Other),
        ] {
            assert_eq!(field_kind(name), kind, "{name}");
        }
    }
}
