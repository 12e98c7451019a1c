//! The life of an authorization code, from the redirect that carried it to its exchange (knowledge D20–D26).

use super::super::facts::Kinship;
use super::{Facts, Rule};
use crate::ledger::records::CodeRecord;
use crate::model::{Finding, Grade, Place};
use crate::wire::{date, form, oauth};

pub const RULES: &[Rule] = &[expired, reused, altered, wrong_client, redirect_mismatch, verifier_mismatch];

/// Default of `oauth_entity.auth_code_lifespan`, in seconds.
const LIFESPAN: i64 = 60;
/// From here on a longer configured life would be unusual, in seconds.
const SURELY: i64 = 120;

/// A refused exchange of a code whose birth was seen.
fn refused<'a>(facts: &'a Facts<'_>) -> Option<(&'a str, &'a CodeRecord)> {
    let exchange = facts.token_refused() && facts.grant() == "authorization_code" && !facts.reading.redacted;
    Some((facts.param("code")?, facts.code().filter(|_| exchange)?))
}

fn place(facts: &Facts<'_>) -> Place {
    facts.param_place("code")
}

/// How old the code is, in seconds: by the issuer's own clock where both answers tell it, as for tokens, and that is another
/// age than by ours. Its dates have no parts of seconds.
fn age(facts: &Facts<'_>, record: &CodeRecord) -> i64 {
    let ours = facts.at().seconds_since(record.seen.at);
    let dates = record.date.zip(facts.reading.date()).filter(|_| record.host == facts.host());
    let theirs = dates.map(|(issued, now)| now.seconds_since(issued));
    theirs.filter(|theirs| (theirs - ours).abs() > 1).unwrap_or(ours)
}

fn expired(facts: &Facts<'_>) -> Option<Finding> {
    let (code, record) = refused(facts)?;
    let age = age(facts, record);
    let used = record.exchanged.iter().any(|(_, ok)| *ok);
    if age <= LIFESPAN || used {
        return None;
    }
    let verifier = verifier_mismatch(facts).is_some_and(|finding| finding.grade > Grade::Possible);
    let other = redirect_mismatch(facts).is_some() || verifier || wrong_client(facts).is_some();
    let grade = if age >= SURELY && !other { Grade::Proven } else { Grade::Likely };
    let tag = facts.tag(code);
    let because = format!("Code {tag} was {age} s old when it was exchanged; the default lifespan is {LIFESPAN} s.");
    Some(
        Finding::new("auth-code-expired", grade, because)
            .weighing(92)
            .at(place(facts), format!("code {tag}, {} old", date::span(age)))
            .at(
                Place::Exchange(record.seen.exchange),
                format!("the redirect carried it at {}", date::clock(record.seen.at)),
            ),
    )
}

fn reused(facts: &Facts<'_>) -> Option<Finding> {
    let (code, record) = refused(facts)?;
    let tag = facts.tag(code);
    if let Some((seen, _)) = record.exchanged.iter().find(|(_, ok)| *ok) {
        let because = format!(
            "Code {tag} was exchanged with success {} before; a code works once.",
            date::span(facts.at().seconds_since(seen.at))
        );
        return Some(
            Finding::new("auth-code-reused", Grade::Proven, because)
                .weighing(98)
                .at(place(facts), format!("code {tag}"))
                .at(Place::Exchange(seen.exchange), "exchanged here, with 200"),
        );
    }
    let (seen, _) = record.exchanged.last()?;
    let because = format!(
        "Code {tag} was tried {} before and refused; a refused try can use a code up.",
        date::span(facts.at().seconds_since(seen.at))
    );
    Some(
        Finding::new("auth-code-reused", Grade::Possible, because)
            .weighing(70)
            .at(Place::Exchange(seen.exchange), "tried here"),
    )
}

/// Not a code that was seen, but one in another spelling or cut.
fn altered(facts: &Facts<'_>) -> Option<Finding> {
    let exchange = facts.token_refused() && facts.grant() == "authorization_code" && facts.code().is_none();
    let code = facts.param("code").filter(|_| exchange)?;
    let spellings = [form::decode(code.as_bytes()), code.replace(' ', "+"), code.trim().to_owned(), form::encode(code)];
    let same = spellings.iter().filter(|other| *other != code).find_map(|other| facts.ledger.code(other));
    let cut = || {
        facts
            .ledger
            .relative_of(code)
            .or_else(|| facts.ledger.begins_like(code))
            .and_then(|whole| facts.ledger.code_by_tag(whole))
    };
    let (record, how) =
        same.map(|record| (record, "in another encoding")).or_else(|| cut().map(|record| (record, "cut or edited")))?;
    let because = format!(
        "The code that was sent ({} characters) is the one of the redirect ({}), {how}.",
        code.chars().count(),
        record.length
    );
    Some(
        Finding::new("auth-code-altered", Grade::Proven, because)
            .weighing(94)
            .at(place(facts), how)
            .at(Place::Exchange(record.seen.exchange), "as it was issued"),
    )
}

fn wrong_client(facts: &Facts<'_>) -> Option<Finding> {
    let (code, record) = refused(facts)?;
    let tag = facts.tag(code);
    let kinship = facts.kinship(&record.host);
    let by_instance = crate::wire::endpoint::is_instance_host(&record.host);
    if kinship != Kinship::SameInstance && facts.inbound() && by_instance {
        let grade = if kinship == Kinship::OtherInstance { Grade::Proven } else { Grade::Likely };
        let because = format!("Code {tag} was issued by {} and is exchanged at {}.", record.host, facts.host());
        return Some(
            Finding::new("auth-code-wrong-client", grade, because)
                .weighing(95)
                .at(Place::RequestUrl, format!("not {}", record.host))
                .at(Place::Exchange(record.seen.exchange), "issued here"),
        );
    }
    let asked = record.authorize.as_ref()?.client_id.as_deref()?;
    let sent = facts.reading.client.shown_id().filter(|sent| *sent != asked)?;
    let because = format!("Code {tag} was issued to client {asked}; client {sent} tries to exchange it.");
    Some(
        Finding::new("auth-code-wrong-client", Grade::Proven, because)
            .weighing(95)
            .at(facts.param_place("client_id"), format!("not {asked}"))
            .at(Place::Exchange(record.seen.exchange), format!("issued to {asked}")),
    )
}

fn redirect_mismatch(facts: &Facts<'_>) -> Option<Finding> {
    let (_, record) = refused(facts)?;
    let authorize = record.authorize.as_ref()?;
    let asked = authorize.redirect_uri.as_deref()?;
    let sent = facts.shown("redirect_uri").filter(|sent| *sent != asked)?;
    let because = format!(
        "The authorization request said redirect_uri {asked}; the exchange says {sent}. They must be the same string."
    );
    Some(
        Finding::new("redirect-uri-mismatch", Grade::Proven, because)
            .weighing(96)
            .at(facts.param_place("redirect_uri"), "differs")
            .at(Place::Exchange(authorize.seen.exchange), "the authorization request"),
    )
}

fn verifier_mismatch(facts: &Facts<'_>) -> Option<Finding> {
    let (_, record) = refused(facts)?;
    let authorize = record.authorize.as_ref()?;
    let challenge = authorize.challenge.as_deref()?;
    let place = facts.param_place("code_verifier");
    let issue = Place::Exchange(authorize.seen.exchange);
    if facts.param("code_verifier").is_none() {
        let because = "The authorization request had a code_challenge; the exchange has no code_verifier.";
        return Some(
            Finding::new("pkce-verifier-mismatch", Grade::Proven, because)
                .weighing(93)
                .at(place, "not there")
                .at(issue, "code_challenge"),
        );
    }
    let verifier = facts.shown("code_verifier")?;
    let plain = authorize.challenge_method.as_deref() == Some("plain");
    let matches = if plain { verifier == challenge } else { oauth::s256(verifier) == challenge.trim_end_matches('=') };
    if matches {
        // RFC 7636 §4.3 takes a challenge without a method for plain; ServiceNow documents S256 only.
        let because =
            "The verifier hashes to the challenge, but code_challenge_method was not sent; RFC 7636 then means plain.";
        let finding = Finding::new("pkce-verifier-mismatch", Grade::Possible, because).weighing(52);
        return authorize.challenge_method.is_none().then(|| finding.at(issue, "no code_challenge_method"));
    }
    let because = "The code_verifier does not hash to the code_challenge of the authorization request (S256).";
    Some(
        Finding::new("pkce-verifier-mismatch", Grade::Proven, because)
            .weighing(93)
            .at(place, "hashes to something else")
            .at(issue, "code_challenge"),
    )
}
