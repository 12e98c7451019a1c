//! Parents, exceptions and the choice between them.

use super::*;

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn excepts(entry: &str, place: &str) -> bool {
    let Origin { host, port, .. } = origin(&format!("https://{place}"));
    entry.parse::<Exception>().unwrap().covers(&host, port, None)
}

#[test]
fn parents_are_read() {
    for (text, kind, authority) in [
        ("http://proxy.corp.example:8080", ParentKind::Http, "proxy.corp.example:8080"),
        ("proxy.corp.example", ParentKind::Http, "proxy.corp.example:3128"),
        ("HTTPS://proxy.corp.example/", ParentKind::Https, "proxy.corp.example:443"),
        ("socks5://127.0.0.1", ParentKind::Socks5, "127.0.0.1:1080"),
        ("socks5h://[::1]:9050", ParentKind::Socks5h, "[::1]:9050"),
    ] {
        let parent: Parent = text.parse().unwrap();
        assert_eq!((parent.kind, parent.authority().as_str()), (kind, authority), "{text}");
    }
    for text in ["", "http://", "socks4://x:1", "ftp://x", "http://x/path", "http://x:0"] {
        assert!(text.parse::<Parent>().is_err(), "{text}");
    }
}

#[test]
fn a_parent_keeps_its_password_to_itself() {
    let parent: Parent = "http://user:p%40ss@proxy.corp.example:8080".parse().unwrap();
    assert_eq!(parent.credentials.as_ref().unwrap().expose().1, "p@ss");
    assert_eq!(parent.basic().unwrap(), "Basic dXNlcjpwQHNz");
    assert!(!format!("{parent:?} {parent}").contains("p@ss"));
    let error = "http://user:p4ss@pro xy:1".parse::<Parent>().unwrap_err();
    assert!(!error.to_string().contains("p4ss"), "{error}");
}

#[test]
fn a_script_that_chooses_proxies_is_told_as_such() {
    for text in [
        "http://wpad.corp.example/proxy.pac",
        "https://u:p@x/wpad.dat?a=b",
        "pac+http://x/y",
        "file:///etc/proxy.pac",
        "x.example/proxy.PAC",
    ] {
        let error = text.parse::<Parent>().unwrap_err().to_string();
        assert!(error.contains("PAC files are not run"), "{text}: {error}");
    }
    assert!("http://proxy.pac:3128".parse::<Parent>().is_ok(), "a host may be called so");
}

#[test]
fn exceptions_cover_names_and_what_is_under_them() {
    for entry in ["corp.example", ".corp.example", "*.corp.example", "CORP.example."] {
        assert!(excepts(entry, "corp.example") && excepts(entry, "a.b.corp.example"), "{entry}");
        assert!(!excepts(entry, "evilcorp.example") && !excepts(entry, "corp.example.org"), "{entry}");
    }
    assert!(excepts("corp", "db.corp") && excepts("*", "anything.example:8443"));
    assert!(excepts("corp.example:8443", "a.corp.example:8443") && !excepts("corp.example:8443", "a.corp.example"));
}

#[test]
fn exceptions_cover_addresses_and_networks() {
    assert!(excepts("10.0.0.0/8", "10.9.8.7") && !excepts("10.0.0.0/8", "11.0.0.1"));
    assert!(excepts("fd00::/8", "[fd12::1]:8443") && excepts("::1", "[::1]") && excepts("[::1]:443", "[::1]"));
    assert!(excepts("127.0.0.1", "127.0.0.1:9443") && !excepts("127.0.0.1:80", "127.0.0.1:9443"));
    // A name is not looked up for this; one that was said by hand to lead there is known.
    assert!(!excepts("127.0.0.0/8", "localhost"));
    let net: Exception = "127.0.0.0/8".parse().unwrap();
    assert!(net.covers("dev1.service-now.com", 443, Some("127.0.0.1".parse().unwrap())));
    for entry in ["", "http://x", "10.0.0.0/40", "a b"] {
        assert!(entry.parse::<Exception>().is_err(), "{entry:?}");
    }
    for entry in ["*", "corp.example:8443", "10.0.0.0/8", "127.0.0.1:80", "[::1]:443", "::1"] {
        assert_eq!(entry.parse::<Exception>().unwrap().to_string(), entry);
    }
}

#[test]
fn rules_outrank_exceptions_and_those_the_common_parent() {
    let way = WayOut {
        rules: vec![
            "*.vendor.example=none".parse().unwrap(),
            "dev1.service-now.com=socks5h://127.0.0.1:1081".parse().unwrap(),
        ],
        except: vec![".service-now.com".parse().unwrap()],
        ..WayOut::through("http://proxy.corp.example:3128".parse().unwrap())
    };
    let to = |text: &str| way.parent(&origin(text), None).map(ToString::to_string);
    assert_eq!(to("https://api.vendor.example"), None);
    assert_eq!(to("https://dev1.service-now.com").unwrap(), "socks5h://127.0.0.1:1081");
    assert_eq!(to("https://dev2.service-now.com"), None);
    assert_eq!(to("http://example.com").unwrap(), "http://proxy.corp.example:3128");
    assert_eq!(way.parents().len(), 2);
    for text in ["x.example", "=none", "https://x=none", "x.example=ftp://y"] {
        assert!(text.parse::<Rule>().is_err(), "{text}");
    }
}
