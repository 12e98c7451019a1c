//! The pages of docs/causes, embedded: the manual, the text of `why401 explain` and the words of the log in one place.

mod link;
mod nearest;
mod parse;

use std::sync::OnceLock;

use crate::model::Grade;

pub use link::Values;
pub use nearest::nearest;
pub use parse::parse;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/pages.rs"));
}

/// The groups of causes, in the order in which a request meets them.
pub const GROUPS: [(&str, &str); 13] = [
    ("credential", "what is wrong with the credential itself"),
    ("transport", "the way there: addresses, redirects, proxies, TLS"),
    ("token", "access tokens that the instance does not take"),
    ("session", "cookies, X-UserToken and their sessions"),
    ("token-request", "why /oauth_token.do gives no token"),
    ("authorize", "the browser's part of the authorization code grant"),
    ("account", "the user behind the credential"),
    ("access", "the user is known and may not"),
    ("policy", "policies, restrictions and limits of the instance"),
    ("identity", "third-party tokens, certificates and signatures"),
    ("instance", "the instance itself sleeps, is down or was replaced"),
    ("outbound", "ServiceNow calls a third party"),
    ("mid", "the MID Server"),
];

/// The page of one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The cause's name in the closed list.
    pub slug: String,
    pub group: String,
    /// What is wrong, as a statement: the headline in the log.
    pub title: String,
    /// The best grade that this cause can reach.
    pub best: Grade,
    pub severity: Severity,
    pub actor: Actor,
    /// Ids of the facts behind it.
    pub facts: String,
    pub where_: Vec<Where>,
    pub sources: Vec<Source>,
    /// Markdown of `What happened`.
    pub what: String,
    /// Markdown of `Why`.
    pub why: String,
    /// Steps, each one line of Markdown.
    pub fix: Vec<String>,
    pub not_when: Vec<String>,
    pub tell_apart: Vec<Contrast>,
    pub examples: Vec<Example>,
    /// The page without its head.
    pub markdown: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Caller,
    InstanceAdmin,
    Network,
    ProviderAdmin,
}

impl Actor {
    pub fn as_str(self) -> &'static str {
        match self {
            Actor::Caller => "caller",
            Actor::InstanceAdmin => "instance-admin",
            Actor::Network => "network",
            Actor::ProviderAdmin => "provider-admin",
        }
    }

    /// As a sentence names them.
    pub fn words(self) -> &'static str {
        match self {
            Actor::Caller => "whoever runs the calling client",
            Actor::InstanceAdmin => "an administrator of the instance",
            Actor::Network => "whoever runs the network between the two",
            Actor::ProviderAdmin => "an administrator of the third party",
        }
    }
}

/// A place in ServiceNow (or in the client) to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Where {
    pub what: String,
    pub table: Option<String>,
    pub property: Option<String>,
    pub menu: Option<String>,
    /// Template of a path on the instance; see `Where::link`.
    pub link: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub title: String,
    pub url: Option<String>,
    /// The day on which it was last checked, `YYYY-MM-DD`.
    pub checked: String,
}

/// What separates this cause from others that look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contrast {
    pub causes: Vec<String>,
    pub says: String,
}

/// A transcript with its expectations, as text; `intake::transcript` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub name: String,
    pub transcript: String,
    /// Line of the page on which the transcript starts, from 1.
    pub line: usize,
}

/// What is wrong with a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub page: String,
    /// Line of the page, from 1.
    pub line: usize,
    pub says: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.md:{}: {}", self.page, self.line, self.says)
    }
}

struct Catalog {
    pages: Vec<Page>,
    faults: Vec<Fault>,
}

/// Parsed at the first use: a run without findings never pays for it.
fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let mut catalog = Catalog { pages: Vec::new(), faults: Vec::new() };
        for (slug, text) in embedded::TEXTS {
            match parse(slug, text) {
                Ok(page) => catalog.pages.push(page),
                Err(faults) => catalog.faults.extend(faults),
            }
        }
        catalog
    })
}

/// All pages, sorted by name.
pub fn pages() -> &'static [Page] {
    &catalog().pages
}

/// The page of a cause.
pub fn page(slug: &str) -> Option<&'static Page> {
    let pages = pages();
    let at = pages.binary_search_by(|page| page.slug.as_str().cmp(slug)).ok()?;
    pages.get(at)
}

/// What is wrong with the embedded pages: nothing, as the tests see to it.
pub fn faults() -> &'static [Fault] {
    &catalog().faults
}

impl Page {
    /// What separates this cause from `other`, by this page or by the other's.
    pub fn contrast(&self, other: &str) -> Option<&str> {
        self.tell_apart
            .iter()
            .find(|contrast| contrast.causes.iter().any(|cause| cause == other))
            .map(|c| c.says.as_str())
    }
}
