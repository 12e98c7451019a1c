//! Names that may stay in the house: user names, client ids, host names and the personal claims of JWTs are exchanged for
//! names of the same make, each for the same one everywhere, after the secrets are gone.
//!
//! They are learned where an exchange says what they are (the user of Basic, `client_id`, `Host`, a claim) and then found
//! as whole words wherever they stand: plainly, percent-encoded, escaped, in base64.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::names::{Search, WORD_FROM};
use super::stand_in::{ATTEMPTS, Maker};
use crate::diagnose;
use crate::model::{Body, CertificateFault, Exchange, Failure, FailureKind, Fields, Outcome, Salt};
use crate::wire::endpoint::Endpoint;
use crate::wire::reading::Reading;
use crate::wire::{form, jwt, template};

/// What is masked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    pub users: bool,
    pub clients: bool,
    pub hosts: bool,
    /// Names, addresses and numbers of people in JWTs.
    pub claims: bool,
}

impl Masks {
    pub fn any(self) -> bool {
        self.users || self.clients || self.hosts || self.claims
    }
}

/// Names are learned up to this many.
const NAMES: usize = 20_000;
/// Claims of JWTs that tell of a person (OpenID Connect Core §5.1, and what Entra and ServiceNow add).
const PERSONAL: [&str; 19] = [
    "sub",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "unique_name",
    "upn",
    "email",
    "phone_number",
    "address",
    "birthdate",
    "oid",
    "user_name",
    "username",
    "samaccountname",
    "picture",
    "profile",
];
/// Claims that name a client.
const CLIENT_CLAIMS: [&str; 4] = ["client_id", "azp", "appid", "cid"];
/// The ends of hosts that say whose software answers; what stands before them is exchanged.
const VENDORS: [&str; 22] = [
    "amazonaws.com",
    "atlassian.com",
    "atlassian.net",
    "auth0.com",
    "azure.com",
    "github.com",
    "google.com",
    "googleapis.com",
    "microsoft.com",
    "microsoftonline.com",
    "okta.com",
    "oktapreview.com",
    "onelogin.com",
    "pingidentity.com",
    "pingone.com",
    "salesforce.com",
    "service-now.com",
    "servicenow.com",
    "servicenowservices.com",
    "slack.com",
    "windows.net",
    "zoom.us",
];
/// Labels of hosts that are words of everybody's.
const LABELS: [&str; 8] = ["api", "auth", "dev", "localhost", "login", "prod", "test", "www"];

/// Masks the exchanges of one recording. Remembers the names, so it never leaves the process.
pub struct Masker {
    masks: Masks,
    maker: Maker,
    /// By what was learned; without the case of its letters.
    names: HashMap<String, Vec<u8>>,
    /// All forms of all names; `None` until the next use after something was learned.
    search: Option<Search>,
}

impl Masker {
    /// The key makes stand-ins that nobody else can compute.
    pub fn new(salt: Salt, masks: Masks) -> Masker {
        Masker { masks, maker: Maker::new(salt), names: HashMap::new(), search: None }
    }

    /// Learns the names of an exchange.
    pub fn learn(&mut self, exchange: &Exchange) {
        if !self.masks.any() {
            return;
        }
        let reading = Reading::of(exchange, false);
        if self.masks.users {
            users(&reading).iter().for_each(|name| self.user(name));
        }
        if self.masks.clients {
            clients(&reading).iter().for_each(|name| self.name(name));
        }
        if self.masks.hosts {
            hosts(&reading).iter().for_each(|host| self.host(host));
        }
        let wanted = [(self.masks.claims, &PERSONAL[..]), (self.masks.clients, &CLIENT_CLAIMS[..])];
        for token in tokens(&reading).iter().filter_map(|token| jwt::decode(token)) {
            for (_, names) in wanted.iter().filter(|(wanted, _)| *wanted) {
                names.iter().filter_map(|claim| token.text(claim)).for_each(|name| self.name(name));
            }
        }
    }

    fn name(&mut self, name: &str) {
        if let Some(name) = own_name(name) {
            let other = self.maker.of(name.as_bytes());
            self.add(name, other);
        }
    }

    /// Of a user the words stay that say what kind of account it is; the name of a person stays one.
    fn user(&mut self, name: &str) {
        let Some(name) = own_name(name) else { return };
        let kept = kinds(name);
        let stand_in = |attempt| {
            let mut other = self.maker.from(name.as_bytes(), attempt);
            for range in &kept {
                let (new, old) = (other.get_mut(range.clone()), name.as_bytes().get(range.clone()));
                new.into_iter().zip(old).for_each(|(new, old)| new.copy_from_slice(old));
            }
            other
        };
        let keeps = |other: &Vec<u8>| kinds(&String::from_utf8_lossy(other)) == kept;
        if let Some(other) = (0..ATTEMPTS).map(stand_in).find(keeps) {
            self.add(name, other);
        }
    }

    /// A host's labels one by one, so that hosts of one site still are; the vendor's own end and the top level stay.
    fn host(&mut self, host: &str) {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[');
        let ends = |vendor: &&&str| host == **vendor || host.ends_with(&format!(".{vendor}"));
        if address || !host.contains('.') || template::placeholder(&host).is_some() {
            return;
        }
        let kept = VENDORS
            .iter()
            .find(ends)
            .map_or_else(|| host.rsplit('.').next().map_or(0, str::len), |vendor| vendor.len());
        let own = host.get(..host.len().saturating_sub(kept)).unwrap_or_default();
        let mut other = Vec::with_capacity(host.len());
        for label in own.split_terminator('.') {
            let stand_in = self.label(label);
            if label.len() >= WORD_FROM {
                self.add(label, stand_in.clone());
            }
            other.extend_from_slice(&stand_in);
            other.push(b'.');
        }
        other.extend_from_slice(host.get(own.len()..).unwrap_or_default().as_bytes());
        self.add(&host, other);
    }

    /// `dev12345` stays a developer's instance, `www` stays what it is.
    fn label(&mut self, label: &str) -> Vec<u8> {
        if LABELS.contains(&label) {
            return label.as_bytes().to_vec();
        }
        let digits = label.strip_prefix("dev").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        let kept = digits.map_or(0, |_| "dev".len());
        let rest = label.get(kept..).unwrap_or_default();
        [label.get(..kept).unwrap_or_default().as_bytes(), &self.maker.of(rest.as_bytes())].concat()
    }

    fn add(&mut self, name: &str, stand_in: Vec<u8>) {
        let key = name.to_lowercase();
        if stand_in != name.as_bytes() && self.names.len() < NAMES && !self.names.contains_key(&key) {
            let lower = if name.is_ascii() { stand_in.to_ascii_lowercase() } else { stand_in };
            self.names.insert(if name.is_ascii() { key } else { name.to_owned() }, lower);
            self.search = None;
        }
    }

    /// The exchange with its names exchanged, and where some were.
    pub fn mask(&mut self, exchange: &Exchange) -> (Exchange, Vec<&'static str>) {
        let mut out = exchange.clone();
        let mut places = Vec::new();
        if self.names.is_empty() {
            return (out, places);
        }
        let search = self.search.take().or_else(|| Search::new(&self.names));
        if let Some(search) = &search {
            let mut work = Work { search, found: false };
            work.request(&mut out);
            places.extend(work.found.then_some("request"));
            work.found = false;
            work.answer(&mut out);
            places.extend(work.found.then_some("response"));
        }
        self.search = search;
        (out, places)
    }

    /// A text with its names exchanged.
    pub fn text(&mut self, text: &[u8]) -> Vec<u8> {
        let search = self.search.take().or_else(|| Search::new(&self.names));
        let other = search.as_ref().and_then(|search| search.exchanged(text));
        self.search = search;
        other.unwrap_or_else(|| text.to_vec())
    }
}

/// The name without blanks around it, unless it is none: sample text, a variable, a word for nothing.
fn own_name(name: &str) -> Option<&str> {
    let name = name.trim();
    let sample = template::placeholder(name).is_some();
    let nothing = name.is_empty() || template::literal_null(name) || template::redacted(name);
    (!sample && !nothing && name.bytes().any(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}

/// Where a user's name says that it is an administrator's or a service account's.
fn kinds(name: &str) -> Vec<Range<usize>> {
    let lower = name.to_ascii_lowercase();
    let mut start = 0;
    let mut found = Vec::new();
    for word in lower.split(|c: char| !c.is_ascii_alphanumeric()) {
        let service = diagnose::SERVICE.iter().filter(|known| word.starts_with(**known)).map(|known| known.len()).max();
        let kept = if word == "admin" { Some(word.len()) } else { service };
        found.extend(kept.map(|length| start..start + length));
        // All that separates words is one character, not always one byte.
        start += word.len();
        start += lower.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    found
}

/// Users that an exchange names.
fn users(reading: &Reading<'_>) -> Vec<String> {
    let form = [&reading.form, &Some(reading.query.clone())];
    let named =
        |form: &form::Form| ["username", "user_name", "login_hint"].map(|name| form.get(name).map(str::to_owned));
    let given = form.into_iter().flatten().flat_map(|form| named(form).into_iter().flatten());
    let answer: Option<serde_json::Value> = serde_json::from_slice(&reading.answer).ok();
    let told = ["user_name", "username", "userName", "preferred_username", "email"]
        .into_iter()
        .filter_map(|name| Some(answer.as_ref()?.get(name)?.as_str()?.to_owned()));
    reading.user().into_iter().chain(given).chain(told).collect()
}

fn clients(reading: &Reading<'_>) -> Vec<String> {
    let at_token = matches!(reading.endpoint, Endpoint::Token | Endpoint::ProviderToken | Endpoint::TokenMisspelt);
    let basic = reading.client.basic.iter().filter(|_| at_token).map(|(id, _)| id.clone());
    let query = reading.query.get("client_id").map(str::to_owned);
    reading.client.body_id.clone().into_iter().chain(basic).chain(query).collect()
}

/// Hosts of the request, of the addresses in its fields and of the redirect.
fn hosts(reading: &Reading<'_>) -> Vec<String> {
    let request = reading.request();
    let field = |fields: &Fields, name: &str| fields.text(name).map(Cow::into_owned);
    let mut texts: Vec<String> =
        ["referer", "origin"].into_iter().filter_map(|name| field(&request.fields, name)).collect();
    texts.extend(reading.response().and_then(|answer| field(&answer.fields, "location")));
    texts.extend(
        [&reading.query, reading.params()].into_iter().filter_map(|form| form.get("redirect_uri")).map(str::to_owned),
    );
    let of = |text: &String| {
        let rest = text.split_once("://")?.1;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        Some(host.split(':').next()?.to_owned())
    };
    let own = field(&request.fields, "host").and_then(|host| Some(host.split(':').next()?.trim().to_owned()));
    texts.iter().filter_map(of).chain(own).chain([request.host.clone()]).collect()
}

/// Whatever may be a JWT.
fn tokens(reading: &Reading<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let request = reading.request();
    let fields =
        reading.response().into_iter().flat_map(|answer| answer.fields.0.iter()).chain(request.fields.0.iter());
    let texts = fields.map(|field| &field.value[..]);
    let bodies = [&reading.sent[..], &reading.answer[..], request.target.as_bytes()];
    for text in texts.chain(bodies) {
        let text = String::from_utf8_lossy(text);
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
        found.extend(
            text.split(|c| !part(c))
                .filter_map(|word| word.find("eyJ").and_then(|at| word.get(at..)))
                .map(str::to_owned),
        );
    }
    found
}

/// One exchange under work.
struct Work<'a> {
    search: &'a Search,
    found: bool,
}

impl Work<'_> {
    fn bytes(&mut self, text: &mut Bytes) {
        if let Some(other) = self.search.exchanged(text) {
            *text = other.into();
            self.found = true;
        }
    }

    fn string(&mut self, text: &mut String) {
        if let Some(other) = self.search.exchanged(text.as_bytes()) {
            *text = String::from_utf8_lossy(&other).into_owned();
            self.found = true;
        }
    }

    fn fields(&mut self, fields: &mut Fields) {
        fields.0.iter_mut().for_each(|field| self.bytes(&mut field.value));
    }

    fn body(&mut self, body: &mut Body) {
        self.bytes(&mut body.bytes);
    }

    fn request(&mut self, exchange: &mut Exchange) {
        let request = &mut exchange.request;
        self.string(&mut request.host);
        self.string(&mut request.target);
        self.fields(&mut request.fields);
        request.head.iter_mut().for_each(|head| self.bytes(head));
        self.body(&mut request.body);
        exchange.client.connect_agent.iter_mut().for_each(|agent| self.string(agent));
        exchange.upstream.parent.iter_mut().for_each(|parent| self.string(parent));
    }

    fn answer(&mut self, exchange: &mut Exchange) {
        match &mut exchange.outcome {
            Outcome::Answered(answer) => {
                self.string(&mut answer.reason);
                self.fields(&mut answer.fields);
                self.body(&mut answer.body);
                answer.cut.iter_mut().for_each(|failure| self.failure(failure));
            }
            Outcome::Failed(failure) => self.failure(failure),
            Outcome::Abandoned(_) | Outcome::Refused(_) => {}
        }
    }

    fn failure(&mut self, failure: &mut Failure) {
        self.string(&mut failure.detail);
        match &mut failure.kind {
            FailureKind::Certificate(CertificateFault::WrongName(names)) => {
                names.iter_mut().for_each(|name| self.string(name));
            }
            FailureKind::Certificate(
                CertificateFault::UnknownIssuer(issuer) | CertificateFault::ChainIncomplete(issuer),
            ) => self.string(issuer),
            _ => {}
        }
    }
}
