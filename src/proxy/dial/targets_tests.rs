//! Where requests may go, target by target.

use super::*;

fn targets(change: impl FnOnce(&mut Targets)) -> Targets {
    let scope = Scope(["*.service-now.com", "localhost"].map(|name| name.parse().unwrap()).into());
    let mut targets = Targets { scope, ..Targets::default() };
    targets.own.set(vec!["127.0.0.1:8080".parse().unwrap(), "0.0.0.0:8082".parse().unwrap()]).unwrap();
    change(&mut targets);
    targets
}

fn admitted(targets: &Targets, authority: &str) -> bool {
    targets.admits(&format!("https://{authority}").parse().unwrap()).is_ok()
}

fn reached(targets: &Targets, address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    targets.address("a.example", address.port(), address).is_ok()
}

#[test]
fn ports_are_shut_that_nobody_asked_for() {
    let plain = targets(|_| {});
    for open in ["a.example", "a.example:80", "dev1.service-now.com:8443", "localhost:9301", "127.0.0.1:3000"] {
        assert!(admitted(&plain, open), "{open}");
    }
    for shut in ["a.example:22", "a.example:8443", "dev1.service-now.com:22", "localhost:25", "127.0.0.1:22"] {
        let failure = plain.admits(&format!("https://{shut}").parse().unwrap()).unwrap_err();
        assert_eq!((failure.kind, failure.phase), (FailureKind::Forbidden, Phase::Resolve), "{shut}");
        assert!(failure.detail.contains("access.ports"), "{shut}: {}", failure.detail);
    }
    let more = targets(|targets| {
        targets.ports = vec![22];
        targets.named = vec![("b.example".into(), Some(8443)), ("c.example".into(), None)];
    });
    for open in ["a.example:22", "b.example:8443", "c.example:25"] {
        assert!(admitted(&more, open), "{open}");
    }
    assert!(!admitted(&more, "b.example:8444"));
    let wide = targets(|targets| targets.wide = true);
    assert!(admitted(&wide, "dev1.service-now.com") && !admitted(&wide, "dev1.service-now.com:8443"));
}

#[test]
fn our_own_listeners_are_no_targets_by_any_name() {
    let plain = targets(|_| {});
    for own in ["127.0.0.1:8080", "localhost:8080", "127.0.0.1:8082", "[::1]:8082", "[::ffff:127.0.0.1]:8080"] {
        assert!(!admitted(&plain, own), "{own}");
    }
    assert!(!reached(&plain, "0.0.0.0:8080") && !reached(&plain, "[64:ff9b::127.0.0.1]:8080"));
    assert!(reached(&plain, "127.0.0.1:8081"));
}

#[test]
fn metadata_of_clouds_is_never_a_target() {
    let generous = targets(|targets| {
        targets.private = true;
        targets.named = vec![("169.254.169.254".into(), None), ("a.example".into(), None)];
    });
    for name in
        ["metadata.google.internal:80", "metadata.goog", "169.254.169.254:80", "[fd00:ec2::254]:80", "[fe80::1]"]
    {
        assert!(!admitted(&generous, name), "{name}");
    }
    for address in
        ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[64:ff9b::a9fe:a9fe]:80", "100.100.100.200:80"]
    {
        assert!(!reached(&generous, address), "{address}");
    }
}

#[test]
fn the_own_network_is_shut_while_others_can_come_in() {
    let inside = [
        "127.0.0.1:443",
        "10.1.2.3:443",
        "172.16.0.1:443",
        "192.168.1.1:443",
        "100.64.0.1:443",
        "[::1]:443",
        "[fd12::1]:443",
        "0.0.0.0:443",
        "[::]:443",
        "[::ffff:10.0.0.1]:443",
    ];
    let (plain, wide) = (targets(|_| {}), targets(|targets| targets.wide = true));
    for address in inside {
        assert!(reached(&plain, address) && !reached(&wide, address), "{address}");
    }
    for outside in ["192.0.2.1:443", "172.32.0.1:443", "100.128.0.1:443", "[2001:db8::1]:443"] {
        assert!(reached(&wide, outside), "{outside}");
    }
    let failure = wide.address("a.example", 443, "10.1.2.3:443".parse().unwrap()).unwrap_err();
    assert!(failure.detail.contains("access.private"), "{}", failure.detail);
    assert!(reached(&targets(|targets| (targets.wide, targets.private) = (true, true)), "10.1.2.3:443"));
    let named = targets(|targets| {
        targets.wide = true;
        targets.named = vec![("a.example".into(), Some(443))];
    });
    assert!(reached(&named, "10.1.2.3:443") && !reached(&named, "10.1.2.3:444"));
}

#[test]
fn one_listener_that_others_reach_is_enough() {
    let authority = crate::proxy::ca::Authority::ephemeral(&["localhost".parse().unwrap()]).unwrap();
    let mut settings = Settings::new(std::sync::Arc::new(authority));
    assert!(!Targets::new(&settings).wide);
    settings.reverse.push("0.0.0.0:0=https://dev1.service-now.com:8443".parse().unwrap());
    let targets = Targets::new(&settings);
    assert!(targets.wide && targets.is_named("dev1.service-now.com", 8443));
}
