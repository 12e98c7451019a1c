//! Settings as the machine reads them: properties with their documented defaults, records by their keys.

use std::collections::BTreeMap;

use super::memory::Memory;
use super::state::{Instance, OAuthClient, Power, Release, Unwritten, User, UserField};

/// The properties that change an answer, with the value that counts when none is set (wire §4, §8, §11; causes).
const DEFAULTS: &[(&str, &str)] = &[
    (CLIENT_CREDENTIALS, "false"),
    (PASSWORD_GRANT_DISABLED, "false"),
    (BODY_ONLY, "true"),
    (STATE_REQUIRED, "true"),
    (OAUTH_ACTIVE, "true"),
    (RESET_MANDATORY, "false"),
    (FIRST_SCHEME_ONLY, "true"),
    (COOKIE_ENDS_WITH_TOKEN, "true"),
    (API_SESSION_NOT_FOR_UI, "true"),
    (UI_BINDING, "true"),
    (SCOPE_CHECK, "true"),
    (MFA_FOR_INTEGRATIONS, "false"),
    (GATE_ACTIVE, "false"),
    (GATE_ENFORCE, "true"),
    (GATE_ROLES, "snc_basic_auth_api_access"),
    (GATE_ALLOW_WSAO, "true"),
    (CORS_ENABLED, "true"),
    (SOAP_BASIC_REQUIRED, "true"),
    (SOAP_STRICT, "false"),
    (MAX_ATTEMPTS, "5"),
    (UNLOCK_MINUTES, "15"),
    (SESSION_MINUTES, "30"),
];

pub(super) const CLIENT_CREDENTIALS: &str = "glide.oauth.inbound.client.credential.grant_type.enabled";
pub(super) const PASSWORD_GRANT_DISABLED: &str = "glide.oauth.inbound.ropc.grant_type.disabled";
pub(super) const BODY_ONLY: &str = "glide.oauth.allow.parameters.in.post.body.only";
pub(super) const STATE_REQUIRED: &str = "glide.oauth.state.parameter.required";
pub(super) const IMPLICIT_CLIENTS: &str = "glide.oauth.clients.allowed.for.implicit.grant";
pub(super) const OAUTH_ACTIVE: &str = "com.snc.platform.security.oauth.is.active";
pub(super) const RESET_MANDATORY: &str = "glide.authenticate.api.user.reset_password.mandatory";
pub(super) const FIRST_SCHEME_ONLY: &str = "glide.security.response.authenticate.header.auth_profile.first_scheme_only";
pub(super) const COOKIE_ENDS_WITH_TOKEN: &str = "glide.authenticate.oauth.post.token.expiration.cookie_auth.disabled";
pub(super) const API_SESSION_NOT_FOR_UI: &str = "com.glide.processors.aprocessor.donot_reuse_api_session";
pub(super) const UI_BINDING: &str = "glide.oauth.enforce_restricted_binding_for_ui";
pub(super) const SCOPE_CHECK: &str = "com.glide.rest.api.auth.scope.check.enable";
pub(super) const MFA_FOR_INTEGRATIONS: &str = "glide.authenticate.multifactor.for_integrations";
pub(super) const GATE_ACTIVE: &str = "glide.authenticate.basic_auth.restriction.active";
pub(super) const GATE_ENFORCE: &str = "glide.authenticate.basic_auth.restriction.enforce";
pub(super) const GATE_ROLES: &str = "glide.authenticate.basic_auth.allowed_roles";
pub(super) const GATE_USERS: &str = "glide.authenticate.basic_auth.allowed_users";
pub(super) const GATE_ALLOW_WSAO: &str = "glide.authenticate.basic_auth.allow_wsao";
pub(super) const CORS_ENABLED: &str = "glide.rest.cors.enabled";
pub(super) const SOAP_BASIC_REQUIRED: &str = "glide.basicauth.required.soap";
pub(super) const SOAP_STRICT: &str = "glide.soap.strict_security";
pub(super) const MAX_ATTEMPTS: &str = "glide.user.max_unlock_attempts";
pub(super) const UNLOCK_MINUTES: &str = "glide.user.unlock_timeout_in_mins";
pub(super) const SESSION_MINUTES: &str = "glide.ui.session_timeout";

impl Instance {
    /// An instance of that host with nothing in it: awake, current, without users.
    pub fn new(host: &str) -> Instance {
        Instance {
            host: host.to_ascii_lowercase(),
            release: Release::Current,
            power: Power::Awake,
            unwritten: Unwritten::default(),
            properties: BTreeMap::new(),
            users: Vec::new(),
            clients: Vec::new(),
            api_keys: Vec::new(),
            oidc_providers: Vec::new(),
            policies: Vec::new(),
            acls: Vec::new(),
            api_scopes: Vec::new(),
            scripted: Vec::new(),
            tables: BTreeMap::new(),
            write_rules: Vec::new(),
            cors: Vec::new(),
            rate_limits: Vec::new(),
            ip_rules: Vec::new(),
            ws_security: None,
            identity_provider: None,
            memory: Memory::default(),
        }
    }

    /// Sets a system property.
    pub fn set_property(&mut self, name: &str, value: &str) {
        self.properties.insert(name.to_owned(), value.to_owned());
    }

    /// A system property, or its default.
    pub fn property(&self, name: &str) -> &str {
        let default = || DEFAULTS.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        self.properties.get(name).map_or_else(default, String::as_str)
    }

    pub fn user(&self, user_name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.user_name == user_name)
    }

    pub fn user_mut(&mut self, user_name: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.user_name == user_name)
    }

    pub fn client(&self, client_id: &str) -> Option<&OAuthClient> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    pub fn client_mut(&mut self, client_id: &str) -> Option<&mut OAuthClient> {
        self.clients.iter_mut().find(|client| client.client_id == client_id)
    }

    pub(super) fn is(&self, property: &str) -> bool {
        self.property(property).trim().eq_ignore_ascii_case("true")
    }

    pub(super) fn number(&self, property: &str) -> i64 {
        self.property(property).trim().parse().unwrap_or_default()
    }

    /// Whether a property that holds a list separated by commas names `item`.
    pub(super) fn lists(&self, property: &str, item: &str) -> bool {
        self.property(property).split(',').any(|part| part.trim() == item)
    }

    pub(super) fn user_by_id(&self, sys_id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.sys_id == sys_id)
    }

    pub(super) fn user_by(&self, field: UserField, value: &str) -> Option<&User> {
        self.users.iter().find(|user| {
            let held = match field {
                UserField::SysId => &user.sys_id,
                UserField::UserName => &user.user_name,
                UserField::Email => &user.email,
            };
            held == value
        })
    }

    /// `dev1` of `dev1.service-now.com`.
    pub(super) fn name(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }
}
