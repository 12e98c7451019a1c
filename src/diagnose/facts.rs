//! What rules look at: the reading, the memory, and the few conclusions that all of them share.

use std::cell::OnceCell;

use super::answerer::answerer;
use crate::ledger::Ledger;
use crate::ledger::records::{ClientRecord, CodeRecord, CredentialRecord, HostRecord, PathRecord, TokenRecord};
use crate::model::{Answerer, Fields, Millis, Outcome, Place, Tag, lossy};
use crate::wire::bearer::{self, BearerFault};
use crate::wire::endpoint::{self, Endpoint};
use crate::wire::reading::{Credential, Reading};
use crate::wire::servicenow::{self, FormLogin, Page};
use crate::wire::{cookie, telling, template};

/// The kind of answer, as far as diagnosis is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The ordinary 401 of the REST layer, or a bare 401 of the instance.
    NotAuthenticated,
    /// `server_error`/`access_denied` of the token endpoint.
    TokenDenied,
    /// Another error of a token endpoint.
    TokenError,
    /// 403.
    Forbidden,
    NotFound,
    /// 429.
    RateLimited,
    /// A redirect to a login, logout or time-out page.
    ToLogin,
    /// 200 with a login page.
    LoginPage,
    /// The form login says no: 200 with JSON, and an error in it.
    LoginRefused,
    Hibernating,
    Offline,
    /// 407.
    ProxyWantsCredentials,
    /// Another 4xx.
    OtherRefusal,
    /// 5xx.
    ServerError,
    /// 2xx, 3xx or 1xx that is what it says.
    Fine,
    /// No answer.
    None,
}

/// What is known of two hosts: a host of one's own name may stand before the very instance that the other one names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    SameInstance,
    OtherInstance,
    Unknown,
}

/// Everything that a rule may look at.
pub struct Facts<'a> {
    pub reading: &'a Reading<'a>,
    pub ledger: &'a Ledger,
    pub answerer: Answerer,
    pub answer: Answer,
    known: Known<'a>,
}

/// What many rules ask for and costs more than a look: found out once.
#[derive(Default)]
struct Known<'a> {
    token_is_whole: OnceCell<bool>,
    token: OnceCell<Option<&'a TokenRecord>>,
    credential: OnceCell<Option<&'a CredentialRecord>>,
}

impl<'a> Facts<'a> {
    pub fn gather(reading: &'a Reading<'a>, ledger: &'a Ledger) -> Facts<'a> {
        Facts { answerer: answerer(reading), answer: answer(reading), reading, ledger, known: Known::default() }
    }

    /// Whether there is anything to look at. A plain success of an API has nothing, nor has a token that an
    /// instance granted: they cost no rule. A provider's answer is read by ServiceNow, which trips over the case of a field.
    pub fn needs_words(&self) -> bool {
        let granted = self.reading.endpoint == Endpoint::Token && self.reading.token_answer.is_some();
        let granted = granted && self.inbound() && !self.reading.outbound;
        let asked = self.reading.endpoint.is_api() || granted;
        let plain = self.answer == Answer::Fine && asked && self.reading.succeeded();
        let odd = self.reading.fingerprint.logged_in == Some(false)
            || self.reading.answer_length() < telling::SHORT
            || self.answerer == Answerer::Intermediary;
        !plain || odd || self.reading.request().fields.has("origin")
    }

    pub fn status(&self) -> u16 {
        self.reading.status().unwrap_or(0)
    }

    pub fn host(&self) -> &'a str {
        self.reading.host()
    }

    pub fn at(&self) -> Millis {
        self.reading.exchange.at
    }

    /// The instance itself refused: the condition for every proof about its inside.
    pub fn by_instance(&self) -> bool {
        self.answerer == Answerer::Instance
    }

    /// The request goes to an instance, whoever answered; another instance may have sent it.
    pub fn inbound(&self) -> bool {
        self.reading.instance
    }

    /// The request goes to a third party.
    pub fn outbound(&self) -> bool {
        !self.reading.instance
    }

    /// 401 and its kin: the caller was not recognised.
    pub fn not_authenticated(&self) -> bool {
        matches!(self.answer, Answer::NotAuthenticated | Answer::ToLogin | Answer::LoginPage)
    }

    pub fn token_endpoint(&self) -> bool {
        self.reading.endpoint == Endpoint::Token
    }

    pub fn token_refused(&self) -> bool {
        self.token_endpoint()
            && matches!(
                self.answer,
                Answer::TokenDenied
                    | Answer::TokenError
                    | Answer::NotAuthenticated
                    | Answer::OtherRefusal
                    | Answer::Forbidden
            )
    }

    /// The grant, trimmed.
    pub fn grant(&self) -> &str {
        self.reading.grant().unwrap_or_default().trim()
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.reading.param(name)
    }

    /// A parameter to compare with others: none where a sanitizer hid it.
    pub fn shown(&self, name: &str) -> Option<&str> {
        self.param(name).and_then(template::shown)
    }

    /// The place of a token request's parameter.
    pub fn param_place(&self, name: &str) -> Place {
        if self.reading.form.is_some() { Place::Form(name.into()) } else { Place::Query(name.into()) }
    }

    pub fn fields(&self) -> &'a Fields {
        &self.reading.request().fields
    }

    pub fn credential(&self) -> Credential {
        self.reading.credential
    }

    pub fn tag(&self, value: &str) -> Tag {
        self.ledger.tag(value.as_bytes())
    }

    /// What is wrong with the bearer credentials that were sent, by the grammar of those who read them.
    pub fn token_faults(&self, credentials: &[u8]) -> Vec<BearerFault> {
        if self.outbound() { bearer::provider_faults(credentials) } else { bearer::faults(credentials) }
    }

    /// A token was sent, and nothing is wrong with its form.
    pub fn whole_token(&self) -> Option<&'a str> {
        let token = self.reading.token.as_deref()?;
        let whole = self.known.token_is_whole.get_or_init(|| self.token_faults(token.as_bytes()).is_empty());
        whole.then_some(token)
    }

    /// The recording shows times: where it shows none, nothing is known of what lies between two exchanges.
    pub fn dated(&self) -> bool {
        self.at() != Millis::UNKNOWN
    }

    /// The time by the clock of the one who answered: the answer's own `Date`, else what earlier ones tell.
    pub fn their_clock(&self) -> Millis {
        self.reading.date().unwrap_or_else(|| self.ledger.instance_clock(self.host(), self.at()))
    }

    /// What is known of the token that was sent.
    pub fn token(&self) -> Option<&'a TokenRecord> {
        *self.known.token.get_or_init(|| self.ledger.token(self.reading.token.as_deref()?))
    }

    /// How long past its life a token is, in seconds: by the instance's own clock where both answers tell it, for a
    /// client's clock may be set in between.
    pub fn overdue(&self, record: &TokenRecord) -> Option<i64> {
        let dates = record.issued_date.zip(self.reading.date()).filter(|_| record.host == self.host());
        match dates {
            Some((issued, now)) => Some(now.seconds_since(issued) - record.expires_in?),
            None => Some(self.at().seconds_since(record.ends()?)),
        }
    }

    /// Whether `host` and the host that was called are one instance: by their names, or by the load balancer's cookie.
    pub fn kinship(&self, host: &str) -> Kinship {
        if host == self.host() {
            return Kinship::SameInstance;
        }
        if template::redacted(host) || template::redacted(self.host()) {
            return Kinship::Unknown;
        }
        let (there, here) = (self.instance_names(host), self.instance_names(self.host()));
        if there.is_empty() || here.is_empty() {
            return Kinship::Unknown;
        }
        if there.iter().any(|name| here.contains(name)) { Kinship::SameInstance } else { Kinship::OtherInstance }
    }

    /// The names of the instance behind a host, as far as they are known.
    fn instance_names(&self, host: &str) -> Vec<String> {
        let mut names = Vec::new();
        if endpoint::is_instance_host(host) {
            names.extend(host.split('.').next().map(str::to_owned));
        }
        names.extend(self.ledger.host(host).and_then(|record| record.pool.clone()));
        let answer = self.reading.response().filter(|_| host == self.host());
        names.extend(answer.into_iter().flat_map(|answer| cookie::pools(&answer.fields)));
        names.iter_mut().for_each(|name| name.make_ascii_lowercase());
        names
    }

    /// What is known of the code of a token request.
    pub fn code(&self) -> Option<&'a CodeRecord> {
        self.ledger.code(self.param("code")?)
    }

    pub fn client(&self) -> Option<&'a ClientRecord> {
        self.ledger.client(self.host(), self.reading.client.shown_id()?)
    }

    pub fn credential_record(&self) -> Option<&'a CredentialRecord> {
        *self.known.credential.get_or_init(|| self.ledger.credential(self.host(), &self.reading.credential_bytes()?))
    }

    pub fn host_record(&self) -> Option<&'a HostRecord> {
        self.ledger.host(self.host())
    }

    pub fn path_record(&self) -> Option<&'a PathRecord> {
        self.ledger.path(self.host(), &self.reading.endpoint.class())
    }

    /// The exchange comes from a recording of an answer alone: nothing may be said of the request.
    pub fn request_unseen(&self) -> bool {
        self.reading.request().unseen
    }

    /// Schemes that this answer advertises, in lower case.
    pub fn advertised(&self) -> Vec<String> {
        self.reading.challenges.iter().map(|challenge| challenge.scheme.to_ascii_lowercase()).collect()
    }

    /// The answer's text (envelope or OAuth error) in lower case, for signatures.
    pub fn answer_text(&self) -> String {
        if let Some(envelope) = &self.reading.envelope {
            return envelope.lower();
        }
        if let Some(error) = &self.reading.oauth_error {
            return error.lower();
        }
        let prefix = self.reading.answer.get(..self.reading.answer.len().min(16_384)).unwrap_or_default();
        lossy(prefix).to_ascii_lowercase()
    }

    /// The user agent is a browser's.
    pub fn browser(&self) -> bool {
        self.reading.user_agent().starts_with("Mozilla/") && !self.reading.user_agent().contains("PowerShell")
    }
}

fn answer(reading: &Reading<'_>) -> Answer {
    let response = match &reading.exchange.outcome {
        Outcome::Answered(response) => response,
        _ => return Answer::None,
    };
    let status = response.status;
    match reading.page {
        Some(Page::Hibernating) => return Answer::Hibernating,
        Some(Page::Offline) => return Answer::Offline,
        Some(Page::Login) if (200..300).contains(&status) && wants_data(reading) => return Answer::LoginPage,
        _ => {}
    }
    let envelope_401 = reading.envelope.as_ref().is_some_and(|envelope| envelope.is_not_authenticated());
    let denied = reading.oauth_error.as_ref().is_some_and(|error| error.is_catch_all());
    if reading.endpoint == Endpoint::Login && servicenow::form_login(&reading.answer) == Some(FormLogin::Refused) {
        return Answer::LoginRefused;
    }
    match status {
        401 if denied => Answer::TokenDenied,
        401 if reading.oauth_error.is_some() && is_token(reading) => Answer::TokenError,
        401 => Answer::NotAuthenticated,
        400..500 if denied => Answer::TokenDenied,
        400..500 if envelope_401 => Answer::NotAuthenticated,
        403 => Answer::Forbidden,
        400 if reading.oauth_error.is_some() && is_token(reading) => Answer::TokenError,
        404 => Answer::NotFound,
        407 => Answer::ProxyWantsCredentials,
        429 => Answer::RateLimited,
        400..500 => Answer::OtherRefusal,
        500.. => Answer::ServerError,
        300..400 if to_login(reading) && wants_data(reading) => Answer::ToLogin,
        _ => Answer::Fine,
    }
}

fn is_token(reading: &Reading<'_>) -> bool {
    matches!(reading.endpoint, Endpoint::Token | Endpoint::ProviderToken | Endpoint::TokenMisspelt)
}

fn to_login(reading: &Reading<'_>) -> bool {
    let location = reading.response().and_then(|response| response.fields.text("location")).unwrap_or_default();
    servicenow::leads_to_login(&location)
}

/// The caller wanted data, not a page: an API, a token, or a call with a credential of its own.
fn wants_data(reading: &Reading<'_>) -> bool {
    let own = !matches!(reading.credential, Credential::None | Credential::Cookie);
    let data = reading.endpoint.is_api() || matches!(reading.endpoint, Endpoint::Token | Endpoint::Soap { .. });
    let json = reading.request().fields.text("accept").is_some_and(|accept| accept.contains("json"));
    data || own || json
}
