//! How one exchange changes what is known of tokens, codes, clients, revocations and assertions.

use super::fold::{push, seen};
use super::records::{AuthorizeRecord, ClientRecord, CodeRecord, GrantRecord, Seen, TokenKind, TokenRecord};
use super::{Bounded, Ledger};
use crate::model::Tag;
use crate::wire::endpoint::Endpoint;
use crate::wire::jwt::Jwt;
use crate::wire::oauth::{self, Callback, TokenAnswer};
use crate::wire::reading::{Credential, Reading};
use crate::wire::servicenow::{self, Page};
use crate::wire::template;

pub fn fold(ledger: &mut Ledger, reading: &Reading<'_>) {
    authorize(ledger, reading);
    code(ledger, reading);
    revoke(ledger, reading);
    bearer_user(ledger, reading);
    bearer_jwt(ledger, reading);
    if matches!(reading.endpoint, Endpoint::Token | Endpoint::ProviderToken) {
        token_request(ledger, reading);
    }
}

/// An authorization request opens a story that the code's redirect ends.
fn authorize(ledger: &mut Ledger, reading: &Reading<'_>) {
    let asks = reading.query.has("response_type") && reading.query.has("client_id");
    if reading.endpoint != Endpoint::Authorize && !asks {
        return;
    }
    if let Some(record) = authorize_record(ledger, reading) {
        push(&mut ledger.parties.entry(reading.party(), Default::default).authorizes, record);
    }
}

fn authorize_record(ledger: &Ledger, reading: &Reading<'_>) -> Option<AuthorizeRecord> {
    // A value that a sanitizer hid is unknown, not another one.
    let get = |name: &str| reading.query.get(name).and_then(template::shown).map(str::to_owned);
    reading.query.has("client_id").then(|| AuthorizeRecord {
        seen: seen(reading),
        client_id: get("client_id"),
        redirect_uri: get("redirect_uri"),
        state: get("state").map(|state| ledger.tag(state.as_bytes())),
        challenge: get("code_challenge"),
        challenge_method: get("code_challenge_method"),
    })
}

/// A code is born when a redirect carries it; where the redirect was not seen, when the browser calls back with it.
fn code(ledger: &mut Ledger, reading: &Reading<'_>) {
    let redirect = reading.callback.as_ref().filter(|_| reading.status().is_some_and(|s| (300..400).contains(&s)));
    if let Some(callback) = redirect.filter(|callback| callback.code.is_some()) {
        let at = reading.answered_at();
        remember_code(ledger, reading, callback, Seen { at, exchange: reading.exchange.id });
        return;
    }
    let url = format!("{}{}", reading.request().origin(), reading.request().target);
    let called =
        oauth::callback(&url).filter(|_| reading.request().method == "GET" && reading.endpoint != Endpoint::Token);
    if let Some(callback) = called
        && callback.code.as_deref().is_some_and(|code| ledger.code(code).is_none())
    {
        remember_code(ledger, reading, &callback, seen(reading));
    }
}

fn remember_code(ledger: &mut Ledger, reading: &Reading<'_>, callback: &Callback, seen: Seen) {
    let own = authorize_record(ledger, reading);
    let Some(code) = callback.code.as_deref().filter(|code| !template::redacted(code)) else { return };
    let state = callback.state.as_deref().map(|state| ledger.tag(state.as_bytes()));
    let party = ledger.parties.get(&reading.party());
    let authorize = own.or_else(|| party.and_then(|party| party.authorize_of(state, seen.at)).cloned());
    let tag = ledger.tag(code.as_bytes());
    remember_parts(ledger, code, tag);
    let record = CodeRecord {
        host: reading.host().to_owned(),
        seen,
        date: reading.date(),
        delivered_to: callback.to.clone(),
        authorize,
        length: code.len(),
        exchanged: Vec::new(),
    };
    ledger.codes.entry(tag, || record);
}

fn remember_parts(ledger: &mut Ledger, value: &str, tag: Tag) {
    for part in ledger.ends_of(value) {
        ledger.parts.insert(part, tag);
    }
}

fn revoke(ledger: &mut Ledger, reading: &Reading<'_>) {
    let location = reading.response().and_then(|response| response.fields.text("location")).unwrap_or_default();
    // The page of a sleeping instance, or a login, is no revocation.
    let page = matches!(reading.page, Some(Page::Hibernating | Page::Offline | Page::Login));
    let answered = reading.status().is_some_and(|status| (200..400).contains(&status))
        && !page
        && !servicenow::leads_to_login(&location);
    if reading.endpoint != Endpoint::Revoke || !answered {
        return;
    }
    let token = reading.query.get("token").or_else(|| reading.param("token")).map(str::to_owned);
    let Some(token) = token.filter(|token| !template::redacted(token)) else { return };
    let tag = ledger.tag(token.as_bytes());
    let now = Seen { at: reading.answered_at(), exchange: reading.exchange.id };
    if let Some(record) = ledger.tokens.get_mut(&tag) {
        record.revoked = Some(now);
        return;
    }
    let host = reading.host().to_owned();
    let record = TokenRecord {
        kind: TokenKind::Access,
        host,
        instance: reading.instance,
        client_id: None,
        grant: String::new(),
        user: None,
        first: now,
        issued: now,
        issued_date: None,
        expires_in: None,
        scope: None,
        length: token.len(),
        revoked: Some(now),
        with_refresh: false,
        lower_case: false,
        meant_for: Vec::new(),
    };
    ledger.tokens.insert(tag, record);
}

fn bearer_user(ledger: &mut Ledger, reading: &Reading<'_>) {
    if reading.credential != Credential::Bearer || !reading.succeeded() {
        return;
    }
    let user = reading.token.as_deref().and_then(|token| ledger.token(token)).and_then(|record| record.user.clone());
    if let Some(user) = user {
        let key = (reading.host().to_owned(), user.to_ascii_lowercase());
        ledger.users.entry(key, Default::default).bearer_ok = Some(seen(reading));
    }
}

fn token_request(ledger: &mut Ledger, reading: &Reading<'_>) {
    let grant = reading.grant().unwrap_or_default().trim().to_owned();
    let ok = reading.token_answer.is_some();
    if let Some(client_id) = reading.client.shown_id().map(str::to_owned) {
        client(ledger, reading, &client_id, &grant, ok);
    }
    exchanged(ledger, reading, ok);
    if let Some(answer) = &reading.token_answer {
        issued(ledger, reading, answer, &grant);
    }
}

fn client(ledger: &mut Ledger, reading: &Reading<'_>, client_id: &str, grant: &str, ok: bool) {
    let now = seen(reading);
    let secret = reading.client.secret().filter(|_| !reading.redacted).map(|secret| ledger.tag(secret.as_bytes()));
    let host = reading.host().to_owned();
    let record = ledger.clients.entry((host.clone(), client_id.to_owned()), ClientRecord::default);
    record.first_seen.get_or_insert(now);
    let refused = reading.oauth_error.is_some() || reading.status().is_some_and(|status| status >= 400);
    note_grant(record, grant, reading, ok, refused, now);
    if grant == "refresh_token" {
        push(&mut record.refreshes, (now, ok));
    }
    note_user(record, grant, reading, ok);
    if !ok {
        return;
    }
    record.secret_ok = secret.or(record.secret_ok);
    match reading.param("scope") {
        Some(scope) => record.scope_ok = Some(scope.to_owned()),
        None => record.ok_without_scope = Some(now),
    }
    let refresh = reading.token_answer.as_ref().is_some_and(|answer| answer.refresh_token.is_some());
    if grant != "refresh_token" {
        record.last_answer = Some((now, grant.to_owned(), refresh));
    }
    let hosts = ledger.client_hosts.entry(client_id.to_owned(), Vec::new);
    hosts.retain(|(known, _)| *known != host);
    push(hosts, (host, now));
}

/// Users whom the password grant refused; a success of one takes that one out.
fn note_user(record: &mut ClientRecord, grant: &str, reading: &Reading<'_>, ok: bool) {
    let Some(user) = reading.param("username").filter(|_| grant == "password") else { return };
    record.refused_users.retain(|known| known != user);
    if !ok {
        push(&mut record.refused_users, user.to_owned());
    }
}

/// `content-type` in lower case, on a version of HTTP that keeps the case.
fn lower_case(reading: &Reading<'_>) -> bool {
    reading.response().is_some_and(|response| {
        response.version.starts_with("HTTP/1")
            && response.fields.0.iter().any(|field| &field.name[..] == b"content-type")
    })
}

fn note_grant(record: &mut ClientRecord, grant: &str, reading: &Reading<'_>, ok: bool, refused: bool, now: Seen) {
    if record.grant(grant).is_none() {
        push(&mut record.grants, GrantRecord { grant: grant.to_owned(), ok: None, fail: None, user_ok: None });
    }
    let Some(slot) = record.grants.iter_mut().find(|known| known.grant == grant) else { return };
    if ok {
        slot.ok = Some(now);
        slot.user_ok = reading.param("username").map(str::to_owned).or(slot.user_ok.take());
    } else if refused {
        slot.fail = Some(now);
    }
}

/// Codes and assertions can be exchanged once.
fn exchanged(ledger: &mut Ledger, reading: &Reading<'_>, ok: bool) {
    let now = seen(reading);
    if reading.redacted {
        return;
    }
    if let Some(code) = reading.param("code") {
        let tag = ledger.tag(code.as_bytes());
        if let Some(record) = ledger.codes.get_mut(&tag) {
            push(&mut record.exchanged, (now, ok));
        } else if ok {
            // The redirect was not seen: the exchange itself is what is known of the code.
            let record = CodeRecord {
                host: reading.host().to_owned(),
                seen: now,
                date: reading.date(),
                delivered_to: reading.param("redirect_uri").unwrap_or_default().to_owned(),
                authorize: None,
                length: code.len(),
                exchanged: vec![(now, true)],
            };
            ledger.codes.insert(tag, record);
        }
    }
    let Some(assertion) = reading.param("assertion") else { return };
    for key in assertion_keys(ledger, reading.host(), assertion) {
        let known_ok = ledger.assertions.get(&key).is_some_and(|(_, ok)| *ok);
        if ok && known_ok {
            let again = ledger.tag_again(key);
            ledger.assertions.insert(again, (now, true));
        }
        if ok || !known_ok {
            ledger.assertions.insert(key, (now, ok));
        }
    }
}

/// Tags of an assertion: the whole, and its `jti` on that host.
pub fn assertion_keys(ledger: &Ledger, host: &str, assertion: &str) -> Vec<Tag> {
    let mut keys = vec![ledger.tag(assertion.as_bytes())];
    let Some(jwt) = crate::wire::jwt::decode(assertion) else { return keys };
    keys.extend(jwt.text("jti").map(|jti| ledger.tag(format!("jti {host} {jti}").as_bytes())));
    keys.extend(accepted_parts(ledger, host, &jwt));
    keys
}

/// Tags of the parts of a JWT that a host accepts or refuses: its key, its subject, its issuer.
fn accepted_parts(ledger: &Ledger, host: &str, jwt: &Jwt) -> Vec<Tag> {
    let part =
        |name: &str, value: Option<&str>| value.map(|value| ledger.tag(format!("{name} {host} {value}").as_bytes()));
    [part("kid", jwt.kid()), part("sub", jwt.text("sub")), part("iss", jwt.text("iss"))].into_iter().flatten().collect()
}

/// A third party's JWT that passed at the API: its key, subject and issuer are accepted there.
fn bearer_jwt(ledger: &mut Ledger, reading: &Reading<'_>) {
    if reading.credential != Credential::Bearer || !reading.succeeded() || !reading.instance {
        return;
    }
    let Some(jwt) = reading.token.as_deref().and_then(crate::wire::jwt::decode) else { return };
    for key in accepted_parts(ledger, reading.host(), &jwt) {
        ledger.assertions.insert(key, (seen(reading), true));
    }
}

fn issued(ledger: &mut Ledger, reading: &Reading<'_>, answer: &TokenAnswer, grant: &str) {
    let base = TokenRecord {
        kind: TokenKind::Access,
        host: reading.host().to_owned(),
        instance: reading.instance && reading.endpoint == Endpoint::Token,
        client_id: reading.client.shown_id().map(str::to_owned),
        grant: grant.to_owned(),
        user: token_user(ledger, reading),
        first: seen(reading),
        issued: Seen { at: reading.answered_at(), exchange: reading.exchange.id },
        issued_date: reading.date(),
        expires_in: answer.expires_in,
        scope: answer.scope.clone(),
        length: answer.access_token.len(),
        revoked: None,
        with_refresh: answer.refresh_token.is_some(),
        lower_case: lower_case(reading),
        meant_for: meant_for(reading, answer),
    };
    remember_token(ledger, &answer.access_token, base.clone());
    if let Some(refresh) = &answer.refresh_token {
        let record = TokenRecord { kind: TokenKind::Refresh, expires_in: None, length: refresh.len(), ..base.clone() };
        remember_token(ledger, refresh, record);
    }
    if let Some(id_token) = &answer.id_token {
        let record = TokenRecord { kind: TokenKind::Id, length: id_token.len(), ..base.clone() };
        remember_token(ledger, id_token, record);
    }
    let tag = ledger.tag(answer.access_token.as_bytes());
    let given = (!template::redacted(&answer.access_token)).then(|| (tag, reading.host().to_owned(), base.issued));
    ledger.parties.entry(reading.party(), Default::default).token = given;
}

/// Hosts that a token request, its answer or the token itself names: `scope=https://graph.microsoft.com/.default`,
/// `resource`, `audience`, `aud`, Salesforce's `instance_url`.
fn meant_for(reading: &Reading<'_>, answer: &TokenAnswer) -> Vec<String> {
    let asked = ["scope", "resource", "audience"].into_iter().filter_map(|name| reading.param(name));
    let claims = crate::wire::jwt::decode(&answer.access_token);
    let audiences = claims.as_ref().map(Jwt::audiences).unwrap_or_default();
    let given = serde_json::from_slice::<serde_json::Value>(&reading.answer).ok();
    let url = given.as_ref().and_then(|given| given.get("instance_url")).and_then(|url| url.as_str());
    let words = asked.flat_map(str::split_whitespace).chain(audiences).chain(url).chain(answer.scope.as_deref());
    let host = |word: &str| Some(word.split_once("://")?.1.split(['/', ':', '?']).next()?.to_ascii_lowercase());
    let mut hosts: Vec<String> = words.flat_map(str::split_whitespace).filter_map(host).collect();
    hosts.dedup();
    hosts.truncate(8);
    hosts
}

/// The user of a token: named by the password grant, or of the token that was refreshed.
fn token_user(ledger: &Ledger, reading: &Reading<'_>) -> Option<String> {
    let named = reading.param("username").map(str::to_owned);
    named.or_else(|| ledger.token(reading.param("refresh_token")?)?.user.clone())
}

fn remember_token(ledger: &mut Ledger, value: &str, record: TokenRecord) {
    if template::redacted(value) {
        return;
    }
    let tag = ledger.tag(value.as_bytes());
    remember_parts(ledger, value, tag);
    let tokens: &mut Bounded<Tag, TokenRecord> = &mut ledger.tokens;
    match tokens.get_mut(&tag) {
        // The token endpoint handed out the current token again, with what is left of its life.
        Some(known) if record.kind == known.kind => {
            known.issued = record.issued;
            known.issued_date = record.issued_date;
            known.expires_in = record.expires_in.or(known.expires_in);
        }
        // One value under two names is a mark that a sanitizer put for both: it may be the access token.
        Some(_) if record.kind != TokenKind::Access => {}
        _ => tokens.insert(tag, record),
    }
}
