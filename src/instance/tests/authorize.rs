//! The authorization endpoint: login, consent, redirect, and its error pages.

use super::super::settings::*;
use super::*;

fn target(pairs: &[(&str, &str)]) -> String {
    format!("/oauth_auth.do?{}", encoded(pairs))
}

/// Walks through login and consent and gives the redirect to the client.
#[track_caller]
pub fn allowed(world: &mut World, pairs: &[(&str, &str)]) -> String {
    decided(world, pairs, "authorize")
}

#[track_caller]
fn decided(world: &mut World, pairs: &[(&str, &str)], action: &str) -> String {
    let target = target(pairs);
    let to_login = world.get(&target, &[]);
    assert_eq!(to_login.status, 302, "{}", text(&to_login));
    assert_eq!(field(&to_login, "location"), format!("/login.do?sysparm_goto_url={}", form::encode(&target)));
    let login = [("user_name", "admin"), ("user_password", training::PASSWORD), ("sysparm_goto_url", &target)];
    let logged_in = world.post_form("/login.do", &login);
    assert_eq!((logged_in.status, field(&logged_in, "location")), (302, target.clone()));
    let cookie = session_cookie(&logged_in);
    let page = world.get(&target, &[("Cookie", &cookie)]);
    if page.status == 302 {
        return field(&page, "location");
    }
    let html = text(&page);
    let user_token = html.split("name=\"sysparm_ck\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
    let body = encoded(&[("sysparm_ck", &user_token), ("oauth_auth_check_action", action)]);
    let answer = world.send("POST", &target, &form, &body);
    assert_eq!(answer.status, 302);
    field(&answer, "location")
}

fn asked<'a>(id: &'a str, redirect: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("response_type", "code"), ("client_id", id), ("redirect_uri", redirect), ("state", "s1")]
}

#[test]
fn consent_is_asked_once_and_the_state_comes_back() {
    let mut world = World::new();
    let id = training::client_id(HOST);
    let first = allowed(&mut world, &asked(&id, training::CALLBACK));
    assert!(first.starts_with("https://app.partner.example/callback?code=") && first.ends_with("&state=s1"), "{first}");
    assert_eq!(world.instance.memory.consents.len(), 1);
    allowed(&mut world, &asked(&id, training::CALLBACK));
    assert_eq!(world.instance.memory.consents.len(), 1);
}

#[test]
fn denial_comes_back_without_a_code() {
    let id = training::client_id(HOST);
    let location = decided(&mut World::new(), &asked(&id, training::CALLBACK), "deny");
    assert_eq!(location, "https://app.partner.example/callback?error=access_denied&state=s1");
}

#[test]
fn faulty_requests_get_the_reported_texts() {
    let (id, public) = (training::client_id(HOST), training::public_client_id(HOST));
    let no_state = [("response_type", "code"), ("client_id", id.as_str()), ("redirect_uri", training::CALLBACK)];
    let mut implicit = asked(&id, training::CALLBACK);
    implicit[0].1 = "token";
    let cases: [(Vec<(&str, &str)>, &str); 5] = [
        (asked(&id, "https://app.partner.example/callback/"), "Missing redirect URL in application registration"),
        (no_state.to_vec(), "Missing State parameter in request"),
        (asked(&public, training::CALLBACK), "Missing code_challenge parameter"),
        (asked("0123", training::CALLBACK), "Invalid client_id"),
        (implicit, "unsupported_response_type"),
    ];
    for (pairs, expected) in cases {
        let answer = World::new().get(&target(&pairs), &[]);
        assert_eq!(answer.status, 400, "{expected}");
        assert!(text(&answer).contains(expected), "{}", text(&answer));
    }
}

#[test]
fn state_is_not_asked_for_where_the_property_is_off() {
    let id = training::client_id(HOST);
    let mut world = World::with(|i| i.set_property(STATE_REQUIRED, "false"));
    let pairs = [("response_type", "code"), ("client_id", id.as_str()), ("redirect_uri", training::CALLBACK)];
    assert!(!allowed(&mut world, &pairs).contains("state"));
}

#[test]
fn an_older_release_sends_the_code_to_the_first_registered_url() {
    let mut world = World::with(|i| i.release = Release::Classic);
    let id = training::client_id(HOST);
    let location = allowed(&mut world, &asked(&id, "https://elsewhere.example/"));
    assert!(location.starts_with("https://app.partner.example/callback?code="), "{location}");
}

#[test]
fn an_allowed_implicit_client_gets_a_token_in_the_fragment() {
    let id = training::client_id(HOST);
    let mut world = World::with(|i| i.set_property(IMPLICIT_CLIENTS, &training::client_id(HOST)));
    let mut pairs = asked(&id, training::CALLBACK);
    pairs[0].1 = "token";
    let location = allowed(&mut world, &pairs);
    let fragment = location.strip_prefix("https://app.partner.example/callback#").unwrap();
    let token = form::parse(fragment.as_bytes()).get("access_token").unwrap().to_owned();
    assert_eq!(world.bearer(INCIDENT, &token).status, 200);
}

#[test]
fn single_sign_on_takes_the_login_elsewhere() {
    let mut world = World::with(|i| i.identity_provider = Some("https://idp.acme.example/sso".into()));
    let id = training::client_id(HOST);
    let first = world.get(&target(&asked(&id, training::CALLBACK)), &[]);
    assert!(field(&first, "location").starts_with("/auth_redirect.do?sysparm_url="));
    let second = world.get(&field(&first, "location"), &[]);
    assert_eq!(field(&second, "location"), "https://idp.acme.example/sso");
}

#[test]
fn a_machine_user_cannot_log_in_by_form() {
    let form = [("user_name", "machine.user"), ("user_password", training::PASSWORD)];
    let answer = World::new().post_form("/login.do", &form);
    assert_eq!(answer.status, 200);
    assert!(text(&answer).contains("<title>Log in | ServiceNow</title>"));
}

#[test]
fn the_login_leads_to_no_other_site() {
    let form = [("user_name", "admin"), ("user_password", training::PASSWORD), ("sysparm_goto_url", "//evil.example/")];
    assert_eq!(field(&World::new().post_form("/login.do", &form), "location"), "/now/nav/ui/home");
}
