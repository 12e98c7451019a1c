//! The memory of what went by: a bounded fold over exchanges, keyed by tags and never by values.

mod bounded;
mod fold;
mod fold_oauth;
pub mod records;

use crate::model::{Exchange, Millis, Salt, Tag};
use crate::wire::reading::Reading;
use bounded::Bounded;
use records::{
    ClientRecord, CodeRecord, CredentialRecord, HostRecord, PartyRecord, PathRecord, Seen, SessionRecord, TokenRecord,
    UserRecord,
};

/// How much the ledger remembers; the oldest goes first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records of one kind (tokens, codes, credentials, clients …).
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { records: 20_000 }
    }
}

/// The memory of one session.
pub struct Ledger {
    salt: Salt,
    tokens: Bounded<Tag, TokenRecord>,
    codes: Bounded<Tag, CodeRecord>,
    /// Tags of the first and of the last characters of tokens and codes, to the tag of the whole.
    parts: Bounded<Tag, Tag>,
    clients: Bounded<(String, String), ClientRecord>,
    /// Hosts on which a client id succeeded.
    client_hosts: Bounded<String, Vec<(String, Seen)>>,
    credentials: Bounded<(String, Tag), CredentialRecord>,
    /// Any value that was sent as a credential or given as one, to the host where it worked last.
    keys: Bounded<Tag, (String, Seen)>,
    users: Bounded<(String, String), UserRecord>,
    hosts: Bounded<String, HostRecord>,
    paths: Bounded<(String, String), PathRecord>,
    parties: Bounded<String, PartyRecord>,
    sessions: Bounded<(String, Tag), SessionRecord>,
    /// JWT ids and whole assertions that were exchanged, and whether with success.
    assertions: Bounded<Tag, (Seen, bool)>,
}

/// Tokens and codes are recognised again by this many characters of their start or end.
const PART: usize = 12;

impl Ledger {
    pub fn new(salt: Salt, limits: Limits) -> Ledger {
        let n = limits.records;
        Ledger {
            salt,
            tokens: Bounded::new(n),
            codes: Bounded::new(n),
            parts: Bounded::new(n.saturating_mul(2)),
            clients: Bounded::new(n),
            client_hosts: Bounded::new(n),
            credentials: Bounded::new(n),
            keys: Bounded::new(n),
            users: Bounded::new(n),
            hosts: Bounded::new(n),
            paths: Bounded::new(n),
            parties: Bounded::new(n),
            sessions: Bounded::new(n),
            assertions: Bounded::new(n),
        }
    }

    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Reads an exchange, knowing which hosts are instances.
    pub fn read<'a>(&self, exchange: &'a Exchange) -> Reading<'a> {
        let known = self.hosts.get(exchange.request.host.as_str()).is_some_and(|host| host.instance);
        Reading::of(exchange, known)
    }

    /// Remembers one exchange.
    pub fn record(&mut self, exchange: &Exchange) {
        let reading = self.read(exchange);
        self.record_reading(&reading);
    }

    /// Remembers one exchange that was read already.
    pub fn record_reading(&mut self, reading: &Reading<'_>) {
        fold::fold(self, reading);
        fold_oauth::fold(self, reading);
    }

    pub fn tag(&self, value: &[u8]) -> Tag {
        self.salt.tag(value)
    }

    pub fn token(&self, value: &str) -> Option<&TokenRecord> {
        self.tokens.get(&self.tag(value.as_bytes()))
    }

    pub fn code(&self, value: &str) -> Option<&CodeRecord> {
        self.codes.get(&self.tag(value.as_bytes()))
    }

    /// A token or code that begins or ends as `value` does and is not `value`.
    pub fn relative_of(&self, value: &str) -> Option<Tag> {
        let own = self.tag(value.as_bytes());
        self.ends_of(value).into_iter().filter_map(|part| self.parts.get(&part)).find(|whole| **whole != own).copied()
    }

    pub fn token_by_tag(&self, tag: Tag) -> Option<&TokenRecord> {
        self.tokens.get(&tag)
    }

    pub fn code_by_tag(&self, tag: Tag) -> Option<&CodeRecord> {
        self.codes.get(&tag)
    }

    /// Tags of the first and the last characters; empty for short values. JWTs begin alike: theirs are header and claims.
    fn ends_of(&self, value: &str) -> Vec<Tag> {
        if value.starts_with("eyJ") {
            let signed = value.rsplit_once('.').map(|(signed, _)| signed).filter(|signed| signed.contains('.'));
            return signed.map(|signed| self.tag(format!("signed {signed}").as_bytes())).into_iter().collect();
        }
        let count = value.chars().count();
        if count < PART * 2 {
            return Vec::new();
        }
        let head: String = value.chars().take(PART).collect();
        let tail: String = value.chars().skip(count - PART).collect();
        vec![self.tag(format!("head {head}").as_bytes()), self.tag(format!("tail {tail}").as_bytes())]
    }

    /// The start of a value, long enough to be known again, as the tag of what it is a start of.
    pub fn begins_like(&self, value: &str) -> Option<Tag> {
        let head: String = value.chars().take(PART).collect();
        (head.chars().count() == PART && !value.starts_with("eyJ"))
            .then(|| self.tag(format!("head {head}").as_bytes()))
            .and_then(|tag| self.parts.get(&tag).copied())
    }

    pub fn client(&self, host: &str, client_id: &str) -> Option<&ClientRecord> {
        self.clients.get(&(host.to_owned(), client_id.to_owned()))
    }

    /// Hosts on which this client id got a token.
    pub fn hosts_of_client(&self, client_id: &str) -> &[(String, Seen)] {
        self.client_hosts.get(client_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Client ids that got a token on this host, and when.
    pub fn clients_of_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = (&'a str, &'a ClientRecord)> {
        self.clients.iter().filter(move |((known, _), _)| known == host).map(|((_, id), record)| (id.as_str(), record))
    }

    pub fn credential(&self, host: &str, value: &[u8]) -> Option<&CredentialRecord> {
        self.credentials.get(&(host.to_owned(), self.tag(value)))
    }

    pub fn credential_by_tag(&self, host: &str, tag: Tag) -> Option<&CredentialRecord> {
        self.credentials.get(&(host.to_owned(), tag))
    }

    /// Where a credential's value worked last, on any host.
    pub fn worked_at(&self, value: &[u8]) -> Option<&(String, Seen)> {
        self.keys.get(&self.tag(value))
    }

    pub fn user(&self, host: &str, user: &str) -> Option<&UserRecord> {
        self.users.get(&(host.to_owned(), user.to_ascii_lowercase()))
    }

    pub fn host(&self, host: &str) -> Option<&HostRecord> {
        self.hosts.get(host)
    }

    pub fn path(&self, host: &str, class: &str) -> Option<&PathRecord> {
        self.paths.get(&(host.to_owned(), class.to_owned()))
    }

    pub fn party(&self, party: &str) -> Option<&PartyRecord> {
        self.parties.get(party)
    }

    pub fn session(&self, host: &str, cookie: &[u8]) -> Option<&SessionRecord> {
        self.sessions.get(&(host.to_owned(), self.tag(cookie)))
    }

    /// The session of that cookie on any other host.
    pub fn session_elsewhere(&self, host: &str, cookie: &[u8]) -> Option<&SessionRecord> {
        let tag = self.tag(cookie);
        self.sessions.iter().find(|((known, other), _)| *other == tag && known != host).map(|(_, record)| record)
    }

    pub fn assertion(&self, value: &[u8]) -> Option<(Seen, bool)> {
        self.assertions.get(&self.tag(value)).copied()
    }

    /// Whether an assertion was accepted more than once: its host does not mind.
    pub fn accepted_again(&self, value: &[u8]) -> bool {
        self.assertions.get(&self.tag_again(self.tag(value))).is_some()
    }

    /// The tag under which a second acceptance of `key` is kept.
    fn tag_again(&self, key: Tag) -> Tag {
        self.tag(format!("again {key}").as_bytes())
    }

    /// The instance's clock at our time `at`, as far as its `Date` fields told.
    pub fn instance_clock(&self, host: &str, at: Millis) -> Millis {
        let offset = self.host(host).and_then(|host| host.clock_offset).unwrap_or(0);
        Millis(at.0.saturating_add(offset))
    }

    /// What is left of a password when shells and encoders have eaten their characters: letters and digits alone, and
    /// the same without `$word`. Two spellings of one password share one of them.
    pub fn password_cores(&self, password: &[u8]) -> [Tag; 2] {
        let decoded: Vec<u8> = percent_encoding::percent_decode(password).collect();
        let core = |bytes: &[u8]| {
            let kept: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            self.tag(&[b"core ", &kept[..]].concat())
        };
        [core(&decoded), core(&without_variables(&decoded))]
    }

    /// The start of a password up to the first character that ends a word or a value for a shell or a form.
    pub fn password_cut(&self, password: &[u8]) -> Option<Tag> {
        let at = password.iter().position(|byte| b" &|;<>#\"'`^!$%()".contains(byte))?;
        password.get(..at).filter(|start| start.len() >= 2).map(|start| self.tag(&[b"cut ", start].concat()))
    }

    /// The tag under which `password_cut` would keep this password, if another one was cut to it.
    pub fn as_cut(&self, password: &[u8]) -> Tag {
        self.tag(&[b"cut ", password].concat())
    }

    /// Whether this part of a JWT (`kid`, `sub`, `iss`) was accepted on a host.
    pub fn accepted(&self, host: &str, part: &str, value: &str) -> bool {
        self.assertion(format!("{part} {host} {value}").as_bytes()).is_some_and(|(_, ok)| ok)
    }
}

/// The text as a shell leaves it between double quotes: `$word` is gone.
pub fn without_variables(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let names = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        if byte == b'$' && bytes.peek().is_some_and(names) {
            while bytes.next_if(|byte| names(byte) || byte.is_ascii_digit()).is_some() {}
        } else {
            kept.push(byte);
        }
    }
    kept
}
