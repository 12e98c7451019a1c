//! JWT bearer assertions (RFC 7523), and third parties' JWTs as bearer tokens (knowledge D60–D67, H4–H9).

use super::super::facts::Answer;
use super::identity::instance_of;
use super::{Facts, Rule};
use crate::model::{Finding, Grade, Place};
use crate::wire::jwt::{self, Jwt};
use crate::wire::{date, template};

pub const RULES: &[Rule] = &[malformed, expired, replayed, algorithm, key, claims];

/// Grants that read no assertion: what stands there beside them decides nothing.
const READ_NONE: [&str; 4] = ["password", "client_credentials", "authorization_code", "refresh_token"];

/// The assertion of a refused token request, with where it stands.
fn refused<'a>(facts: &'a Facts<'_>) -> Option<(&'a str, Place)> {
    let place = facts.param_place("assertion");
    let judged = facts.token_refused() && !facts.reading.redacted && facts.inbound();
    let assertion = facts.param("assertion").filter(|_| judged && !READ_NONE.contains(&facts.grant()))?;
    Some((assertion, place))
}

/// A well-formed JWT that was refused: an assertion, or a third party's token at the API.
fn refused_jwt(facts: &Facts<'_>) -> Option<(Jwt, Place, bool)> {
    if let Some((assertion, place)) = refused(facts) {
        return jwt::decode(assertion).map(|jwt| (jwt, place, true));
    }
    let bearer = facts.answer == Answer::NotAuthenticated && facts.inbound() && facts.by_instance();
    let jwt = jwt::decode(facts.reading.token.as_deref().filter(|_| bearer)?)?;
    let foreign = |issuer: &str| !issuer.contains(facts.host()) && instance_of(issuer).is_none();
    let foreign = jwt.text("iss").is_some_and(foreign);
    foreign.then(|| (jwt, Place::request_field("authorization"), false))
}

fn malformed(facts: &Facts<'_>) -> Option<Finding> {
    let (assertion, place) = refused(facts)?;
    if assertion.is_empty() || template::placeholder(assertion).is_some() || template::literal_null(assertion) {
        return None;
    }
    if assertion.chars().any(char::is_whitespace) {
        let because = "White space stands in or around the assertion; a JWT has none.";
        return Some(Finding::new("jwt-malformed", Grade::Proven, because).weighing(90).at(place, "white space"));
    }
    let Some(jwt) = jwt::decode(assertion) else {
        let because = format!(
            "The assertion is no JWT: it has {} parts, or its header or claims are no JSON.",
            assertion.split('.').count()
        );
        return Some(Finding::new("jwt-malformed", Grade::Proven, because).weighing(90).at(place, "cannot be decoded"));
    };
    if let Some(claim) = jwt.date_in_milliseconds() {
        let because = format!("The claim {claim} counts milliseconds; RFC 7519 wants seconds.");
        return Some(
            Finding::new("jwt-malformed", Grade::Likely, because).weighing(90).at(place, format!("{claim} in ms")),
        );
    }
    let claim = jwt.broken_date()?;
    let because = format!("The claim {claim} is text; RFC 7519 wants a number of seconds.");
    Some(Finding::new("jwt-malformed", Grade::Proven, because).weighing(90).at(place, format!("{claim} is no number")))
}

fn expired(facts: &Facts<'_>) -> Option<Finding> {
    let (jwt, place, _) = refused_jwt(facts).filter(|(_, _, assertion)| *assertion)?;
    let now = facts.their_clock();
    if let Some(late) = jwt.date("exp").map(|ends| now.seconds_since(ends)).filter(|late| *late > 0) {
        // New forms allow no skew, old ones 300 s.
        let grade = if late > 300 { Grade::Proven } else { Grade::Likely };
        let because = format!("The assertion ended {} before it was sent, by the instance's clock.", date::span(late));
        return Some(Finding::new("jwt-expired", grade, because).weighing(88).at(place, "exp is past"));
    }
    let early = jwt
        .date("nbf")
        .or_else(|| jwt.date("iat"))
        .map(|starts| starts.seconds_since(now))
        .filter(|early| *early > 0)?;
    let grade = if early > 300 { Grade::Proven } else { Grade::Likely };
    let because = format!("The assertion begins {} after it was sent, by the instance's clock.", date::span(early));
    (early > 5).then(|| Finding::new("jwt-expired", grade, because).weighing(88).at(place, "nbf or iat lies ahead"))
}

fn replayed(facts: &Facts<'_>) -> Option<Finding> {
    let (assertion, place) = refused(facts)?;
    let jti = jwt::decode(assertion).and_then(|jwt| jwt.text("jti").map(str::to_owned));
    let id = jti.map(|jti| format!("jti {} {jti}", facts.host()));
    let by_id = id.as_ref().and_then(|id| facts.ledger.assertion(id.as_bytes()));
    let (seen, _) = by_id.or_else(|| facts.ledger.assertion(assertion.as_bytes())).filter(|(_, ok)| *ok)?;
    // What passed twice is not looked at.
    if facts.ledger.accepted_again(id.as_deref().unwrap_or(assertion).as_bytes()) {
        return None;
    }
    let because = format!(
        "An assertion with the same jti was given a token {} before; each works once.",
        date::span(facts.at().seconds_since(seen.at))
    );
    Some(
        Finding::new("jwt-replayed", Grade::Proven, because)
            .weighing(89)
            .at(place, "the same jti")
            .at(Place::Exchange(seen.exchange), "accepted here"),
    )
}

/// RS and ES with 256, 384 and 512 are documented; HS needs a shared key.
fn algorithm(facts: &Facts<'_>) -> Option<Finding> {
    let (jwt, place, assertion) = refused_jwt(facts)?;
    let alg = jwt.alg().unwrap_or("none").to_owned();
    if matches!(alg.as_str(), "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "ES512") {
        return None;
    }
    let shared = alg.starts_with("HS");
    // The list of algorithms is documented for assertions only.
    let grade = if shared || !assertion { Grade::Likely } else { Grade::Proven };
    let because = if shared {
        format!("The JWT is signed with {alg}, a shared key; the documented algorithms are RS and ES.")
    } else {
        format!("The JWT's algorithm is {alg}; supported are RS256, RS384, RS512, ES256, ES384 and ES512.")
    };
    Some(Finding::new("jwt-algorithm-unsupported", grade, because).weighing(75).at(place, format!("alg {alg}")))
}

fn key(facts: &Facts<'_>) -> Option<Finding> {
    let (jwt, place, assertion) = refused_jwt(facts)?;
    let text = facts.answer_text();
    if text.contains("key id not found") || text.contains("jwks") {
        let because = "The answer says that the signing key's id is not known.";
        return Some(
            Finding::new("jwt-key-unknown", Grade::Likely, because)
                .weighing(95)
                .at(Place::ResponseBody, "the key is not known"),
        );
    }
    if jwt.kid().is_some() {
        return None;
    }
    let because = "The JWT's header names no key (kid): the instance cannot choose one of its verifier maps.";
    let weight = if assertion { 74 } else { 54 };
    Some(Finding::new("jwt-key-unknown", Grade::Likely, because).weighing(weight).at(place, "no kid"))
}

/// `aud` against the client id of the same request; two documentation pages disagree, so never more than likely.
fn claims(facts: &Facts<'_>) -> Option<Finding> {
    let (jwt, place, assertion) = refused_jwt(facts)?;
    for needed in ["iss", "sub", "aud", "exp"] {
        if assertion && !jwt.claims.contains_key(needed) {
            let because = format!("The assertion has no {needed}, which RFC 7523 demands.");
            return Some(
                Finding::new("jwt-claims-mismatch", Grade::Likely, because)
                    .weighing(80)
                    .at(place, format!("no {needed}")),
            );
        }
    }
    let audiences = jwt.audiences();
    if !assertion && facts.ledger.accepted(facts.host(), "iss", jwt.text("iss").unwrap_or_default()) {
        return None;
    }
    if assertion {
        let id = facts.reading.client.shown_id().unwrap_or_default();
        let endpoint = audiences.iter().any(|aud| aud.contains("oauth_token.do"));
        if id.is_empty() || audiences.contains(&id) || endpoint {
            return None;
        }
        let because = format!(
            "aud is {}; the client id of the request is {id}. The documentation wants them equal (another page: the token endpoint).",
            audiences.join(", ")
        );
        return Some(Finding::new("jwt-claims-mismatch", Grade::Likely, because).weighing(78).at(place, "aud"));
    }
    let because = format!(
        "The token's issuer is {} and its audience {}; both must match the OIDC provider record.",
        jwt.text("iss").unwrap_or("missing"),
        audiences.join(", ")
    );
    Some(Finding::new("jwt-claims-mismatch", Grade::Likely, because).weighing(57).at(place, "iss and aud"))
}
