//! What memory and the token itself say of a refused bearer token (knowledge A18–A24, B4, C1–C5, H6, H9).

mod mistaken;

use super::super::facts::{Answer, Kinship};
use super::{Facts, Rule};
use crate::ledger::records::{TokenKind, TokenRecord};
use crate::model::{Finding, Grade, Millis, Place, Tag};
use crate::wire::reading::Credential;
use crate::wire::{date, jwt};

pub const RULES: &[Rule] = &[
    revoked,
    near_expiry,
    expired,
    jwt_expired,
    from_other_instance,
    mistaken::refresh_as_access,
    mistaken::code_as_token,
    mistaken::id_as_access,
    mistaken::truncated,
    mistaken::truncated_by_shape,
    mistaken::client_id_as_token,
    scope_lacks,
    replayed,
    mistaken::api_key_as_bearer,
    hardcoded,
];

fn place() -> Place {
    Place::request_field("authorization")
}

/// A well-formed bearer token that was refused, at an instance or a provider.
fn refused_token<'a>(facts: &'a Facts<'_>) -> Option<(&'a str, Tag)> {
    let token = facts.whole_token()?;
    let bearer = matches!(facts.credential(), Credential::Bearer | Credential::QueryToken);
    let refused = bearer && facts.not_authenticated() && !facts.token_endpoint();
    refused.then(|| (token, facts.tag(token)))
}

/// The token as it was issued to be used here: an access token of this very host.
fn issued_here<'a>(facts: &'a Facts<'_>) -> Option<(&'a TokenRecord, Tag)> {
    let (_, tag) = refused_token(facts)?;
    let record = facts.token().filter(|record| record.kind == TokenKind::Access)?;
    (record.host == facts.host() || !facts.inbound()).then_some((record, tag))
}

/// `token-expired` at an instance, `outbound-token-expired` at a provider.
fn expired_cause(facts: &Facts<'_>) -> &'static str {
    if facts.inbound() { "token-expired" } else { "outbound-token-expired" }
}

/// The token passed here after that moment, and no session can have carried it: the moment did not end it.
fn passed_after(facts: &Facts<'_>, moment: Millis) -> bool {
    let passed = facts.credential_record().and_then(|record| record.ok).filter(|ok| ok.at > moment);
    let alone = |class: &str, exchange: u64| {
        let path = facts.ledger.path(facts.host(), class);
        path.is_some_and(|path| path.ok.iter().any(|ok| ok.seen.exchange == exchange && !ok.cookies))
    };
    let mut paths = facts.credential_record().into_iter().flat_map(|record| &record.paths);
    passed.is_some_and(|passed| paths.any(|path| alone(&path.class, passed.exchange)))
}

fn revoked(facts: &Facts<'_>) -> Option<Finding> {
    let (_, tag) = refused_token(facts)?;
    let record = facts.token()?;
    let seen = record.revoked.filter(|seen| seen.at <= facts.at() && record.host == facts.host())?;
    let because =
        format!("Token {tag} was revoked {} before this request.", date::span(facts.at().seconds_since(seen.at)));
    let grade = if passed_after(facts, seen.at) { Grade::Likely } else { Grade::Proven };
    Some(
        Finding::new("token-revoked", grade, because)
            .weighing(20)
            .at(place(), format!("token {tag}"))
            .at(Place::Exchange(seen.exchange), format!("revoked at {}", date::clock(seen.at))),
    )
}

/// How long past its life a token was used, in seconds.
fn overdue(facts: &Facts<'_>, record: &TokenRecord) -> Option<i64> {
    facts.overdue(record).filter(|late| *late >= 1)
}

/// The token endpoint handed out the current token again, with little life left (knowledge C4).
fn near_expiry(facts: &Facts<'_>) -> Option<Finding> {
    let (record, tag) = issued_here(facts)?;
    let late = overdue(facts, record)?;
    let left = record.expires_in?;
    let again = record.issued.exchange != record.first.exchange;
    if !again || left > 900 || late > 3600 {
        return None;
    }
    let because = format!(
        "Token {tag} was handed out again at {} with {left} s of life left, not with a whole life, and was used {} later.",
        date::clock(record.issued.at),
        date::span(facts.at().seconds_since(record.issued.at))
    );
    Some(
        Finding::new("token-near-expiry-reused", Grade::Proven, because)
            .weighing(12)
            .at(Place::Exchange(record.issued.exchange), format!("the same token again, expires_in {left}"))
            .at(place(), format!("token {tag}, {} past its life", date::span(late))),
    )
}

fn expired(facts: &Facts<'_>) -> Option<Finding> {
    let (record, tag) = issued_here(facts)?;
    let Some(late) = overdue(facts, record) else { return on_the_edge(facts, record, tag) };
    let life = record.expires_in?;
    let used = life + late;
    let because =
        format!("Token {tag} lived {life} s; it was used {used} s after it was issued, {} too late.", date::span(late));
    let passed = record.ends().is_some_and(|ends| passed_after(facts, ends));
    Some(
        Finding::new(expired_cause(facts), if passed { Grade::Likely } else { Grade::Proven }, because)
            .weighing(10)
            .at(
                place(),
                format!("token {tag}, issued {} by exchange {}", date::clock(record.issued.at), record.issued.exchange),
            )
            .at(Place::Exchange(record.issued.exchange), format!("expires_in {life}")),
    )
}

/// Used in its last second: clocks tell no more than that.
fn on_the_edge(facts: &Facts<'_>, record: &TokenRecord, tag: Tag) -> Option<Finding> {
    facts.overdue(record).filter(|late| (-1..1).contains(late))?;
    let because = format!("Token {tag} was used in the very second in which its life ended.");
    Some(
        Finding::new(expired_cause(facts), Grade::Likely, because)
            .weighing(95)
            .at(place(), format!("token {tag}"))
            .at(Place::Exchange(record.issued.exchange), "issued here"),
    )
}

/// A JWT names its own end; a server may allow some skew (300 s in ServiceNow's forms).
fn jwt_expired(facts: &Facts<'_>) -> Option<Finding> {
    let (token, tag) = refused_token(facts)?;
    let claims = jwt::decode(token)?;
    let ends = claims.date("exp")?;
    let now = facts.their_clock();
    let late = now.seconds_since(ends);
    if late <= 0 {
        return not_yet_valid(facts, &claims, now, tag);
    }
    let own = !facts.inbound() || claims.text("iss").is_none_or(|issuer| issuer.contains(facts.host()));
    let cause = if own { expired_cause(facts) } else { "jwt-expired" };
    let grade = if late > 300 { Grade::Proven } else { Grade::Likely };
    let because =
        format!("The token says that it ended at {} UTC, {} before this request.", date::clock(ends), date::span(late));
    Some(Finding::new(cause, grade, because).weighing(11).at(place(), format!("JWT {tag}, exp {}", date::iso(ends))))
}

fn not_yet_valid(facts: &Facts<'_>, claims: &jwt::Jwt, now: Millis, tag: Tag) -> Option<Finding> {
    let starts = claims.date("nbf").or_else(|| claims.date("iat"))?;
    let early = starts.seconds_since(now);
    if early <= 300 || !facts.inbound() {
        return None;
    }
    let because = format!(
        "The token is valid from {} UTC, {} after this request by the instance's clock.",
        date::clock(starts),
        date::span(early)
    );
    Some(
        Finding::new("jwt-expired", Grade::Proven, because)
            .weighing(11)
            .at(place(), format!("JWT {tag}, nbf {}", date::iso(starts))),
    )
}

fn from_other_instance(facts: &Facts<'_>) -> Option<Finding> {
    let (_, tag) = refused_token(facts)?;
    let record = facts.token().filter(|record| record.instance && record.host != facts.host() && facts.inbound())?;
    let grade = match facts.kinship(&record.host) {
        Kinship::SameInstance => return None,
        // It passed here: two names of one instance.
        _ if facts.credential_record().is_some_and(|record| record.ok.is_some()) => return None,
        Kinship::OtherInstance => Grade::Proven,
        // A host of its own name may stand before the instance that issued the token.
        Kinship::Unknown => Grade::Likely,
    };
    let because = format!("Token {tag} was issued by {}, and was sent to {}.", record.host, facts.host());
    Some(
        Finding::new("token-from-other-instance", grade, because)
            .weighing(if grade == Grade::Proven { 15 } else { 85 })
            .at(Place::RequestUrl, format!("host {}", facts.host()))
            .at(Place::Exchange(record.first.exchange), format!("issued by {}", record.host)),
    )
}

/// A good token whose scope names something else than this API (field notes part 2, 9).
fn scope_lacks(facts: &Facts<'_>) -> Option<Finding> {
    let record = facts.token().filter(|record| record.host == facts.host() && record.kind == TokenKind::Access)?;
    let scope = record.scope.as_deref()?;
    let silent = facts.answer == Answer::Forbidden
        && facts.by_instance()
        && facts.reading.envelope.as_ref().is_some_and(|e| e.detail.is_empty());
    if !silent || scope.is_empty() || scope.split(' ').any(|word| word == "useraccount") {
        return None;
    }
    let because = format!(
        "The token is good and was issued for the scope {scope}, not for useraccount; an API with an auth scope of its own refuses it like this."
    );
    Some(
        Finding::new("auth-scope-missing", Grade::Likely, because)
            .weighing(82)
            .at(Place::Exchange(record.issued.exchange), format!("scope {scope}")),
    )
}

/// A third party's token that passed once and is refused a moment later: its jti may be used once (knowledge H7).
fn replayed(facts: &Facts<'_>) -> Option<Finding> {
    let (token, tag) = refused_token(facts)?;
    let claims = jwt::decode(token).filter(|_| facts.inbound() && facts.by_instance())?;
    let record = facts.credential_record().filter(|record| record.oks == 1)?;
    let (ok, _) = (record.ok?, claims.text("jti")?);
    let now = facts.their_clock();
    if claims.date("exp").is_some_and(|ends| now > ends)
        || claims.text("iss").is_none_or(|issuer| issuer.contains(facts.host()))
    {
        return None;
    }
    let because = format!(
        "Token {tag} passed once, {} before, and is refused now: with JTI verification each token works once.",
        date::span(facts.at().seconds_since(ok.at))
    );
    Some(
        Finding::new("jwt-replayed", Grade::Likely, because)
            .weighing(96)
            .at(place(), "the same jti")
            .at(Place::Exchange(ok.exchange), "it passed here"),
    )
}

/// One token, used for longer than a token lives, whose issue was never seen (knowledge C5).
fn hardcoded(facts: &Facts<'_>) -> Option<Finding> {
    let (_, tag) = refused_token(facts)?;
    let record = facts.credential_record().filter(|_| facts.inbound())?;
    let age = facts.at().seconds_since(record.first.at);
    if facts.token().is_some() && record.fails < 2 || facts.token().is_none() && record.ok.is_none() {
        return None;
    }
    if age < 1800 || facts.answer != Answer::NotAuthenticated {
        return None;
    }
    let because = format!(
        "Token {tag} is in use since {} ({} now) and was refused {} times before; tokens live 1800 s by default, and nothing renewed this one.",
        date::clock(record.first.at),
        date::span(age),
        record.fails
    );
    Some(
        Finding::new("token-hardcoded", Grade::Likely, because)
            .weighing(64)
            .at(place(), format!("token {tag}"))
            .at(Place::Exchange(record.first.exchange), "first seen here"),
    )
}
