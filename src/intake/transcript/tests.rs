//! What a transcript says is what the exchange holds; every fault has its line.

use crate::model::{FailureKind, HeadProblem, Outcome, Phase, Scheme, Way};

use super::*;

const STORY: &str = "\
@ 10:00:00 https://dev1.service-now.com
> POST /oauth_token.do HTTP/1.1
> Host: dev1.service-now.com
>
> grant_type=password&
> username=svc
< HTTP/1.1 200 OK
< Content-Type: application/json
<
< {\"expires_in\":1799}

# half an hour later, from another client
@ 10:35:00.250 https://dev1.service-now.com client=b took=1.5s
> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1
> Authorization: Bearer\\x20\\xE2\\x80\\x8Babc\\\\xy
>
< HTTP/2 401
= token-expired proven
~ token-revoked
~ wrong-password possible
! plain-http
";

fn story() -> Transcript {
    parse(STORY).unwrap()
}

fn fault(text: &str) -> TranscriptError {
    parse(text).err().unwrap()
}

#[test]
fn exchanges_hold_what_the_lines_say() {
    let story = story();
    let [first, second] = story.steps.as_slice() else { panic!("two exchanges") };
    assert_eq!((first.line, second.line), (1, 13));
    assert_eq!((first.exchange.id, second.exchange.id), (1, 2));
    assert_eq!(crate::wire::date::iso(second.exchange.at), "2026-11-02T10:35:00.250Z");
    let request = &first.exchange.request;
    assert_eq!((request.method.as_str(), request.origin().as_str()), ("POST", "https://dev1.service-now.com"));
    assert_eq!(&request.body.bytes[..], b"grant_type=password&\nusername=svc");
    assert_eq!(
        request.head.as_deref(),
        Some(&b"POST /oauth_token.do HTTP/1.1\r\nHost: dev1.service-now.com\r\n\r\n"[..])
    );
    let response = first.exchange.response().unwrap();
    assert_eq!((response.status, &response.body.bytes[..]), (200, &b"{\"expires_in\":1799}"[..]));
    assert_eq!(second.exchange.request.query(), Some("sysparm_limit=1"));
    assert_eq!(second.exchange.request.fields.get("authorization"), Some(&b"Bearer \xe2\x80\x8babc\\xy"[..]));
    assert_eq!(second.exchange.timing.end, Some(std::time::Duration::from_millis(1500)));
    assert_ne!(first.exchange.client.address, second.exchange.client.address);
}

#[test]
fn expectations_belong_to_the_exchange_before_them() {
    let story = story();
    assert!(story.steps[0].expectations.is_empty());
    let cause = |name: &str| name.to_owned();
    assert_eq!(
        story.steps[1].expectations,
        [
            Expectation::First { cause: cause("token-expired"), grade: Grade::Proven },
            Expectation::Listed { cause: cause("token-revoked"), grade: None },
            Expectation::Listed { cause: cause("wrong-password"), grade: Some(Grade::Possible) },
            Expectation::Absent { cause: cause("plain-http") },
        ]
    );
    let silent = parse("@ 10:00:00 https://h\n> GET / HTTP/1.1\n< HTTP/1.1 200 OK\n! *").unwrap();
    assert_eq!(silent.steps[0].expectations, [Expectation::Nothing]);
}

#[test]
fn days_go_on_and_count_from_day_one() {
    let exchange = "\n> GET / HTTP/1.1\n< HTTP/1.1 200 OK\n";
    let times =
        ["@ 23:00:00 https://h", "@ 01:00:00 +1 day https://h", "@ 02:00:00 https://h", "@ 02:00:00 +3 days https://h"];
    let story = parse(&times.map(|time| format!("{time}{exchange}")).concat()).unwrap();
    let at: Vec<_> = story.steps.iter().map(|step| crate::wire::date::iso(step.exchange.at)).collect();
    assert_eq!(at[1..], ["2026-11-03T01:00:00.000Z", "2026-11-03T02:00:00.000Z", "2026-11-05T02:00:00.000Z"]);
}

#[test]
fn ways_and_absolute_targets() {
    let story = parse("@ 10:00:00 http://h via=absolute\n> GET http://h:80/p?q HTTP/1.1\n< HTTP/1.1 200 OK").unwrap();
    let exchange = &story.steps[0].exchange;
    assert_eq!((exchange.client.way, exchange.request.scheme), (Way::Absolute, Scheme::Http));
    assert_eq!(exchange.request.target, "/p?q");
}

#[test]
fn failures_need_no_request() {
    let story = parse("@ 10:00:00 https://h:8443\n* failed client-tls client-alert-48").unwrap();
    let exchange = &story.steps[0].exchange;
    assert_eq!((exchange.request.method.as_str(), exchange.request.target.as_str()), ("CONNECT", "h:8443"));
    let Outcome::Failed(failure) = &exchange.outcome else { panic!("failed") };
    assert_eq!((failure.phase, &failure.kind), (Phase::ClientTls, &FailureKind::ClientAlert(48)));
}

#[test]
fn refused_heads_are_kept_raw() {
    let text = "@ 10:00:00 https://h\n> GET /x HTTP/1.1\n> Host: h\n> Authorization : Bearer abc\n* refused space-before-colon 39";
    let story = parse(text).unwrap();
    let exchange = &story.steps[0].exchange;
    let Outcome::Refused(fault) = &exchange.outcome else { panic!("refused") };
    assert_eq!((fault.problem, fault.status), (HeadProblem::SpaceBeforeColon, 400));
    assert_eq!(exchange.request.head.as_ref().unwrap()[fault.offset], b' ');
    assert_eq!(exchange.request.path(), "/x");
}

#[test]
fn our_own_answers_are_marked() {
    let text =
        "@ 10:00:00 https://h\n> GET / HTTP/1.1\n< HTTP/1.1 502 Bad Gateway\n< Proxy-Status: why401; error=dns_error\n";
    assert!(parse(text).unwrap().steps[0].exchange.response().unwrap().ours);
}

#[test]
fn every_fault_has_its_line() {
    let good = "@ 10:00:00 https://h\n> GET / HTTP/1.1\n";
    let cases = [
        ("", 1, "no exchange"),
        ("> GET / HTTP/1.1", 1, "before the first"),
        ("@ 25:00:00 https://h", 1, "HH:MM:SS"),
        ("@ 10:00:00.5 https://h", 1, "HH:MM:SS"),
        ("@ 10:00:00 h", 1, "origin"),
        ("@ 10:00:00 https://h/path", 1, "origin"),
        ("@ 10:00:00 https://h via=post", 1, "via=post"),
        ("@ 10:00:00 +one day https://h", 1, "+N days"),
        ("@ 10:00:00 https://h\n\n< HTTP/1.1 200 OK", 1, "request line"),
        (&format!("{good}? what"), 3, "found `?`"),
        (&format!("{good}> no colon here\n< HTTP/1.1 200 OK"), 1, "no field line"),
        (&format!("{good}< 200 OK"), 1, "status line"),
        (&format!("{good}* failed nowhere other"), 3, "phase"),
        (good, 1, "no answer"),
        (&format!("{good}< HTTP/1.1 200 OK\n= token-expired"), 4, "grade"),
        (&format!("{good}< HTTP/1.1 200 OK\n= token-expired sure"), 4, "`sure`"),
        (&format!("{good}< HTTP/1.1 200 OK\n! plain-http proven"), 4, "no grade"),
        (&format!("{good}< HTTP/1.1 200 OK\n! *\n< more"), 5, "after the expectations"),
        (&format!("{good}< HTTP/1.1 200 OK\n> X: y"), 4, "after the answer"),
        (&format!("{good}> X: \\xZZ"), 3, "hexadecimal"),
        (&format!("{good}@ 10:00:01 https://h"), 1, "no answer"),
        (&format!("{good}< HTTP/1.1 200 OK\n@ 09:00:00 https://h"), 4, "before that of the exchange above"),
    ];
    for (text, line, what) in cases {
        let fault = fault(text);
        assert!(fault.line == line && fault.what.contains(what), "{text:?} gave {fault}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,400}", marks in "([@><*=~!# \n]|\\\\x|10:00:00 https://h|GET / HTTP/1.1){0,60}") {
        for text in [text, marks] {
            match parse(&text) {
                Ok(transcript) => assert!(!transcript.steps.is_empty()),
                Err(fault) => assert!((1..=text.lines().count().max(1)).contains(&fault.line), "{fault}"),
            }
        }
    }
}
