//! Who may do what on a simulated instance: policies, ACLs, scopes, origins, limits and addresses, as plain data.

use std::net::IpAddr;

/// The kinds of credentials that profiles name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    Basic,
    OAuth,
    IdToken,
    ApiKeyHeader,
    ApiKeyQuery,
    Session,
}

/// Which requests a policy, scope, limit or ACL is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPattern {
    /// A prefix of the path up to a whole segment; `None`: every API (global).
    pub prefix: Option<String>,
    pub method: Option<String>,
}

impl ApiPattern {
    pub fn global() -> ApiPattern {
        ApiPattern { prefix: None, method: None }
    }

    pub fn under(prefix: &str) -> ApiPattern {
        ApiPattern { prefix: Some(prefix.to_owned()), method: None }
    }

    pub fn matches(&self, method: &str, path: &str) -> bool {
        let path_fits = self.prefix.as_deref().is_none_or(|prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
        });
        path_fits && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }

    /// Non-global beats global, longer beats shorter, a method beats none (wire §9).
    pub fn specificity(&self) -> (usize, bool) {
        (self.prefix.as_deref().map_or(0, str::len), self.method.is_some())
    }
}

#[derive(Clone)]
pub struct AccessPolicy {
    pub name: String,
    pub active: bool,
    pub applies_to: ApiPattern,
    /// In the order in which they were mapped; the newest is last.
    pub profiles: Vec<AuthProfile>,
    pub advertise_all_schemes: bool,
}

/// An inbound authentication profile with its authentication policy.
#[derive(Clone)]
pub struct AuthProfile {
    pub kind: AuthKind,
    /// Addresses that it lets in; empty: all.
    pub addresses: Vec<IpRange>,
    /// Role that it wants; `None`: none.
    pub role: Option<String>,
}

impl AuthProfile {
    pub fn of(kind: AuthKind) -> AuthProfile {
        AuthProfile { kind, addresses: Vec::new(), role: None }
    }
}

#[derive(Clone)]
pub struct Acl {
    pub on: AclTarget,
    pub roles: Vec<String>,
}

#[derive(Clone)]
pub enum AclTarget {
    /// Type REST_Endpoint.
    RestEndpoint(ApiPattern),
    Table {
        table: String,
        operation: Operation,
    },
    /// Rows of the table whose field has this value.
    Row {
        table: String,
        field: String,
        value: String,
    },
    /// Reading a field.
    Field {
        table: String,
        field: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    Create,
    Write,
    Delete,
}

#[derive(Clone)]
pub struct ApiScope {
    pub applies_to: ApiPattern,
    pub scope: String,
}

/// What stops a write after authentication.
#[derive(Clone)]
pub enum WriteRule {
    /// A business rule aborts writes that leave this field empty.
    BusinessRule { table: String, name: String, wants: String },
    /// A data policy makes this field mandatory.
    DataPolicy { table: String, field: String, label: String },
}

#[derive(Clone)]
pub struct CorsRule {
    pub applies_to: ApiPattern,
    /// `https://app.partner.example`, or `*`.
    pub origin: String,
    pub methods: Vec<String>,
    pub headers: Vec<String>,
}

#[derive(Clone)]
pub struct RateLimit {
    pub sys_id: String,
    /// As the answer names it: `Table API`.
    pub api: String,
    pub applies_to: ApiPattern,
    pub per_hour: u32,
}

#[derive(Clone)]
pub struct IpRule {
    pub allow: bool,
    pub range: IpRange,
}

/// Addresses from first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    pub first: IpAddr,
    pub last: IpAddr,
}

impl IpRange {
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first <= address && address <= self.last
    }
}

/// What WS-Security asks of a SOAP message.
#[derive(Clone)]
pub struct WsSecurity {
    pub must_be_signed: bool,
}
