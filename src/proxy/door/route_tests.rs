//! Tests of the decision, door by door.

use bytes::Bytes;

use super::*;

fn request(text: &str) -> RequestHead {
    RequestHead::parse(Bytes::copy_from_slice(text.as_bytes()), 100)
        .unwrap_or_else(|fault| panic!("{text:?}: {fault:?}"))
}

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn by_proxy(text: &str) -> Route {
    route(&request(text), Entrance::Proxy { local: "127.0.0.1:8080".parse().unwrap(), fallback: None })
}

fn in_tunnel(text: &str) -> Route {
    route(&request(text), Entrance::Tunnel(&origin("https://dev1.service-now.com")))
}

fn destination(route: Route) -> Destination {
    match route {
        Route::Forward(destination) => destination,
        other => panic!("not forwarded: {other:?}"),
    }
}

fn refused(route: Route) -> (HeadProblem, u16) {
    match route {
        Route::Refuse(fault) => (fault.problem, fault.status),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn connect_goes_by_its_request_line_alone() {
    let to = |text: &str| match by_proxy(text) {
        Route::Connect(origin) => origin,
        other => panic!("{text:?}: {other:?}"),
    };
    assert_eq!(to("CONNECT Dev1.Service-Now.com:443 HTTP/1.0\r\n\r\n"), origin("https://dev1.service-now.com"));
    assert_eq!(
        to("CONNECT a.example:443 HTTP/1.1\r\nhost: other\r\nConnection: close\r\n\r\n"),
        origin("https://a.example")
    );
    assert_eq!(to("CONNECT a.example:80 HTTP/1.1\r\n\r\n"), origin("http://a.example"));
    assert_eq!(to("CONNECT [::1]:8443 HTTP/1.1\r\n\r\n"), origin("https://[::1]:8443"));
}

#[test]
fn connect_to_what_is_no_authority_is_refused() {
    for target in [
        "a.example",
        "a.example:0",
        "a.example:99999",
        ":443",
        "http://a.example/:443",
        "u@a.example:443",
        "a.example:443/",
        "::1:443",
        "a_b..c:1",
        "*",
        "%e2%80%aea.example:443",
    ] {
        assert_eq!(refused(by_proxy(&format!("CONNECT {target} HTTP/1.1\r\n\r\n"))).1, 400, "{target}");
    }
}

#[test]
fn absolute_form_names_its_origin() {
    let plain = destination(by_proxy("GET http://A.example/x?y HTTP/1.1\r\nHost: A.example\r\n\r\n"));
    assert_eq!((plain.origin, plain.way), (origin("http://a.example"), Way::Absolute));
    assert_eq!((plain.target.as_deref(), plain.host), (Some(&b"/x?y"[..]), None));
    let clear =
        destination(by_proxy("GET https://dev1.service-now.com/api HTTP/1.1\r\nHost: dev1.service-now.com\r\n\r\n"));
    assert_eq!((clear.origin, clear.way), (origin("https://dev1.service-now.com"), Way::ClearHttps));
    let target =
        |line: &str| destination(by_proxy(&format!("{line} HTTP/1.1\r\nHost: a.example\r\n\r\n"))).target.unwrap();
    assert_eq!(target("GET http://a.example"), b"/");
    assert_eq!(target("GET http://a.example?q"), b"/?q");
    assert_eq!(target("OPTIONS http://a.example"), b"*");
}

#[test]
fn an_absolute_target_wins_over_the_host_beside_it() {
    let other = destination(by_proxy("GET http://a.example:81/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
    assert_eq!((other.origin.port, other.host.as_deref()), (81, Some("a.example:81")));
    let none = destination(by_proxy("GET http://a.example/ HTTP/1.0\r\n\r\n"));
    assert_eq!(none.host.as_deref(), Some("a.example"));
}

#[test]
fn a_tunnel_carries_requests_for_its_own_host_only() {
    let plain = destination(in_tunnel("GET /api HTTP/1.1\r\nHost: dev1.service-now.com:443\r\n\r\n"));
    assert_eq!((plain.way, plain.target, plain.host), (Way::Tunnel, None, None));
    assert_eq!(refused(in_tunnel("GET / HTTP/1.1\r\nHost: dev2.service-now.com\r\n\r\n")), (HeadProblem::Host, 421));
    assert_eq!(refused(in_tunnel("GET / HTTP/1.1\r\nHost: dev1.service-now.com:444\r\n\r\n")).1, 421);
    assert_eq!(refused(in_tunnel("GET https://x.example/ HTTP/1.1\r\nHost: dev1.service-now.com\r\n\r\n")).1, 421);
    assert_eq!(refused(in_tunnel("CONNECT x:443 HTTP/1.1\r\n\r\n")).1, 405);
    let old = destination(in_tunnel("GET / HTTP/1.0\r\n\r\n"));
    assert_eq!(old.host.as_deref(), Some("dev1.service-now.com"));
}

#[test]
fn hosts_that_could_be_read_in_two_ways_are_refused() {
    for fields in
        ["", "Host: a\r\nHost: b\r\n", "Host: a, b\r\n", "Host: u@a\r\n", "Host: a/b\r\n", "Host:\r\n", "Host: a:b\r\n"]
    {
        assert_eq!(
            refused(in_tunnel(&format!("GET / HTTP/1.1\r\n{fields}\r\n"))),
            (HeadProblem::Host, 400),
            "{fields:?}"
        );
    }
}

#[test]
fn a_reverse_door_has_one_destination() {
    let (here, upstream) = (origin("http://127.0.0.1:9000"), origin("https://dev1.service-now.com"));
    let to = route(
        &request("GET /api HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n"),
        Entrance::Reverse { here: &here, upstream: &upstream },
    );
    let to = destination(to);
    assert_eq!((to.way, to.target, to.host.as_deref()), (Way::Reverse, None, Some("dev1.service-now.com")));
    assert_eq!(to.manner.facade, Some(Facade { called: here.clone(), upstream: upstream.clone() }));
    let absolute = request("GET http://127.0.0.1:9000/api HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n");
    let to = destination(route(&absolute, Entrance::Reverse { here: &here, upstream: &upstream }));
    assert_eq!(to.target.as_deref(), Some(&b"/api"[..]));
    let local = "127.0.0.1:8080".parse().unwrap();
    let main = Entrance::Proxy { local, fallback: Some(&upstream) };
    assert_eq!(destination(route(&request("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"), main)).way, Way::Reverse);
    let foreign = route(
        &request("GET http://x.example/ HTTP/1.1\r\nHost: x.example\r\n\r\n"),
        Entrance::Reverse { here: &here, upstream: &upstream },
    );
    assert_eq!(refused(foreign).1, 421);
}

#[test]
fn own_pages_are_for_our_own_names() {
    for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "why401.proxy"] {
        assert_eq!(
            by_proxy(&format!("GET /ca.pem?x HTTP/1.1\r\nHost: {host}\r\n\r\n")),
            Route::Own("/ca.pem".to_owned()),
            "{host}"
        );
    }
    assert_eq!(by_proxy("GET http://why401.proxy/ HTTP/1.1\r\nHost: why401.proxy\r\n\r\n"), Route::Own("/".to_owned()));
    for host in ["evil.example", "evil.example:8080", "127.0.0.1", "localhost", "192.0.2.1:8080"] {
        assert_eq!(by_proxy(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), Route::Misdirected, "{host}");
    }
}

#[test]
fn targets_of_no_known_form_are_refused() {
    for target in ["a.example", "ftp://a.example/", "http://", "http://u:p@a.example/", "http://a.example:x/"] {
        assert_eq!(
            refused(by_proxy(&format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"))).0,
            HeadProblem::RequestLine,
            "{target}"
        );
    }
}
