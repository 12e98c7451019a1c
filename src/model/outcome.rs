//! How an exchange ended when no answer came, and what was wrong with a head that HTTP cannot parse.

use super::exchange::Response;

/// How an exchange ended.
#[derive(Clone)]
pub enum Outcome {
    /// An answer came, whole or cut.
    Answered(Response),
    /// No answer came from upstream; the client got an answer of ours, or a closed connection.
    Failed(Failure),
    /// The client went away before the answer was complete.
    Abandoned(Phase),
    /// The request's head is not HTTP; it was answered 400 and not forwarded.
    Refused(HeadFault),
}

/// What stopped an exchange, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub phase: Phase,
    pub kind: FailureKind,
    /// The library's own words; untrusted text, for people only: nothing is decided on it.
    pub detail: String,
    /// The status that the client was given, where it was given one.
    pub status: Option<u16>,
}

/// Where on its way an exchange stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The client's TLS handshake with us.
    ClientTls,
    Resolve,
    Connect,
    /// The CONNECT to a parent proxy.
    ParentProxy,
    /// Our TLS handshake with the upstream.
    UpstreamTls,
    SendRequest,
    /// Waiting for the head of the answer.
    AwaitAnswer,
    /// Reading the answer's body.
    ReadBody,
}

/// What went wrong. Decided from types of the libraries, never from their messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    NameNotFound,
    ConnectionRefused,
    Unreachable,
    TimedOut,
    Reset,
    /// The peer closed before the answer, or before its TLS handshake was done.
    Closed,
    /// The upstream's certificate does not verify.
    Certificate(CertificateFault),
    /// No TLS version (or cipher) in common with the upstream.
    TlsVersion,
    /// A fatal alert of the upstream, by number (RFC 8446 §6).
    TlsAlert(u8),
    /// What answered on the TLS port does not speak TLS, or broke its rules.
    NotTls,
    /// The upstream wants a client certificate and we had none for it.
    ClientCertificateRequired,
    /// The upstream refused the client certificate that we gave it, by a fatal alert.
    ClientCertificateRefused(u8),
    /// The client refused our certificate by a fatal alert, by number (42, 46, 48 …).
    ClientAlert(u8),
    /// The client ended the handshake without an alert after it had seen our certificate, or sent nothing after it.
    ClientClosed,
    /// The client offers no TLS version or cipher that we have.
    ClientTlsVersion,
    /// The client's handshake is not TLS or did not end in time.
    ClientTlsBroken,
    /// The parent proxy refused the CONNECT with this status; below 100 it is a reply of SOCKS5 (RFC 1928 §6).
    ParentProxyRefused(u16),
    /// The upstream's answer is not HTTP.
    Malformed,
    /// The proxy's own rules refused it (a loop, its own listener, a port or address that is shut).
    Forbidden,
    Other,
}

/// Why a certificate does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    Expired,
    NotYetValid,
    /// The names that it has instead.
    WrongName(Vec<String>),
    /// The issuer's name, as far as it could be read.
    UnknownIssuer(String),
    /// Signed by itself, and trusted by nobody here.
    SelfSigned,
    /// Sent alone by a server whose issuer is unknown here: an intermediate is missing, or the issuer is a private one.
    ChainIncomplete(String),
    Revoked,
    BadSignature,
    /// A key too short, or a signature of a kind that can be forged.
    Weak,
    /// Another certificate than the one that was named for this host.
    NotPinned,
    /// Not meant for servers, not by a certificate authority, or outside of its authority's name constraints.
    NotAllowed,
    Other,
}

/// A fault of a request head, at a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadFault {
    /// Offset in `Request::head`, in bytes from 0.
    pub offset: usize,
    pub problem: HeadProblem,
    /// The status that the client was given.
    pub status: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadProblem {
    RequestLine,
    /// White space in the request target.
    SpaceInTarget,
    /// A field line without a colon.
    NoColon,
    SpaceBeforeColon,
    /// A byte that no field name may hold.
    FieldName,
    /// A continued line (obs-fold): a line break inside a value.
    Folded,
    /// A line feed or carriage return alone.
    BareLineBreak,
    /// A control byte in a value.
    ControlByte,
    TooLarge,
    TooManyFields,
    /// Content-Length and Transfer-Encoding that contradict each other, or are not what RFC 9112 §6 allows.
    Framing,
    /// Host missing, repeated or foreign to the tunnel.
    Host,
    /// Anything else that RFC 9112 does not allow.
    Other,
}
