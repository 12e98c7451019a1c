//! Typical blocks of the log, as a person sees them, in 80 and in 120 columns. Look at the snapshots when they change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

use std::time::Duration;

use why401::intake::transcript;
use why401::model::{Answerer, Diagnosis, Exchange, Finding, Grade, Place, Reason, Salt};
use why401::output::{Style, TakenBack, Told, json, log};

const TOKEN: &str = "phK5dWEF3vifCjjZVHi81NGRmQ332u6f0UEpEEyxmglnxEsCTZx_eteisic0FP5Qj2mCDZJXQI4qNn7PzLIufw";

const REFUSED: &str = "\
< HTTP/1.1 401 Unauthorized
< Server: snow_adc
< X-Is-Logged-In: false
< X-Transaction-ID: 17388b77277b
< WWW-Authenticate: BASIC realm=\"Service-now\"
< Content-Type: application/json;charset=UTF-8
<
< {\"error\":{\"message\":\"User is not authenticated\",\"detail\":\"Required to provide Auth information\"},\"status\":\"failure\"}
";

fn exchange(id: u64, transcript: &str) -> Exchange {
    let parsed = transcript::parse(transcript).unwrap();
    let mut exchange = parsed.steps.last().unwrap().exchange.clone();
    exchange.id = id;
    exchange.timing.end = Some(Duration::from_millis(143));
    exchange
}

fn diagnosis(answered_by: Answerer, findings: Vec<Finding>) -> Diagnosis {
    Diagnosis { answered_by, findings, folded: Vec::new() }
}

struct Case {
    exchange: Exchange,
    diagnosis: Diagnosis,
    takes_back: Vec<TakenBack>,
}

impl Case {
    fn new(exchange: Exchange, diagnosis: Diagnosis) -> Case {
        Case { exchange, diagnosis, takes_back: Vec::new() }
    }

    fn told<T>(&self, tell: impl Fn(&Told<'_>) -> T) -> T {
        let salt = Salt::new([7; 32]);
        let Case { exchange, diagnosis, takes_back } = self;
        tell(&Told { exchange, diagnosis, salt: &salt, takes_back, reading: None })
    }

    fn block(&self, style: &Style) -> String {
        self.told(|told| log::block(told, style))
    }

    /// The block in both widths and the line of JSON.
    fn look(&self) -> String {
        let wide = Style::plain(120);
        let narrow = Style::plain(80);
        format!(
            "{}{}\n{}{}\n{}",
            "-".repeat(80) + "\n",
            self.block(&narrow),
            "-".repeat(120) + "\n",
            self.block(&wide),
            self.told(json::line)
        )
    }
}

fn expired() -> Case {
    let exchange = exchange(
        7,
        &format!(
            "@ 10:35:00 https://dev1.service-now.com\n> GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Bearer {TOKEN}\n>\n{REFUSED}"
        ),
    );
    let finding = Finding::new(
        "token-expired",
        Grade::Proven,
        "The token was issued at 10:00:00 by exchange 2 with a lifetime of 1799 s and was used 2100 s later, 301 s after its end.",
    )
    .at_span(
        Place::request_field("authorization"),
        7..93,
        "issued 10:00:00 by exchange 2, expires_in 1799, used 2100 s later",
    );
    Case::new(exchange, diagnosis(Answerer::Instance, vec![finding]))
}

fn missing_space() -> Case {
    let exchange = exchange(
        3,
        &format!(
            "@ 10:00:07 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Bearer{TOKEN}\n>\n{REFUSED}"
        ),
    );
    let field = Place::request_field("authorization");
    let finding = Finding::new(
        "bearer-missing-space",
        Grade::Proven,
        "The scheme and the token run into each other, so the instance saw no scheme that it knows.",
    )
    .at_span(field, 6..7, "a space is missing here");
    Case::new(exchange, diagnosis(Answerer::Instance, vec![finding]))
}

fn wrong_password() -> Case {
    let exchange = exchange(
        12,
        &format!(
            "@ 14:02:11 https://acme.service-now.com\n> GET /api/now/table/sys_user?sysparm_query=active%3Dtrue&sysparm_fields=user_name%2Cemail&sysparm_limit=10000 HTTP/1.1\n> Host: acme.service-now.com\n> Authorization: Basic c3ZjLmludGVncmF0aW9uOlRyMWNrbGUtSGFyYm91cg==\n>\n{REFUSED}"
        ),
    );
    let field = Place::request_field("authorization");
    let mut first = Finding::new(
        "basic-auth-restricted",
        Grade::Likely,
        "The same user got a token with the same password at 14:01:50 (exchange 11), so the password is right and Basic is what is refused.",
    )
    .at_span(field.clone(), 6..46, "user svc.integration, password as in exchange 11")
    .at(Place::Exchange(11), "exchange 11: password grant, 200, same user and password #5d1e…");
    first.account = vec![
        Reason { moved: 40, says: "the password worked for another way in 21 s earlier".into() },
        Reason { moved: -10, says: "no other user was seen to be refused".into() },
    ];
    let second = Finding::new("api-access-policy", Grade::Possible, "x");
    let third = Finding::new("mfa-required", Grade::Possible, "x");
    let mut diagnosis = diagnosis(Answerer::Instance, vec![first, second, third]);
    diagnosis.folded = vec!["account-locked", "ldap-unavailable"];
    Case::new(exchange, diagnosis)
}

fn code_too_old() -> Case {
    let exchange = exchange(
        5,
        "@ 09:15:31 https://dev1.service-now.com\n> POST /oauth_token.do HTTP/1.1\n> Host: dev1.service-now.com\n> Content-Type: application/x-www-form-urlencoded\n>\n> grant_type=authorization_code&code=Zk3vQ9xTq0mWc7Yb2LhN5sRd8UfKpJ1aXeGi4oVtBz6nHyMlSwCuEjDrPqIA&redirect_uri=https%3A%2F%2Fapp.partner.example%2Fcb&client_id=fba32103a0130d7755f10709edfe7474&client_secret=3c19b1c80154cc0f2701e6a86c383fcf\n< HTTP/1.1 401 Unauthorized\n< Server: snow_adc\n< X-Is-Logged-In: false\n< Content-Type: application/json\n<\n< {\"error_description\":\"access_denied\",\"error\":\"server_error\"}\n",
    );
    let age = Finding::new(
        "auth-code-expired",
        Grade::Likely,
        "The code was 71 s old when it was exchanged; the default lifespan is 60 s. The registry record may allow more.",
    )
    .at_span(Place::Form("code".into()), 0..64, "handed out 09:14:20 by exchange 4")
    .at(Place::Clock, "71 s between the redirect (exchange 4) and this exchange")
    .at_span(Place::ResponseBody, 22..35, "the catch-all of /oauth_token.do: it names no cause");
    let other = Finding::new("client-secret-wrong", Grade::Possible, "x");
    let plain = Finding::new("plain-http", Grade::Proven, "x");
    Case::new(exchange, diagnosis(Answerer::Instance, vec![age, other, plain]))
}

fn unreachable() -> Case {
    let exchange = exchange(
        1,
        "@ 08:00:00 https://nosuch.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: nosuch.service-now.com\n>\n* failed resolve name-not-found failed to lookup address information: Name or service not known\n",
    );
    let finding = Finding::new("instance-gone", Grade::Likely, "No name server knows nosuch.service-now.com.")
        .at(Place::RequestUrl, "the name that was looked up")
        .at(Place::Connection, "name-not-found after 31 ms");
    Case::new(exchange, diagnosis(Answerer::Why401, vec![finding]))
}

fn broken_head() -> Case {
    let head = format!(
        "> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization : Bearer {TOKEN}\n>\n"
    );
    let raw = format!(
        "GET /api/now/table/incident HTTP/1.1\r\nHost: dev1.service-now.com\r\nAuthorization : Bearer {TOKEN}\r\n\r\n"
    );
    let at = raw.find(" : ").unwrap();
    let exchange =
        exchange(2, &format!("@ 08:30:00 https://dev1.service-now.com\n{head}* refused space-before-colon {at}\n"));
    let finding = Finding::new(
        "header-misnamed",
        Grade::Proven,
        "White space before the colon makes the line no header field, so the credential would never have arrived.",
    )
    .at_span(Place::RequestHead, at..at + 1, "no blank may stand before the colon (RFC 9112 §5.1)");
    Case::new(exchange, diagnosis(Answerer::Why401, vec![finding]))
}

fn hostile() -> Case {
    let exchange = exchange(
        9,
        "@ 11:11:11 https://dev1.service-now.com\n> GET /api/now/table/incident HTTP/1.1\n> Host: dev1.service-now.com\n> Authorization: Bearer abc\\xc2\\xa0def\n>\n< HTTP/1.1 401 Unauthorized\\x1b[2J\n< WWW-Authenticate: Basic realm=\"\\x1b[31mred\\xe2\\x80\\xae\"\n< Content-Type: application/json\n<\n< {\"error_description\":\"<script>alert(1)</script> ${jndi:ldap://x} \\x1b]0;title\\x07\"}\n",
    );
    let finding = Finding::new("token-illegal-character", Grade::Proven, "A no-break space stands inside the token.")
        .at_span(Place::request_field("authorization"), 10..12, "U+00A0, as text copied from a page has it")
        .at(Place::response_field("www-authenticate"), "the challenge")
        .at(Place::ResponseBody, "the answer");
    Case::new(exchange, diagnosis(Answerer::Instance, vec![finding]))
}

fn revised() -> Case {
    let answer = "< HTTP/1.1 200 OK\n< Server: snow_adc\n< X-Transaction-ID: 5985228bf71f\n< Content-Type: application/json\n<\n< {\"result\":[]}\n";
    let exchange = exchange(
        16,
        &format!(
            "@ 14:20:00 https://acme.service-now.com\n> GET /api/now/table/sys_user HTTP/1.1\n> Host: acme.service-now.com\n> Authorization: Basic c3ZjLmludGVncmF0aW9uOlRyMWNrbGUtSGFyYm91cg==\n>\n{answer}"
        ),
    );
    let mut case = Case::new(exchange, diagnosis(Answerer::Instance, Vec::new()));
    case.takes_back = vec![TakenBack {
        exchange: 12,
        entry: None,
        cause: "wrong-password",
        because: "the same user and password succeeded here 18 min later, so they were right all along.".into(),
    }];
    case
}

#[test]
fn blocks_look_right() {
    let cases = [
        ("expired", expired()),
        ("missing_space", missing_space()),
        ("wrong_password", wrong_password()),
        ("code_too_old", code_too_old()),
        ("unreachable", unreachable()),
        ("broken_head", broken_head()),
        ("hostile", hostile()),
        ("revised", revised()),
    ];
    for (name, case) in cases {
        insta::assert_snapshot!(name, case.look());
    }
}

#[test]
fn colours_and_the_account_and_ascii() {
    let style = Style { colour: true, why: true, ..Style::plain(80) };
    insta::assert_snapshot!("colours", wrong_password().block(&style).replace('\x1b', "␛"));
    let ascii = Style { unicode: false, ..Style::plain(80) };
    let block = hostile().block(&ascii);
    assert!(block.is_ascii(), "{block}");
}
