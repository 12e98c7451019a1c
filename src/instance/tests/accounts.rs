//! Accounts: who gets in by Basic and by the password grant, and who does not.

use super::super::settings::*;
use super::*;

/// A setting on the training instance and whether Basic and the password grant still work for `integration.user`.
struct Row {
    name: &'static str,
    set: fn(&mut Instance),
    basic: bool,
    password_grant: bool,
}

fn user(instance: &mut Instance) -> &mut User {
    instance.user_mut(training::INTEGRATION_USER).unwrap()
}

const ROWS: &[Row] = &[
    Row { name: "as it is", set: |_| (), basic: true, password_grant: true },
    Row { name: "inactive", set: |i| user(i).active = false, basic: false, password_grant: false },
    Row { name: "locked", set: |i| user(i).locked_out = true, basic: false, password_grant: false },
    Row { name: "other password", set: |i| user(i).password = Some("x".into()), basic: false, password_grant: false },
    Row { name: "no local password", set: |i| user(i).password = None, basic: false, password_grant: false },
    Row { name: "gone", set: |i| i.users.clear(), basic: false, password_grant: false },
    Row { name: "needs reset", set: |i| user(i).password_needs_reset = true, basic: true, password_grant: false },
    Row {
        name: "needs reset, enforced",
        set: |i| {
            user(i).password_needs_reset = true;
            i.set_property(RESET_MANDATORY, "true");
        },
        basic: false,
        password_grant: false,
    },
    Row { name: "gate", set: |i| i.set_property(GATE_ACTIVE, "true"), basic: false, password_grant: true },
    Row {
        name: "gate that only watches",
        set: |i| {
            i.set_property(GATE_ACTIVE, "true");
            i.set_property(GATE_ENFORCE, "false");
        },
        basic: true,
        password_grant: true,
    },
    Row {
        name: "gate, machine user",
        set: |i| {
            i.set_property(GATE_ACTIVE, "true");
            user(i).web_service_access_only = true;
        },
        basic: true,
        password_grant: true,
    },
    Row {
        name: "gate, role",
        set: |i| {
            i.set_property(GATE_ACTIVE, "true");
            user(i).roles.push("snc_basic_auth_api_access".into());
        },
        basic: true,
        password_grant: true,
    },
    Row {
        name: "web service access only, strict reading",
        set: |i| {
            user(i).web_service_access_only = true;
            i.unwritten.web_service_only_blocks_password_grant = true;
        },
        basic: true,
        password_grant: false,
    },
    Row {
        name: "password grant off",
        set: |i| i.set_property(PASSWORD_GRANT_DISABLED, "true"),
        basic: true,
        password_grant: false,
    },
    Row { name: "OAuth off", set: |i| i.set_property(OAUTH_ACTIVE, "false"), basic: true, password_grant: false },
];

#[test]
fn settings_decide_who_gets_in() {
    for row in ROWS {
        let mut world = World::with(row.set);
        let basic = world.basic(INCIDENT, training::INTEGRATION_USER, training::PASSWORD);
        let grant = world.password_grant();
        assert_eq!((basic.status == 200, grant.status == 200), (row.basic, row.password_grant), "{}", row.name);
        if !row.basic {
            assert_refused(&basic);
        }
        if !row.password_grant {
            assert_denied(&grant);
        }
    }
}

#[test]
fn five_failures_lock_and_a_quarter_of_an_hour_unlocks() {
    let mut world = World::new();
    for _ in 0..5 {
        assert_refused(&world.basic(INCIDENT, training::INTEGRATION_USER, "wrong"));
    }
    assert_refused(&world.basic(INCIDENT, training::INTEGRATION_USER, training::PASSWORD));
    assert_denied(&world.later(14 * 60).password_grant());
    assert_eq!(world.later(61).basic(INCIDENT, training::INTEGRATION_USER, training::PASSWORD).status, 200);
}

#[test]
fn a_success_takes_earlier_failures_back() {
    let mut world = World::new();
    for _ in 0..3 {
        for _ in 0..4 {
            world.basic(INCIDENT, training::INTEGRATION_USER, "wrong");
        }
        assert_eq!(world.basic(INCIDENT, training::INTEGRATION_USER, training::PASSWORD).status, 200);
    }
}

#[test]
fn a_second_factor_is_named_only_when_the_password_is_right() {
    let mut world = World::with(|i| i.set_property(MFA_FOR_INTEGRATIONS, "true"));
    world.user(training::INTEGRATION_USER).mfa_code = Some("123456".into());
    let without = world.basic(INCIDENT, training::INTEGRATION_USER, training::PASSWORD);
    assert_refused(&without);
    assert_eq!(field(&without, "x-mfa_token"), "invalid");
    let wrong = world.basic(INCIDENT, training::INTEGRATION_USER, "wrong");
    assert_eq!(field(&wrong, "x-mfa_token"), "");
    assert_eq!(world.basic(INCIDENT, training::INTEGRATION_USER, "training123456").status, 200);
    assert_eq!(world.password_grant().status, 200, "the password grant asks for no second factor");
}

#[test]
fn a_password_written_through_the_table_api_never_works_again() {
    let mut world = World::new();
    let id = world.user(training::INTEGRATION_USER).sys_id.clone();
    let admin = basic("admin", training::PASSWORD);
    let fields = [("Authorization", admin.as_str()), ("Content-Type", "application/json")];
    let target = format!("/api/now/table/sys_user/{id}");
    assert_eq!(world.send("PATCH", &target, &fields, r#"{"user_password":"new"}"#).status, 200);
    assert_refused(&world.basic(INCIDENT, training::INTEGRATION_USER, "new"));
}

#[test]
fn what_is_no_credential_is_refused() {
    let token = access_token(&World::new().password_grant());
    let bad = [
        format!("Bearer{token}"),
        format!("Bearer Bearer {token}"),
        "Bearer {{token}}".into(),
        "Bearer ".into(),
        "Bearer".into(),
        format!("Bearer \"{token}\""),
        format!("Bearer\t{token}"),
        format!("Token {token}"),
        "Bearer undefined".into(),
        format!("Basic {token}"),
        "Basic bm9jb2xvbg==".into(),
        format!("Bearer {}", token.get(..85).unwrap()),
    ];
    for value in &bad {
        let mut world = World::new();
        assert_eq!(access_token(&world.password_grant()), token, "chance repeats");
        assert_refused(&world.get(INCIDENT, &[("Authorization", value)]));
    }
}

#[test]
fn legal_spellings_are_taken_unless_set_otherwise() {
    for (spelling, strict) in [("Bearer  ", false), ("bearer ", false), ("Bearer  ", true), ("bearer ", true)] {
        let mut world = World::with(|i| {
            i.unwritten.takes_extra_space = !strict;
            i.unwritten.takes_lowercase_bearer = !strict;
        });
        let token = access_token(&world.password_grant());
        let answer = world.get(INCIDENT, &[("Authorization", &format!("{spelling}{token}"))]);
        assert_eq!(answer.status, if strict { 401 } else { 200 }, "{spelling:?} strict: {strict}");
    }
}

#[test]
fn the_recorded_refusal_of_2021_is_reproduced() {
    let mut world = World::with(|i| i.release = Release::Classic);
    let answer = world.get(INCIDENT, &[]);
    assert_eq!(
        text(&answer),
        r#"{"error":{"detail":"Required to provide Auth information","message":"User Not Authenticated"},"status":"failure"}"#
    );
    let seen: Vec<String> =
        answer.fields.0.iter().map(|field| String::from_utf8_lossy(&field.name).into_owned()).collect();
    for name in ["WWW-Authenticate", "Pragma", "Content-Type", "Server", "Strict-Transport-Security", "Connection"] {
        assert!(seen.iter().any(|has| has == name), "{name} in {seen:?}");
    }
    assert_eq!(field(&answer, "www-authenticate"), "BASIC realm=\"Service-now\"");
    assert_eq!((field(&answer, "server").as_str(), field(&answer, "connection").as_str()), ("ServiceNow", "close"));
    assert!(!answer.fields.has("x-is-logged-in") && !answer.fields.has("x-transaction-id"));
    assert!(answer.fields.all("set-cookie").any(|cookie| cookie.starts_with(b"BIGipServerpool_dev1=")));
}

#[test]
fn an_xml_client_gets_the_envelope_in_xml() {
    let answer = World::new().get(INCIDENT, &[("Accept", "application/xml")]);
    assert_eq!(
        text(&answer),
        "<response><error><message>User is not authenticated</message>\
         <detail>Required to provide Auth information</detail></error><status>failure</status></response>"
    );
}
