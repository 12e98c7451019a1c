//! The token endpoint: what each grant looks at.

use super::super::settings::*;
use super::*;

const CALLBACK: &str = training::CALLBACK;

/// Logs in, allows, and gives the code.
pub fn code(world: &mut World, extra: &[(&str, &str)]) -> String {
    let id = training::client_id(HOST);
    let mut pairs = vec![("response_type", "code"), ("client_id", &id), ("redirect_uri", CALLBACK), ("state", "s1")];
    pairs.extend_from_slice(extra);
    let location = super::authorize::allowed(world, &pairs);
    let query = location.split_once('?').unwrap().1;
    form::parse(query.as_bytes()).get("code").unwrap().to_owned()
}

fn exchange(world: &mut World, code: &str, extra: &[(&str, &str)]) -> Answer {
    let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    world.token(&[&pairs[..], extra].concat())
}

#[test]
fn a_token_answer_has_the_documented_members_in_the_releases_order() {
    let answer = World::new().password_grant();
    assert_eq!(answer.status, 200);
    let order = |text: &str| -> Vec<String> {
        let names = ["access_token", "refresh_token", "scope", "token_type", "expires_in"];
        let mut found: Vec<_> = names.iter().map(|name| (text.find(&format!("\"{name}\"")).unwrap(), *name)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name.to_owned()).collect()
    };
    assert_eq!(order(&text(&answer)), ["access_token", "refresh_token", "scope", "token_type", "expires_in"]);
    assert_eq!(json(&answer)["expires_in"], 1799);
    let token = access_token(&answer);
    assert_eq!(token.len(), 86);
    assert!(token.ends_with(['A', 'Q', 'g', 'w']));
    let classic = World::with(|i| i.release = Release::Classic).password_grant();
    assert_eq!(order(&text(&classic)), ["scope", "token_type", "expires_in", "refresh_token", "access_token"]);
}

#[test]
fn the_current_token_is_given_again_with_what_remains() {
    let mut world = World::new();
    let first = world.password_grant();
    let again = world.later(1700).password_grant();
    assert_eq!((access_token(&first), json(&again)["expires_in"].as_i64()), (access_token(&again), Some(99)));
    let fresh = world.later(200).password_grant();
    assert_ne!(access_token(&first), access_token(&fresh));
    assert_eq!(json(&first)["refresh_token"], json(&fresh)["refresh_token"]);
}

#[test]
fn a_token_works_until_its_second_and_not_after() {
    let mut world = World::new();
    let token = access_token(&world.password_grant());
    assert_eq!(world.later(1799).bearer(INCIDENT, &token).status, 200);
    assert_refused(&world.later(1).bearer(INCIDENT, &token));
}

#[test]
fn requests_of_the_wrong_form_are_denied() {
    let good = [("grant_type", "client_credentials")];
    assert_eq!(World::new().token(&good).status, 200);
    assert_denied(&World::new().token(&[("grant_type", " client_credentials")]));
    assert_denied(&World::new().token(&[("grant_type", "clientcredentials")]));
    assert_denied(&World::new().token(&[]));
    let mut world = World::new();
    let pairs = encoded(&[
        ("grant_type", "client_credentials"),
        ("client_id", &training::client_id(HOST)),
        ("client_secret", &training::client_secret(HOST)),
    ]);
    assert_denied(&world.get(&format!("/oauth_token.do?{pairs}"), &[]));
    assert_denied(&world.send("POST", "/oauth_token.do", &[("Content-Type", "application/json")], &pairs));
    assert_denied(&world.send("POST", &format!("/oauth_token.do?{pairs}"), &[], ""));
    world.instance.set_property(BODY_ONLY, "false");
    assert_eq!(world.send("POST", &format!("/oauth_token.do?{pairs}"), &[], "").status, 200);
}

#[test]
fn the_client_must_be_known_active_and_show_its_secret_once() {
    let post = |world: &mut World, id: &str, secret: Option<&str>, basic: Option<&str>| {
        let mut pairs = vec![("grant_type", "client_credentials")];
        if !id.is_empty() {
            pairs.push(("client_id", id));
        }
        pairs.extend(secret.map(|secret| ("client_secret", secret)));
        let mut fields = vec![("Content-Type", "application/x-www-form-urlencoded")];
        fields.extend(basic.map(|basic| ("Authorization", basic)));
        world.send("POST", "/oauth_token.do", &fields, &encoded(&pairs))
    };
    let (id, secret) = (training::client_id(HOST), training::client_secret(HOST));
    let header = basic(&id, &secret);
    assert_denied(&post(&mut World::new(), &id, Some("wrong"), None));
    assert_denied(&post(&mut World::new(), &id, None, None));
    assert_denied(&post(&mut World::new(), "0123", Some(&secret), None));
    assert_denied(&post(&mut World::with(|i| i.clients[0].active = false), &id, Some(&secret), None));
    assert_eq!(post(&mut World::new(), "", None, Some(&header)).status, 200);
    assert_denied(&post(&mut World::new(), &id, Some(&secret), Some(&header)));
    assert_denied(&post(&mut World::with(|i| i.unwritten.takes_client_in_basic = false), "", None, Some(&header)));
}

#[test]
fn a_secret_with_an_ampersand_must_be_encoded() {
    let mut world = World::new();
    world.client().client_secret = "a&b+c%".into();
    let id = training::client_id(HOST);
    let body = |secret: &str| format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_denied(&world.send("POST", "/oauth_token.do", &form, &body("a&b+c%")));
    assert_eq!(world.send("POST", "/oauth_token.do", &form, &body("a%26b%2Bc%25")).status, 200);
}

#[test]
fn client_credentials_need_the_property_and_a_living_usable_user() {
    let grant = |set: fn(&mut Instance)| World::with(set).token(&[("grant_type", "client_credentials")]);
    let good = grant(|_| ());
    assert_eq!((good.status, json(&good).get("refresh_token")), (200, None));
    assert_denied(&grant(|i| i.set_property(CLIENT_CREDENTIALS, "false")));
    assert_denied(&grant(|i| {
        i.properties.clear();
    }));
    assert_denied(&grant(|i| i.clients[0].grants = vec![Grant::AuthorizationCode]));
    assert_denied(&grant(|i| i.clients[0].public = true));
    assert_denied(&grant(|i| i.users[1].locked_out = true));
    assert_denied(&grant(|i| i.users[1].active = false));
    for unset in [|i: &mut Instance| i.clients[0].application_user = None, |i: &mut Instance| i.users.clear()] {
        let answer = grant(unset);
        let registry = sys_id("oauth_entity", "Partner integration");
        let expected = format!(
            r#"{{"error":"unauthorized_client","error_description":"Received client_credentials grant_type request however integration user is not configured for OAuth:{registry}"}}"#
        );
        assert_eq!((answer.status, text(&answer)), (400, expected));
    }
}

#[test]
fn scopes_must_be_linked() {
    let grant = |world: &mut World, scope: &str| world.token(&[("grant_type", "client_credentials"), ("scope", scope)]);
    assert_eq!(grant(&mut World::new(), "useraccount").status, 200);
    assert_denied(&grant(&mut World::new(), "everything"));
    assert_denied(&grant(&mut World::with(|i| i.clients[0].scopes.clear()), ""));
}

#[test]
fn a_code_is_good_once_and_for_sixty_seconds() {
    let mut world = World::new();
    let young = code(&mut world, &[]);
    assert_eq!(exchange(world.later(60), &young, &[]).status, 200);
    assert_denied(&exchange(&mut world, &young, &[]));
    let old = code(&mut world, &[]);
    assert_denied(&exchange(world.later(61), &old, &[]));
    world.client().code_lifespan = 120;
    let longer = code(&mut world, &[]);
    assert_eq!(exchange(world.later(71), &longer, &[]).status, 200);
}

#[test]
fn a_code_is_bound_to_its_client_redirect_and_challenge() {
    let mut world = World::new();
    let one = code(&mut world, &[]);
    let other =
        [("grant_type", "authorization_code"), ("code", one.as_str()), ("redirect_uri", "https://other.example/")];
    assert_denied(&world.token(&other));
    assert_denied(&exchange(&mut world, one.get(..80).unwrap(), &[]));
    world.client().redirect_urls.push("https://other.example/".into());
    assert_denied(&world.token(&other));
    assert_eq!(exchange(&mut world, &one, &[]).status, 200);

    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let bound = code(&mut world, &[("code_challenge", challenge), ("code_challenge_method", "S256")]);
    assert_denied(&exchange(&mut world, &bound, &[]));
    assert_denied(&exchange(&mut world, &bound, &[("code_verifier", "another")]));
    assert_eq!(exchange(&mut world, &bound, &[("code_verifier", verifier)]).status, 200);

    let other_client = code(&mut world, &[]);
    world.instance.clients.push(OAuthClient::new("other", "other-id", "other-secret"));
    let foreign = [
        ("client_id", "other-id"),
        ("client_secret", "other-secret"),
        ("grant_type", "authorization_code"),
        ("code", &other_client),
        ("redirect_uri", CALLBACK),
    ];
    assert_denied(&world.post_form("/oauth_token.do", &foreign));
}

#[test]
fn a_refresh_token_is_this_clients_alive_and_no_access_token() {
    let mut world = World::new();
    let answer = world.password_grant();
    let (access, refresh) = (access_token(&answer), json(&answer)["refresh_token"].as_str().unwrap().to_owned());
    let grant =
        |world: &mut World, token: &str| world.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    let renewed = grant(&mut world, &refresh);
    assert_eq!((renewed.status, json(&renewed)["refresh_token"].as_str()), (200, Some(refresh.as_str())));
    assert_ne!(access_token(&renewed), access);
    assert_denied(&grant(&mut world, &access));
    assert_denied(&grant(world.later(8_640_000), &refresh));
}

#[test]
fn a_revoked_token_is_refused_and_nobody_is_asked_who_revokes() {
    let mut world = World::new();
    let token = access_token(&world.password_grant());
    assert_eq!(world.get(&format!("/oauth_revoke_token.do?token={token}"), &[]).status, 200);
    assert_refused(&world.bearer(INCIDENT, &token));
}

#[test]
fn what_hangs_behind_a_token_can_end_it() {
    let changes: [fn(&mut Instance); 4] = [
        |i| i.clients[0].active = false,
        |i| i.users[1].active = false,
        |i| i.set_property(OAUTH_ACTIVE, "false"),
        |i| i.clients[0].enforce_token_restrictions = true,
    ];
    for change in changes {
        let mut world = World::new();
        let token = access_token(&world.password_grant());
        assert_eq!(world.bearer(INCIDENT, &token).status, 200);
        change(&mut world.instance);
        assert_refused(&world.bearer(INCIDENT, &token));
    }
}

#[test]
fn a_token_of_another_instance_is_unknown() {
    let token = access_token(&World::new().password_grant());
    assert_refused(&World::new().bearer(INCIDENT, &token));
}
