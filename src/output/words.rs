//! What happened, in a few words: how an exchange ended, who answered, how long it took.

use std::time::Duration;

use super::redact::{brief, clean};
use super::switched;
use crate::model::{
    Answerer, CertificateFault, Exchange, Failure, FailureKind, HeadFault, HeadProblem, Outcome, Phase, Unverified,
};

/// The library's own words are cut after this many characters.
const DETAIL_LIMIT: usize = 160;

/// `401 Unauthorized from the instance in 143 ms`, or what stopped the exchange.
pub fn outcome(exchange: &Exchange, answerer: Answerer) -> String {
    let words = ended(exchange, answerer);
    match exchange.upstream.unverified {
        None => words,
        Some(Unverified::Anything) => {
            format!("{words}; UNVERIFIED: anybody may have answered (--upstream-insecure)")
        }
        Some(Unverified::Pinned) => {
            format!("{words}; UNVERIFIED: only the certificate's fingerprint was compared (--upstream-insecure)")
        }
    }
}

fn ended(exchange: &Exchange, answerer: Answerer) -> String {
    let took = exchange.timing.end.or(exchange.timing.first_byte).map(duration);
    let took = |word: &str| took.as_ref().map(|length| format!(" {word} {length}")).unwrap_or_default();
    match &exchange.outcome {
        Outcome::Answered(answer) => {
            let status = format!("{} {}", answer.status, clean(&answer.reason));
            let cut =
                answer.cut.as_ref().map(|fault| format!(", cut short: {}", kind(&fault.kind))).unwrap_or_default();
            let called =
                exchange.client.called.as_ref().map(|called| format!(", called as {called}")).unwrap_or_default();
            let switched = switched::words(exchange).map(|words| format!("; {words}")).unwrap_or_default();
            format!("{} from {}{}{cut}{called}{switched}", status.trim_end(), by(answerer), took("in"))
        }
        Outcome::Failed(failure) => format!("no answer{}: {}", took("after"), failed(failure)),
        Outcome::Abandoned(phase) => format!("the client went away{} {}", took("after"), during(*phase)),
        Outcome::Refused(fault) => refused(fault),
    }
}

fn by(answerer: Answerer) -> &'static str {
    match answerer {
        Answerer::Instance => "the instance",
        Answerer::Provider => "the provider",
        Answerer::Intermediary => "an intermediary",
        Answerer::Why401 => "why401",
    }
}

/// `under 1 ms`, `143 ms`, `2.4 s`, `71 s`, `12 min`.
pub fn duration(length: Duration) -> String {
    match length.as_millis() {
        0 => "under 1 ms".into(),
        ms @ 1..=999 => format!("{ms} ms"),
        ms @ 1000..=9_999 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => crate::wire::date::span(i64::try_from(ms / 1000).unwrap_or(i64::MAX)),
    }
}

fn failed(failure: &Failure) -> String {
    let mut words = kind(&failure.kind);
    // The other kinds say by themselves where they happen.
    if matches!(failure.kind, FailureKind::TimedOut | FailureKind::Reset | FailureKind::Closed | FailureKind::Other) {
        words = format!("{words} {}", during(failure.phase));
    }
    if let Some(status) = failure.status {
        words.push_str(&format!("; the client got {status} from why401"));
    }
    if !failure.detail.is_empty() {
        words.push_str(&format!(" ({})", brief(&failure.detail, DETAIL_LIMIT)));
    }
    words
}

fn during(phase: Phase) -> &'static str {
    match phase {
        Phase::ClientTls => "in the client's TLS handshake with why401",
        Phase::Resolve => "while the name was looked up",
        Phase::Connect => "while connecting",
        Phase::ParentProxy => "at the parent proxy",
        Phase::UpstreamTls => "in the TLS handshake with the upstream",
        Phase::SendRequest => "while the request was sent",
        Phase::AwaitAnswer => "while waiting for the answer",
        Phase::ReadBody => "while the answer was read",
    }
}

fn kind(kind: &FailureKind) -> String {
    match kind {
        FailureKind::NameNotFound => "the name does not exist".into(),
        FailureKind::ConnectionRefused => "connection refused".into(),
        FailureKind::Unreachable => "no route to the upstream".into(),
        FailureKind::TimedOut => "timed out".into(),
        FailureKind::Reset => "connection reset".into(),
        FailureKind::Closed => "connection closed".into(),
        FailureKind::Certificate(fault) => certificate(fault),
        FailureKind::TlsVersion => "no TLS version in common with the upstream".into(),
        FailureKind::TlsAlert(number) => format!("TLS alert {number} of the upstream"),
        FailureKind::NotTls => "the upstream speaks no TLS".into(),
        FailureKind::ClientCertificateRequired => "the upstream requires a client certificate".into(),
        FailureKind::ClientCertificateRefused(number) => {
            format!("the upstream refused the client certificate of why401 with TLS alert {number}")
        }
        FailureKind::ClientAlert(number) => format!("TLS alert {number} of the client"),
        FailureKind::ClientClosed => "the client closed its TLS handshake with why401".into(),
        FailureKind::ClientTlsVersion => "no TLS version in common with the client".into(),
        FailureKind::ClientTlsBroken => "the client sent no whole TLS handshake".into(),
        FailureKind::ParentProxyRefused(reply @ ..100) => format!("the SOCKS5 proxy refused with reply {reply}"),
        FailureKind::ParentProxyRefused(status) => format!("the parent proxy refused with {status}"),
        FailureKind::Malformed => "the answer is not HTTP".into(),
        FailureKind::Forbidden => "not allowed by why401's rules".into(),
        FailureKind::Other => "failed".into(),
    }
}

fn certificate(fault: &CertificateFault) -> String {
    match fault {
        CertificateFault::Expired => "the upstream's certificate has expired".into(),
        CertificateFault::NotYetValid => "the upstream's certificate is not valid yet".into(),
        CertificateFault::WrongName(names) => {
            let names: Vec<String> = names.iter().take(3).map(|name| brief(name, 80)).collect();
            format!(
                "the upstream's certificate is for {}",
                if names.is_empty() { "another name".into() } else { names.join(", ") }
            )
        }
        CertificateFault::SelfSigned => "the upstream's certificate is signed by itself".into(),
        CertificateFault::ChainIncomplete(issuer) => {
            format!("the upstream's certificate came without that of its issuer {}", brief(issuer, 80))
        }
        CertificateFault::Weak => "the upstream's certificate is too weak".into(),
        CertificateFault::NotPinned => "the upstream's certificate is not the one that was named for it".into(),
        CertificateFault::UnknownIssuer(issuer) if issuer.is_empty() => {
            "the upstream's certificate has an unknown issuer".into()
        }
        CertificateFault::UnknownIssuer(issuer) => {
            format!("the upstream's certificate was issued by {}, which is not trusted", brief(issuer, 80))
        }
        CertificateFault::Revoked => "the upstream's certificate is revoked".into(),
        CertificateFault::BadSignature => "the upstream's certificate has a bad signature".into(),
        CertificateFault::NotAllowed => "the upstream's certificate is not meant for this".into(),
        CertificateFault::Other => "the upstream's certificate does not verify".into(),
    }
}

fn refused(fault: &HeadFault) -> String {
    let what = match fault.problem {
        HeadProblem::RequestLine => "the request line is not HTTP",
        HeadProblem::SpaceInTarget => "white space in the request target",
        HeadProblem::NoColon => "a field line without a colon",
        HeadProblem::SpaceBeforeColon => "white space before a colon",
        HeadProblem::FieldName => "a byte that no field name may hold",
        HeadProblem::Folded => "a line break inside a value",
        HeadProblem::BareLineBreak => "half a line break",
        HeadProblem::ControlByte => "a control byte in a value",
        HeadProblem::TooLarge => "the head is too large",
        HeadProblem::TooManyFields => "too many fields",
        HeadProblem::Framing => "contradicting lengths",
        HeadProblem::Host => "Host is missing, repeated or foreign",
        HeadProblem::Other => "the head is not HTTP",
    };
    format!("{} from why401, not forwarded: {what}, byte {}", fault.status, fault.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_use_the_unit_that_reads_best() {
        let words = [5u64, 143, 1_000, 2_490, 71_000, 720_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(words, ["5 ms", "143 ms", "1.0 s", "2.4 s", "71 s", "12 min"]);
    }

    #[test]
    fn failures_say_what_where_and_what_the_client_got() {
        let failure = |phase, kind, status| Failure { phase, kind, detail: String::new(), status };
        assert_eq!(
            failed(&failure(Phase::Connect, FailureKind::ConnectionRefused, Some(502))),
            "connection refused; the client got 502 from why401"
        );
        let names = CertificateFault::WrongName(vec!["*.other.example".into()]);
        assert_eq!(
            failed(&failure(Phase::UpstreamTls, FailureKind::Certificate(names), None)),
            "the upstream's certificate is for *.other.example"
        );
        assert_eq!(
            failed(&failure(Phase::AwaitAnswer, FailureKind::TimedOut, None)),
            "timed out while waiting for the answer"
        );
    }
}
