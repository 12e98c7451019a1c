//! A sound file has no flaw; each break of a rule is named at its place.

use proptest::prelude::*;

use super::*;

fn har(entry: &str) -> String {
    format!(r#"{{"log":{{"version":"1.2","creator":{{"name":"x","version":"1"}},"entries":[{entry}]}}}}"#)
}

const ENTRY: &str = r#"{"startedDateTime":"2026-11-22T10:00:00.000Z","time":6,
 "request":{"method":"GET","url":"https://h/a?b=1","httpVersion":"HTTP/1.1","cookies":[{"name":"c","value":"1"}],
  "headers":[{"name":"Cookie","value":"c=1"}],"queryString":[{"name":"b","value":"1"}],"headersSize":-1,"bodySize":0},
 "response":{"status":200,"statusText":"OK","httpVersion":"HTTP/1.1","cookies":[],"headers":[],
  "content":{"size":2,"mimeType":"application/json","text":"{}"},"redirectURL":"","headersSize":-1,"bodySize":2},
 "cache":{},"timings":{"blocked":-1,"dns":1,"connect":2,"ssl":1,"send":0,"wait":2,"receive":1},"serverIPAddress":"192.0.2.1","connection":"7","_own":{}}"#;

fn flaws(text: &str) -> Vec<String> {
    let mut flaws = Vec::new();
    let summary = check(text.as_bytes(), &mut |flaw| flaws.push(flaw.to_string()));
    assert_eq!(summary.faults + summary.notes, flaws.len());
    flaws
}

#[test]
fn a_sound_file_has_no_flaw() {
    assert_eq!(flaws(&har(&format!("{ENTRY},{ENTRY}"))), Vec::<String>::new());
    let summary = check(har(ENTRY).as_bytes(), &mut |_| {});
    assert_eq!(summary, Summary { entries: 1, faults: 0, notes: 0, credentials: 1, redacted: false });
    let redacted = har(&ENTRY.replace("c=1\"}", "[redacted]\"}")).replace("\"creator\"", "\"_why401\":{},\"creator\"");
    let summary = check(redacted.as_bytes(), &mut |_| {});
    assert_eq!((summary.credentials, summary.redacted), (0, true));
}

#[test]
fn every_break_is_named_at_its_place() {
    let cases = [
        (
            r#""time":6"#,
            r#""time":-6"#,
            "log.entries[0].time: expected a number that is not negative; found a negative number",
        ),
        (r#""time":6"#, r#""time":60"#, "log.entries[0].time: note: is 60 ms; the phases add up to 6 ms"),
        (r#""ssl":1"#, r#""ssl":10"#, "log.entries[0].timings.ssl: is longer than `connect`"),
        (r#""wait":2"#, r#""wait":null"#, "log.entries[0].timings.wait: expected milliseconds, or -1"),
        (r#","wait":2"#, "", "log.entries[0].timings.wait: is missing"),
        ("10:00:00.000Z", "10:00:00.000", "log.entries[0].startedDateTime: expected a time of ISO 8601"),
        ("192.0.2.1", "[::1]", "log.entries[0].serverIPAddress: expected an IPv4 or IPv6 address"),
        (r#""connection":"7""#, r#""connection":7"#, "log.entries[0].connection: expected a text; found a number"),
        ("https://h/a?b=1", "/a?b=1", "log.entries[0].request.url: expected an absolute URI"),
        ("https://h/a?b=1", "https://h/a?b={1}", "log.entries[0].request.url: holds a character at byte 14"),
        ("https://h/a?b=1", "https://h/a?b=%1", "log.entries[0].request.url: has a `%` at byte 14"),
        ("https://h/a?b=1", "https://h/a", "log.entries[0].request.queryString: note: lists 1 parameters"),
        (
            r#""c=1""#,
            r#""c=1; d=2""#,
            "log.entries[0].request.cookies: note: lists 1 cookies; the cookie headers hold 2",
        ),
        (
            r#""bodySize":0}"#,
            r#""bodySize":0,"postData":{"mimeType":"x/y","text":"a","params":[{"name":"a"}]}}"#,
            "postData: note: has both",
        ),
        (r#""bodySize":0}"#, r#""bodySize":0,"postData":{}}"#, "log.entries[0].request.postData.mimeType: is missing"),
        (
            r#""content":{"size":2,"mimeType":"application/json","text":"{}"}"#,
            r#""content":{}"#,
            "response.content.size: is missing",
        ),
        (r#""size":2"#, r#""size":3"#, "log.entries[0].response.content.size: note: is 3; `text` holds 2 bytes"),
        (r#""text":"{}""#, r#""text":"{}","encoding":"base64""#, "response.content.text: is no base64"),
        (r#""status":200"#, r#""status":0"#, "log.entries[0].response.status: note: is 0, and neither"),
        (r#""status":200"#, r#""status":"200""#, "response.status: expected a whole number"),
        (r#""_own":{}"#, r#""own\n":{}"#, r"log.entries[0].own\n: note: is no member of HAR 1.2"),
        (
            r#"{"name":"c","value":"1"}"#,
            r#"{"name":"c","value":"1","expires":"Sun, 22 Nov 2026 10:00:00 GMT"}"#,
            "cookies[0].expires: expected a time",
        ),
        (r#""cache":{},"#, "", "log.entries[0].cache: is missing"),
    ];
    for (good, bad, want) in cases {
        assert!(ENTRY.contains(good), "{good}");
        let flaws = flaws(&har(&ENTRY.replacen(good, bad, 1)));
        assert!(flaws.iter().any(|flaw| flaw.contains(want)), "{want}: {flaws:?}");
    }
}

#[test]
fn the_log_itself_is_checked() {
    assert!(flaws("{}").iter().any(|flaw| flaw == "log.entries: is missing"));
    assert!(flaws(r#"{"log":{"version":1.2,"creator":[],"entries":[],"extra":1}}"#).len() == 3);
    assert!(flaws("[]")[0].starts_with("byte 0: expected `{`"));
    assert!(flaws(&har("{,}"))[0].starts_with("log.entries[0]: is not JSON"));
    let later = ENTRY.replace("10:00:00.000Z", "09:00:00.000Z");
    assert!(flaws(&har(&format!("{ENTRY},{later}")))[0].contains("log.entries[1].startedDateTime: note: is before"));
}

proptest! {
    #[test]
    fn any_bytes_are_checked(cut in 0usize..1500, byte: u8) {
        let mut bytes = har(ENTRY).into_bytes();
        let at = cut.min(bytes.len() - 1);
        bytes[at] = byte;
        let mut told = 0;
        let summary = check(&bytes[..], &mut |flaw| {
            told += 1;
            assert!(!flaw.to_string().contains(char::is_control));
        });
        prop_assert_eq!(summary.faults + summary.notes, told);
    }
}
