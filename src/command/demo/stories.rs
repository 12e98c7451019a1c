//! The stories of the four reports, played with real requests, and what must be found in each.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::client::{Ask, Heard};
use super::theatre::{Expected, Theatre};
use crate::instance::{provider, training};
use crate::model::Grade::{Likely, Possible, Proven};
use crate::wire::form;

pub(super) const DEV: &str = "dev1.service-now.com";
pub(super) const PROD: &str = "acme.service-now.com";
pub(super) const VENDOR: &str = "api.vendor.example";
const INCIDENT: &str = "/api/now/table/incident?sysparm_limit=1";

type Played = Result<(), String>;

/// A public report that the stories are taken from, by its number and in its own words.
pub(super) struct Report {
    pub number: &'static str,
    pub title: &'static str,
}

const REPORT_000: Report =
    Report { number: "000", title: "401 access_denied when trying to generate an OAuth bearer token" };
const REPORT_001: Report =
    Report { number: "001", title: "How to generate an OAuth token with grant_type=client_credentials" };
const REPORT_002: Report =
    Report { number: "002", title: "Get OAuth Token succeeds, the outbound call gets 401, then 403" };
const REPORT_003: Report =
    Report { number: "003", title: "HTTP 401 when calling an API from Postman with a Bearer token" };

pub(super) async fn all(theatre: &mut Theatre) -> Played {
    report_000(theatre).await?;
    report_001(theatre).await?;
    report_002(theatre).await?;
    report_003(theatre).await
}

/// The code was older than a minute.
async fn report_000(theatre: &mut Theatre) -> Played {
    for (seconds, grade) in [(71, Likely), (150, Proven)] {
        theatre.begin(
            &REPORT_000,
            &format!("the code is exchanged {seconds} s after the login, and the proxy saw the login"),
        );
        let code = authorization_code(theatre, true).await?;
        theatre.pass(seconds);
        theatre.ask(&exchange_of(&code)).await?;
        theatre.expect(&[Expected::first("auth-code-expired", grade), Expected::says(&format!("{seconds} s"))]);
    }
    theatre.begin(&REPORT_000, "the same, but the login did not pass through the proxy: nothing can be proven");
    let code = authorization_code(theatre, false).await?;
    theatre.pass(71);
    theatre.ask(&exchange_of(&code)).await?;
    theatre.expect(&[Expected::named("auth-code-expired"), Expected::none(Proven)]);
    Ok(())
}

/// The grant is off by default, and wants a user; and a token of somebody else is not validated by itself.
async fn report_001(theatre: &mut Theatre) -> Played {
    let property = "glide.oauth.inbound.client.credential.grant_type.enabled";
    let grant = [("grant_type", "client_credentials")];
    theatre.begin(&REPORT_001, "the password grant works, client_credentials with the same client is refused");
    theatre.instance(DEV, |instance| instance.set_property(property, "false"))?;
    theatre.ask(&token_request(DEV, &password_grant())).await?;
    theatre.ask(&token_request(DEV, &grant)).await?;
    theatre.expect(&[Expected::first("client-credentials-disabled", Likely)]);

    theatre.begin(&REPORT_001, "the property is set now, but the registry record has no OAuth Application User");
    theatre.instance(DEV, |instance| instance.clients.iter_mut().for_each(|client| client.application_user = None))?;
    theatre.ask(&token_request(DEV, &grant)).await?;
    theatre.expect(&[Expected::first("oauth-application-user-missing", Proven)]);

    theatre.begin(&REPORT_001, "a token of an external system at a Scripted REST API that requires authentication");
    let token = external_token(theatre.seconds());
    theatre.ask(&bearer(DEV, training::ORDERS, &token)).await?;
    theatre.expect(&[Expected::leads("third-party-token-not-configured")]);
    Ok(())
}

/// ServiceNow as the client: where the credentials go, whether the token goes along, whether its user is known.
async fn report_002(theatre: &mut Theatre) -> Played {
    let (id, secret) = (training::client_id(VENDOR), training::client_secret(VENDOR));
    theatre.begin(&REPORT_002, "ServiceNow sends its client credentials in the body, the provider wants them in Basic");
    let in_body = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)];
    theatre.ask(&outbound(Ask::form(VENDOR, provider::TOKEN_PATH, &in_body))).await?;
    theatre.expect(&[Expected::among_first("outbound-client-auth-placement", 3)]);

    theatre.begin(&REPORT_002, "the token was fetched, the REST Message leaves without it");
    outbound_token(theatre).await?;
    let accounts = format!("{}accounts", provider::API_PATH);
    theatre.ask(&outbound(Ask::get(VENDOR, &accounts))).await?;
    theatre.expect(&[Expected::first("outbound-token-missing", Proven)]);

    theatre.begin(&REPORT_002, "the token is sent, but its user is no member of the provider's organisation");
    theatre.provider(VENDOR, |provider| provider.clients.iter_mut().for_each(|client| client.member = false))?;
    let token = outbound_token(theatre).await?;
    theatre.ask(&outbound(Ask::get(VENDOR, &accounts).with("Authorization", &format!("Bearer {token}")))).await?;
    theatre.expect(&[Expected::first("outbound-user-not-authorised", Proven)]);
    Ok(())
}

/// The checklist that was given as an answer, each item on its own.
async fn report_003(theatre: &mut Theatre) -> Played {
    theatre.begin(&REPORT_003, "no space between Bearer and the token");
    let token = fresh_token(theatre, DEV).await?;
    theatre.ask(&Ask::get(DEV, INCIDENT).with("Authorization", &format!("Bearer{token}"))).await?;
    theatre.expect(&[Expected::leads("bearer-missing-space")]);

    theatre.begin(&REPORT_003, "two spaces: legal, so no more than a suspicion");
    theatre.instance(DEV, |instance| instance.unwritten.takes_extra_space = false)?;
    let token = fresh_token(theatre, DEV).await?;
    theatre.ask(&Ask::get(DEV, INCIDENT).with("Authorization", &format!("Bearer  {token}"))).await?;
    theatre.expect(&[Expected::graded("bearer-extra-space", Possible), Expected::none(Proven)]);

    theatre.begin(&REPORT_003, "the token was fetched 35 minutes ago");
    let token = fresh_token(theatre, DEV).await?;
    theatre.pass(35 * 60);
    theatre.ask(&bearer(DEV, INCIDENT, &token)).await?;
    theatre.expect(&[Expected::leads("token-expired")]);

    theatre.begin(&REPORT_003, "http:// instead of https://");
    let token = fresh_token(theatre, DEV).await?;
    theatre.ask(&bearer(DEV, INCIDENT, &token).in_clear()).await?;
    theatre.expect(&[Expected::leads("plain-http")]);

    theatre.begin(&REPORT_003, "the Postman variable was never set");
    theatre.ask(&bearer(DEV, INCIDENT, "{{access_token}}")).await?;
    theatre.expect(&[Expected::leads("token-placeholder")]);

    theatre.begin(&REPORT_003, "the token of one instance at another");
    let token = fresh_token(theatre, PROD).await?;
    theatre.ask(&bearer(DEV, INCIDENT, &token)).await?;
    theatre.expect(&[Expected::leads("token-from-other-instance")]);
    Ok(())
}

fn password_grant() -> [(&'static str, &'static str); 3] {
    [("grant_type", "password"), ("username", training::INTEGRATION_USER), ("password", training::PASSWORD)]
}

fn token_request(host: &str, pairs: &[(&str, &str)]) -> Ask {
    let (id, secret) = (training::client_id(host), training::client_secret(host));
    let credentials = [("client_id", id.as_str()), ("client_secret", &secret)];
    Ask::form(host, "/oauth_token.do", &[pairs, &credentials].concat()).with("User-Agent", "curl/8.14.1")
}

/// A new access token of that host, fetched through the proxy.
async fn fresh_token(theatre: &mut Theatre, host: &str) -> Result<String, String> {
    let heard = theatre.ask(&token_request(host, &password_grant())).await?;
    Ok(heard.member("access_token"))
}

fn bearer(host: &str, target: &str, token: &str) -> Ask {
    let ask = Ask::get(host, target).with("User-Agent", "PostmanRuntime/7.43.0");
    ask.with("Authorization", &format!("Bearer {token}"))
}

/// A token as ServiceNow fetches it from the provider when its profile sends the credentials in Basic.
async fn outbound_token(theatre: &mut Theatre) -> Result<String, String> {
    let pair = format!("{}:{}", training::client_id(VENDOR), training::client_secret(VENDOR));
    let ask = Ask::form(VENDOR, provider::TOKEN_PATH, &[("grant_type", "client_credentials")]);
    let ask = ask.with("Authorization", &format!("Basic {}", STANDARD.encode(pair)));
    Ok(theatre.ask(&outbound(ask)).await?.member("access_token"))
}

/// With the marks of an instance that calls out (wire §15).
fn outbound(ask: Ask) -> Ask {
    ask.with("User-Agent", "ServiceNow/1.0").with("X-SNC-INTEGRATION-SOURCE", "5f1e0d2c8b3a49670c1d2e3f4a5b6c7d")
}

fn exchange_of(code: &str) -> Ask {
    let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", training::CALLBACK)];
    token_request(DEV, &pairs)
}

/// Login, consent and redirect as a browser does them, through the proxy or past it; gives the code.
async fn authorization_code(theatre: &mut Theatre, seen: bool) -> Result<String, String> {
    let id = training::client_id(DEV);
    let target = format!(
        "/oauth_auth.do?response_type=code&client_id={id}&redirect_uri={}&state=af0ifjsldkj",
        form::encode(training::CALLBACK)
    );
    let login = [("user_name", "admin"), ("user_password", training::PASSWORD), ("sysparm_goto_url", &target)];
    let logged_in = theatre.browse(&Ask::form(DEV, "/login.do", &login), seen).await?;
    let cookie = logged_in.field("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let page = theatre.browse(&Ask::get(DEV, &target).with("Cookie", &cookie), seen).await?;
    let redirect = if page.status == 302 { page } else { allow(theatre, &target, &cookie, &page, seen).await? };
    let query = redirect.field("location").split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let code = form::parse(query.as_bytes()).get("code").map(str::to_owned);
    code.ok_or_else(|| String::from("the simulated login gave no code"))
}

/// Presses Allow on the consent page.
async fn allow(theatre: &mut Theatre, target: &str, cookie: &str, page: &Heard, seen: bool) -> Result<Heard, String> {
    let after = page.body.split_once("name=\"sysparm_ck\" value=\"").map(|(_, after)| after).unwrap_or_default();
    let user_token = after.split('"').next().unwrap_or_default();
    let form = [("sysparm_ck", user_token), ("oauth_auth_check_action", "authorize")];
    theatre.browse(&Ask::form(DEV, target, &form).with("Cookie", cookie), seen).await
}

/// A sound token of an identity provider that the instance knows nothing of. Its signature is never looked at.
fn external_token(now: i64) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = part(String::from(r#"{"alg":"RS256","kid":"2f9c","typ":"JWT"}"#));
    let claims = part(format!(
        r#"{{"iss":"https://idp.partner.example","aud":"orders","sub":"svc-orders","iat":{},"exp":{}}}"#,
        now - 5,
        now + 3595
    ));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0x5a; 256]))
}
