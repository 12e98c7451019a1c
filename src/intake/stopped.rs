//! What stopped an exchange, in words: the form that transcripts use behind `*` and HARs in `_error`, both ways.
//!
//! ```text
//! failed PHASE KIND [detail]      failed upstream-tls certificate-expired
//! abandoned [PHASE]               abandoned await-answer
//! refused PROBLEM OFFSET          refused space-before-colon 57
//! ```

use crate::model::{CertificateFault, Failure, FailureKind, HeadFault, HeadProblem, Outcome, Phase};

/// The words for an outcome that is no answer; `None` for an answer. The detail of a failure is untrusted text.
pub fn words(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Answered(_) => None,
        Outcome::Failed(failure) => Some(failed(failure)),
        Outcome::Abandoned(phase) => Some(format!("abandoned {}", name_of(PHASES, phase))),
        Outcome::Refused(fault) => Some(format!("refused {} {}", name_of(PROBLEMS, &fault.problem), fault.offset)),
    }
}

/// The words for a failure: phase, kind and detail.
pub fn failed(failure: &Failure) -> String {
    let detail = match &failure.kind {
        FailureKind::Certificate(CertificateFault::WrongName(names)) => names.join(", "),
        FailureKind::Certificate(
            CertificateFault::UnknownIssuer(issuer) | CertificateFault::ChainIncomplete(issuer),
        ) => issuer.clone(),
        _ => failure.detail.clone(),
    };
    let words = format!("failed {} {}", name_of(PHASES, &failure.phase), kind_name(&failure.kind));
    if detail.is_empty() { words } else { format!("{words} {detail}") }
}

/// Reads the words back. The error says what was expected.
pub fn parse(words: &str) -> Result<Outcome, String> {
    let mut parts = words.trim().splitn(4, char::is_whitespace);
    let mut next = || parts.next().unwrap_or_default();
    match next() {
        "failed" => failure(next(), next(), next()).map(Outcome::Failed),
        "abandoned" => match next() {
            "" => Ok(Outcome::Abandoned(Phase::AwaitAnswer)),
            phase => find(PHASES, "phase", phase).map(Outcome::Abandoned),
        },
        "refused" => refusal(next(), next()).map(Outcome::Refused),
        other => Err(format!("expected `failed`, `abandoned` or `refused`, found `{other}`")),
    }
}

fn failure(phase: &str, kind: &str, detail: &str) -> Result<Failure, String> {
    let phase = find(PHASES, "phase", phase)?;
    let kind = kind_of(kind, detail.trim())?;
    let status = match (phase, &kind) {
        (Phase::ClientTls, _) => None,
        (_, FailureKind::TimedOut) => Some(504),
        (_, FailureKind::Forbidden) => Some(403),
        _ => Some(502),
    };
    let detail = if detail_is_in(&kind) { String::new() } else { detail.trim().to_owned() };
    Ok(Failure { phase, kind, detail, status })
}

fn refusal(problem: &str, offset: &str) -> Result<HeadFault, String> {
    let problem = find(PROBLEMS, "problem", problem)?;
    let offset = offset.parse().map_err(|_| format!("expected the offset of the fault in bytes, found `{offset}`"))?;
    let status = if matches!(problem, HeadProblem::TooLarge | HeadProblem::TooManyFields) { 431 } else { 400 };
    Ok(HeadFault { offset, problem, status })
}

/// Whether the kind itself holds what the words give as detail.
fn detail_is_in(kind: &FailureKind) -> bool {
    use CertificateFault::{ChainIncomplete, UnknownIssuer, WrongName};
    matches!(kind, FailureKind::Certificate(WrongName(_) | UnknownIssuer(_) | ChainIncomplete(_)))
}

fn kind_of(name: &str, detail: &str) -> Result<FailureKind, String> {
    let numbered = |prefix: &str| name.strip_prefix(prefix).and_then(|digits| digits.parse::<u16>().ok());
    let alert = |prefix: &str| numbered(prefix).and_then(|number| u8::try_from(number).ok());
    if let Some(number) = alert("client-alert-") {
        return Ok(FailureKind::ClientAlert(number));
    }
    if let Some(number) = alert("tls-alert-") {
        return Ok(FailureKind::TlsAlert(number));
    }
    if let Some(number) = alert("client-certificate-refused-") {
        return Ok(FailureKind::ClientCertificateRefused(number));
    }
    if let Some(status) = numbered("parent-proxy-refused-") {
        return Ok(FailureKind::ParentProxyRefused(status));
    }
    Ok(match name {
        "certificate-wrong-name" => {
            let names = detail.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            FailureKind::Certificate(CertificateFault::WrongName(names))
        }
        "certificate-unknown-issuer" => FailureKind::Certificate(CertificateFault::UnknownIssuer(detail.to_owned())),
        "certificate-chain-incomplete" => {
            FailureKind::Certificate(CertificateFault::ChainIncomplete(detail.to_owned()))
        }
        _ => find(KINDS, "kind", name)?,
    })
}

fn kind_name(kind: &FailureKind) -> String {
    match kind {
        FailureKind::ClientAlert(number) => format!("client-alert-{number}"),
        FailureKind::TlsAlert(number) => format!("tls-alert-{number}"),
        FailureKind::ClientCertificateRefused(number) => format!("client-certificate-refused-{number}"),
        FailureKind::ParentProxyRefused(status) => format!("parent-proxy-refused-{status}"),
        FailureKind::Certificate(CertificateFault::WrongName(_)) => String::from("certificate-wrong-name"),
        FailureKind::Certificate(CertificateFault::UnknownIssuer(_)) => String::from("certificate-unknown-issuer"),
        FailureKind::Certificate(CertificateFault::ChainIncomplete(_)) => String::from("certificate-chain-incomplete"),
        plain => name_of(KINDS, plain).to_owned(),
    }
}

type Names<T> = &'static [(&'static str, T)];

fn name_of<T: PartialEq>(names: Names<T>, value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("other", |(name, _)| name)
}

fn find<T: Clone>(names: Names<T>, what: &str, name: &str) -> Result<T, String> {
    let known = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = names.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    found.ok_or_else(|| format!("`{name}` is no {what}; expected one of {}", known()))
}

const PHASES: Names<Phase> = &[
    ("client-tls", Phase::ClientTls),
    ("resolve", Phase::Resolve),
    ("connect", Phase::Connect),
    ("parent-proxy", Phase::ParentProxy),
    ("upstream-tls", Phase::UpstreamTls),
    ("send-request", Phase::SendRequest),
    ("await-answer", Phase::AwaitAnswer),
    ("read-body", Phase::ReadBody),
];

const KINDS: Names<FailureKind> = &[
    ("name-not-found", FailureKind::NameNotFound),
    ("connection-refused", FailureKind::ConnectionRefused),
    ("unreachable", FailureKind::Unreachable),
    ("timed-out", FailureKind::TimedOut),
    ("reset", FailureKind::Reset),
    ("closed", FailureKind::Closed),
    ("certificate-expired", FailureKind::Certificate(CertificateFault::Expired)),
    ("certificate-not-yet-valid", FailureKind::Certificate(CertificateFault::NotYetValid)),
    ("certificate-self-signed", FailureKind::Certificate(CertificateFault::SelfSigned)),
    ("certificate-weak", FailureKind::Certificate(CertificateFault::Weak)),
    ("certificate-not-pinned", FailureKind::Certificate(CertificateFault::NotPinned)),
    ("certificate-revoked", FailureKind::Certificate(CertificateFault::Revoked)),
    ("certificate-bad-signature", FailureKind::Certificate(CertificateFault::BadSignature)),
    ("certificate-not-allowed", FailureKind::Certificate(CertificateFault::NotAllowed)),
    ("certificate-other", FailureKind::Certificate(CertificateFault::Other)),
    ("tls-version", FailureKind::TlsVersion),
    ("not-tls", FailureKind::NotTls),
    ("client-certificate-required", FailureKind::ClientCertificateRequired),
    ("client-closed", FailureKind::ClientClosed),
    ("client-tls-version", FailureKind::ClientTlsVersion),
    ("client-tls-broken", FailureKind::ClientTlsBroken),
    ("malformed", FailureKind::Malformed),
    ("forbidden", FailureKind::Forbidden),
    ("other", FailureKind::Other),
];

const PROBLEMS: Names<HeadProblem> = &[
    ("request-line", HeadProblem::RequestLine),
    ("space-in-target", HeadProblem::SpaceInTarget),
    ("no-colon", HeadProblem::NoColon),
    ("space-before-colon", HeadProblem::SpaceBeforeColon),
    ("field-name", HeadProblem::FieldName),
    ("folded", HeadProblem::Folded),
    ("bare-line-break", HeadProblem::BareLineBreak),
    ("control-byte", HeadProblem::ControlByte),
    ("too-large", HeadProblem::TooLarge),
    ("too-many-fields", HeadProblem::TooManyFields),
    ("framing", HeadProblem::Framing),
    ("host", HeadProblem::Host),
    ("other", HeadProblem::Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        let all = KINDS.iter().map(|(name, _)| *name).chain([
            "client-alert-48",
            "tls-alert-40",
            "parent-proxy-refused-407",
            "certificate-wrong-name a.example, b.example",
            "certificate-unknown-issuer CN=Example Inspection CA",
            "certificate-chain-incomplete CN=Example Intermediate CA",
            "client-certificate-refused-48",
        ]);
        for words_in in all.map(|kind| format!("failed upstream-tls {kind}")) {
            assert_eq!(words(&parse(&words_in).ok().unwrap()).unwrap(), words_in);
        }
        for words_in in ["abandoned read-body", "refused no-colon 12"] {
            assert_eq!(words(&parse(words_in).ok().unwrap()).unwrap(), words_in);
        }
    }

    #[test]
    fn errors_name_what_was_expected() {
        let error = |words: &str| parse(words).err().unwrap();
        assert!(error("failed upstream-tls certificate-exipred").contains("certificate-expired"));
        assert!(error("failed tls other").contains("upstream-tls"));
        assert!(error("refused no-colon here").contains("offset"));
        assert!(error("").contains("`failed`"));
    }

    #[test]
    fn a_failure_has_the_status_that_a_client_would_see() {
        let status = |words: &str| match parse(words) {
            Ok(Outcome::Failed(failure)) => failure.status,
            _ => panic!("no failure"),
        };
        assert_eq!(status("failed client-tls client-alert-48"), None);
        assert_eq!(status("failed await-answer timed-out"), Some(504));
        assert_eq!(status("failed connect connection-refused"), Some(502));
    }
}
