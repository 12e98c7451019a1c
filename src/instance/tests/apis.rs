//! The REST and SOAP APIs behind authentication: policies, ACLs, scopes, limits, rules of other origins.

use super::super::settings::*;
use super::*;

fn as_user(world: &mut World, target: &str) -> Answer {
    world.basic(target, training::INTEGRATION_USER, training::PASSWORD)
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, message: &str, detail: &str) {
    assert_eq!(answer.status, status, "{}", text(answer));
    let error = &json(answer)["error"];
    assert_eq!((error["message"].as_str(), error["detail"].as_str()), (Some(message), Some(detail)));
    assert_eq!(field(answer, "x-is-logged-in"), "true");
}

fn policy(prefix: Option<&str>, kinds: &[AuthKind]) -> AccessPolicy {
    AccessPolicy {
        name: "test".into(),
        active: true,
        applies_to: ApiPattern { prefix: prefix.map(str::to_owned), method: None },
        profiles: kinds.iter().copied().map(AuthProfile::of).collect(),
        advertise_all_schemes: false,
    }
}

fn challenges(answer: &Answer) -> Vec<String> {
    answer.fields.all("www-authenticate").map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

const BASIC: &str = "Basic realm=\"Service-now\"";
const BEARER: &str = "BEARER realm=\"Service-now\"";

#[test]
fn a_policy_decides_what_is_taken_and_advertised() {
    use AuthKind::{ApiKeyHeader, Basic, OAuth};
    // profiles in the order of their mapping; is Basic taken, is Bearer taken, what a 401 advertises
    let cases: [(&[AuthKind], bool, bool, &[&str]); 5] = [
        (&[OAuth], false, true, &[BEARER]),
        (&[Basic], true, false, &[BASIC]),
        (&[Basic, OAuth], true, true, &[BEARER]),
        (&[OAuth, Basic], true, true, &[BASIC]),
        (&[ApiKeyHeader], false, false, &[BASIC]),
    ];
    for (kinds, basic, bearer, advertised) in cases {
        let mut world = World::with(|i| i.policies = vec![policy(Some("/api/now/table"), kinds)]);
        let token = access_token(&world.password_grant());
        assert_eq!(as_user(&mut world, INCIDENT).status == 200, basic, "{kinds:?}");
        assert_eq!(world.bearer(INCIDENT, &token).status == 200, bearer, "{kinds:?}");
        let refused = world.get(INCIDENT, &[]);
        assert_refused(&refused);
        assert_eq!(challenges(&refused), advertised, "{kinds:?}");
    }
}

#[test]
fn all_schemes_are_advertised_by_the_box_or_the_property() {
    let both = [AuthKind::Basic, AuthKind::OAuth];
    let mut boxed = policy(None, &both);
    boxed.advertise_all_schemes = true;
    let by_box = World::with(|i| i.policies = vec![boxed]).get(INCIDENT, &[]);
    assert_eq!(challenges(&by_box), [BEARER, BASIC]);
    let by_property = World::with(|i| {
        i.policies = vec![policy(None, &both)];
        i.set_property(FIRST_SCHEME_ONLY, "false");
    });
    assert_eq!(challenges(&{ by_property }.get(INCIDENT, &[])), [BEARER, BASIC]);
}

#[test]
fn the_more_specific_policy_wins() {
    let mut world = World::with(|i| {
        i.policies = vec![
            policy(None, &[AuthKind::OAuth]),
            policy(Some("/api/now/table/incident"), &[AuthKind::Basic]),
            policy(Some("/api/now"), &[AuthKind::OAuth]),
        ];
    });
    assert_eq!(as_user(&mut world, INCIDENT).status, 200);
    assert_refused(&as_user(&mut world, "/api/now/table/sys_user"));
    assert_refused(&as_user(&mut world, training::ORDERS));
}

#[test]
fn a_profile_may_want_an_address_or_a_role() {
    let elsewhere = IpRange { first: "192.0.2.1".parse().unwrap(), last: "192.0.2.9".parse().unwrap() };
    let mut by_address = policy(None, &[AuthKind::Basic]);
    by_address.profiles[0].addresses = vec![elsewhere];
    let mut by_role = policy(None, &[AuthKind::Basic]);
    by_role.profiles[0].role = Some("itil".into());
    assert_refused(&as_user(&mut World::with(|i| i.policies = vec![by_address]), INCIDENT));
    let mut world = World::with(|i| i.policies = vec![by_role]);
    assert_eq!(as_user(&mut world, INCIDENT).status, 200);
    assert_refused(&world.basic(INCIDENT, "no.roles", training::PASSWORD));
}

#[test]
fn an_api_key_works_where_its_policy_is_and_nowhere_else() {
    let key = training::api_key(HOST);
    let send = |world: &mut World, target: &str| world.get(target, &[("x-sn-apikey", &key)]);
    assert_eq!(send(&mut World::new(), training::STOCK).status, 200);
    assert_refused(&send(&mut World::new(), INCIDENT));
    assert_refused(&World::new().get(&format!("{}?x-sn-apikey={key}", training::STOCK), &[]));
    assert_refused(&World::new().bearer(training::STOCK, &key));
    assert_refused(&send(
        &mut World::with(|i| i.policies = vec![policy(None, &[AuthKind::ApiKeyHeader])]),
        training::STOCK,
    ));
    assert_refused(&send(&mut World::with(|i| i.api_keys[0].active = false), training::STOCK));
    assert_refused(&send(&mut World::with(|i| i.api_keys[0].expires = Some(1)), training::STOCK));
}

#[test]
fn a_token_restriction_wants_an_oauth_profile() {
    let mut world = World::with(|i| i.policies = vec![policy(Some("/api/now"), &[AuthKind::OAuth])]);
    world.client().enforce_token_restrictions = true;
    let token = access_token(&world.password_grant());
    assert_eq!(world.bearer(INCIDENT, &token).status, 200);
    assert_refused(&world.bearer(training::ORDERS, &token));
}

fn acl(on: AclTarget) -> Acl {
    Acl { on, roles: vec!["boss".into()] }
}

#[test]
fn acls_say_403_with_their_text() {
    let not_authorized = "User Not Authorized";
    let endpoint = AclTarget::RestEndpoint(ApiPattern::under("/api/now/table"));
    let table = AclTarget::Table { table: "incident".into(), operation: Operation::Read };
    let rows = |i: &mut Instance| {
        for value in ["1", "2", "6"] {
            let on = AclTarget::Row { table: "incident".into(), field: "state".into(), value: value.into() };
            i.acls.push(acl(on));
        }
    };
    let answer = as_user(&mut World::with(|i| i.acls = vec![acl(endpoint)]), INCIDENT);
    assert_error(&answer, 403, not_authorized, "Failed API level ACL Validation");
    let answer = as_user(&mut World::with(|i| i.acls = vec![acl(table)]), INCIDENT);
    assert_error(&answer, 403, not_authorized, "User is unauthorized to access table: incident");
    let closed = |i: &mut Instance| i.tables.get_mut("incident").unwrap().web_service_closed = true;
    let answer = as_user(&mut World::with(closed), INCIDENT);
    assert_error(&answer, 403, not_authorized, "User is unauthorized to access table: incident");
    let mut world = World::with(rows);
    assert_error(&as_user(&mut world, INCIDENT), 403, not_authorized, "3 records constrained due to ACL restrictions");
    assert_eq!(world.basic(INCIDENT, "admin", training::PASSWORD).status, 200);
    let hidden = format!("/api/now/table/incident/{}", sys_id("incident", "INC0010001"));
    let detail = "Record doesn't exist or ACL restricts the record retrieval";
    assert_error(&as_user(&mut world, &hidden), 404, "No Record found", detail);
    assert_error(&as_user(&mut World::new(), "/api/now/table/incident/0123"), 404, "No Record found", detail);
}

#[test]
fn a_row_acl_that_leaves_something_is_silent() {
    let on = AclTarget::Row { table: "incident".into(), field: "state".into(), value: "1".into() };
    let answer = as_user(&mut World::with(|i| i.acls = vec![acl(on)]), "/api/now/table/incident");
    assert_eq!((answer.status, field(&answer, "x-total-count").as_str()), (200, "2"));
}

#[test]
fn a_field_acl_and_an_unknown_field_read_alike() {
    let on = AclTarget::Field { table: "incident".into(), field: "state".into() };
    let mut world = World::with(|i| i.acls = vec![acl(on)]);
    let (message, detail) =
        ("Insufficient rights to query records", "Field(s) present in the query do not have permission to be read");
    assert_error(&as_user(&mut world, "/api/now/table/incident?sysparm_query=state%3D1"), 403, message, detail);
    assert_error(&as_user(&mut world, "/api/now/table/incident?sysparm_query=nosuch%3D1"), 403, message, detail);
    let read = as_user(&mut world, INCIDENT);
    assert!(read.status == 200 && json(&read)["result"][0].get("state").is_none());
}

#[test]
fn writes_are_stopped_by_acls_rules_and_policies() {
    let write = |world: &mut World, method: &str, target: &str| {
        let header = basic(training::INTEGRATION_USER, training::PASSWORD);
        world.send(
            method,
            target,
            &[("Authorization", &header), ("Content-Type", "application/json")],
            r#"{"state":"1"}"#,
        )
    };
    let one = format!("/api/now/table/incident/{}", sys_id("incident", "INC0010001"));
    let forbid = |operation| {
        move |i: &mut Instance| i.acls = vec![acl(AclTarget::Table { table: "incident".into(), operation })]
    };
    let failed = "Operation Failed";
    let answer = write(&mut World::with(forbid(Operation::Write)), "PATCH", &one);
    assert_error(&answer, 403, failed, "ACL Exception Update Failed due to security constraints");
    let answer = write(&mut World::with(forbid(Operation::Create)), "POST", "/api/now/table/incident");
    assert_error(&answer, 403, failed, "ACL Exception Insert Failed due to security constraints");
    let answer = write(&mut World::with(forbid(Operation::Delete)), "DELETE", &one);
    assert_error(&answer, 403, failed, "ACL Exception Delete Failed due to security constraints");
    let rule =
        WriteRule::DataPolicy { table: "incident".into(), field: "close_code".into(), label: "Resolution code".into() };
    let answer = write(&mut World::with(|i| i.write_rules = vec![rule]), "PATCH", &one);
    assert_error(&answer, 403, failed, "Data Policy Exception: Resolution code is mandatory");
    let rule = WriteRule::BusinessRule { table: "incident".into(), name: "Guard".into(), wants: "caller".into() };
    let answer = write(&mut World::with(|i| i.write_rules = vec![rule]), "POST", "/api/now/table/incident");
    assert!(text(&answer).contains("Operation against file 'incident' was aborted by Business Rule 'Guard^"));
}

#[test]
fn rows_are_made_changed_and_deleted() {
    let mut world = World::new();
    let header = basic("admin", training::PASSWORD);
    let fields = [("Authorization", header.as_str()), ("Content-Type", "application/json")];
    let made = world.send("POST", "/api/now/v2/table/incident", &fields, r#"{"number":"INC1","state":"1"}"#);
    assert_eq!(made.status, 201);
    let location = field(&made, "location").strip_prefix(&format!("https://{HOST}")).unwrap().to_owned();
    assert_eq!(world.send("PATCH", &location, &fields, r#"{"state":"2","nosuch":"x"}"#).status, 200);
    let read = world.send("GET", &location, &fields, "");
    assert_eq!((json(&read)["result"]["state"].as_str(), json(&read)["result"].get("nosuch")), (Some("2"), None));
    let listed = world.send(
        "GET",
        "/api/now/table/incident?sysparm_query=number=INC1^state=2&sysparm_fields=number",
        &fields,
        "",
    );
    assert_eq!(text(&listed), r#"{"result":[{"number":"INC1"}]}"#);
    let count = world.send("GET", "/api/now/stats/incident?sysparm_count=true", &fields, "");
    assert_eq!(json(&count)["result"]["stats"]["count"], "4");
    let gone = world.send("DELETE", &location, &fields, "");
    assert_eq!((gone.status, gone.body.len(), gone.fields.has("content-type")), (204, 0, false));
    assert_eq!(world.send("GET", &location, &fields, "").status, 404);
    assert_eq!(world.send("POST", "/api/now/table/incident", &fields, "{broken").status, 400);
    assert_eq!(world.send("GET", "/api/now/table/nosuch", &fields, "").status, 400);
    assert_eq!(world.send("GET", "/api/now/nosuch", &fields, "").status, 404);
}

#[test]
fn scopes_bind_tokens_only() {
    let scope = ApiScope { applies_to: ApiPattern::under("/api/x_acme"), scope: "orders_read".into() };
    let mut world = World::with(|i| i.api_scopes = vec![scope]);
    let token = access_token(&world.password_grant());
    let answer = world.bearer(training::ORDERS, &token);
    assert_error(&answer, 403, "User Not Authorized", "Missing required api access scope: orders_read");
    assert_eq!(as_user(&mut world, training::ORDERS).status, 200);
    world.client().auth_scopes = vec!["orders_read".into()];
    let scoped = access_token(&world.password_grant());
    assert_eq!(world.bearer(training::ORDERS, &scoped).status, 200);
    world.client().securely_scoped = true;
    assert_error(&world.bearer(INCIDENT, &scoped), 403, "User Not Authorized", "Access to unscoped api is not allowed");
    world.instance.set_property(SCOPE_CHECK, "false");
    assert_eq!(world.bearer(training::ORDERS, &token).status, 200);
}

#[test]
fn a_rate_limit_counts_by_user_and_hour() {
    let limit = RateLimit {
        sys_id: sys_id("sys_rate_limit_rules", "test"),
        api: "Table API".into(),
        applies_to: ApiPattern::under("/api/now/table"),
        per_hour: 2,
    };
    let mut world = World::with(|i| i.rate_limits = vec![limit]);
    let allowed = as_user(&mut world, INCIDENT);
    assert_eq!((allowed.status, field(&allowed, "x-ratelimit-limit").as_str()), (200, "2"));
    as_user(&mut world, INCIDENT);
    let over = as_user(world.later(600), INCIDENT);
    assert_error(&over, 429, "Rate limit exceeded", "Rate limit of 2 requests per hour for Table API exceeded");
    assert_eq!(field(&over, "retry-after"), "3000");
    assert_eq!(field(&over, "x-ratelimit-rule").len(), 32);
    assert_eq!(world.basic(INCIDENT, "admin", training::PASSWORD).status, 200);
    assert_eq!(as_user(world.later(3000), INCIDENT).status, 200);
}

#[test]
fn a_scripted_api_may_be_open_to_guests() {
    let mut world = World::with(|i| i.scripted[0].requires_authentication = false);
    let answer = world.get(training::ORDERS, &[]);
    assert_eq!((answer.status, field(&answer, "x-is-logged-in").as_str()), (200, "false"));
    assert_refused(&World::new().get(training::ORDERS, &[]));
}

#[test]
fn a_page_of_another_origin_needs_a_rule() {
    let preflight = [
        ("Origin", "https://app.partner.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    assert_refused(&World::new().send("OPTIONS", INCIDENT, &preflight, ""));
    let rule = CorsRule {
        applies_to: ApiPattern::under("/api/now/table"),
        origin: "https://app.partner.example".into(),
        methods: vec!["GET".into()],
        headers: vec!["Authorization".into()],
    };
    let mut world = World::with(|i| i.cors = vec![rule]);
    let allowed = world.send("OPTIONS", INCIDENT, &preflight, "");
    assert_eq!((allowed.status, field(&allowed, "access-control-allow-headers").as_str()), (200, "Authorization"));
    let header = basic("admin", training::PASSWORD);
    let read = |world: &mut World, origin| world.get(INCIDENT, &[("Authorization", &header), ("Origin", origin)]);
    assert!(read(&mut world, "https://app.partner.example").fields.has("access-control-allow-origin"));
    let other = read(&mut world, "https://other.example");
    assert!(other.status == 200 && !other.fields.has("access-control-allow-origin"));
}

#[test]
fn soap_wants_basic_then_roles_then_ws_security() {
    let call =
        |world: &mut World, fields: &[(&str, &str)], body: &str| world.send("POST", "/incident.do?SOAP", fields, body);
    let anonymous = call(&mut World::new(), &[], "");
    assert_eq!(anonymous.status, 401);
    assert!(text(&anonymous).contains("This request requires HTTP authentication ()."));
    assert_eq!(challenges(&anonymous), [BASIC]);
    let guest = call(&mut World::with(|i| i.set_property(SOAP_BASIC_REQUIRED, "false")), &[], "");
    assert_eq!(guest.status, 200);
    let header = basic(training::INTEGRATION_USER, training::PASSWORD);
    let known = [("Authorization", header.as_str())];
    assert_eq!(call(&mut World::new(), &known, "").status, 200);
    assert_eq!(call(&mut World::with(|i| i.set_property(SOAP_STRICT, "true")), &known, "").status, 403);
    let fault = |body: &str, must_be_signed: bool| {
        text(&call(&mut World::with(|i| i.ws_security = Some(WsSecurity { must_be_signed })), &known, body))
    };
    let user = |password: &str| {
        format!("<wsse:Username>admin</wsse:Username><wsse:Password Type=\"x\">{password}</wsse:Password>")
    };
    assert!(fault("", true).contains("SOAP request not Signed. Policy requires signing."));
    assert!(fault("", false).contains("Failed to extract principal(s) from request."));
    assert!(fault(&user("wrong"), false).contains("Failed to authenticate WS-security."));
    assert!(!fault(&user(training::PASSWORD), false).contains("Fault"));
    let mut world = World::with(|i| i.ws_security = Some(WsSecurity { must_be_signed: true }));
    world.user(training::INTEGRATION_USER).internal_integration_user = true;
    assert_eq!(call(&mut world, &known, "").status, 200);
}
