//! Names that are masked, and those that stay.

use super::*;

fn masker(masks: Masks) -> Masker {
    Masker::new(Salt::new([7; 32]), masks)
}

/// What is masked is what was asked for, and nothing where nothing was.
#[test]
fn each_mask_covers_its_own_names() {
    let story = "@ 10:00:00 https://acme4711.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: acme4711.service-now.com\n\
                 > Content-Type: application/x-www-form-urlencoded\n>\n\
                 > grant_type=password&client_id=beef00112233&username=abel.tuter&password=x\n\
                 < HTTP/1.1 200 OK\n<\n< {\"id_token\":\"eyJhbGciOiJub25lIn0.eyJuYW1lIjoiQmV0aCBBbmdsaW4ifQ.\"}\n";
    let words = "abel.tuter, beef00112233, acme4711.service-now.com, Beth Anglin";
    let none = Masks::default();
    for (masks, left) in [
        (none, [true; 4]),
        (Masks { users: true, ..none }, [false, true, true, true]),
        (Masks { clients: true, ..none }, [true, false, true, true]),
        (Masks { hosts: true, ..none }, [true, true, false, true]),
        (Masks { claims: true, ..none }, [true, true, true, false]),
    ] {
        let mut masker = masker(masks);
        let exchange = exchange(story);
        masker.learn(&exchange);
        let text = String::from_utf8(masker.text(words.as_bytes())).unwrap();
        let stays: Vec<bool> = words.split(", ").map(|name| text.contains(name)).collect();
        assert_eq!((stays, text.len()), (left.to_vec(), words.len()), "{masks:?}: {text}");
        let (masked, places) = masker.mask(&exchange);
        assert_eq!((places.is_empty(), masks.any()), (masks == none, masks != none));
        assert_eq!(masked.request.host == exchange.request.host, !masks.hosts);
    }
}

#[test]
fn addresses_and_names_that_say_nothing_are_not_masked() {
    let story = |host: &str, user: &str| {
        format!("@ 10:00:00 http://{host}\n> GET /?username={user} HTTP/1.1\n> Host: {host}\n< HTTP/1.1 200 OK\n<\n")
    };
    for (host, user) in
        [("192.0.2.7", "YOUR_USERNAME"), ("localhost", "null"), ("[2001:db8::1]", "%20"), ("192.0.2.7", "api_user")]
    {
        let mut masker = masker(Masks { users: true, clients: true, hosts: true, claims: true });
        masker.learn(&exchange(&story(host, user)));
        let text = format!("{host} and {user}");
        assert_eq!(String::from_utf8(masker.text(text.as_bytes())).unwrap(), text);
    }
    // The words that say what kind of account it is stay; the person's name does not.
    let mut masker = masker(Masks { users: true, ..Masks::default() });
    masker.learn(&exchange(&story("h.example", "svc_acme.admin")));
    let text = String::from_utf8(masker.text(b"svc_acme.admin")).unwrap();
    assert!(text.starts_with("svc_") && text.ends_with(".admin") && text != "svc_acme.admin", "{text}");
}

#[test]
fn only_whole_names_are_masked_and_hosts_of_everybody_are_none() {
    let story = |host: &str| {
        format!(
            "@ 10:00:00 https://{host}\n> GET /?username=abel.tuter HTTP/1.1\n> Host: {host}\n< HTTP/1.1 200 OK\n<\n"
        )
    };
    let mut users = masker(Masks { users: true, ..Masks::default() });
    users.learn(&exchange(&story("h.example")));
    for (text, stays) in [
        ("xabel.tuter", true),
        ("abel.tuterx", true),
        ("(abel.tuter)", false),
        ("a%3Dabel.tuter", false),
        ("a\\nabel.tuter", false),
    ] {
        let masked = String::from_utf8(users.text(text.as_bytes())).unwrap();
        assert_eq!(masked.contains("abel.tuter"), stays, "{text}: {masked}");
    }
    let mut hosts = masker(Masks { hosts: true, ..Masks::default() });
    let exchange = exchange(&story("www.service-now.com"));
    hosts.learn(&exchange);
    let (masked, places) = hosts.mask(&exchange);
    assert_eq!((masked.request.host.as_str(), places.len()), ("www.service-now.com", 0));
    // Of a host the labels that are names are known alone as well; short ones are words of every text.
    hosts.learn(&self::exchange(&story("ab.acme4711.example")));
    let text = String::from_utf8(hosts.text(b"site=ab&x of acme4711, www")).unwrap();
    assert!(text.starts_with("site=ab&x of ") && text.ends_with(", www") && !text.contains("acme4711"), "{text}");
}

/// What a certificate says of its issuer and names is text of strangers like any other.
#[test]
fn names_and_secrets_in_what_a_certificate_says_are_gone() {
    let story = "@ 10:00:00 https://acme4711.service-now.com\n> GET /?access_token=q7ZB3bh%40n HTTP/1.1\n\
                 > Host: acme4711.service-now.com\n< HTTP/1.1 200 OK\n<\n";
    let said = || "acme4711.service-now.com of q7ZB3bh@n".to_owned();
    for fault in [
        CertificateFault::UnknownIssuer(said()),
        CertificateFault::ChainIncomplete(said()),
        CertificateFault::WrongName(vec!["acme4711.service-now.com".to_owned()]),
    ] {
        let mut exchange = exchange(story);
        let kind = FailureKind::Certificate(fault);
        exchange.outcome =
            Outcome::Failed(Failure { phase: crate::model::Phase::UpstreamTls, kind, detail: said(), status: None });
        let (scrubbed, _) = Scrubber::new(Salt::new([7; 32])).scrub(&exchange);
        let mut masker = masker(Masks { hosts: true, ..Masks::default() });
        masker.learn(&scrubbed);
        let (masked, _) = masker.mask(&scrubbed);
        let Outcome::Failed(failure) = &masked.outcome else { panic!("it failed") };
        let left = format!("{:?} {}", failure.kind, failure.detail);
        assert!(!left.contains("q7ZB3bh") && !left.contains("acme4711"), "{left}");
    }
}

/// Who called through what, and what cut the answer short, are words of the way as the head and the body are.
#[test]
fn names_on_the_way_are_masked_too() {
    let story = "@ 10:00:00 https://acme4711.service-now.com\n> GET /?username=abel.tuter HTTP/1.1\n\
                 > Host: acme4711.service-now.com\n< HTTP/1.1 200 OK\n<\n";
    let mut exchange = exchange(story);
    exchange.client.connect_agent = Some("the tool of abel.tuter".into());
    exchange.upstream.parent = Some("http://acme4711.service-now.com:3128".into());
    let Outcome::Answered(answer) = &mut exchange.outcome else { panic!("it was answered") };
    let kind = FailureKind::Reset;
    let detail = "acme4711.service-now.com hung up on abel.tuter".to_owned();
    answer.cut = Some(Failure { phase: crate::model::Phase::ReadBody, kind, detail, status: None });
    answer.reason = "OK abel.tuter".into();
    let mut masker = masker(Masks { users: true, hosts: true, ..Masks::default() });
    masker.learn(&exchange);
    let (masked, places) = masker.mask(&exchange);
    let answer = masked.response().unwrap();
    let left = [
        masked.client.connect_agent.as_deref().unwrap(),
        masked.upstream.parent.as_deref().unwrap(),
        &answer.cut.as_ref().unwrap().detail,
        &answer.reason,
    ]
    .join(" | ");
    assert!(!left.contains("abel") && !left.contains("acme4711"), "{left}");
    assert!(
        left.contains("the tool of ") && left.contains(".service-now.com:3128") && left.contains(" hung up on "),
        "{left}"
    );
    assert_eq!(places, ["request", "response"]);
}
