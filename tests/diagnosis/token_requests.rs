//! Token requests to an instance that all get the one answer: what each of them shows itself.

use crate::story::{of, said};

const DENIED: &str = "{\"error_description\":\"access_denied\",\"error\":\"server_error\"}";
const FORM: &str = "> Content-Type: application/x-www-form-urlencoded\n";

fn sent(line: &str, fields: &str, body: &str, status: &str, answer: &str) -> String {
    format!(
        "@ 10:00:00 https://dev1.service-now.com\n> {line} HTTP/1.1\n> Host: dev1.service-now.com\n{fields}>\n> {body}\n\
         < HTTP/1.1 {status}\n< Server: snow_adc\n< X-Is-Logged-In: false\n< Content-Type: application/json\n<\n< {answer}\n"
    )
}

/// A form that was refused with the one answer.
fn form(body: &str) -> String {
    sent("POST /oauth_token.do", FORM, body, "401 Unauthorized", DENIED)
}

const CLIENT: &str = "client_id=8ff578658fc35c49df5942e58a4d7dc0";
const SECRET: &str = "client_secret=VLUzyUyyrkWdGn4DtjG3HDq9zPmA";

/// The password grant with this more.
fn password(more: &str) -> String {
    format!("grant_type=password&{CLIENT}&username=svc{more}")
}

#[test]
fn values_that_were_not_encoded_are_told_from_those_that_were() {
    let proven = Some(("proven", 24));
    for (more, wanted) in [
        ("&client_secret=a&b1&password=x", proven),
        ("&client_secret=abc&B=x&password=x", proven),
        ("&client_secret=abc&bc=x&password=x", proven),
        // `name=value` may be a parameter of an extension.
        ("&client_secret=abc&bcd=x&password=x", None),
        ("&client_secret=abc&b.c-d_e=x&password=x", None),
        ("&client_secret=abc&bcd&password=x", proven),
        ("&scope=abc&bcd&password=x", None),
        ("&client_secret=100%x&password=x", proven),
        ("&client_secret=abc&password=Har+bour", Some(("likely", 52))),
        ("&client_secret=abc&password=Har+bour!", Some(("likely", 76))),
        ("&client_secret=abc&password=Har+bour%21", Some(("likely", 52))),
        ("&client_secret=abc&password=Har+bour!%21", Some(("likely", 52))),
        ("&client_secret=a+bc&password=x", Some(("likely", 52))),
        ("&client_secret=abc&password=x&scope=a+b", None),
        ("&client_secret=abc&password=+", None),
        ("&client_secret=abc&password=Har%2521bour", Some(("possible", 47))),
        ("&client_secret=abc&password=Har[bour", Some(("possible", 47))),
        ("&client_secret=abc&password=Har[bour%21", None),
        ("&client_secret=abc&password=Har%25zzbour", None),
        ("&client_secret=abc&password=Harbour", None),
    ] {
        let told = of(&form(&password(more)), "form-value-not-encoded").map(|(grade, weight, _)| (grade, weight));
        assert_eq!(told, wanted, "{more}");
    }
    let says = |more: &str| of(&form(&password(more)), "form-value-not-encoded").unwrap().2;
    assert!(says("&client_secret=abc&password=Har%2521bour").contains("encoded twice"));
    assert!(says("&client_secret=abc&password=Har[bour").contains("does not encode"));
    assert!(says("&client_secret=a&b1&password=x").starts_with("Behind client_secret comes a piece"));
}

#[test]
fn white_space_belongs_to_a_password_perhaps_and_to_nothing_else() {
    for (body, wanted) in [
        (
            format!("grant_type=password%20&{CLIENT}&{SECRET}&username=a&password=b"),
            Some(("proven", "The value of grant_type")),
        ),
        (
            format!("grant_type=password&{CLIENT}%0A&{SECRET}&username=a&password=b"),
            Some(("proven", "The value of client_id")),
        ),
        (
            format!("grant_type=password&{CLIENT}&%20{SECRET}&username=a&password=b"),
            Some(("proven", "The key client_secret")),
        ),
        (
            format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password=b%20"),
            Some(("likely", "The value of password")),
        ),
        (
            format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password=b%0A"),
            Some(("proven", "The value of password")),
        ),
        (
            format!("grant_type=password&{CLIENT}&{SECRET}&username=+a&password=b"),
            Some(("proven", "The value of username")),
        ),
        // A raw plus sign at an end of a secret is one that was not encoded.
        (format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password=b+"), None),
        (format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password=+b"), None),
        (format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password=b&other=x%20"), None),
    ] {
        let told = of(&form(&body), "form-value-whitespace");
        assert_eq!(told.as_ref().map(|(grade, ..)| *grade), wanted.map(|(grade, _)| grade), "{body}");
        assert!(told.is_none_or(|(.., because)| because.starts_with(wanted.unwrap().1)), "{body}");
    }
}

#[test]
fn a_variable_that_was_never_filled_is_no_value() {
    for (body, wanted) in [
        (format!("grant_type={{{{grant}}}}&{CLIENT}&{SECRET}"), Some("grant_type was sent as {{grant}}")),
        (format!("grant_type=client_credentials&client_id={{{{id}}}}&{SECRET}"), Some("client_id was sent as {{id}}")),
        (
            format!("grant_type=client_credentials&{CLIENT}&client_secret={{{{s}}}}"),
            Some("client_secret was sent as {{s}}"),
        ),
        (
            format!("grant_type=client_credentials&{CLIENT}&client_secret=undefined"),
            Some("client_secret was sent as undefined"),
        ),
        (
            format!("grant_type=password&{CLIENT}&{SECRET}&username={{{{u}}}}&password=b"),
            Some("username was sent as {{u}}"),
        ),
        (
            format!("grant_type=password&{CLIENT}&{SECRET}&username=u&password={{{{p}}}}"),
            Some("password was sent as {{p}}"),
        ),
        (
            format!(
                "grant_type=client_credentials&{CLIENT}&client_secret={{{{a_secret_with_a_long_name_of_more_than_forty}}}}"
            ),
            Some("client_secret was sent as a template"),
        ),
        // Braces inside a secret are its own, and so is any word of a scope.
        (format!("grant_type=client_credentials&{CLIENT}&client_secret=a{{{{s}}}}b"), None),
        (format!("grant_type=password&{CLIENT}&{SECRET}&username=u&password=a{{{{p}}}}b"), None),
        (format!("grant_type=client_credentials&{CLIENT}&{SECRET}&scope={{{{s}}}}"), None),
        (format!("grant_type=client_credentials&{CLIENT}&{SECRET}&scope=null"), None),
        (format!("grant_type=client_credentials&{CLIENT}&{SECRET}&other={{{{s}}}}"), None),
    ] {
        let told = of(&form(&body), "placeholder-in-token-request");
        let says = told.as_ref().map(|(.., because)| because.split(':').next().unwrap_or_default());
        assert_eq!(says, wanted, "{body}");
    }
    let at = |host: &str| {
        let body = format!("grant_type=client_credentials&{CLIENT}&{SECRET}");
        said(&form(&body).replace("dev1.service-now.com", host)).contains(&"placeholder-in-token-request proven".into())
    };
    assert!(
        at("your-instance.service-now.com")
            && at("yourinstance.service-now.com")
            && at("%7binstance%7d.service-now.com")
    );
    assert!(!at("dev2.service-now.com"));
}

#[test]
fn a_grant_that_does_not_exist_resembles_one_that_does() {
    for (grant, grade, near) in [
        ("auth_code", "proven", "authorization_code."),
        ("clientcredentials", "proven", "client_credentials."),
        ("refresh", "proven", "refresh_token."),
        ("jwt", "proven", "jwt-bearer."),
        ("Bearer", "proven", "jwt-bearer."),
        ("login", "proven", "password, client_credentials, authorization_code or refresh_token."),
        ("urn%3Aacme%3Agrant", "likely", "an extension grant that instances are not known to take."),
    ] {
        let (is, _, because) =
            of(&form(&format!("grant_type={grant}&{CLIENT}&{SECRET}")), "grant-type-unknown").unwrap();
        assert_eq!(is, grade, "{grant}");
        assert!(because.ends_with(near), "{because}");
    }
    for grant in
        ["password", "client_credentials", "%7B%7Bgrant%7D%7D", "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"]
    {
        assert_eq!(of(&form(&format!("grant_type={grant}&{CLIENT}&{SECRET}")), "grant-type-unknown"), None, "{grant}");
    }
}

#[test]
fn every_grant_needs_its_own_parameters() {
    let jwt = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    for (body, missing) in [
        (format!("{CLIENT}&{SECRET}"), "grant_type"),
        (format!("grant_type=password&{CLIENT}&{SECRET}"), "username, no password"),
        (format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password="), "password"),
        (format!("grant_type=password&{CLIENT}&{SECRET}&password=b"), "username"),
        (format!("grant_type=authorization_code&{CLIENT}&{SECRET}"), "code"),
        (format!("grant_type=refresh_token&{CLIENT}&{SECRET}"), "refresh_token"),
        (format!("{jwt}&{CLIENT}&{SECRET}"), "assertion"),
        (format!("grant_type=client_credentials&{SECRET}"), "client_id"),
        (format!("grant_type=client_credentials&{CLIENT}"), ""),
        (format!("grant_type=authorization_code&{CLIENT}&{SECRET}&code=abcdefgh12345678"), ""),
    ] {
        let (grade, _, because) = of(&form(&body), "token-parameter-missing").unwrap_or_else(|| panic!("{body}"));
        let wanted = match missing {
            "" if body.contains("code") => (
                "likely",
                "The code is exchanged without redirect_uri; it must be the one of the authorization request."
                    .to_owned(),
            ),
            "" => {
                ("proven", "The token request has no client_secret, and nothing that would take its place.".to_owned())
            }
            missing => ("proven", format!("The token request has no {missing}; this grant needs it.")),
        };
        assert_eq!((grade, because), wanted, "{body}");
    }
    for whole in [
        format!("grant_type=password&{CLIENT}&{SECRET}&username=a&password=b"),
        format!("grant_type=refresh_token&{CLIENT}&{SECRET}&refresh_token=abc"),
        format!("grant_type=authorization_code&{CLIENT}&{SECRET}&code=abc&redirect_uri=https%3A%2F%2Fa.example"),
        format!("grant_type=authorization_code&{CLIENT}&code=abc&redirect_uri=https%3A%2F%2Fa.example&code_verifier=x"),
        format!("grant_type=client_credentials&{CLIENT}&client_assertion=x"),
        format!("{jwt}&{CLIENT}&assertion=x"),
        format!("grant_type=saml&{CLIENT}"),
    ] {
        assert_eq!(of(&form(&whole), "token-parameter-missing"), None, "{whole}");
    }
    let basic =
        form("grant_type=client_credentials").replacen(FORM, &format!("{FORM}> Authorization: Basic YTpi\n"), 1);
    assert_eq!(of(&basic, "token-parameter-missing"), None);
    // The parts of a multipart body are not read at all: that is what is wrong.
    let multipart = "> Content-Type: multipart/form-data; boundary=b\n";
    let body = "--b\n> Content-Disposition: form-data; name=\"grant_type\"\n>\n> password\n> --b--";
    let story = sent("POST /oauth_token.do", multipart, body, "401 Unauthorized", DENIED);
    assert!(of(&story, "token-request-not-form").is_some() && of(&story, "token-parameter-missing").is_none());
}

#[test]
fn tokens_are_given_out_at_one_address_to_a_post_of_a_form() {
    let whole = format!("grant_type=client_credentials&{CLIENT}&{SECRET}");
    let (bad, gone) = ("400 Bad Request", "404 Not Found");
    let wrong = |line: &str, status: &str, body: &str| {
        of(&sent(line, FORM, body, status, "{}"), "token-endpoint-wrong").map(|(_, weight, _)| weight)
    };
    for (line, status, body, wanted) in [
        ("POST /oauth_tokens.do", gone, whole.as_str(), Some(30)),
        ("POST /oauth_redirect.do", bad, whole.as_str(), Some(30)),
        ("POST /oauth_auth.do", bad, whole.as_str(), Some(30)),
        ("POST /oauth_auth.do", "302 Found", whole.as_str(), None),
        ("POST /oauth_auth.do", bad, "x=1", None),
        ("PUT /oauth_token.do", bad, whole.as_str(), Some(28)),
        ("GET /oauth_token.do", "401 Unauthorized", "", Some(28)),
        ("OPTIONS /oauth_token.do", bad, whole.as_str(), None),
        ("POST /oauth_token.do", bad, whole.as_str(), None),
    ] {
        assert_eq!(wrong(line, status, body), wanted, "{line} {status} {body}");
    }
    let in_url = |target: &str, body: &str| {
        let story = sent(&format!("POST /oauth_token.do{target}"), FORM, body, "401 Unauthorized", DENIED);
        of(&story, "token-params-in-query").map(|(.., because)| because.split(" stand ").next().unwrap().to_owned())
    };
    assert_eq!(in_url(&format!("?{whole}"), "").as_deref(), Some("grant_type, client_secret, client_id"));
    assert_eq!(
        in_url(&format!("?{SECRET}"), &format!("grant_type=client_credentials&{CLIENT}")).as_deref(),
        Some("client_secret")
    );
    assert_eq!(in_url(&format!("?{CLIENT}"), &whole), None, "the form is whole");
    assert_eq!(in_url(&format!("?{CLIENT}"), "x=1").as_deref(), Some("client_id"));
    let kind = |fields: &str, body: &str| {
        of(&sent("POST /oauth_token.do", fields, body, "401 Unauthorized", DENIED), "token-request-not-form")
            .map(|(.., because)| because.split(';').next().unwrap().to_owned())
    };
    let json = "> Content-Type: application/json\n";
    assert_eq!(kind(json, "{\"grant_type\":\"password\"}").as_deref(), Some("The body is JSON"));
    assert_eq!(kind(FORM, "{\"grant_type\":\"password\"}").as_deref(), Some("The body is JSON"));
    assert_eq!(kind("", &whole).as_deref(), Some("The request has no Content-Type"));
    assert_eq!(kind("> Content-Type: text/plain\n", &whole).as_deref(), Some("The Content-Type is text/plain"));
    assert_eq!((kind(FORM, &whole), kind(json, "")), (None, None));
}
