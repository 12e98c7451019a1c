//! Commands as people paste them, from documents, tickets and browsers.

use proptest::prelude::*;

use super::*;
use crate::model::Scheme;

const REFUSED: &str = r#"{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;

fn one(command: &str, printed: &str) -> Exchange {
    let text = format!("{command}\n{printed}\n");
    assert!(is_asked(&text), "{text}");
    let mut exchanges = read(&text);
    assert_eq!(exchanges.len(), 1, "{text}");
    exchanges.remove(0)
}

fn field(exchange: &Exchange, name: &str) -> Option<String> {
    exchange.request.fields.text(name).map(std::borrow::Cow::into_owned)
}

fn authorization(command: &str) -> Option<String> {
    field(
        &one(&format!("curl https://dev1.service-now.com/api/now/table/incident {command}"), REFUSED),
        "authorization",
    )
}

#[test]
fn the_request_is_what_curl_would_send() {
    let exchange = one(
        "me@box:~$ curl -sX PATCH 'https://dev1.service-now.com/api/now/table/incident/1?a=b' \\\n  -H 'Accept: text/xml' \\\n \
         -H \"Authorization: Bearer Bearer abc\" --json '{\"a\":1}' | jq .",
        REFUSED,
    );
    let request = &exchange.request;
    assert_eq!((request.method.as_str(), request.origin().as_str()), ("PATCH", "https://dev1.service-now.com"));
    assert_eq!((request.path(), request.query()), ("/api/now/table/incident/1", Some("a=b")));
    assert_eq!(&request.body.bytes[..], b"{\"a\":1}");
    assert_eq!(field(&exchange, "accept").as_deref(), Some("text/xml"));
    assert_eq!(field(&exchange, "content-type").as_deref(), Some("application/json"));
    assert_eq!(field(&exchange, "authorization").as_deref(), Some("Bearer Bearer abc"));
    assert!(request.head.is_none() && !request.unseen && exchange.status() == Some(401));
}

#[test]
fn credentials_are_what_the_options_make_of_them() {
    assert_eq!(authorization("-u admin:secret").as_deref(), Some("Basic YWRtaW46c2VjcmV0"));
    assert_eq!(authorization("-u admin").as_deref(), Some("Basic [redacted]"));
    assert_eq!(authorization("-u \"$USER:$PASS\"").as_deref(), Some("Basic [redacted]"));
    assert_eq!(authorization("--oauth2-bearer abc").as_deref(), Some("Bearer abc"));
    assert_eq!(authorization("--digest -u a:b").as_deref(), Some("Digest [redacted]"));
    assert_eq!(authorization("-n").as_deref(), Some("[redacted]"));
    assert_eq!(authorization("-H 'Authorization: Basic abc' -u a:b").as_deref(), Some("Basic abc"));
    assert_eq!(authorization("-H 'Authorization;'").as_deref(), Some(""));
    assert_eq!(authorization("-H 'Authorization:' -H 'X: y'"), None);
}

/// A shell fills in a variable, unless single quotes keep it from that; sample text may be the one's who pasted.
#[test]
fn what_the_command_does_not_show_is_hidden() {
    assert_eq!(authorization("-H \"Authorization: Bearer $TOKEN\"").as_deref(), Some("Bearer [redacted]"));
    assert_eq!(authorization("-H \"Authorization: $AUTH\"").as_deref(), Some("[redacted]"));
    assert_eq!(authorization("-H 'Authorization: Bearer $TOKEN'").as_deref(), Some("Bearer $TOKEN"));
    assert_eq!(authorization("-H 'Authorization: Bearer <token>'").as_deref(), Some("Bearer [redacted]"));
    assert_eq!(authorization("-H 'Authorization: Bearer YOUR_TOKEN'").as_deref(), Some("Bearer [redacted]"));
    let exchange = one("curl https://h/oauth_token.do -d \"grant_type=password&password=$P&client_id=x\"", REFUSED);
    assert_eq!(&exchange.request.body.bytes[..], b"grant_type=password&password=[redacted]&client_id=x");
    let exchange = one("curl \"https://$INSTANCE.service-now.com/api\" -d @file", REFUSED);
    assert_eq!((exchange.request.host.as_str(), exchange.request.unseen), ("hidden.service-now.com", true));
}

#[test]
fn bodies_are_put_together_as_curl_does() {
    let sent = |options: &str| {
        let exchange = one(&format!("curl https://h/oauth_token.do {options}"), REFUSED);
        let content = String::from_utf8(exchange.request.body.bytes.to_vec()).unwrap();
        (exchange.request.method.clone(), field_kind(&exchange.request), content)
    };
    fn field_kind(request: &Request) -> String {
        request.fields.text("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
    }
    let form = String::from("application/x-www-form-urlencoded");
    let post = String::from("POST");
    assert_eq!(sent("-d a=1 --data-urlencode 'b=x y'"), (post.clone(), form.clone(), String::from("a=1&b=x%20y")));
    assert_eq!(sent("-d 'a=1&\n  b=2'").2, "a=1&\n  b=2");
    let (method, kind, content) = sent("-F grant_type=password -F client_id=x");
    assert_eq!((method, kind.as_str()), (post, "multipart/form-data"));
    assert!(content.contains("name=\"client_id\"\r\n\r\nx\r\n"));
    let exchange = one("curl -G https://h/oauth_token.do -d a=1 -d b=2", REFUSED);
    assert_eq!((exchange.request.method.as_str(), exchange.request.query()), ("GET", Some("a=1&b=2")));
}

#[test]
fn a_url_is_cut_and_completed_as_by_the_shell_and_curl() {
    let exchange = one("curl dev1.service-now.com/api/now/table/incident?a=1&b=2", REFUSED);
    assert_eq!((exchange.request.scheme, exchange.request.query()), (Scheme::Http, Some("a=1")));
}

#[test]
fn answers_with_and_without_their_head() {
    let command = "$ curl -i https://dev1.service-now.com/api/now/table/incident";
    let exchange = one(command, &format!("HTTP/1.1 401 Unauthorized\nServer: snow_adc\n\n{REFUSED}"));
    assert_eq!((exchange.status(), exchange.response().unwrap().fields.text("server").is_some()), (Some(401), true));
    assert_eq!(one(command, "{\"result\":[]}").status(), Some(200));
    assert!(read(command).is_empty() && read(&format!("{command}\nhello")).is_empty());
}

/// A token that one command got and the next one uses is one story.
#[test]
fn several_commands_are_told_apart() {
    let text = format!(
        "$ curl -d grant_type=password https://h/oauth_token.do\n{{\"access_token\":\"abc\",\"expires_in\":1799}}\n\
         $ curl -H 'Authorization: Bearer abc' https://h/api/now/table/x\n{REFUSED}\n"
    );
    let statuses: Vec<_> = read(&text).iter().map(Exchange::status).collect();
    assert_eq!(statuses, [Some(200), Some(401)]);
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(curl |https://h/|-d|-H|-u|-F| |'|\"|\\$A|\\\\|\n|\\{\"error\":1\\}|401|@|=|%|é){0,40}") {
        is_asked(&text);
        assert!(read(&text).len() <= text.len());
    }
}
