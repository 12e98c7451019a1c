//! Cookie sessions: `X-UserToken`, ends, pages, and what a cookie keeps alive.

use super::super::settings::*;
use super::*;

fn log_in(world: &mut World) -> (String, String) {
    let form = [("user_name", "admin"), ("user_password", training::PASSWORD)];
    let cookie = session_cookie(&world.post_form("/login.do", &form));
    let html = text(&world.get("/now/nav/ui/home", &[("Cookie", &cookie)]));
    let user_token = html.split("g_ck = '").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    (cookie, user_token)
}

#[test]
fn a_cookie_needs_its_user_token() {
    let mut world = World::new();
    let (cookie, user_token) = log_in(&mut world);
    let good = world.get(INCIDENT, &[("Cookie", &cookie), ("X-UserToken", &user_token)]);
    assert_eq!((good.status, field(&good, "x-is-logged-in").as_str()), (200, "true"));
    for stale in [None, Some("0011")] {
        let mut fields = vec![("Cookie", cookie.as_str())];
        fields.extend(stale.map(|value| ("X-UserToken", value)));
        let answer = world.get(INCIDENT, &fields);
        assert_eq!((answer.status, text(&answer)), (401, NOT_AUTHENTICATED.to_owned()));
        assert_eq!(field(&answer, "x-is-logged-in"), "true");
        assert_eq!(field(&answer, "x-usertoken-response"), user_token);
    }
}

#[test]
fn an_idle_session_dies() {
    let mut world = World::new();
    let (cookie, user_token) = log_in(&mut world);
    let fields = [("Cookie", cookie.as_str()), ("X-UserToken", user_token.as_str())];
    assert_eq!(world.later(29 * 60).get(INCIDENT, &fields).status, 200);
    assert_eq!(world.later(29 * 60).get(INCIDENT, &fields).status, 200, "use keeps it alive");
    assert_refused(&world.later(31 * 60).get(INCIDENT, &fields));
    world.instance.unwritten.dead_session_redirects = true;
    let answer = world.get(INCIDENT, &fields);
    assert_eq!((answer.status, field(&answer, "location").as_str()), (302, "/logout_success.do"));
}

#[test]
fn logging_out_ends_it() {
    let mut world = World::new();
    let (cookie, user_token) = log_in(&mut world);
    assert_eq!(world.get("/logout.do", &[("Cookie", &cookie)]).status, 302);
    assert_refused(&world.get(INCIDENT, &[("Cookie", &cookie), ("X-UserToken", &user_token)]));
}

#[test]
fn a_page_without_a_session_leads_to_the_login() {
    let answer = World::new().basic("/incident_list.do", "admin", training::PASSWORD);
    assert_eq!(answer.status, 302);
    assert_eq!(field(&answer, "location"), "/login.do?sysparm_goto_url=%2Fincident_list.do");
}

#[test]
fn an_api_session_opens_no_page_unless_set_so() {
    let mut world = World::new();
    let cookie = session_cookie(&world.basic(INCIDENT, "admin", training::PASSWORD));
    assert_eq!(world.get("/incident_list.do", &[("Cookie", &cookie)]).status, 302);
    world.instance.set_property(API_SESSION_NOT_FOR_UI, "false");
    assert_eq!(world.get("/incident_list.do", &[("Cookie", &cookie)]).status, 200);
}

#[test]
fn a_token_opens_no_page_unless_set_so() {
    let mut world = World::new();
    let token = access_token(&world.password_grant());
    assert_eq!(world.bearer("/incident_list.do", &token).status, 302);
    world.instance.set_property(UI_BINDING, "false");
    assert_eq!(world.bearer("/incident_list.do", &token).status, 200);
}

#[test]
fn a_form_without_its_token_is_intercepted() {
    let mut world = World::new();
    let (cookie, _) = log_in(&mut world);
    let answer = world.send("POST", "/incident.do", &[("Cookie", &cookie)], "sysparm_ck=wrong");
    assert_eq!((answer.status, field(&answer, "location").as_str()), (302, "/security_interceptor.do"));
}

#[test]
fn a_session_outlives_its_token_only_where_the_property_allows_it() {
    for (ends, status) in [("true", 401), ("false", 200)] {
        let mut world = World::with(|i| i.set_property(COOKIE_ENDS_WITH_TOKEN, ends));
        world.client().access_lifespan = 60;
        let token = format!("Bearer {}", access_token(&world.password_grant()));
        let cookie = session_cookie(&world.get(INCIDENT, &[("Authorization", &token)]));
        let answer = world.later(61).get(INCIDENT, &[("Authorization", &token), ("Cookie", &cookie)]);
        assert_eq!(answer.status, status, "property {ends}");
    }
}

#[test]
fn a_call_with_its_cookie_stays_in_its_session() {
    let mut world = World::new();
    let first = world.basic(INCIDENT, "admin", training::PASSWORD);
    let cookie = session_cookie(&first);
    let again = world.get(INCIDENT, &[("Authorization", &basic("admin", training::PASSWORD)), ("Cookie", &cookie)]);
    assert_eq!(session_cookie(&again), cookie);
    assert_eq!(world.instance.memory.sessions.len(), 1);
}
