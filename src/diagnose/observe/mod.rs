//! Observations by contrast: what memory and headers add to an answer that names nothing (knowledge: ambiguities §2).

mod credential;
pub mod hindsight;
mod host;
mod token_request;
mod user;

pub use user::SERVICE;

use super::facts::Facts;
use crate::ledger::records::Seen;
use crate::model::Place;

/// What was observed. Each moves suspects up or down (`suspects`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The challenge names Bearer (with or without Basic): an access policy governs the API.
    BearerAdvertised,
    /// "User is not authenticated": the wording of releases since 2025.
    NewWording,
    /// "User Not Authenticated" from the older front end.
    OldFront,
    /// The same credential passes on another path of this host.
    PassesElsewhere,
    /// The same credential passed on this path before.
    PassedHere,
    /// The same credential passes here moments later, unchanged.
    PassesSoon,
    /// The same credential passes here later, after the time that a lockout takes to end.
    PassesAfterLockout,
    /// Another secret of the same client gets a token with this grant.
    OtherSecretPasses,
    /// Another credential of the same kind passes on this path.
    KindPassesHere,
    /// A credential of another kind passes on this path.
    OtherKindPassesHere,
    /// The user's password passed a login page.
    LoginPassed,
    /// The user's password passed the password grant.
    GrantPassed,
    /// The user's password passed as Basic.
    BasicPassed,
    /// A token of the same user passes.
    BearerPasses,
    /// Every credential of every kind that passed on this host is refused since one moment.
    AllRefused,
    /// Another user of this host passes with Basic.
    OtherUserPasses,
    /// The token was issued here and is inside its life.
    TokenFresh,
    /// The token was issued here, passed on this very path, and is inside its life.
    StoppedInLife,
    /// The issue of the token was not seen.
    TokenUnseen,
    /// The token was in use for longer than a token lives by default.
    TokenOld,
    /// All tokens of this client, and only those, are refused.
    BearerNeverPassed,
    /// The token is a JWT of a third party.
    ForeignJwt,
    /// The user is named admin.
    AdminUser,
    /// A personal name, as single sign-on users have it.
    PersonName,
    /// The name of a service account.
    ServiceName,
    /// Another grant of the same client works with the same secret.
    OtherGrantPasses,
    /// This client has got a token here before, with this grant.
    ClientPassed,
    /// This client has never got a token here.
    ClientNew,
    /// The same client works for another user.
    ClientPassesForOther,
    /// A scope is asked for.
    ScopeAsked,
    /// The code was young, unused and sent with the right parameters.
    CodeGood,
    /// The redirect that carried the code was not seen.
    CodeUnseen,
    /// A request of a MID Server.
    Mid,
    /// The hibernation or offline page came from this host before.
    SleptBefore,
    /// Several refusals of this user in a row.
    RefusedBefore,
    /// The token was issued moments ago: its client and user were in order then.
    TokenBrandNew,
    /// Another client of this host gets tokens with this grant.
    GrantPassesForOther,
    /// Tokens of several clients are refused, and Basic passes: only bearer tokens stopped.
    OnlyBearerStopped,
    /// The verifier hashes to the challenge of the authorization request.
    VerifierFits,
    /// The audience is the client id.
    AudienceFits,
    /// The audience is the token endpoint, as one page of the documentation has it and another has not.
    AudienceIsEndpoint,
    /// The signing key was accepted before.
    KeyAccepted,
    /// The subject was accepted before.
    SubjectAccepted,
    /// Another refresh of the same client ran close by.
    ParallelRefresh,
    /// A table whose records guard access.
    GuardTable,
    /// The credential is legal and oddly spelt: two blanks, a scheme in lower case.
    OddlySpelt,
}

/// An observation, in words, and where it can be checked.
pub struct Observation {
    pub sign: Sign,
    pub says: String,
    pub place: Option<Place>,
}

/// Contrast counts only between exchanges that are near each other, in seconds.
const NEAR: i64 = 3 * 3600;

fn seen_near(facts: &Facts<'_>, seen: Seen) -> bool {
    (0..=NEAR).contains(&facts.at().seconds_since(seen.at))
}

/// All observations on this exchange.
pub fn observe(facts: &Facts<'_>) -> Vec<Observation> {
    let mut all = Vec::new();
    let mut note = |sign, says: String, place: Option<Place>| all.push(Observation { sign, says, place });
    answer(facts, &mut note);
    credential::memory(facts, &mut note);
    credential::path(facts, &mut note);
    user::user(facts, &mut note);
    credential::token(facts, &mut note);
    token_request::client(facts, &mut note);
    host::host(facts, &mut note);
    all
}

type Note<'n> = dyn FnMut(Sign, String, Option<Place>) + 'n;

fn answer(facts: &Facts<'_>, note: &mut Note<'_>) {
    let schemes = facts.advertised();
    if schemes.iter().any(|scheme| scheme == "bearer") && facts.by_instance() {
        let says = "the 401 advertises BEARER: an access policy with an OAuth profile governs this API".to_owned();
        note(Sign::BearerAdvertised, says, Some(Place::response_field("www-authenticate")));
    }
    let message =
        facts.reading.envelope.as_ref().map(|envelope| envelope.message.to_ascii_lowercase()).unwrap_or_default();
    if message.contains("user is not authenticated") {
        note(
            Sign::NewWording,
            "the wording of releases since 2025, which can restrict Basic".into(),
            Some(Place::ResponseBody),
        );
    }
    if facts.reading.fingerprint.server.as_deref() == Some("ServiceNow") {
        note(Sign::OldFront, "the older front end answers".into(), Some(Place::response_field("server")));
    }
    if facts.reading.is_mid() {
        note(Sign::Mid, "a call that MID Servers make".into(), Some(Place::RequestTarget));
    }
}
