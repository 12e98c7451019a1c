//! What a simulated instance is made of: plain data. Every failure is a consequence of what stands here.

use std::collections::BTreeMap;

use super::memory::Memory;
pub use super::rules::*;

/// A simulated ServiceNow instance. Its settings are public and may be changed between any two requests.
#[derive(Clone)]
pub struct Instance {
    /// The name it is reached by, in lower case: `dev1.service-now.com`.
    pub host: String,
    pub release: Release,
    pub power: Power,
    pub unwritten: Unwritten,
    /// `sys_properties`: names as on an instance. What is not set has the default of [`Instance::property`].
    pub properties: BTreeMap<String, String>,
    pub users: Vec<User>,
    /// Application Registry (`oauth_entity`).
    pub clients: Vec<OAuthClient>,
    pub api_keys: Vec<ApiKey>,
    /// Third-party OIDC providers whose ID tokens are taken; none by default.
    pub oidc_providers: Vec<OidcProvider>,
    /// REST API access policies (`sys_api_access_policy`).
    pub policies: Vec<AccessPolicy>,
    pub acls: Vec<Acl>,
    /// API auth scopes (`sys_api_access_scope`): which scope an API asks for.
    pub api_scopes: Vec<ApiScope>,
    pub scripted: Vec<ScriptedApi>,
    pub tables: BTreeMap<String, Table>,
    pub write_rules: Vec<WriteRule>,
    pub cors: Vec<CorsRule>,
    pub rate_limits: Vec<RateLimit>,
    /// IP Address Access Control (`ip_access`).
    pub ip_rules: Vec<IpRule>,
    pub ws_security: Option<WsSecurity>,
    /// Where people log in by single sign-on (a URL); `None`: on the instance's own page.
    pub identity_provider: Option<String>,
    /// Tokens, codes, sessions and counters: what the instance itself changes.
    pub memory: Memory,
}

/// Wording and headers of the answers, which date an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// As recorded in 2021 (wire §1.1): `Server: ServiceNow`, `User Not Authenticated`, `BASIC`; a code may go to the
    /// first registered redirect URL instead of the one asked for (§5).
    Classic,
    /// As reported in 2025 and 2026: `Server: snow_adc`, `User is not authenticated`, `Basic`.
    Current,
}

/// What state the machines are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Awake,
    /// A developer instance sleeps: 200 and one page for every path (wire §12).
    Hibernating,
    /// Waking or patching: "Your instance is currently offline" (wire §12; status 503 assumed).
    Offline,
    /// The load balancer is up, the node is not: 502 (wire §12).
    Down,
}

/// Behaviour that no source settles (wire §18). The defaults are the plainest legal ones; all are assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// `Bearer` and the token may stand more than one blank apart (RFC 6750: legal).
    pub takes_extra_space: bool,
    /// The scheme may be written `bearer` (RFC 9110: legal).
    pub takes_lowercase_bearer: bool,
    /// The token endpoint takes client credentials in an `Authorization: Basic` (used by reports, undocumented).
    pub takes_client_in_basic: bool,
    /// A user with "Web service access only" gets no token by password (sources contradict each other).
    pub web_service_only_blocks_password_grant: bool,
    /// A dead cookie session is sent to `/logout_success.do` instead of a 401 (reported of some instances).
    pub dead_session_redirects: bool,
    /// Plain http is redirected to https; if not, it is served.
    pub redirects_plain_http: bool,
}

impl Default for Unwritten {
    fn default() -> Unwritten {
        Unwritten {
            takes_extra_space: true,
            takes_lowercase_bearer: true,
            takes_client_in_basic: true,
            web_service_only_blocks_password_grant: false,
            dead_session_redirects: false,
            redirects_plain_http: true,
        }
    }
}

/// `sys_user`.
#[derive(Clone)]
pub struct User {
    pub sys_id: String,
    pub user_name: String,
    pub email: String,
    /// The local password; an SSO user may have none.
    pub password: Option<String>,
    pub active: bool,
    pub locked_out: bool,
    pub password_needs_reset: bool,
    pub web_service_access_only: bool,
    pub internal_integration_user: bool,
    /// The code that stands behind the password when a second factor is asked for; `None`: not enrolled.
    pub mfa_code: Option<String>,
    pub roles: Vec<String>,
}

impl User {
    /// An active user without roles.
    pub fn new(user_name: &str, password: &str) -> User {
        User {
            sys_id: sys_id("sys_user", user_name),
            user_name: user_name.to_owned(),
            email: format!("{user_name}@acme.example"),
            password: Some(password.to_owned()),
            active: true,
            locked_out: false,
            password_needs_reset: false,
            web_service_access_only: false,
            internal_integration_user: false,
            mfa_code: None,
            roles: Vec::new(),
        }
    }

    pub fn with_roles(mut self, roles: &[&str]) -> User {
        self.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }

    /// Whether an ACL that asks for one of `roles` lets this user pass: `admin` passes all, no role asks for nothing.
    pub fn passes(&self, roles: &[String]) -> bool {
        roles.is_empty() || self.has_role("admin") || roles.iter().any(|role| self.has_role(role))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    AuthorizationCode,
    Password,
    ClientCredentials,
    RefreshToken,
    JwtBearer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// 64 random bytes in base64url: 86 characters (wire §7).
    Opaque,
    Jwt,
}

/// One record of the Application Registry.
#[derive(Clone)]
pub struct OAuthClient {
    pub sys_id: String,
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    pub active: bool,
    /// Public client: no secret, no refresh token.
    pub public: bool,
    pub redirect_urls: Vec<String>,
    pub grants: Vec<Grant>,
    pub pkce_required: bool,
    /// OAuth Application User, by `sys_id`; it may point at a user who is gone.
    pub application_user: Option<String>,
    /// Lifespans in seconds: `auth_code_lifespan`, `access_token_lifespan`, `refresh_token_lifespan`.
    pub code_lifespan: i64,
    pub access_lifespan: i64,
    pub refresh_lifespan: i64,
    pub token_format: TokenFormat,
    /// `oauth_entity_scope`: what may be asked for in `scope`. None at all: the record's wiring is broken.
    pub scopes: Vec<String>,
    /// Auth scopes (`oauth_entity_auth_scope_mapping`) that its tokens carry.
    pub auth_scopes: Vec<String>,
    /// "Access to unscoped API is not allowed": only APIs with an auth scope.
    pub securely_scoped: bool,
    /// Enforce Token Restrictions: only APIs whose access policy has an OAuth profile.
    pub enforce_token_restrictions: bool,
    pub jwt: Option<JwtTrust>,
}

impl OAuthClient {
    /// An active confidential client with every grant but jwt-bearer, and the documented lifespans (wire §4.2).
    pub fn new(name: &str, client_id: &str, client_secret: &str) -> OAuthClient {
        OAuthClient {
            sys_id: sys_id("oauth_entity", name),
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            active: true,
            public: false,
            redirect_urls: Vec::new(),
            grants: vec![Grant::AuthorizationCode, Grant::Password, Grant::ClientCredentials, Grant::RefreshToken],
            pkce_required: false,
            application_user: None,
            code_lifespan: 60,
            access_lifespan: 1800,
            refresh_lifespan: 8_640_000,
            token_format: TokenFormat::Opaque,
            scopes: vec![String::from("useraccount")],
            auth_scopes: Vec::new(),
            securely_scoped: false,
            enforce_token_restrictions: false,
            jwt: None,
        }
    }
}

/// Whose signed tokens are taken, and how they name a user.
#[derive(Clone)]
pub struct JwtTrust {
    /// `iss` as it must be. For jwt-bearer the documentation says: the client id (or one listed).
    pub issuer: String,
    /// `aud` as it must be: the client id of the record.
    pub audience: String,
    pub keys: Vec<VerifierKey>,
    pub user_claim: String,
    pub user_field: UserField,
    /// Seconds.
    pub clock_skew: i64,
    pub verify_jti: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserField {
    SysId,
    UserName,
    Email,
}

/// One row of the JWT Verifier Maps.
#[derive(Clone)]
pub struct VerifierKey {
    pub kid: String,
    pub material: KeyMaterial,
}

#[derive(Clone)]
pub enum KeyMaterial {
    /// PKCS #1 `RSAPublicKey`, DER.
    Rsa(Vec<u8>),
    /// Uncompressed points.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Shared(Vec<u8>),
}

#[derive(Clone)]
pub struct OidcProvider {
    pub name: String,
    pub trust: JwtTrust,
}

#[derive(Clone)]
pub struct ApiKey {
    pub value: String,
    pub active: bool,
    /// `sys_id` of the user it acts as.
    pub user: String,
    /// Epoch milliseconds.
    pub expires: Option<i64>,
}

/// A Scripted REST API: `/api/x_acme/orders`.
#[derive(Clone)]
pub struct ScriptedApi {
    pub base_path: String,
    pub requires_authentication: bool,
    /// What a GET gives as `result`: JSON.
    pub result: serde_json::Value,
}

#[derive(Clone, Default)]
pub struct Table {
    pub rows: Vec<BTreeMap<String, String>>,
    /// "Allow access to this table via web services" is off.
    pub web_service_closed: bool,
}

/// A `sys_id` for a record of that name: 32 hexadecimal digits, always the same for the same record.
pub fn sys_id(table: &str, name: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{table}\n{name}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
