//! Whether the bodies of an exchange may tell anything of a failure: what a recording of healthy exchanges can do without.
//!
//! Whatever `reading` parses and `diagnose` looks at is asked for here with the same quick looks, and nothing of it is
//! parsed. A body that no one of them wants leaves the findings as they are, of this exchange and of those that follow it.

use super::servicenow::{self, Page, names};
use super::{content, endpoint, reading};
use crate::model::{Exchange, Request, Response};

/// Shorter answers are looked at whatever they are about, in bytes: an empty list, a bare word.
pub const SHORT: u64 = 64;
/// Longer answers are not about one user, in bytes.
const ABOUT_A_USER: usize = 4096;

/// Which bodies of an exchange may tell something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telling {
    pub request: bool,
    pub answer: bool,
}

impl Telling {
    pub const BOTH: Telling = Telling { request: true, answer: true };

    pub fn of(exchange: &Exchange) -> Telling {
        let request = &exchange.request;
        let Some(answer) = exchange.response().filter(|answer| is_whole_success(answer)) else { return Telling::BOTH };
        let logged_in = servicenow::logged_in(&answer.fields);
        let (sent, got) =
            (content::decoded(&request.fields, &request.body), content::decoded(&answer.fields, &answer.body));
        let about_credentials = endpoint::is_about_credentials(&request.method, request.path(), request.query());
        // A page's script is told by headers alone, unless the answer says who it was for.
        let guest = logged_in == Some(false) || logged_in.is_none() && request.fields.has("origin");
        if request.unseen || about_credentials || guest || sent_tells(request, &sent) {
            return Telling::BOTH;
        }
        Telling { request: false, answer: answer_tells(answer, &got, logged_in) }
    }
}

fn is_whole_success(answer: &Response) -> bool {
    (200..300).contains(&answer.status) && answer.cut.is_none() && !answer.ours
}

/// Forms carry grants, credentials and names of users; a password may be written through the Table API.
fn sent_tells(request: &Request, sent: &[u8]) -> bool {
    reading::form_of(request, sent).is_some() || names(sent, "user_password")
}

fn answer_tells(answer: &Response, got: &[u8], logged_in: Option<bool>) -> bool {
    let length = content::length(&answer.fields, &answer.body, got.len() as u64);
    let named = servicenow::named(&answer.body, got);
    length.min(answer.body.length) < SHORT
        || named.error
        || named.access_token
        || stands_in_for_data(answer, got, logged_in)
        || says_constrained(got)
        || is_about_a_user(got)
}

/// A page that is none of an ordinary kind, or that its media type does not announce.
fn stands_in_for_data(answer: &Response, got: &[u8], logged_in: Option<bool>) -> bool {
    let announced = answer.fields.text("content-type").is_some_and(|mime| mime.to_ascii_lowercase().contains("html"));
    match servicenow::page(answer, got, logged_in) {
        Some(Page::Other) => !announced,
        other => other.is_some(),
    }
}

/// The instance says in a success that ACLs removed every row: `7 records constrained due to ACL restrictions`.
fn says_constrained(got: &[u8]) -> bool {
    const WORDS: &[u8] = b"onstrained due to ";
    let acl = |at: usize| got.get(at + WORDS.len()..).and_then(|rest| rest.get(..3));
    memchr::memmem::find_iter(got, WORDS).any(|at| acl(at).is_some_and(|word| word.eq_ignore_ascii_case(b"acl")))
}

/// What an identity provider says of one user: whoever masks names learns them there. Rows of a table are in `result`.
fn is_about_a_user(got: &[u8]) -> bool {
    let members = ["user_name", "username", "userName", "preferred_username", "email"];
    got.len() <= ABOUT_A_USER && !names(got, "result") && members.iter().any(|name| names(got, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Body, Client, Fields, Millis, Outcome, Scheme, Timing, Upstream};

    const ROWS: &str =
        r#"{"result":[{"number":"INC0010001","short_description":"no error on the printer, it burns"}]}"#;

    fn exchange(path: &str, sent: &str, status: u16, got: &str) -> Exchange {
        let fields = |mime: &str| [("Content-Type", mime.to_owned())].into_iter().collect::<Fields>();
        let request = Request {
            method: "POST".into(),
            scheme: Scheme::Https,
            host: "dev1.service-now.com".into(),
            port: 443,
            target: path.into(),
            version: "HTTP/1.1".into(),
            fields: fields("application/json"),
            body: Body::whole(sent.to_owned()),
            head: None,
            unseen: false,
        };
        let answer = Response {
            status,
            reason: String::new(),
            version: "HTTP/1.1".into(),
            fields: fields("application/json"),
            body: Body::whole(got.to_owned()),
            ours: false,
            cut: None,
        };
        Exchange {
            id: 1,
            entry: None,
            at: Millis(0),
            client: Client::default(),
            request,
            outcome: Outcome::Answered(answer),
            timing: Timing::default(),
            upstream: Upstream::default(),
        }
    }

    fn of(path: &str, sent: &str, status: u16, got: &str) -> Telling {
        Telling::of(&exchange(path, sent, status, got))
    }

    #[test]
    fn data_of_a_success_tells_nothing() {
        let none = Telling { request: false, answer: false };
        assert_eq!(of("/api/now/table/incident", r#"{"short_description":"x"}"#, 201, ROWS), none);
        assert_eq!(of("/api/now/table/incident", "", 204, ""), Telling { answer: true, ..none });
        let page = format!("<html><title>Home</title>{}", "x".repeat(100));
        let mut home = exchange("/home.do", "", 200, &page);
        assert_eq!(Telling::of(&home), Telling { answer: true, ..none }, "a page under another name");
        let Outcome::Answered(answer) = &mut home.outcome else { panic!("no answer") };
        answer.fields = [("Content-Type", "text/html;charset=UTF-8")].into_iter().collect();
        assert_eq!(Telling::of(&home), none);
    }

    #[test]
    fn whatever_may_be_looked_at_tells() {
        for (path, sent, status, got) in [
            ("/api/now/table/incident", "{}", 401, ROWS),
            ("/api/now/table/incident", "{}", 302, ROWS),
            ("/oauth_token.do", "{}", 200, ROWS),
            ("/oauth2/v1/token", "{}", 200, ROWS),
            ("/incident.do?SOAP", "{}", 200, ROWS),
            ("/login.do", "{}", 200, ROWS),
            ("/x", "grant_type=password&password=x", 200, ROWS),
            ("/api/now/table/sys_user/1", r#"{"user_password":"x"}"#, 200, ROWS),
        ] {
            assert_eq!(of(path, sent, status, got), Telling::BOTH, "{path} {status}");
        }
        let pad = " ".repeat(100);
        for got in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"\u0065rror":"x"}"#,
            "<response><error>x</error></response>",
            "{\"access_token\":\"x\"}",
            "<html><title>Log in | ServiceNow</title>",
            "7 records constrained due to ACL restrictions",
            r#"{"preferred_username":"beth.anglin"}"#,
        ] {
            let told = of("/api/x", "{}", 200, &format!("{got}{pad}"));
            assert_eq!(told, Telling { request: false, answer: true }, "{got}");
        }
    }
}
