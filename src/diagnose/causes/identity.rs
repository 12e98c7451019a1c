//! Third parties' tokens, client certificates and WS-Security (knowledge A20, H4–H11; wire notes §11, §14).

use super::super::facts::{Answer, Kinship};
use super::{Facts, Rule};
use crate::model::{FailureKind, Finding, Grade, Outcome, Place};
use crate::wire::endpoint::{self, Endpoint};
use crate::wire::{date, jwt};

pub const RULES: &[Rule] = &[
    foreign_token,
    of_another_instance,
    opaque_token,
    certificate_wanted,
    no_mutual_tls,
    ws_security,
    internal_user,
    soap_roles,
];

/// A JWT of another issuer, inside its dates, refused by an instance (knowledge A20).
fn foreign_token(facts: &Facts<'_>) -> Option<Finding> {
    let token = facts
        .reading
        .token
        .as_deref()
        .filter(|_| facts.answer == Answer::NotAuthenticated && facts.inbound() && facts.by_instance())?;
    let claims = jwt::decode(token)?;
    let issuer = claims.text("iss").filter(|issuer| !issuer.contains(facts.host()) && instance_of(issuer).is_none())?;
    if facts.ledger.accepted(facts.host(), "iss", issuer) {
        return None;
    }
    let now = facts.their_clock();
    if claims.date("exp").is_some_and(|ends| now.seconds_since(ends) > 300) {
        return None;
    }
    let because = format!(
        "The token is a JWT of {issuer}; an instance takes it only where an OIDC provider record for that issuer and audience exists."
    );
    Some(
        Finding::new("third-party-token-not-configured", Grade::Likely, because).weighing(90).at(
            Place::request_field("authorization"),
            format!("JWT, iss {issuer}, aud {}", claims.audiences().join(", ")),
        ),
    )
}

/// The instance that an issuer's URL names.
pub(super) fn instance_of(issuer: &str) -> Option<&str> {
    let (_, rest) = issuer.split_once("://")?;
    rest.split(['/', ':']).next().filter(|host| endpoint::is_instance_host(host))
}

/// A JWT that names its issuer, and that is another instance (knowledge A21).
fn of_another_instance(facts: &Facts<'_>) -> Option<Finding> {
    let refused = facts.answer == Answer::NotAuthenticated && facts.inbound() && facts.by_instance();
    let claims = jwt::decode(facts.reading.token.as_deref().filter(|_| refused)?)?;
    let host = instance_of(claims.text("iss")?)?;
    (facts.kinship(host) == Kinship::OtherInstance).then(|| {
        let because = format!("The token is a JWT of {host}; it was sent to {}.", facts.host());
        Finding::new("token-from-other-instance", Grade::Likely, because)
            .weighing(91)
            .at(Place::request_field("authorization"), format!("JWT, iss {host}"))
    })
}

/// A provider's token that is no JWT cannot be verified by an instance (knowledge H9).
fn opaque_token(facts: &Facts<'_>) -> Option<Finding> {
    let token = facts
        .reading
        .token
        .as_deref()
        .filter(|_| facts.answer == Answer::NotAuthenticated && facts.inbound() && facts.by_instance())?;
    let record = facts.token().filter(|record| !record.instance && !jwt::looks_like(token))?;
    let because = format!(
        "The token was issued by {} and is no JWT: an instance can verify third parties' JWTs only.",
        record.host
    );
    Some(
        Finding::new("third-party-token-opaque", Grade::Proven, because)
            .weighing(22)
            .at(Place::request_field("authorization"), "not three parts")
            .at(
                Place::Exchange(record.first.exchange),
                format!("issued by {} at {}", record.host, date::clock(record.first.at)),
            ),
    )
}

fn certificate_wanted(facts: &Facts<'_>) -> Option<Finding> {
    let asked = match &facts.reading.exchange.outcome {
        Outcome::Failed(failure) => failure.kind == FailureKind::ClientCertificateRequired,
        Outcome::Answered(response) => {
            response.status == 400 && {
                let text = facts.answer_text();
                text.contains("no required ssl certificate was sent") || text.contains("client certificate required")
            }
        }
        _ => false,
    };
    let because = "The server asks for a client certificate and got none. A proxy that ends TLS swallows the client's own: give it to the proxy, or tunnel this host.";
    asked.then(|| {
        Finding::new("client-certificate-missing", Grade::Proven, because)
            .weighing(40)
            .at(Place::Connection, "a client certificate was asked for")
    })
}

/// `GET /adcv2/supports_tls` answers `true` where the front end does mutual authentication (wire notes §11).
fn no_mutual_tls(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.reading.request().path().ends_with("/adcv2/supports_tls");
    let yes = facts.status() == 200 && facts.reading.answer.trim_ascii().eq_ignore_ascii_case(b"true");
    if !probe || yes || facts.status() == 0 {
        return None;
    }
    let because = "The probe of the front end did not answer true: this instance does no mutual authentication.";
    Some(
        Finding::new("mutual-tls-not-enabled", Grade::Likely, because).weighing(88).at(Place::ResponseBody, "not true"),
    )
}

/// The faults that the documentation lists (wire notes §14).
pub fn ws_security(facts: &Facts<'_>) -> Option<Finding> {
    let text = facts.answer_text();
    const FAULTS: [&str; 6] = [
        "failed to authenticate ws-security",
        "failed to extract principal",
        "unable to verify signed request",
        "request not signed",
        "no profiles to authenticate",
        "invalid security policy selected",
    ];
    let named = facts.inbound() || facts.request_unseen();
    let refused = named && facts.status() >= 400 || matches!(facts.reading.endpoint, Endpoint::Soap { .. });
    let fault = FAULTS.into_iter().filter(|_| refused).find(|fault| text.contains(fault))?;
    let because = format!("The SOAP fault says: {fault}. WS-Security refused the message.");
    Some(
        Finding::new("ws-security-failed", Grade::Proven, because)
            .weighing(40)
            .at(Place::ResponseBody, "the fault names it"),
    )
}

fn internal_user(facts: &Facts<'_>) -> Option<Finding> {
    let soap = matches!(facts.reading.endpoint, Endpoint::Soap { .. }) || facts.reading.is_mid();
    let named = facts.status() >= 400 && facts.answer_text().contains("internal integration user");
    let fault = ws_security(facts).is_some()
        && facts.reading.basic.is_some()
        && !facts.reading.sent.windows(5).any(|w| w == b"wsse:");
    if !(named || soap && fault) {
        return None;
    }
    let because = "WS-Security is demanded of everybody but internal integration users; this caller sent Basic only.";
    Some(
        Finding::new("internal-integration-user-required", Grade::Likely, because)
            .weighing(82)
            .at(Place::ResponseBody, "WS-Security is wanted"),
    )
}

/// Strict SOAP security wants one of the SOAP roles (knowledge F13).
fn soap_roles(facts: &Facts<'_>) -> Option<Finding> {
    let soap = matches!(facts.reading.endpoint, Endpoint::Soap { .. }) && !facts.reading.is_mid();
    let text = facts.answer_text();
    let refused = facts.answer == Answer::Forbidden
        || facts.status() == 500 && (text.contains("insufficient rights") || text.contains("not authorized"));
    if !soap || !refused || !facts.by_instance() || ws_security(facts).is_some() {
        return None;
    }
    let because = "The user is known and the SOAP call is refused: strict security wants a SOAP role for it.";
    Some(
        Finding::new("soap-role-missing", Grade::Likely, because)
            .weighing(70)
            .at(Place::ResponseStatus, "refused after authentication"),
    )
}
