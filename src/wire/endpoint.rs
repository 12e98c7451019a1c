//! What a request is aimed at: the endpoint of an instance, or of a third party's authorization server.

/// The kind of resource that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/oauth_token.do`
    Token,
    /// `/oauth_auth.do`
    Authorize,
    /// `/oauth_revoke_token.do`, `/oauth_revoke.do`
    Revoke,
    /// `/oauth_redirect.do`
    OAuthRedirect,
    /// Something that was meant as the token endpoint and is not (`/oauth_token`, `/oauth/token` on an instance).
    TokenMisspelt,
    /// `/api/now[/v1|v2]/table/<table>[/<sys_id>]`
    Table {
        table: String,
        record: Option<String>,
    },
    /// Another REST API; the name is its first segments (`now/stats`, `x_acme/orders`).
    Api {
        name: String,
    },
    /// `?SOAP`, `?WSDL`, or a legacy web service.
    Soap {
        table: String,
    },
    /// `/login.do`, `/angular.do?…login`
    Login,
    /// Any other page of the user interface.
    Page,
    /// A third party's token endpoint.
    ProviderToken,
    Other,
}

/// Hosts of instances as ServiceNow names them.
pub fn is_instance_host(host: &str) -> bool {
    [".service-now.com", ".servicenowservices.com"].iter().any(|suffix| host.ends_with(suffix))
}

/// Classifies a target. `instance` says that the host is an instance (by name, or because it has answered like one).
pub fn classify(instance: bool, method: &str, path: &str, query: Option<&str>) -> Endpoint {
    let lower = path.to_ascii_lowercase();
    let lower = if lower.len() > 1 { lower.trim_end_matches('/') } else { &lower };
    if let Some(oauth) = oauth(lower) {
        return oauth;
    }
    if (lower.contains("/api/") || lower.ends_with("/api"))
        && let Some(api) = api(path)
    {
        return api;
    }
    if !instance {
        return if method == "POST" && names_token_endpoint(lower) { Endpoint::ProviderToken } else { Endpoint::Other };
    }
    page(lower, query.unwrap_or_default())
}

/// Whether what passes there is about logins and tokens, or is SOAP, whose faults come with any status; whoever the host is.
pub(super) fn is_about_credentials(method: &str, path: &str, query: Option<&str>) -> bool {
    let lower = path.to_ascii_lowercase();
    let provider = method == "POST" && names_token_endpoint(lower.trim_end_matches('/'));
    provider
        || matches!(
            classify(true, method, path, query),
            Endpoint::Token
                | Endpoint::Authorize
                | Endpoint::Revoke
                | Endpoint::OAuthRedirect
                | Endpoint::TokenMisspelt
                | Endpoint::Soap { .. }
                | Endpoint::Login
        )
}

fn oauth(lower: &str) -> Option<Endpoint> {
    Some(match lower.rsplit('/').next()? {
        "oauth_token.do" => Endpoint::Token,
        "oauth_auth.do" => Endpoint::Authorize,
        "oauth_revoke_token.do" | "oauth_revoke.do" => Endpoint::Revoke,
        "oauth_redirect.do" => Endpoint::OAuthRedirect,
        "oauth_token" | "oauth_tokens.do" | "oauth-token.do" | "oauthtoken.do" | "oauth_token.json" => {
            Endpoint::TokenMisspelt
        }
        _ => return None,
    })
}

/// `/oauth/token`, `/oauth2/v2.0/token`, `/oauth2/v1/token`, `/connect/token`, `/services/oauth2/token` …
fn names_token_endpoint(lower: &str) -> bool {
    let last = lower.rsplit('/').next().unwrap_or_default();
    matches!(last, "token" | "access_token" | "oauth_token" | "gettoken" | "accesstoken" | "tokens")
}

fn api(path: &str) -> Option<Endpoint> {
    let at = path.find("/api/")?;
    let mut segments: Vec<&str> = path.get(at + 5..)?.split('/').filter(|segment| !segment.is_empty()).collect();
    segments.retain(|segment| !is_version(segment));
    Some(match segments.as_slice() {
        ["now", "table", table, record, ..] => {
            Endpoint::Table { table: (*table).to_owned(), record: Some((*record).to_owned()) }
        }
        ["now", "table", table] => Endpoint::Table { table: (*table).to_owned(), record: None },
        [namespace, service, ..] => Endpoint::Api { name: format!("{namespace}/{service}") },
        [namespace] => Endpoint::Api { name: (*namespace).to_owned() },
        [] => return None,
    })
}

/// `v1`, `v2` …
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn page(lower: &str, query: &str) -> Endpoint {
    let name = lower.rsplit('/').next().unwrap_or_default();
    let upper = query.to_ascii_uppercase();
    let stem = name.strip_suffix(".do").unwrap_or(name);
    if upper.split('&').any(|part| matches!(part, "SOAP" | "WSDL")) {
        return Endpoint::Soap { table: stem.to_owned() };
    }
    if name == "login.do" || name == "angular.do" && query.contains("view_form.login") {
        return Endpoint::Login;
    }
    let data = upper.split('&').any(|part| matches!(part, "JSON" | "JSONV2" | "XML" | "CSV" | "RSS" | "EXCEL" | "PDF"));
    if name.ends_with(".do") && data {
        return Endpoint::Api { name: format!("legacy/{stem}") };
    }
    if name.ends_with(".do")
        || lower == "/"
        || lower.starts_with("/now/")
        || lower.starts_with("/sp")
        || lower.ends_with(".html")
    {
        return Endpoint::Page;
    }
    Endpoint::Other
}

impl Endpoint {
    /// A REST API of an instance.
    pub fn is_api(&self) -> bool {
        matches!(self, Endpoint::Table { .. } | Endpoint::Api { .. })
    }

    /// The table that the request names.
    pub fn table(&self) -> Option<&str> {
        match self {
            Endpoint::Table { table, .. } | Endpoint::Soap { table } => Some(table),
            _ => None,
        }
    }

    /// A short name under which the memory keeps successes and failures: the API, or the table of the Table API.
    pub fn class(&self) -> String {
        match self {
            Endpoint::Token => "oauth_token.do".into(),
            Endpoint::Authorize => "oauth_auth.do".into(),
            Endpoint::Revoke => "oauth_revoke_token.do".into(),
            Endpoint::OAuthRedirect => "oauth_redirect.do".into(),
            Endpoint::TokenMisspelt => "oauth_token".into(),
            Endpoint::Table { table, .. } => format!("table {table}"),
            Endpoint::Api { name } => format!("api {name}"),
            Endpoint::Soap { table } => format!("soap {table}"),
            Endpoint::Login => "login".into(),
            Endpoint::Page => "page".into(),
            Endpoint::ProviderToken => "token endpoint".into(),
            Endpoint::Other => "other".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(target: &str) -> Endpoint {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        classify(true, "POST", path, query)
    }

    #[test]
    fn endpoints_of_an_instance_are_known() {
        assert_eq!(at("/oauth_token.do"), Endpoint::Token);
        assert_eq!(at("/oauth_token?x=1"), Endpoint::TokenMisspelt);
        let table = |record: Option<&str>| Endpoint::Table { table: "incident".into(), record: record.map(Into::into) };
        assert_eq!(at("/api/now/v2/table/incident/abc?x"), table(Some("abc")));
        assert_eq!(at("/api/now/table/incident"), table(None));
        assert_eq!(at("/snow/api/now/table/incident"), table(None));
        assert_eq!(at("/api/x_acme/v1/orders/list"), Endpoint::Api { name: "x_acme/orders".into() });
        assert_eq!(at("/incident.do?SOAP"), Endpoint::Soap { table: "incident".into() });
        assert_eq!(at("/incident_list.do"), Endpoint::Page);
        assert_eq!(at("/incident_list.do?JSONv2"), Endpoint::Api { name: "legacy/incident_list".into() });
        assert_eq!(at("/login.do"), Endpoint::Login);
    }

    #[test]
    fn token_endpoints_of_providers_are_known() {
        for path in ["/tenant/oauth2/v2.0/token", "/oauth/token", "/services/oauth2/token", "/connect/token"] {
            assert_eq!(classify(false, "POST", path, None), Endpoint::ProviderToken, "{path}");
        }
        assert_eq!(classify(false, "GET", "/v1/assets", None), Endpoint::Other);
    }
}
