//! The outbound provider of report 002.

use super::super::provider::{API_PATH, Placement, Provider, TOKEN_PATH};
use super::*;

const VENDOR: &str = "api.vendor.example";

fn send(provider: &mut Provider, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let request = request(method, target, fields, body);
    let mut entropy = |buffer: &mut [u8]| buffer.fill(7);
    provider.handle(&Call { request: &request, from: "203.0.113.9".parse().unwrap() }, Millis(1_000_000), &mut entropy)
}

fn credentials() -> (String, String) {
    (training::client_id(VENDOR), training::client_secret(VENDOR))
}

fn by_basic(provider: &mut Provider, grant: &str) -> Answer {
    let (id, secret) = credentials();
    send(provider, "POST", TOKEN_PATH, &[("Authorization", &basic(&id, &secret))], &encoded(&[("grant_type", grant)]))
}

fn by_body(provider: &mut Provider, secret: &str) -> Answer {
    let pairs = [("grant_type", "client_credentials"), ("client_id", &credentials().0), ("client_secret", secret)];
    send(provider, "POST", TOKEN_PATH, &[], &encoded(&pairs))
}

#[test]
fn credentials_count_only_in_the_place_that_is_set() {
    for (placement, basic_ok, body_ok) in [(Placement::Basic, true, false), (Placement::Body, false, true)] {
        let mut provider = training::provider(VENDOR);
        provider.clients[0].placement = placement;
        let refused_or = |answer: Answer, ok: bool| {
            assert_eq!(answer.status, if ok { 200 } else { 401 }, "{placement:?}");
            assert!(ok || json(&answer)["error"] == "invalid_client");
        };
        refused_or(by_basic(&mut provider, "client_credentials"), basic_ok);
        refused_or(by_body(&mut provider, &credentials().1), body_ok);
    }
}

#[test]
fn other_faults_of_a_token_request_are_named() {
    let error = |answer: &Answer| (answer.status, json(answer)["error"].as_str().unwrap().to_owned());
    let mut provider = training::provider(VENDOR);
    let answer = by_basic(&mut provider, "password");
    assert_eq!(error(&answer), (400, "unsupported_grant_type".into()));
    provider.required_parameters = vec!["resource".into()];
    let answer = by_basic(&mut provider, "client_credentials");
    assert_eq!(error(&answer), (400, "invalid_request".into()));
    assert!(text(&answer).contains("The request body must contain the following parameter: 'resource'."));
    provider.clients[0].placement = Placement::Body;
    assert_eq!(error(&by_body(&mut provider, "wrong")), (401, "invalid_client".into()));
    provider.required_parameters.clear();
    provider.misnames_access_token = true;
    assert!(json(&by_body(&mut provider, &credentials().1)).get("access_token").is_none());
}

#[test]
fn the_api_wants_the_token_and_a_member() {
    let mut provider = training::provider(VENDOR);
    let target = format!("{API_PATH}accounts");
    let none = send(&mut provider, "GET", &target, &[], "");
    assert_eq!((none.status, field(&none, "www-authenticate").as_str()), (401, "Bearer"));
    let bearer = format!("Bearer {}", access_token(&by_basic(&mut provider, "client_credentials")));
    let fields = [("Authorization", bearer.as_str())];
    assert_eq!(send(&mut provider, "GET", &target, &fields, "").status, 200);
    provider.clients[0].member = false;
    let stranger = send(&mut provider, "GET", &target, &fields, "");
    assert_eq!(
        (stranger.status, text(&stranger)),
        (403, r#"{"error":{"code":"0x80072560","message":"The user is not a member of the organization."}}"#.into())
    );
    provider.tokens.clear();
    let unknown = send(&mut provider, "GET", &target, &fields, "");
    assert_eq!((unknown.status, field(&unknown, "www-authenticate").as_str()), (401, "Bearer error=\"invalid_token\""));
}

#[test]
fn lower_case_names_and_blocked_addresses_are_settings() {
    let mut provider = training::provider(VENDOR);
    provider.lower_case_fields = true;
    let answer = by_basic(&mut provider, "client_credentials");
    assert!(answer.fields.0.iter().any(|field| &field.name[..] == b"content-type"));
    let all = IpRange { first: "0.0.0.0".parse().unwrap(), last: "255.255.255.255".parse().unwrap() };
    provider.blocked_addresses = vec![all];
    assert_eq!(by_basic(&mut provider, "client_credentials").status, 403);
}
