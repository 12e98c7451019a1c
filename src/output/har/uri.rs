//! URLs as RFC 3986 allows them: validators of HAR refuse what clients really send.

use crate::model::Request;

/// The URL of a request, and the URL as it was sent where that is not the same.
pub(super) fn of(request: &Request) -> (String, Option<String>) {
    let sent = sent(request);
    let valid = valid(&sent);
    if valid == sent { (valid, None) } else { (valid, Some(sent)) }
}

fn sent(request: &Request) -> String {
    let target = match request.target.as_str() {
        // A URL has no form for a CONNECT's authority: its host and port stand in the URL anyway.
        _ if request.method == "CONNECT" => "/",
        target => target,
    };
    let slash = if target.starts_with('/') { "" } else { "/" };
    format!("{}{slash}{target}", request.origin())
}

/// What is not allowed is percent-encoded; a URL without a host gets one that can never exist (RFC 2606 §2).
fn valid(sent: &str) -> String {
    let (scheme, rest) = sent.split_once("://").unwrap_or(("http", sent));
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = if is_authority(authority) { authority.to_owned() } else { host_of(authority) };
    let mut out = format!("{scheme}://{authority}");
    let plain = target.bytes().take_while(|byte| is_plain(*byte)).count();
    let (plain, rest) = target.split_at(plain);
    out.push_str(plain);
    for (at, byte) in rest.bytes().enumerate() {
        let escape = byte == b'%' && rest.as_bytes().get(at + 1..at + 3).is_some_and(is_hex);
        if escape || is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What may stand in a path and in a query (RFC 3986 §3.3, §3.4). A fragment is never sent.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte)
}

fn is_hex(pair: &[u8]) -> bool {
    pair.iter().all(u8::is_ascii_hexdigit)
}

/// A name or address, perhaps with a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').filter(|(_, port)| !port.contains(']')).unwrap_or((text, "443"));
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
    };
    host && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A host name from what is none: `{instance}.service-now.com` as `-instance-.service-now.com.invalid`.
fn host_of(authority: &str) -> String {
    let name: String =
        authority.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).take(200).collect();
    if name.is_empty() { "unknown.invalid".to_owned() } else { format!("{name}.invalid") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_urls_stay_and_others_become_valid() {
        for (sent, want) in [
            ("https://h.example:8443/a?b=c%20d&e=/?", "https://h.example:8443/a?b=c%20d&e=/?"),
            ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
            ("https://h/a b?q={x}|[1]&p=100%", "https://h/a%20b?q=%7Bx%7D%7C%5B1%5D&p=100%25"),
            ("https://{inst}.service-now.com/x", "https://-inst-.service-now.com.invalid/x"),
            ("https:///x#y", "https://unknown.invalid/x%23y"),
            ("http://h/ä", "http://h/%C3%A4"),
        ] {
            assert_eq!(valid(sent), want);
        }
    }
}
