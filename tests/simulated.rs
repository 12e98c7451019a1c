//! The simulated instance against diagnosis: a setting makes a failure, and the explanation must hold the truth. Nothing
//! that is not true may be called proven.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may"
)]

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use why401::diagnose::diagnose;
use why401::instance::state::*;
use why401::instance::{Answer, Call, Instance, training};
use why401::ledger::{Ledger, Limits};
use why401::model::*;
use why401::wire::form;

const DEV: &str = "dev1.service-now.com";
const PROD: &str = "acme.service-now.com";
const INCIDENT: &str = "/api/now/table/incident?sysparm_limit=1";
const USER: &str = training::INTEGRATION_USER;
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Two instances, a memory of what passed, and a clock.
struct World {
    dev: Instance,
    prod: Instance,
    ledger: Ledger,
    now: Millis,
    exchanges: u64,
    counter: u32,
    last: Option<Diagnosis>,
}

impl World {
    fn new() -> World {
        World {
            dev: training::instance(DEV),
            prod: training::instance(PROD),
            ledger: Ledger::new(Salt::new([7; 32]), Limits::default()),
            now: Millis(1_793_613_600_000),
            exchanges: 0,
            counter: 0,
            last: None,
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    fn request(&self, host: &str, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Request {
        let common = [("Host", host), ("User-Agent", "test/1"), ("Accept", "application/json")];
        let fields = common.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Request {
            method: method.to_owned(),
            scheme: Scheme::Https,
            host: host.to_owned(),
            port: 443,
            target: target.to_owned(),
            version: String::from("HTTP/1.1"),
            fields: fields.collect(),
            body: Body::whole(body.to_owned()),
            head: None,
            unseen: false,
        }
    }

    /// The instance's answer alone; the memory learns nothing of it.
    fn answer(&mut self, request: &Request) -> Answer {
        let counter = &mut self.counter;
        let mut entropy = |buffer: &mut [u8]| {
            *counter += 1;
            let seed = u64::from(*counter);
            buffer.iter_mut().enumerate().for_each(|(at, byte)| {
                *byte = (seed.wrapping_add(at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8;
            });
        };
        let instance = if request.host == PROD { &mut self.prod } else { &mut self.dev };
        let from = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
        instance.handle(&Call { request, from }, self.now, &mut entropy)
    }

    fn send_request(&mut self, request: Request) -> Answer {
        let answer = self.answer(&request);
        self.exchanges += 1;
        let response = Response {
            status: answer.status,
            reason: String::new(),
            version: String::from("HTTP/1.1"),
            fields: answer.fields.clone(),
            body: Body::whole(answer.body.clone()),
            ours: false,
            cut: None,
        };
        let exchange = Exchange {
            id: self.exchanges,
            entry: None,
            at: self.now,
            client: Client { connection: self.exchanges, ..Client::default() },
            request,
            outcome: Outcome::Answered(response),
            timing: Timing::default(),
            upstream: Upstream::default(),
        };
        self.last = Some(diagnose(&exchange, &self.ledger));
        self.ledger.record(&exchange);
        answer
    }

    fn send(&mut self, host: &str, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let request = self.request(host, method, target, fields, body);
        self.send_request(request)
    }

    fn get(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(DEV, "GET", target, fields, "")
    }

    fn authorized(&mut self, target: &str, value: &str) -> Answer {
        self.get(target, &[("Authorization", value)])
    }

    fn basic(&mut self, user: &str, password: &str) -> Answer {
        self.authorized(INCIDENT, &basic(user, password))
    }

    fn bearer(&mut self, token: &str) -> Answer {
        self.authorized(INCIDENT, &format!("Bearer {token}"))
    }

    fn token_request(&mut self, host: &str, pairs: &[(&str, &str)]) -> Answer {
        let (id, secret) = (training::client_id(host), training::client_secret(host));
        let all = [pairs, &[("client_id", id.as_str()), ("client_secret", &secret)]].concat();
        self.send(host, "POST", "/oauth_token.do", &[FORM], &encoded(&all))
    }

    fn password_grant(&mut self, host: &str) -> Answer {
        let pairs = [("grant_type", "password"), ("username", USER), ("password", training::PASSWORD)];
        self.token_request(host, &pairs)
    }

    fn client_credentials(&mut self) -> Answer {
        self.token_request(DEV, &[("grant_type", "client_credentials")])
    }

    fn fresh_token(&mut self, host: &str) -> String {
        member(&self.password_grant(host), "access_token")
    }

    /// A code, through the login; `seen`: the memory learns of the redirect.
    fn code(&mut self, extra: &[(&str, &str)], seen: bool) -> String {
        let id = training::client_id(DEV);
        let pairs =
            [("response_type", "code"), ("client_id", &id), ("redirect_uri", training::CALLBACK), ("state", "xyz1")];
        let target = format!("/oauth_auth.do?{}", encoded(&[&pairs[..], extra].concat()));
        let login = encoded(&[("user_name", "admin"), ("user_password", training::PASSWORD)]);
        let cookie = session_cookie(&self.browse(seen, "POST", "/login.do", &[FORM], &login));
        let page = self.browse(seen, "GET", &target, &[("Cookie", &cookie)], "");
        let html = String::from_utf8(page.body.to_vec()).unwrap();
        let user_token = html.split("name=\"sysparm_ck\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let allow = encoded(&[("sysparm_ck", user_token), ("oauth_auth_check_action", "authorize")]);
        let redirect = self.browse(seen, "POST", &target, &[FORM, ("Cookie", &cookie)], &allow);
        let location = redirect.fields.text("location").unwrap().into_owned();
        form::parse(location.split_once('?').unwrap().1.as_bytes()).get("code").unwrap().to_owned()
    }

    fn browse(&mut self, seen: bool, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let request = self.request(DEV, method, target, fields, body);
        if seen { self.send_request(request) } else { self.answer(&request) }
    }

    fn exchange(&mut self, code: &str, extra: &[(&str, &str)]) -> Answer {
        let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", training::CALLBACK)];
        self.token_request(DEV, &[&pairs[..], extra].concat())
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", form::encode(name), form::encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn member(answer: &Answer, name: &str) -> String {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned()
}

fn session_cookie(answer: &Answer) -> String {
    answer.fields.text("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// How well the first true cause must be found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// First, and proven.
    Proven,
    /// First, in whatever grade.
    First,
    /// Among the findings or the folded suspects.
    Named,
}

struct Scenario {
    /// What is true, the reason of the failure first. Nothing else may be called proven.
    truth: &'static [&'static str],
    how: How,
    play: fn(&mut World),
}

const fn proven(truth: &'static [&'static str], play: fn(&mut World)) -> Scenario {
    Scenario { truth, how: How::Proven, play }
}

const fn first(truth: &'static [&'static str], play: fn(&mut World)) -> Scenario {
    Scenario { truth, how: How::First, play }
}

const fn named(truth: &'static [&'static str], play: fn(&mut World)) -> Scenario {
    Scenario { truth, how: How::Named, play }
}

fn user(world: &mut World) -> &mut User {
    world.dev.user_mut(USER).unwrap()
}

fn client(world: &mut World) -> &mut OAuthClient {
    world.dev.client_mut(&training::client_id(DEV)).unwrap()
}

fn policy(kind: AuthKind) -> AccessPolicy {
    AccessPolicy {
        name: "p".into(),
        active: true,
        applies_to: ApiPattern::under("/api/now/table"),
        profiles: vec![AuthProfile::of(kind)],
        advertise_all_schemes: false,
    }
}

fn acl(world: &mut World, on: AclTarget) {
    world.dev.acls.push(Acl { on, roles: vec!["boss".into()] });
}

const ACCOUNTS: &[Scenario] = &[
    proven(&["no-credentials"], |w| drop(w.get(INCIDENT, &[]))),
    named(&["wrong-password"], |w| drop(w.basic(USER, "wrong"))),
    named(&["unknown-user"], |w| drop(w.basic("nobody", "wrong"))),
    named(&["account-inactive"], |w| {
        user(w).active = false;
        w.basic(USER, training::PASSWORD);
    }),
    named(&["basic-auth-restricted"], |w| {
        w.dev.set_property("glide.authenticate.basic_auth.restriction.active", "true");
        w.basic(USER, training::PASSWORD);
    }),
    named(&["account-locked"], |w| {
        for attempt in 0..5 {
            w.basic(USER, &format!("wrong{attempt}"));
        }
        w.basic(USER, training::PASSWORD);
    }),
    proven(&["mfa-required"], |w| {
        w.dev.set_property("glide.authenticate.multifactor.for_integrations", "true");
        user(w).mfa_code = Some("123456".into());
        w.basic(USER, training::PASSWORD);
    }),
    named(&["api-access-policy"], |w| {
        w.dev.policies = vec![policy(AuthKind::OAuth)];
        w.basic(USER, training::PASSWORD);
    }),
];

const TOKENS: &[Scenario] = &[
    proven(&["token-expired"], |w| {
        let token = w.fresh_token(DEV);
        w.pass(2100);
        w.bearer(&token);
    }),
    proven(&["token-from-other-instance"], |w| {
        let token = w.fresh_token(PROD);
        w.bearer(&token);
    }),
    proven(&["token-revoked"], |w| {
        let token = w.fresh_token(DEV);
        w.get(&format!("/oauth_revoke_token.do?token={token}"), &[]);
        w.bearer(&token);
    }),
    proven(&["token-truncated"], |w| {
        let token = w.fresh_token(DEV);
        w.bearer(&token[..80]);
    }),
    proven(&["refresh-token-as-access"], |w| {
        let answer = w.password_grant(DEV);
        w.bearer(&member(&answer, "refresh_token"));
    }),
    proven(&["auth-code-as-token"], |w| {
        let code = w.code(&[], true);
        w.bearer(&code);
    }),
    proven(&["bearer-missing-space"], |w| {
        let token = w.fresh_token(DEV);
        w.authorized(INCIDENT, &format!("Bearer{token}"));
    }),
    proven(&["token-placeholder"], |w| drop(w.bearer("{{token}}"))),
    proven(&["token-literal-null"], |w| drop(w.bearer("undefined"))),
    named(&["bearer-extra-space"], |w| {
        w.dev.unwritten.takes_extra_space = false;
        let token = w.fresh_token(DEV);
        w.authorized(INCIDENT, &format!("Bearer  {token}"));
    }),
    named(&["api-access-policy", "token-restricted"], |w| {
        w.dev.policies = vec![policy(AuthKind::Basic)];
        let token = w.fresh_token(DEV);
        w.bearer(&token);
    }),
    named(&["oauth-client-inactive"], |w| {
        let token = w.fresh_token(DEV);
        w.pass(600);
        client(w).active = false;
        w.bearer(&token);
    }),
    named(&["account-inactive"], |w| {
        let token = w.fresh_token(DEV);
        w.pass(600);
        user(w).active = false;
        w.bearer(&token);
    }),
    proven(&["session-missing-user-token"], |w| {
        let login = encoded(&[("user_name", "admin"), ("user_password", training::PASSWORD)]);
        let cookie = session_cookie(&w.send(DEV, "POST", "/login.do", &[FORM], &login));
        w.get(INCIDENT, &[("Cookie", &cookie)]);
    }),
    proven(&["session-expired"], |w| {
        let login = encoded(&[("user_name", "admin"), ("user_password", training::PASSWORD)]);
        let cookie = session_cookie(&w.send(DEV, "POST", "/login.do", &[FORM], &login));
        w.pass(3600);
        w.get(INCIDENT, &[("Cookie", &cookie), ("X-UserToken", "0123456789abcdef")]);
    }),
    named(&["api-key-refused", "api-access-policy"], |w| {
        w.dev.api_keys[0].active = false;
        w.get(training::STOCK, &[("x-sn-apikey", &training::api_key(DEV))]);
    }),
];

const GRANTS: &[Scenario] = &[
    first(&["client-credentials-disabled"], |w| {
        w.dev.set_property("glide.oauth.inbound.client.credential.grant_type.enabled", "false");
        w.password_grant(DEV);
        w.client_credentials();
    }),
    proven(&["oauth-application-user-missing"], |w| {
        client(w).application_user = None;
        w.client_credentials();
    }),
    named(&["oauth-application-user-unusable"], |w| {
        user(w).locked_out = true;
        w.client_credentials();
    }),
    named(&["client-secret-wrong"], |w| {
        client(w).client_secret = "0".repeat(32);
        w.client_credentials();
    }),
    proven(&["token-request-not-form"], |w| {
        w.send(
            DEV,
            "POST",
            "/oauth_token.do",
            &[("Content-Type", "application/json")],
            "{\"grant_type\":\"password\"}",
        );
    }),
    proven(&["grant-type-unknown"], |w| drop(w.token_request(DEV, &[("grant_type", "auth_code")]))),
    proven(&["form-value-whitespace"], |w| drop(w.token_request(DEV, &[("grant_type", " client_credentials")]))),
    named(&["wrong-password"], |w| {
        w.token_request(DEV, &[("grant_type", "password"), ("username", USER), ("password", "wrong")]);
    }),
    named(&["password-grant-disabled"], |w| {
        w.dev.set_property("glide.oauth.inbound.ropc.grant_type.disabled", "true");
        w.client_credentials();
        w.password_grant(DEV);
    }),
    first(&["auth-code-expired"], |w| {
        let code = w.code(&[], true);
        w.pass(71);
        w.exchange(&code, &[]);
    }),
    proven(&["auth-code-expired"], |w| {
        let code = w.code(&[], true);
        w.pass(150);
        w.exchange(&code, &[]);
    }),
    named(&["auth-code-expired"], |w| {
        let code = w.code(&[], false);
        w.pass(150);
        w.exchange(&code, &[]);
    }),
    proven(&["auth-code-reused"], |w| {
        let code = w.code(&[], true);
        w.exchange(&code, &[]);
        w.exchange(&code, &[]);
    }),
    proven(&["redirect-uri-mismatch"], |w| {
        let code = w.code(&[], true);
        let pairs =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "https://app.partner.example/")];
        w.token_request(DEV, &pairs);
    }),
    proven(&["pkce-verifier-mismatch"], |w| {
        let challenge =
            [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
        let code = w.code(&challenge, true);
        w.exchange(&code, &[("code_verifier", "not-the-verifier-of-this-challenge-at-all-0123")]);
    }),
    proven(&["auth-code-altered"], |w| {
        let code = w.code(&[], true);
        w.exchange(&code[..80], &[]);
    }),
    proven(&["refresh-token-wrong"], |w| {
        let token = w.fresh_token(DEV);
        w.token_request(DEV, &[("grant_type", "refresh_token"), ("refresh_token", &token)]);
    }),
    first(&["refresh-token-expired"], |w| {
        let refresh = member(&w.password_grant(DEV), "refresh_token");
        w.pass(101 * 86_400);
        w.token_request(DEV, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    }),
];

const AUTHORIZE: &[Scenario] = &[
    proven(&["state-missing"], |w| authorize(w, &[("redirect_uri", training::CALLBACK)])),
    proven(&["redirect-uri-not-registered"], |w| {
        authorize(w, &[("redirect_uri", "https://x.example/"), ("state", "s")])
    }),
    proven(&["pkce-challenge-missing"], |w| {
        client(w).pkce_required = true;
        authorize(w, &[("redirect_uri", training::CALLBACK), ("state", "s")]);
    }),
    named(&["authorize-client-unknown"], |w| {
        client(w).active = false;
        authorize(w, &[("redirect_uri", training::CALLBACK), ("state", "s")]);
    }),
];

fn authorize(world: &mut World, pairs: &[(&str, &str)]) {
    let id = training::client_id(DEV);
    let all = [&[("response_type", "code"), ("client_id", id.as_str())], pairs].concat();
    world.get(&format!("/oauth_auth.do?{}", encoded(&all)), &[]);
}

const ACCESS: &[Scenario] = &[
    proven(&["rest-endpoint-acl"], |w| {
        acl(w, AclTarget::RestEndpoint(ApiPattern::under("/api/now/table")));
        w.basic(USER, training::PASSWORD);
    }),
    proven(&["table-acl"], |w| {
        acl(w, AclTarget::Table { table: "incident".into(), operation: Operation::Read });
        w.basic(USER, training::PASSWORD);
    }),
    proven(&["row-acl"], |w| {
        for value in ["1", "2", "6"] {
            acl(w, AclTarget::Row { table: "incident".into(), field: "state".into(), value: value.into() });
        }
        w.basic(USER, training::PASSWORD);
    }),
    named(&["unknown-field-reported-as-acl"], |w| {
        w.authorized("/api/now/table/incident?sysparm_query=nosuch%3D1", &basic(USER, training::PASSWORD));
    }),
    proven(&["auth-scope-missing"], |w| {
        w.dev.api_scopes = vec![ApiScope { applies_to: ApiPattern::under("/api/now"), scope: "incident_read".into() }];
        let token = w.fresh_token(DEV);
        w.bearer(&token);
    }),
    proven(&["rate-limited"], |w| {
        let applies_to = ApiPattern::under("/api/now/table");
        w.dev.rate_limits =
            vec![RateLimit { sys_id: "0".repeat(32), api: "Table API".into(), applies_to, per_hour: 1 }];
        w.basic(USER, training::PASSWORD);
        w.basic(USER, training::PASSWORD);
    }),
    named(&["ip-restricted"], |w| {
        let range = IpRange { first: "0.0.0.0".parse().unwrap(), last: "255.255.255.255".parse().unwrap() };
        w.dev.ip_rules = vec![IpRule { allow: false, range }];
        w.basic(USER, training::PASSWORD);
    }),
    proven(&["business-rule-abort"], |w| {
        w.dev.write_rules =
            vec![WriteRule::BusinessRule { table: "incident".into(), name: "Guard".into(), wants: "caller".into() }];
        let header = basic(USER, training::PASSWORD);
        let fields = [("Authorization", header.as_str()), ("Content-Type", "application/json")];
        w.send(DEV, "POST", "/api/now/table/incident", &fields, "{\"state\":\"1\"}");
    }),
    named(&["record-hidden-or-absent"], |w| {
        w.authorized("/api/now/table/incident/0123", &basic(USER, training::PASSWORD));
    }),
    first(&["wrong-password"], |w| {
        let login = encoded(&[("user_name", USER), ("user_password", "wrong")]);
        w.send(DEV, "POST", "/angular.do?sysparm_type=view_form.login", &[FORM], &login);
    }),
    proven(&["instance-hibernating"], |w| {
        w.dev.power = Power::Hibernating;
        w.basic(USER, training::PASSWORD);
    }),
    first(&["instance-offline"], |w| {
        w.dev.power = Power::Offline;
        w.basic(USER, training::PASSWORD);
    }),
    proven(&["authorization-duplicated"], |w| {
        let header = basic(USER, training::PASSWORD);
        w.get(INCIDENT, &[("Authorization", &header), ("Authorization", &header)]);
    }),
    proven(&["ui-path-not-api", "redirected-to-login"], |w| {
        w.authorized("/incident_list.do", &basic(USER, training::PASSWORD));
    }),
    proven(&["endpoint-not-found"], |w| {
        drop(w.authorized("/api/now/tabel/incident", &basic(USER, training::PASSWORD)))
    }),
    proven(&["plain-http"], |w| {
        let mut request = w.request(DEV, "GET", INCIDENT, &[("Authorization", &basic(USER, training::PASSWORD))], "");
        (request.scheme, request.port) = (Scheme::Http, 80);
        w.send_request(request);
    }),
    proven(&["ws-security-failed"], |w| {
        w.dev.ws_security = Some(WsSecurity { must_be_signed: true });
        let header = basic(USER, training::PASSWORD);
        let fields = [("Authorization", header.as_str()), ("Content-Type", "text/xml"), ("SOAPAction", "getRecords")];
        w.send(DEV, "POST", "/incident.do?SOAP", &fields, "<soapenv:Envelope/>");
    }),
    proven(&["cors-preflight-refused"], |w| {
        let fields = [("Origin", "https://app.partner.example"), ("Access-Control-Request-Method", "GET")];
        w.send(DEV, "OPTIONS", INCIDENT, &fields, "");
    }),
];

/// Older releases answer an unregistered redirect URI with the first registered one, and their recorded 401 has no
/// `X-Is-Logged-In` that would tell a dead session.
const NOT_IN_CLASSIC: [&str; 2] = ["redirect-uri-not-registered", "session-expired"];

/// The wording of both releases gives the same explanation.
#[test]
fn what_settings_cause_is_explained() {
    let all = [ACCOUNTS, TOKENS, GRANTS, AUTHORIZE, ACCESS].concat_scenarios();
    let mut faults = Vec::new();
    for release in [Release::Current, Release::Classic] {
        for scenario in &all {
            if release == Release::Classic && NOT_IN_CLASSIC.contains(&scenario.truth[0]) {
                continue;
            }
            let mut world = World::new();
            (world.dev.release, world.prod.release) = (release, release);
            (scenario.play)(&mut world);
            let diagnosis = world.last.unwrap();
            faults.extend(fault(scenario, &diagnosis).map(|fault| format!("{release:?}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), all.len() * 2, faults.join("\n"));
}

trait Scenarios {
    fn concat_scenarios(&self) -> Vec<&'static Scenario>;
}

impl<const N: usize> Scenarios for [&'static [Scenario]; N] {
    fn concat_scenarios(&self) -> Vec<&'static Scenario> {
        self.iter().flat_map(|list| list.iter()).collect()
    }
}

fn fault(scenario: &Scenario, diagnosis: &Diagnosis) -> Option<String> {
    let truth = scenario.truth[0];
    let findings: Vec<(&str, Grade)> =
        diagnosis.findings.iter().map(|finding| (finding.cause, finding.grade)).collect();
    let wrong = findings.iter().find(|(cause, grade)| *grade == Grade::Proven && !scenario.truth.contains(cause));
    if let Some((cause, _)) = wrong {
        return Some(format!("{truth}: {cause} is called proven: {findings:?}"));
    }
    let holds = match scenario.how {
        How::Proven => findings.first() == Some(&(truth, Grade::Proven)),
        How::First => findings.first().is_some_and(|(cause, _)| *cause == truth),
        How::Named => findings.iter().any(|(cause, _)| *cause == truth) || diagnosis.folded.contains(&truth),
    };
    (!holds).then(|| format!("{truth} {:?}: {findings:?}, folded {:?}", scenario.how, diagnosis.folded))
}

#[test]
fn what_works_needs_no_words() {
    let mut world = World::new();
    let token = world.fresh_token(DEV);
    world.bearer(&token);
    assert!(world.last.take().unwrap().findings.is_empty());
    world.basic(USER, training::PASSWORD);
    assert!(world.last.take().unwrap().findings.is_empty());
    world.client_credentials();
    assert!(world.last.take().unwrap().findings.is_empty());
    let code = world.code(&[], true);
    world.exchange(&code, &[]);
    assert!(world.last.take().unwrap().findings.is_empty());
    world.authorized(training::ORDERS, &format!("Bearer {token}"));
    assert!(world.last.take().unwrap().findings.is_empty());
}

/// The login of ServiceNow's own SDK: in order it says nothing, and what passes elsewhere clears the password.
#[test]
fn the_form_login_of_the_sdk_is_read() {
    let mut w = World::new();
    let target = "/angular.do?sysparm_type=view_form.login";
    let login = |password: &str| encoded(&[("user_name", USER), ("user_password", password)]);
    let answer = w.send(DEV, "POST", target, &[FORM], &login(training::PASSWORD));
    assert_eq!(&answer.body[..], br#"{"status":"success"}"#);
    assert!(w.last.as_ref().unwrap().findings.is_empty());
    let cookie = session_cookie(&answer);
    let token = w.send(DEV, "POST", "/angular.do?sysparm_type=get_user", &[("Cookie", &cookie)], "");
    assert_eq!(token.status, 401);
    assert!(token.fields.has("x-usertoken-response"));
    w.send(DEV, "POST", target, &[FORM], &login("wrong"));
    let causes: Vec<_> = w.last.as_ref().unwrap().findings.iter().map(|f| (f.cause, f.grade)).collect();
    assert_eq!(causes.first(), Some(&("wrong-password", Grade::Possible)), "{causes:?}");
}
