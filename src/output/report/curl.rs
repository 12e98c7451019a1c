//! The request as a curl command: safe to paste into a shell whatever the request holds, and without its secrets.

use crate::model::Exchange;
use crate::output::redact::{Door, brief};
use crate::wire::content;

/// Fields that curl makes itself, or that belong to one connection.
const LEFT_OUT: [&str; 10] = [
    "host",
    "content-length",
    "connection",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "upgrade",
    "keep-alive",
    "proxy-authorization",
    "accept-encoding",
];
/// A body is cut after this many characters.
const BODY: usize = 2000;

/// The command; what stands between `‹` and `›` is to be filled in.
pub(super) fn command(exchange: &Exchange, door: &Door<'_>) -> String {
    let request = &exchange.request;
    if request.unseen {
        return "The recording does not show the request.".into();
    }
    if request.method == "CONNECT" {
        return format!("curl -v {}", quoted(&format!("{}/", request.origin())));
    }
    let url = door.url(format!("{}{}", request.origin(), request.target).as_bytes()).text();
    let mut parts = vec![format!("curl -v -X {}", quoted(&door.words(&request.method))), quoted(&url)];
    for field in &request.fields.0 {
        let name = String::from_utf8_lossy(&field.name).into_owned();
        if !LEFT_OUT.contains(&name.to_ascii_lowercase().as_str()) {
            let value = door.field(&name, &field.value).text();
            // An empty value needs a semicolon in the place of the colon.
            let joint = if value.is_empty() { ";" } else { ": " };
            parts.push(format!("-H {}", quoted(&format!("{}{joint}{value}", door.words(&name)))));
        }
    }
    let body = content::decoded(&request.fields, &request.body);
    if !body.is_empty() {
        parts.push(format!("--data-raw {}", quoted(&brief(&door.body(&body).text(), BODY))));
    } else if let Some(length) = request.body.left_out {
        parts.push(format!("--data-raw '‹{length} bytes, left out of the recording›'"));
    }
    parts.join(" \\\n  ")
}

/// One word of a POSIX shell: nothing inside single quotes means anything to it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_it_as_one_word() {
        assert_eq!(quoted("a'b $(rm -rf /) `x` \"y\" \\"), r#"'a'\''b $(rm -rf /) `x` "y" \'"#);
    }
}
