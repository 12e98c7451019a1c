//! Tests of loading: layers, faults at their places, units.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

fn from_file(text: &str) -> Result<Config, Vec<Fault>> {
    let layers = Layers { file: Some((PathBuf::from("etc/why401.toml"), text.into())), ..Layers::default() };
    load(&layers).map(|loaded| loaded.config)
}

/// Every key's value, which is all that a configuration is.
fn shown(config: &Config) -> Vec<String> {
    KEYS.iter().map(|key| key.shown(config)).collect()
}

fn told(text: &str) -> Vec<String> {
    from_file(text).unwrap_err().iter().map(Fault::to_string).collect()
}

#[test]
fn the_example_is_the_default() {
    assert_eq!(shown(&from_file(&example()).unwrap()), shown(&Config::default()));
}

#[test]
fn every_key_of_the_example_can_be_changed() {
    // Each key, set to what no default is, changes the configuration: no key is read and then forgotten.
    let other = |key: &Key| match key.path {
        "listen" | "ui.listen" => "\"127.0.0.1:9\"",
        "reverse" => "[\"https://a.example\"]",
        "intercept" => "[\"a.example\"]",
        "upstream.proxy" => "\"http://p:1\"",
        "upstream.proxy_for" => "[\"a.example=none\"]",
        "upstream.no_proxy" => "[\"10.0.0.0/8\"]",
        "upstream.insecure" => "[\"a.example\"]",
        "upstream.client_certificates" => "[{ hosts = [\"a.example\"], file = \"a.pem\" }]",
        "upstream.resolve" => "[\"a=127.0.0.1\"]",
        "log.format" => "\"json\"",
        "session.bodies" => "\"all\"",
        "http1" | "log.all" | "log.why" | "access.remote" | "access.private" => "true",
        "marks.via" | "marks.x_forwarded" => "true",
        "access.proxy_protocol" => "\"127.0.0.1:9\"",
        "access.clients" => "[\"192.0.2.0/24\"]",
        "access.credentials" => "[\"a:b\"]",
        "session.record" | "ca.name_constraints" => "false",
        "upstream.ca_files" | "ca.dir" | "ca.certificates" | "ca.key" | "log.file" | "session.dir" | "log.filter" => {
            "\"x\""
        }
        _ => "77",
    };
    for key in KEYS {
        let (table, name) = key.path.split_once('.').unwrap_or(("", key.path));
        let head = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        let changed =
            from_file(&format!("{head}{name} = {}\n", other(key))).unwrap_or_else(|e| panic!("{}: {e:?}", key.path));
        let differing: Vec<_> = KEYS.iter().filter(|k| k.shown(&changed) != k.shown(&Config::default())).collect();
        assert_eq!(differing.len(), 1, "{} changes its own value and no other", key.path);
        assert_eq!(differing[0].path, key.path);
    }
}

#[test]
fn all_faults_are_told_at_once_with_line_and_column() {
    let faults = from_file("lisen = \"x\"\n[timeouts]\nconnect_seconds = \"soon\"\nnope = 1\n[log]\n  format = 3\n")
        .unwrap_err();
    let places: Vec<_> = faults.iter().filter_map(|fault| fault.place.line_and_column()).collect();
    assert_eq!(places, [(1, 1), (3, 19), (4, 1), (6, 12)]);
    assert!(faults[0].says.contains("did you mean `listen`?"), "{}", faults[0].says);
    assert!(faults[1].says.contains("`timeouts.connect_seconds`: `soon` is not a length of time"));
}

#[test]
fn a_fault_shows_the_line_with_a_caret() {
    let told = told("# head\nlisten = [\"8080\"]\n");
    assert_eq!(
        told,
        [
            "error: `listen`: `8080` lacks the host: write `127.0.0.1:8080`\n --> etc/why401.toml:2:10\n  |\n2 | listen = [\"8080\"]\n  |          ^^^^^^^^"
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_at_its_place_and_the_rest_is_read() {
    let faults = from_file("drain_seconds = soon\n[log]\nformat = \"xml\"\n").unwrap_err();
    assert!(faults.len() >= 2, "{faults:?}");
    assert!(faults.iter().any(|fault| fault.says.contains("`xml` is not a format")), "{faults:?}");
}

#[test]
fn a_key_in_the_wrong_table_is_pointed_to_its_own() {
    assert!(told("format = \"json\"")[0].contains("did you mean `log.format`?"));
}

#[test]
fn flags_outrank_the_environment_and_the_environment_the_file() {
    let mut layers = Layers {
        file: Some((
            PathBuf::from("f.toml"),
            "listen = \"127.0.0.1:1\"\nintercept = [\"a.example\"]\n[log]\nformat = \"json\"".into(),
        )),
        variables: vec![
            ("WHY401_LISTEN".into(), "127.0.0.1:2,127.0.0.1:3".into()),
            ("WHY401_LOG_FORMAT".into(), "human".into()),
            ("WHY401_LOG".into(), "debug".into()),
            ("PATH".into(), "/bin".into()),
        ],
        flags: Vec::new(),
    };
    let config = load(&layers).unwrap().config;
    assert_eq!(config.listen.iter().map(|a| a.port()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(config.log.format, Format::Human);
    layers.flags = vec![
        ("--listen", "listen", "127.0.0.1:4".into()),
        ("--listen", "listen", "[::1]:5".into()),
        ("--intercept", "intercept", "b.example".into()),
    ];
    let config = load(&layers).unwrap().config;
    assert_eq!(config.listen.iter().map(|a| a.port()).collect::<Vec<_>>(), [4, 5]);
    let hosts: Vec<_> = config.scope().iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["*.service-now.com", "*.servicenowservices.com", "a.example", "b.example"]);
}

#[test]
fn the_usual_variables_set_the_filter() {
    let filter = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        load(&Layers { variables, ..Layers::default() }).unwrap().config.log.filter
    };
    assert_eq!(filter(&[]), "info");
    assert_eq!(filter(&[("RUST_LOG", "debug"), ("WHY401_LOG_FILTER", "error")]), "debug");
    assert_eq!(filter(&[("WHY401_LOG", "trace"), ("RUST_LOG", "debug")]), "trace");
}

#[test]
fn an_unknown_variable_is_a_warning_with_the_nearest() {
    let layers = Layers { variables: vec![("WHY401_LISTN".into(), "x".into())], ..Layers::default() };
    assert_eq!(
        load(&layers).unwrap().warnings,
        ["the variable WHY401_LISTN sets nothing; did you mean WHY401_LISTEN?"]
    );
}

#[test]
fn faults_of_variables_and_flags_name_them() {
    let layers = Layers {
        file: None,
        variables: vec![("WHY401_UI_LISTEN".into(), "8081".into())],
        flags: vec![("--resolve", "upstream.resolve", "nonsense".into())],
    };
    let faults: Vec<_> = load(&layers).unwrap_err().iter().map(Fault::to_string).collect();
    assert_eq!(faults.len(), 2);
    assert!(faults[0].starts_with("error: WHY401_UI_LISTEN: `8081` lacks the host"));
    assert!(
        faults[1].starts_with("error: --resolve: expected HOST[:PORT]=ADDR[:PORT], saw `nonsense`"),
        "{}",
        faults[1]
    );
}

#[test]
fn units_are_read() {
    assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
    assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
    assert!(duration("10 parsecs").is_err());
    assert!(duration("99999999999999999999s").is_err());
    assert!(duration("18446744073709551615h").is_err());
    assert_eq!(size("256KiB"), Ok(Size(262_144)));
    assert_eq!(size("1 MB"), Ok(Size(1_000_000)));
    assert_eq!(size("12"), Ok(Size(12)));
    assert!(size("-1").is_err());
    assert!(size("20000000000GiB").is_err());
}

#[test]
fn a_wait_without_an_end_is_refused() {
    assert!(told("[timeouts]\nfirst_byte_seconds = 0")[0].contains("more than zero"));
    assert!(told("[memory]\nqueue_exchanges = 0")[0].contains("above zero"));
}

#[test]
fn a_proxy_password_is_never_repeated() {
    for text in ["http://svc:hunter2@proxy.example:3128", "ftp://svc:hunter2@x", "http://svc:hunter2@"] {
        let told = match from_file(&format!("[upstream]\nproxy = \"{text}\"")) {
            Ok(config) => format!("{config:?}{}", KEYS.iter().map(|key| key.shown(&config)).collect::<String>()),
            Err(faults) => faults.iter().map(Fault::to_string).collect(),
        };
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn paths_count_from_the_file_that_names_them() {
    let config = from_file("[ca]\ndir = \"certs\"\n[log]\nfile = \"/var/log/w.log\"").unwrap();
    assert_eq!(config.ca.dir.as_deref(), Some(Path::new("etc/certs")));
    assert_eq!(config.log.file.as_deref(), Some(Path::new("/var/log/w.log")));
}

fn around(variables: &[(&str, &str)], file: &str) -> Result<Loaded, Vec<Fault>> {
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    load(&Layers { file: Some((PathBuf::from("f.toml"), file.into())), variables, flags: Vec::new() })
}

/// Which way out the variables and a file give, in words.
fn way(variables: &[(&str, &str)], file: &str) -> Option<String> {
    around(variables, file).unwrap().config.upstream.way_out_words()
}

#[test]
fn the_usual_variables_say_the_way_out_where_nothing_of_ours_does() {
    let proxy = ("HTTPS_PROXY", "http://u:hunter2@proxy.corp.example:8080/");
    assert_eq!(way(&[proxy], "").unwrap(), "http://proxy.corp.example:8080 (HTTPS_PROXY) for https");
    assert_eq!(way(&[("all_proxy", "socks5h://s:1")], "").unwrap(), "socks5h://s:1 (all_proxy)");
    assert_eq!(
        way(&[("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:1")], "").unwrap(),
        "http://a:1 (https_proxy) for https"
    );
    assert_eq!(way(&[("HTTPS_PROXY", ""), ("NO_PROXY", "x")], ""), None);
    assert_eq!(way(&[proxy], "[upstream]\nproxy = \"none\""), None);
    assert_eq!(way(&[proxy], "[upstream]\nproxy = \"http://c:1\"").unwrap(), "http://c:1");
    let both = [proxy, ("NO_PROXY", "localhost, .corp.example,10.0.0.0/8")];
    let excepted = "; not for localhost, corp.example, 10.0.0.0/8 (NO_PROXY)";
    assert!(way(&both, "").unwrap().ends_with(excepted));
    assert!(way(&both, "[upstream]\nno_proxy = [\"a.example\"]").unwrap().ends_with("; not for a.example"));
}

#[test]
fn a_web_servers_http_proxy_is_its_clients_header() {
    let set = [("HTTP_PROXY", "http://evil.example:1"), ("REQUEST_METHOD", "GET")];
    assert_eq!(way(&set, ""), None);
    assert!(way(&set[..1], "").is_some() && way(&[("http_proxy", "http://a:1"), set[1]], "").is_some());
}

#[test]
fn a_way_out_that_leads_back_here_is_not_taken() {
    for url in ["http://127.0.0.1:8080", "http://localhost:8080"] {
        let loaded = around(&[("HTTPS_PROXY", url), ("HTTP_PROXY", url)], "").unwrap();
        assert_eq!(loaded.config.upstream.way_out_words(), None);
        assert!(loaded.warnings[0].starts_with("HTTPS_PROXY leads to"), "{:?}", loaded.warnings);
    }
    assert!(way(&[("HTTPS_PROXY", "http://127.0.0.1:8081")], "").is_some());
    let faults = around(&[], "[upstream]\nproxy = \"http://localhost:8080\"").unwrap_err();
    assert!(faults[0].to_string().starts_with("error: f.toml: http://localhost:8080 is where"), "{}", faults[0]);
}

#[test]
fn a_script_in_the_place_of_a_proxy_is_a_fault_that_says_so() {
    let faults = around(&[("https_proxy", "http://u:hunter2@wpad/proxy.pac")], "").unwrap_err();
    let told = faults[0].to_string();
    assert!(told.starts_with("error: https_proxy: ") && told.contains("PAC files are not run"), "{told}");
    assert!(!told.contains("hunter2") && faults.len() == 1, "{told}");
    assert!(around(&[("https_proxy", "http://wpad/proxy.pac")], "[upstream]\nproxy = \"none\"").is_ok());
}

#[test]
fn entries_of_no_proxy_that_cannot_be_read_are_warned_of() {
    let loaded = around(&[("NO_PROXY", "http://x, .corp.example")], "").unwrap();
    assert_eq!(loaded.config.upstream.environment.no_proxy.len(), 1);
    assert!(loaded.warnings[0].contains("left out"), "{:?}", loaded.warnings);
}

#[test]
fn client_certificates_are_tables_and_hold_no_password() {
    let table = "[[upstream.client_certificates]]\nhosts = [\"a.example\", \"*.b.example\"]\nfile = \"a.p12\"\n";
    let loaded = around(&[("P", "hunter2")], &format!("{table}password_env = \"P\"\n")).unwrap();
    let shown = format!("{:?}", loaded.config);
    assert!(shown.contains("a.p12") && !shown.contains("hunter2"));
    let Password::Variable(_, Some(password)) = &loaded.config.upstream.client_certificates[0].password else {
        panic!("{shown}")
    };
    assert_eq!(password.expose(), "hunter2");
    for (wrong, says) in
        [("password = \"x\"", "does not belong"), ("fil = 1", "did you mean `file`?"), ("hosts = 3", "a host")]
    {
        let text = if wrong.starts_with("hosts") {
            table.replace("hosts = [\"a.example\", \"*.b.example\"]", wrong)
        } else {
            format!("{table}{wrong}\n")
        };
        let faults = around(&[], &text).unwrap_err();
        assert!(faults[0].says.contains(says), "{wrong}: {}", faults[0].says);
        assert_eq!(faults[0].place.line_and_column(), Some((1, 1)), "{wrong}");
    }
}
