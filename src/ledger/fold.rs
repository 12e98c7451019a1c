//! How one exchange changes what is known of hosts, paths, credentials, users, parties and sessions.

use super::Ledger;
use super::records::{
    CredentialRecord, HostRecord, PasswordOk, PasswordUse, PathSuccess, PathUse, Seen, SessionRecord,
};
use crate::model::{Place, Tag};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::{Credential, Reading};
use crate::wire::servicenow::{self, FormLogin, Page};
use crate::wire::{cookie, date};

/// Lists inside of records end here.
const LIST: usize = 16;

pub fn fold(ledger: &mut Ledger, reading: &Reading<'_>) {
    // Made once: it is a hash over the whole value.
    let tag = reading.credential_bytes().map(|bytes| ledger.tag(&bytes));
    host(ledger, reading, tag);
    path(ledger, reading, tag.filter(|_| !reading.redacted));
    // Values that a sanitizer left are alike without being the same: nothing is linked by them.
    if !reading.redacted {
        credential(ledger, reading, tag);
        user(ledger, reading);
        written_password(ledger, reading);
        session(ledger, reading);
    }
    party(ledger, reading);
}

pub fn seen(reading: &Reading<'_>) -> Seen {
    Seen { at: reading.exchange.at, exchange: reading.exchange.id }
}

/// Adds to a bounded list, newest last.
pub fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= LIST {
        list.remove(0);
    }
    list.push(item);
}

fn refused(reading: &Reading<'_>) -> bool {
    reading.status() == Some(401)
}

fn host(ledger: &mut Ledger, reading: &Reading<'_>, tag: Option<Tag>) {
    let now = seen(reading);
    let offset = clock_offset(reading);
    let client = tag.and_then(|tag| bearer_client(ledger, reading, tag));
    let record = ledger.hosts.entry(reading.host().to_owned(), Default::default);
    record.first.get_or_insert(now);
    record.instance |= reading.fingerprint.edge || reading.fingerprint.node;
    match reading.page {
        Some(Page::Hibernating) => record.hibernating = Some(now),
        Some(Page::Offline) => record.offline = Some(now),
        _ => {}
    }
    if let Some(offset) = offset {
        let smaller = record.clock_offset.is_none_or(|known| offset.abs() < known.abs());
        if smaller {
            record.clock_offset = Some(offset);
        }
    }
    if refused(reading) {
        for challenge in &reading.challenges {
            let scheme = challenge.scheme.to_ascii_lowercase();
            if !record.schemes.contains(&scheme) && record.schemes.len() < LIST {
                record.schemes.push(scheme);
            }
        }
    }
    let pool = reading.response().and_then(|response| cookie::pools(&response.fields).last());
    record.pool = pool.or(record.pool.take());
    odd_spellings(record, reading);
    bearers(record, reading, client);
    if matches!(reading.endpoint, Endpoint::Token | Endpoint::Login) || !(reading.succeeded() || refused(reading)) {
        return;
    }
    let slot = match record.kinds.iter().position(|(kind, ..)| *kind == reading.credential) {
        Some(at) => at,
        None => {
            record.kinds.push((reading.credential, None, None));
            record.kinds.len() - 1
        }
    };
    if let Some((_, ok, fail)) = record.kinds.get_mut(slot) {
        *(if reading.succeeded() { ok } else { fail }) = Some(now);
    }
}

/// Spellings of Authorization and of token requests that the host took, and what its front end says of mutual TLS.
fn odd_spellings(record: &mut HostRecord, reading: &Reading<'_>) {
    if reading.request().path().ends_with("/adcv2/supports_tls")
        && reading.answer.trim_ascii().eq_ignore_ascii_case(b"true")
    {
        record.mutual_tls = true;
    }
    let key = reading.api_key.as_ref().filter(|_| reading.credential == Credential::ApiKey && reading.succeeded());
    record.took_key_in_header |= matches!(key, Some((Place::RequestField { .. }, _)));
    record.took_key_in_url |= matches!(key, Some((Place::Query(_), _)));
    if reading.endpoint == Endpoint::Token && reading.token_answer.is_some() {
        record.took_parameters_in_url |= reading.query.has("grant_type");
        record.took_get |= reading.request().method == "GET";
        record.took_json |= reading.sent.trim_ascii_start().starts_with(b"{");
    }
    if reading.credential != Credential::Bearer || !reading.succeeded() {
        return;
    }
    let Some((value, parts)) = &reading.authorization else { return };
    record.took_extra_space |= parts.gap.len() > 1;
    record.took_lower_case |= parts.scheme_of(value) != "Bearer";
}

/// Whose token a bearer call carries: the client that it was issued to, or the token itself.
fn bearer_client(ledger: &Ledger, reading: &Reading<'_>, tag: Tag) -> Option<String> {
    if reading.credential != Credential::Bearer || reading.succeeded() {
        // A success names nobody: it clears the list.
        return None;
    }
    let client = ledger.tokens.get(&tag).and_then(|record| record.client_id.clone());
    Some(client.unwrap_or_else(|| tag.to_string()))
}

fn bearers(record: &mut HostRecord, reading: &Reading<'_>, client: Option<String>) {
    if reading.credential == Credential::Bearer && reading.token.is_some() && reading.succeeded() {
        record.bearer_refused.clear();
    }
    let Some(client) = client.filter(|_| refused(reading)) else { return };
    if !record.bearer_refused.contains(&client) {
        push(&mut record.bearer_refused, client);
    }
}

/// `Date` of the answer minus the middle of the exchange by our clock, in milliseconds.
fn clock_offset(reading: &Reading<'_>) -> Option<i64> {
    let response = reading.response().filter(|response| !response.ours)?;
    let theirs = date::parse_http(&response.fields.text("date")?)?;
    // `Date` counts whole seconds: half a second is added to be right in the middle.
    Some(theirs.since(reading.answered_at()).saturating_add(500))
}

fn path(ledger: &mut Ledger, reading: &Reading<'_>, tag: Option<Tag>) {
    let key = (reading.host().to_owned(), reading.endpoint.class());
    if reading.succeeded() {
        let success = PathSuccess {
            kind: reading.credential,
            tag,
            user: reading.user(),
            method: reading.request().method.clone(),
            cookies: reading.session_cookie().is_some(),
            query: reading.query.get("sysparm_query").map(|query| ledger.tag(query.as_bytes())),
            seen: seen(reading),
        };
        push(&mut ledger.paths.entry(key, Default::default).ok, success);
    } else if refused(reading) {
        ledger.paths.entry(key, Default::default).fail = Some(seen(reading));
    }
}

fn credential(ledger: &mut Ledger, reading: &Reading<'_>, tag: Option<Tag>) {
    let Some((bytes, tag)) = reading.credential_bytes().zip(tag) else { return };
    if matches!(reading.endpoint, Endpoint::Token | Endpoint::ProviderToken) {
        return;
    }
    let now = seen(reading);
    let spelt = reading.authorization.as_ref().map(|(value, _)| ledger.tag(value));
    if reading.succeeded() {
        ledger.keys.insert(tag, (reading.host().to_owned(), now));
    }
    let class = reading.endpoint.class();
    let record = ledger.credentials.entry((reading.host().to_owned(), tag), || CredentialRecord {
        kind: reading.credential,
        user: reading.user(),
        first: now,
        ok: None,
        fail: None,
        spelt_ok: None,
        oks: 0,
        fails: 0,
        paths: Vec::new(),
        length: bytes.len(),
    });
    if reading.succeeded() {
        record.ok = Some(now);
        record.spelt_ok = spelt;
        record.oks += 1;
    } else if refused(reading) {
        record.fail = Some(now);
        record.fails += 1;
    } else {
        return;
    }
    note_path(&mut record.paths, class, reading, now);
}

fn note_path(paths: &mut Vec<PathUse>, class: String, reading: &Reading<'_>, now: Seen) {
    if !paths.iter().any(|path| path.class == class) {
        push(paths, PathUse { class: class.clone(), ok: None, fail: None, methods_ok: Vec::new() });
    }
    let Some(path) = paths.iter_mut().find(|path| path.class == class) else { return };
    if reading.succeeded() {
        path.ok = Some(now);
        let method = &reading.request().method;
        if !path.methods_ok.contains(method) && path.methods_ok.len() < LIST {
            path.methods_ok.push(method.clone());
        }
    } else {
        path.fail = Some(now);
    }
}

/// How the exchange used a user's password, and whether it worked: `None` where no password was used or nothing is known.
fn password_use(reading: &Reading<'_>) -> Option<(String, Vec<u8>, PasswordUse, bool)> {
    let user = reading.user()?;
    let (password, how, worked, failed) = match reading.endpoint {
        Endpoint::Token if reading.grant() == Some("password") => {
            let password = reading.param("password")?.as_bytes().to_vec();
            (password, PasswordUse::Grant, reading.token_answer.is_some(), reading.oauth_error.is_some())
        }
        Endpoint::Login => {
            let form = reading.form.as_ref()?;
            let password = form.get("user_password")?.as_bytes().to_vec();
            let location = reading.response()?.fields.text("location").unwrap_or_default().into_owned();
            let to_login = location.contains("login.do") || location.contains("login_locate");
            let passed = match servicenow::form_login(&reading.answer) {
                Some(answer) => answer != FormLogin::Refused,
                None => reading.status() == Some(302) && !to_login,
            };
            (password, PasswordUse::Login, passed, !passed)
        }
        _ => {
            let password = reading.basic.as_ref()?.password().to_vec();
            // 403 of the instance: authenticated, not allowed.
            let allowed = reading.succeeded() || reading.status() == Some(403) && reading.envelope.is_some();
            (password, PasswordUse::Basic, allowed, refused(reading))
        }
    };
    (worked || failed).then_some((user, password, how, worked))
}

fn user(ledger: &mut Ledger, reading: &Reading<'_>) {
    let Some((user, password, how, worked)) = password_use(reading) else { return };
    let (tag, cores, now) = (ledger.tag(&password), ledger.password_cores(&password), seen(reading));
    let cut = ledger.password_cut(&password);
    let record = ledger.users.entry((reading.host().to_owned(), user.to_ascii_lowercase()), Default::default);
    if worked {
        record.passwords_ok.retain(|known| (known.tag, known.how) != (tag, how));
        push(&mut record.passwords_ok, PasswordOk { tag, cores, cut, how, seen: now });
    } else {
        push(&mut record.refusals, (now, tag, how));
    }
}

/// A password that is written through the Table API is kept as it was sent and never hashed.
fn written_password(ledger: &mut Ledger, reading: &Reading<'_>) {
    if reading.endpoint.table() != Some("sys_user") || !reading.succeeded() || reading.request().method == "GET" {
        return;
    }
    let Ok(sent) = serde_json::from_slice::<serde_json::Value>(&reading.sent) else { return };
    let Some(password) = sent.get("user_password").and_then(|value| value.as_str()) else { return };
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&reading.answer) else { return };
    let named = answer.get("result").and_then(|result| result.get("user_name")).or(sent.get("user_name"));
    let Some(user) = named.and_then(|value| value.as_str()) else { return };
    let tag = ledger.tag(password.as_bytes());
    let now = seen(reading);
    ledger.users.entry((reading.host().to_owned(), user.to_ascii_lowercase()), Default::default).written =
        Some((tag, now));
}

fn session(ledger: &mut Ledger, reading: &Reading<'_>) {
    let now = seen(reading);
    let by_api = matches!(reading.credential, Credential::Basic | Credential::Bearer | Credential::ApiKey);
    let set = reading.response().map(|response| cookie::set(&response.fields, |name| name == "JSESSIONID"));
    for (_, value) in set.into_iter().flatten() {
        let key = (reading.host().to_owned(), ledger.tag(value));
        let nobody = refused(reading) || reading.fingerprint.logged_in == Some(false);
        ledger.sessions.entry(key, || SessionRecord { anonymous: nobody, ..new_session(reading, now, by_api) });
    }
    let Some(cookie) = reading.session_cookie() else { return };
    let key = (reading.host().to_owned(), ledger.tag(cookie));
    let user_token = reading.request().fields.get("x-usertoken").map(|value| ledger.tag(value));
    let route = reading.cookies.iter().find(|(name, _)| name == "glide_user_route").map(|(_, value)| ledger.tag(value));
    let record = ledger.sessions.entry(key, || new_session(reading, now, by_api));
    record.route = route.or(record.route);
    record.anonymous &= reading.endpoint != Endpoint::Login && !reading.succeeded();
    if reading.succeeded() && reading.fingerprint.logged_in != Some(false) {
        record.ok = Some(now);
        record.user_token = user_token.or(record.user_token);
    } else if reading.fingerprint.logged_in == Some(false) && reading.credential == Credential::Cookie {
        record.dead = Some(now);
    }
}

fn new_session(reading: &Reading<'_>, now: Seen, by_api: bool) -> SessionRecord {
    SessionRecord {
        host: reading.host().to_owned(),
        first: now,
        ok: None,
        user_token: None,
        dead: None,
        by_api,
        anonymous: false,
        agent: reading.user_agent(),
        route: None,
    }
}

fn party(ledger: &mut Ledger, reading: &Reading<'_>) {
    let now = seen(reading);
    let location = reading.response().and_then(|r| r.fields.text("location")).map(|value| value.into_owned());
    let record = ledger.parties.entry(reading.party(), Default::default);
    let redirected = reading.status().is_some_and(|status| (300..400).contains(&status));
    // A person who logs in: the hops before it are no circle.
    if reading.endpoint == Endpoint::Login && reading.request().method == "POST" {
        record.login_hops.clear();
    }
    if let Some(location) = location.filter(|_| redirected) {
        let authorized = reading.authorization.is_some();
        record.redirect = Some((now, reading.request().origin(), location.clone(), authorized));
        if reading.callback.is_some() {
            record.login_hops.clear();
        } else if reading.instance {
            push(&mut record.login_hops, (location.split('?').next().unwrap_or_default().to_owned(), now));
        }
    }
    if refused(reading) && reading.credential == Credential::None {
        let basic = reading.challenges.iter().any(|challenge| challenge.is("basic"));
        record.bearer_only = (!basic && !reading.challenges.is_empty()).then_some(now);
    }
}
