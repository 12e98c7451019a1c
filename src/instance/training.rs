//! An instance and a provider with something in them: what `why401 instance` and `why401 demo` start from. All values
//! are for training; they open nothing but this simulator.

use std::collections::BTreeMap;

use serde_json::json;

use super::provider::{Placement, Provider, ProviderClient};
use super::settings::CLIENT_CREDENTIALS;
use super::state::*;

/// The password of every training user.
pub const PASSWORD: &str = "training";
/// Where the training client's callback is.
pub const CALLBACK: &str = "https://app.partner.example/callback";
/// The user behind client_credentials.
pub const INTEGRATION_USER: &str = "integration.user";
/// The Scripted REST API.
pub const ORDERS: &str = "/api/x_acme/orders";
/// The Scripted REST API that takes an API key.
pub const STOCK: &str = "/api/x_acme/stock";

/// Four users, two OAuth clients, one API key, a few rows; everything is switched on, so that everything works.
pub fn instance(host: &str) -> Instance {
    let mut instance = Instance::new(host);
    instance.set_property(CLIENT_CREDENTIALS, "true");
    instance.users = users();
    instance.clients = vec![confidential(host), public(host)];
    instance.scripted = vec![scripted(ORDERS, "PO-1001"), scripted(STOCK, "SKU-7")];
    instance.tables = tables(&instance.users);
    instance.api_keys =
        vec![ApiKey { value: api_key(host), active: true, user: sys_id("sys_user", INTEGRATION_USER), expires: None }];
    instance.policies = vec![AccessPolicy {
        name: String::from("Stock by API key"),
        active: true,
        applies_to: ApiPattern::under(STOCK),
        profiles: vec![AuthProfile::of(AuthKind::ApiKeyHeader)],
        advertise_all_schemes: false,
    }];
    instance
}

/// The client id of the confidential client of that host. Each host has its own, as real instances have.
pub fn client_id(host: &str) -> String {
    sys_id("client id", host)
}

pub fn client_secret(host: &str) -> String {
    sys_id("client secret", host)
}

/// The client id of the public client, which must use PKCE.
pub fn public_client_id(host: &str) -> String {
    sys_id("public client id", host)
}

pub fn api_key(host: &str) -> String {
    format!("now_{}", sys_id("api key", host))
}

fn users() -> Vec<User> {
    let machine = User { web_service_access_only: true, ..User::new("machine.user", PASSWORD).with_roles(&["itil"]) };
    vec![
        User::new("admin", PASSWORD).with_roles(&["admin"]),
        User::new(INTEGRATION_USER, PASSWORD).with_roles(&["itil", "snc_platform_rest_api_access"]),
        machine,
        User::new("no.roles", PASSWORD),
    ]
}

fn confidential(host: &str) -> OAuthClient {
    OAuthClient {
        redirect_urls: vec![CALLBACK.to_owned()],
        application_user: Some(sys_id("sys_user", INTEGRATION_USER)),
        ..OAuthClient::new("Partner integration", &client_id(host), &client_secret(host))
    }
}

fn public(host: &str) -> OAuthClient {
    OAuthClient {
        public: true,
        pkce_required: true,
        redirect_urls: vec![CALLBACK.to_owned()],
        grants: vec![Grant::AuthorizationCode],
        ..OAuthClient::new("Partner app", &public_client_id(host), "")
    }
}

fn scripted(base_path: &str, number: &str) -> ScriptedApi {
    ScriptedApi {
        base_path: base_path.to_owned(),
        requires_authentication: true,
        result: json!([{ "number": number }]),
    }
}

fn tables(users: &[User]) -> BTreeMap<String, Table> {
    let row = |fields: &[(&str, &str)]| -> BTreeMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let incident = |number: &str, short_description: &str, state: &str| {
        let id = sys_id("incident", number);
        row(&[("sys_id", &id), ("number", number), ("short_description", short_description), ("state", state)])
    };
    let people = users.iter().map(|user| {
        row(&[("sys_id", &user.sys_id), ("user_name", &user.user_name), ("email", &user.email), ("user_password", "")])
    });
    let incidents = vec![
        incident("INC0010001", "Printer on floor 3 is out of toner", "1"),
        incident("INC0010002", "VPN drops every hour", "2"),
        incident("INC0010003", "Payroll shows last month", "6"),
    ];
    BTreeMap::from([
        (String::from("incident"), Table { rows: incidents, web_service_closed: false }),
        (String::from("sys_user"), Table { rows: people.collect(), web_service_closed: false }),
    ])
}

/// A provider whose one client must send its credentials in Basic and whose application user is a member.
pub fn provider(host: &str) -> Provider {
    let client = ProviderClient {
        client_id: client_id(host),
        client_secret: client_secret(host),
        placement: Placement::Basic,
        grants: vec![String::from("client_credentials"), String::from("refresh_token")],
        member: true,
    };
    Provider { clients: vec![client], ..Provider::new(host) }
}
