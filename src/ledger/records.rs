//! What the memory keeps of each kind of thing. No record holds a secret: tags stand for them.

use crate::model::{Millis, Tag};
use crate::wire::reading::Credential;

/// When, and in which exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub at: Millis,
    pub exchange: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Access,
    Refresh,
    Id,
}

/// A token that an answer issued.
#[derive(Clone, Debug)]
pub struct TokenRecord {
    pub kind: TokenKind,
    /// The host that issued it.
    pub host: String,
    /// The issuer is an instance of ServiceNow.
    pub instance: bool,
    pub client_id: Option<String>,
    pub grant: String,
    pub user: Option<String>,
    /// The first time it was issued.
    pub first: Seen,
    /// The last time it was issued (the token endpoint may hand out the current token again).
    pub issued: Seen,
    /// The issuer's own clock then, as its `Date` told.
    pub issued_date: Option<Millis>,
    /// Seconds of life left at `issued`.
    pub expires_in: Option<i64>,
    pub scope: Option<String>,
    pub length: usize,
    pub revoked: Option<Seen>,
    /// The refresh token that came in the same answer was there.
    pub with_refresh: bool,
    /// The answer spelt `content-type` in lower case, on HTTP/1.
    pub lower_case: bool,
    /// Hosts that the request or the answer names as those it is for: scope, resource, audience.
    pub meant_for: Vec<String>,
}

impl TokenRecord {
    /// When its life ends, where the answer said so.
    pub fn ends(&self) -> Option<Millis> {
        Some(self.issued.at.plus_seconds(self.expires_in?))
    }
}

/// An authorization request that was seen.
#[derive(Clone, Debug)]
pub struct AuthorizeRecord {
    pub seen: Seen,
    pub client_id: Option<String>,
    pub redirect_uri: Option<String>,
    pub state: Option<Tag>,
    pub challenge: Option<String>,
    pub challenge_method: Option<String>,
}

impl PartyRecord {
    /// The authorization request that a redirect with this state answers: the one that sent it; without one, the only one
    /// of the last minutes. Of several, none can be told.
    pub fn authorize_of(&self, state: Option<Tag>, now: Millis) -> Option<&AuthorizeRecord> {
        let recent = || self.authorizes.iter().rev().filter(|known| now.seconds_since(known.seen.at) <= 900);
        if let Some(known) = recent().find(|known| state.is_some() && known.state == state) {
            return Some(known);
        }
        let first = recent().next()?;
        let one_story =
            |known: &AuthorizeRecord| known.client_id == first.client_id && known.redirect_uri == first.redirect_uri;
        recent().all(one_story).then_some(first)
    }
}

/// A code that a redirect delivered.
#[derive(Clone, Debug)]
pub struct CodeRecord {
    pub host: String,
    pub seen: Seen,
    /// The issuer's own clock then, as its `Date` told.
    pub date: Option<Millis>,
    /// Where it was delivered.
    pub delivered_to: String,
    pub authorize: Option<AuthorizeRecord>,
    pub length: usize,
    /// Earlier exchanges of it: when, and whether they succeeded.
    pub exchanged: Vec<(Seen, bool)>,
}

/// A client id on one host.
#[derive(Clone, Debug, Default)]
pub struct ClientRecord {
    /// For each grant: the last success and the last failure.
    pub grants: Vec<GrantRecord>,
    /// The secret of the last success.
    pub secret_ok: Option<Tag>,
    /// Whether the last token answer had a refresh token, and its grant.
    pub last_answer: Option<(Seen, String, bool)>,
    /// A scope that was granted.
    pub scope_ok: Option<String>,
    /// A token request of this client without `scope` succeeded.
    pub ok_without_scope: Option<Seen>,
    pub first_seen: Option<Seen>,
    /// Refreshes, newest last, and whether they worked.
    pub refreshes: Vec<(Seen, bool)>,
    /// Users whom the password grant refused, and who never got a token by it.
    pub refused_users: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct GrantRecord {
    pub grant: String,
    pub ok: Option<Seen>,
    pub fail: Option<Seen>,
    /// Users of a password grant that succeeded.
    pub user_ok: Option<String>,
}

impl ClientRecord {
    pub fn grant(&self, grant: &str) -> Option<&GrantRecord> {
        self.grants.iter().find(|record| record.grant == grant)
    }

    /// Another grant of this client that succeeded.
    pub fn other_grant_ok(&self, grant: &str) -> Option<(&str, Seen)> {
        self.grants
            .iter()
            .filter(|record| record.grant != grant)
            .find_map(|record| Some((record.grant.as_str(), record.ok?)))
    }

    pub fn any_ok(&self) -> Option<Seen> {
        self.grants.iter().filter_map(|record| record.ok).max_by_key(|seen| seen.at)
    }
}

/// One credential on one host.
#[derive(Clone, Debug)]
pub struct CredentialRecord {
    pub kind: Credential,
    pub user: Option<String>,
    pub first: Seen,
    pub ok: Option<Seen>,
    pub fail: Option<Seen>,
    /// The whole Authorization of the last success: other spellings of the credential may be refused.
    pub spelt_ok: Option<Tag>,
    /// How often it passed and was refused.
    pub oks: u32,
    pub fails: u32,
    /// By endpoint class: the last success and the last refusal.
    pub paths: Vec<PathUse>,
    pub length: usize,
}

#[derive(Clone, Debug)]
pub struct PathUse {
    pub class: String,
    pub ok: Option<Seen>,
    pub fail: Option<Seen>,
    /// Methods that succeeded here.
    pub methods_ok: Vec<String>,
}

impl CredentialRecord {
    pub fn path(&self, class: &str) -> Option<&PathUse> {
        self.paths.iter().find(|path| path.class == class)
    }

    /// The last success on another path than `class`.
    pub fn ok_elsewhere(&self, class: &str) -> Option<(&str, Seen)> {
        self.paths
            .iter()
            .filter(|path| path.class != class)
            .filter_map(|path| Some((path.class.as_str(), path.ok?)))
            .max_by_key(|(_, seen)| seen.at)
    }
}

/// How a user's password was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordUse {
    Basic,
    Grant,
    Login,
}

/// A password that worked.
#[derive(Clone, Copy, Debug)]
pub struct PasswordOk {
    pub tag: Tag,
    /// Tags of what is left of it when shells and encoders have eaten their characters.
    pub cores: [Tag; 2],
    /// Tag of its start, up to the first character at which a shell or a form would cut it.
    pub cut: Option<Tag>,
    pub how: PasswordUse,
    pub seen: Seen,
}

/// A user on one host.
#[derive(Clone, Debug, Default)]
pub struct UserRecord {
    /// Passwords that worked, newest last.
    pub passwords_ok: Vec<PasswordOk>,
    /// Refusals, newest last: when, tag of the password, how.
    pub refusals: Vec<(Seen, Tag, PasswordUse)>,
    /// A password written through the Table API, and when.
    pub written: Option<(Tag, Seen)>,
    /// A token of this user worked.
    pub bearer_ok: Option<Seen>,
}

/// A host.
#[derive(Clone, Debug, Default)]
pub struct HostRecord {
    pub first: Option<Seen>,
    /// It has answered like an instance.
    pub instance: bool,
    /// Schemes that its 401s advertised, in lower case.
    pub schemes: Vec<String>,
    /// The last success and refusal by kind of credential.
    pub kinds: Vec<(Credential, Option<Seen>, Option<Seen>)>,
    pub hibernating: Option<Seen>,
    pub offline: Option<Seen>,
    /// `Date` of its answers minus our clock, in milliseconds; the smallest in absolute value that was seen.
    pub clock_offset: Option<i64>,
    /// The instance that its load balancer's cookie names.
    pub pool: Option<String>,
    /// Odd spellings of Authorization that it took.
    pub took_extra_space: bool,
    pub took_lower_case: bool,
    /// It took an API key in the header, or in the URL.
    pub took_key_in_header: bool,
    pub took_key_in_url: bool,
    /// It gave a token to parameters in the URL, to a GET, to JSON.
    pub took_parameters_in_url: bool,
    pub took_get: bool,
    pub took_json: bool,
    /// Its front end said that it does mutual TLS.
    pub mutual_tls: bool,
    /// Clients (by id or token) whose bearer tokens were refused since the last one that passed.
    pub bearer_refused: Vec<String>,
}

impl HostRecord {
    pub fn kind(&self, kind: Credential) -> (Option<Seen>, Option<Seen>) {
        self.kinds.iter().find(|(known, ..)| *known == kind).map(|(_, ok, fail)| (*ok, *fail)).unwrap_or_default()
    }
}

/// One endpoint class of one host.
#[derive(Clone, Debug, Default)]
pub struct PathRecord {
    /// Successes, newest last: kind, tag of the credential, user, method, with cookies, when.
    pub ok: Vec<PathSuccess>,
    pub fail: Option<Seen>,
}

#[derive(Clone, Debug)]
pub struct PathSuccess {
    pub kind: Credential,
    pub tag: Option<Tag>,
    pub user: Option<String>,
    pub method: String,
    pub cookies: bool,
    /// Tag of `sysparm_query`, where there was one.
    pub query: Option<Tag>,
    pub seen: Seen,
}

/// A client as a party (address and user agent).
#[derive(Clone, Debug, Default)]
pub struct PartyRecord {
    /// The last access token that it was given, and by which host.
    pub token: Option<(Tag, String, Seen)>,
    /// The last redirect that it was sent on: from, to (host and path), whether it carried Authorization.
    pub redirect: Option<(Seen, String, String, bool)>,
    /// 401s without credentials whose challenge had no Basic.
    pub bearer_only: Option<Seen>,
    /// Authorization requests, newest last: several may run at once, in several tabs.
    pub authorizes: Vec<AuthorizeRecord>,
    /// Redirects of an instance in a row without a callback: target without query, when.
    pub login_hops: Vec<(String, Seen)>,
}

/// A session cookie on one host.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    pub host: String,
    pub first: Seen,
    pub ok: Option<Seen>,
    /// `X-UserToken` that was sent with the last success.
    pub user_token: Option<Tag>,
    /// The answer said `X-Is-Logged-In: false` for it.
    pub dead: Option<Seen>,
    /// It was set by an answer to a request with an Authorization.
    pub by_api: bool,
    /// It was set by an answer that refused, or that said that nobody is logged in, and no login was seen in it since.
    pub anonymous: bool,
    pub agent: String,
    pub route: Option<Tag>,
}
