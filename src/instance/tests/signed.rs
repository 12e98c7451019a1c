//! Signed tokens: the jwt-bearer grant and third-party ID tokens.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Signer {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Signer(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap())
    }

    fn key(&self, kid: &str) -> VerifierKey {
        VerifierKey { kid: kid.into(), material: KeyMaterial::P256(self.0.public_key().as_ref().to_vec()) }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

const AUDIENCE: &str = "the-client";
const ISSUER: &str = "https://idp.acme.example";

fn trust(signer: &Signer) -> JwtTrust {
    JwtTrust {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        keys: vec![signer.key("k1")],
        user_claim: "sub".into(),
        user_field: UserField::UserName,
        clock_skew: 300,
        verify_jti: true,
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k1", "typ": "JWT"})
}

/// Sound claims with one of them changed; `null` takes it away.
fn claims(world: &World, name: &str, value: Value) -> Value {
    let now = world.now.0 / 1000;
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": training::INTEGRATION_USER, "iat": now, "exp": now + 60, "jti": "j1"
    });
    if !name.is_empty() {
        claims[name] = value;
    }
    claims
}

fn world_for_grant(signer: &Signer) -> World {
    let mut world = World::new();
    world.client().jwt = Some(trust(signer));
    world.client().grants.push(Grant::JwtBearer);
    world
}

fn grant(world: &mut World, assertion: &str) -> Answer {
    world.token(&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)])
}

#[test]
fn a_sound_assertion_gives_a_token_without_refresh() {
    let signer = Signer::new();
    let mut world = world_for_grant(&signer);
    let assertion = signer.sign(&header(), &claims(&world, "", Value::Null));
    let answer = grant(&mut world, &assertion);
    assert_eq!((answer.status, json(&answer).get("refresh_token")), (200, None));
    assert_eq!(world.bearer(INCIDENT, &access_token(&answer)).status, 200);
    assert_denied(&grant(&mut world, &assertion));
}

#[test]
fn each_unsound_claim_or_header_is_denied() {
    let signer = Signer::new();
    let now = World::new().now.0 / 1000;
    let bad_claims: [(&str, Value); 8] = [
        ("iss", json!("https://other.example")),
        ("aud", json!("other")),
        ("exp", json!(now - 301)),
        ("exp", json!("soon")),
        ("nbf", json!(now + 301)),
        ("iat", json!(now + 301)),
        ("jti", Value::Null),
        ("sub", json!("nobody")),
    ];
    for (name, value) in bad_claims {
        let mut world = world_for_grant(&signer);
        let assertion = signer.sign(&header(), &claims(&world, name, value.clone()));
        let answer = grant(&mut world, &assertion);
        assert_eq!(text(&answer), ACCESS_DENIED, "{name}: {value}");
    }
    for bad_header in
        [json!({"alg": "ES256", "kid": "other"}), json!({"alg": "none", "kid": "k1"}), json!({"alg": "ES256"})]
    {
        let mut world = world_for_grant(&signer);
        let assertion = signer.sign(&bad_header, &claims(&world, "", Value::Null));
        assert_denied(&grant(&mut world, &assertion));
    }
    let mut world = world_for_grant(&signer);
    let forged = Signer::new().sign(&header(), &claims(&world, "", Value::Null));
    assert_denied(&grant(&mut world, &forged));
    assert_denied(&grant(&mut world, "no.jwt.here"));
    assert_denied(&world.token(&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")]));
}

#[test]
fn the_clock_skew_is_allowed_for() {
    let signer = Signer::new();
    let mut world = world_for_grant(&signer);
    let late = claims(&world, "exp", json!(world.now.0 / 1000 - 299));
    assert_eq!(grant(&mut world, &signer.sign(&header(), &late)).status, 200);
}

#[test]
fn an_administrator_gets_no_token_by_assertion() {
    let signer = Signer::new();
    let mut world = world_for_grant(&signer);
    let assertion = signer.sign(&header(), &claims(&world, "sub", json!("admin")));
    let answer = grant(&mut world, &assertion);
    assert_eq!(
        text(&answer),
        r#"{"error_description":"Grant access token to admin is not allowed","error":"invalid_grant"}"#
    );
}

#[test]
fn a_third_partys_token_needs_its_provider_record() {
    let signer = Signer::new();
    let mut world = World::new();
    let token = signer.sign(&header(), &claims(&world, "", Value::Null));
    assert_refused(&world.bearer(training::ORDERS, &token));
    world.instance.oidc_providers.push(OidcProvider { name: "Acme".into(), trust: trust(&signer) });
    assert_eq!(world.bearer(training::ORDERS, &token).status, 200);
    world.instance.memory.used_jti.clear();
    assert_refused(&world.later(400).bearer(training::ORDERS, &token));
}

#[test]
fn an_access_token_may_be_a_jwt() {
    let mut world = World::new();
    world.client().token_format = TokenFormat::Jwt;
    let token = access_token(&world.password_grant());
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(world.bearer(INCIDENT, &token).status, 200);
    assert_refused(&world.later(1800).bearer(INCIDENT, &token));
}
