//! What the edge answers before the node is asked: no transaction, no cookies.

use super::*;

#[track_caller]
fn assert_edge(answer: &Answer, status: u16, contains: &str) {
    assert_eq!(answer.status, status);
    assert!(text(answer).contains(contains), "{}", text(answer));
    for name in ["x-transaction-id", "x-is-logged-in", "set-cookie", "server-timing", "www-authenticate"] {
        assert!(!answer.fields.has(name), "{name} comes from the node");
    }
    assert_eq!(field(answer, "server"), "snow_adc");
}

#[test]
fn a_sleeping_instance_says_200_to_everything() {
    let mut world = World::with(|i| i.power = Power::Hibernating);
    for target in [INCIDENT, "/login.do", "/nowhere"] {
        assert_edge(&world.basic(target, "admin", training::PASSWORD), 200, "Instance Hibernating");
    }
    let page = world.password_grant();
    assert_edge(&page, 200, "instance-hibernating-page");
    assert_eq!(field(&page, "content-type"), "text/html;charset=UTF-8");
}

#[test]
fn offline_and_down_are_said_by_the_balancer() {
    let offline = World::with(|i| i.power = Power::Offline).get(INCIDENT, &[]);
    assert_edge(&offline, 503, "Your instance is currently offline");
    assert_edge(&World::with(|i| i.power = Power::Down).get(INCIDENT, &[]), 502, "502 Bad Gateway");
}

#[test]
fn two_authorizations_do_not_get_past_the_edge() {
    let good = basic("admin", training::PASSWORD);
    let answer = World::new().get(INCIDENT, &[("Authorization", &good), ("Authorization", &good)]);
    assert_edge(&answer, 400, "400 Bad Request");
}

#[test]
fn plain_http_is_sent_to_https_unless_it_is_served() {
    let mut world = World::new();
    let mut request = request("GET", INCIDENT, &[("Authorization", &basic("admin", training::PASSWORD))], "");
    request.scheme = Scheme::Http;
    let answer = world.send_request(&request);
    assert_edge(&answer, 301, "Moved");
    assert_eq!(field(&answer, "location"), format!("https://{HOST}{INCIDENT}"));
    world.instance.unwritten.redirects_plain_http = false;
    assert_eq!(world.send_request(&request).status, 200);
}

#[test]
fn addresses_are_refused_unless_an_exception_covers_them() {
    let range = |first: &str, last: &str| IpRange { first: first.parse().unwrap(), last: last.parse().unwrap() };
    let deny = IpRule { allow: false, range: range("0.0.0.0", "255.255.255.255") };
    let allow = IpRule { allow: true, range: range("203.0.113.0", "203.0.113.255") };
    let refused = World::with(|i| i.ip_rules = vec![deny.clone()]).get("/login.do", &[]);
    assert_edge(&refused, 403, "Access restricted");
    let mut world = World::with(|i| i.ip_rules = vec![deny, allow]);
    assert_eq!(world.get("/login.do", &[]).status, 200);
    let chained = world.get("/login.do", &[("X-Forwarded-For", "203.0.113.9, 198.51.100.4")]);
    assert_edge(&chained, 403, "Access restricted");
}
