//! Certificates that somebody refused: why401 the server's, or the client ours (knowledge B10).

use super::Facts;
use super::transport::failure;
use crate::model::{CertificateFault, FailureKind, Finding, Grade, Phase, Place, Way};
use crate::wire::inspection;

pub fn certificate(facts: &Facts<'_>) -> Option<Finding> {
    let FailureKind::Certificate(fault) = &failure(facts)?.kind else { return None };
    let failure = failure(facts)?;
    let host = match (failure.phase, facts.host()) {
        (Phase::ParentProxy, _) => "the parent proxy",
        (_, "") => "the server",
        (_, host) => host,
    };
    let more = if failure.detail.is_empty() { String::new() } else { format!(" ({})", failure.detail) };
    let because = match fault {
        CertificateFault::Expired => format!("The certificate of {host} has expired{more}."),
        CertificateFault::NotYetValid => {
            format!("The certificate of {host} is not valid yet{more}; a wrong clock looks the same.")
        }
        CertificateFault::WrongName(names) if names.is_empty() => format!("The certificate is not for {host}."),
        CertificateFault::WrongName(names) => {
            format!("The certificate is not for {host}; it is for {}.", names.join(", "))
        }
        CertificateFault::UnknownIssuer(issuer) if issuer.is_empty() => format!(
            "The certificate of {host} comes from an authority that is not trusted here, or its chain is incomplete."
        ),
        CertificateFault::UnknownIssuer(issuer) => match inspection::product(issuer) {
            Some(product) => format!(
                "The certificate of {host} was issued by {issuer}: {product} opens TLS on the way, and its authority is not trusted here. --upstream-ca takes its root certificate."
            ),
            None => format!(
                "The certificate of {host} was issued by {issuer}, which is not trusted here. A company's inspecting proxy looks like this."
            ),
        },
        CertificateFault::SelfSigned => {
            format!("The certificate of {host} is signed by itself; nobody here trusts it.")
        }
        CertificateFault::ChainIncomplete(issuer) => format!(
            "{host} sent its certificate alone, and its issuer {issuer} is not trusted here: the intermediate certificate is missing, or the issuer is a private authority."
        ),
        CertificateFault::Weak => format!("The certificate of {host} is too weak to be believed{more}."),
        CertificateFault::NotPinned => {
            format!("The certificate of {host} is not the one that --upstream-insecure names{more}.")
        }
        CertificateFault::Revoked => format!("The certificate of {host} was revoked."),
        CertificateFault::BadSignature => format!("The signature of the certificate of {host} does not verify{more}."),
        CertificateFault::NotAllowed => format!(
            "The certificate of {host} may not be used for this: not for servers, or outside its authority's limits{more}."
        ),
        CertificateFault::Other => format!("The certificate of {host} does not verify{more}."),
    };
    let grade = if seen_by_client(facts, fault) { Grade::Likely } else { Grade::Proven };
    Some(
        Finding::new("upstream-certificate-invalid", grade, because)
            .weighing(22)
            .at(Place::Connection, "the server's certificate"),
    )
}

/// A recording of the client's own, which names no issuer: the certificate may be that of any proxy on the way.
fn seen_by_client(facts: &Facts<'_>, fault: &CertificateFault) -> bool {
    let unnamed = match fault {
        CertificateFault::UnknownIssuer(issuer) | CertificateFault::ChainIncomplete(issuer) => issuer.is_empty(),
        CertificateFault::SelfSigned => true,
        _ => false,
    };
    unnamed && facts.reading.exchange.client.way == Way::Recorded
}

/// Certificates of ServiceNow's hosts are publicly trusted: what a client does not know is mostly a proxy's authority.
pub fn authority_unknown_to_client(facts: &Facts<'_>) -> Option<Finding> {
    let FailureKind::Certificate(fault) = &failure(facts)?.kind else { return None };
    let because = "The client does not know the authority that signed the certificate it was shown: why401's, that of \
                   another proxy that opens TLS, or the server's own. `curl -v` and `openssl s_client` name the issuer.";
    let finding = Finding::new("client-distrusts-ca", Grade::Likely, because)
        .weighing(24)
        .at(Place::Connection, "refused in the TLS handshake");
    seen_by_client(facts, fault).then_some(finding)
}

/// What the agent of a CONNECT holds, and the client's name for `why401 ca trust`.
const TRUST: [(&str, &str); 14] = [
    ("PostmanRuntime/", "postman"),
    ("curl/", "curl"),
    ("Wget/", "wget"),
    ("Java/", "java"),
    ("Apache-HttpClient/", "java"),
    ("okhttp/", "java"),
    ("Go-http-client/", "go"),
    ("Python/", "python"),
    ("python-", "python"),
    ("axios/", "node"),
    ("libwww-perl/", "perl"),
    ("git/", "git"),
    ("Firefox/", "firefox"),
    ("Chrome/", "chrome"),
];

pub fn client_distrusts(facts: &Facts<'_>) -> Option<Finding> {
    let failure = failure(facts)?;
    let agent = facts.reading.exchange.client.connect_agent.clone().unwrap_or_else(|| "The client".into());
    let (grade, how) = match failure.kind {
        FailureKind::ClientAlert(48) => (Grade::Proven, "with the alert unknown_ca"),
        FailureKind::ClientAlert(42) => (Grade::Proven, "with the alert bad_certificate"),
        FailureKind::ClientAlert(46) => (Grade::Proven, "with the alert certificate_unknown"),
        FailureKind::ClientAlert(_) => (Grade::Likely, "with a fatal alert"),
        FailureKind::ClientClosed => {
            (Grade::Likely, "by closing after it had seen it, as Node (Postman, newman) and Java do")
        }
        _ => return None,
    };
    let command = TRUST.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    let command = command.map(|name| format!(" It comes to trust it by: why401 ca trust {name}.")).unwrap_or_default();
    let host = facts.host();
    let because = format!("{agent} refused this proxy's certificate for {host} {how}; no request was sent.{command}");
    Some(
        Finding::new("client-distrusts-ca", grade, because)
            .weighing(30)
            .at(Place::Connection, "refused in the TLS handshake"),
    )
}
