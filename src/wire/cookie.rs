//! `Cookie` and `Set-Cookie`, and which of ServiceNow's cookies carry a session (wire notes §1.3).

use std::borrow::Cow;

use crate::model::{Fields, lossy};

/// Name and value of every cookie that a request carries.
pub fn sent(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    let mut cookies = Vec::new();
    for value in fields.all("cookie") {
        for part in value.split(|&byte| byte == b';') {
            if let Some((name, value)) = pair(part) {
                cookies.push((name.into_owned(), value.to_vec()));
            }
        }
    }
    cookies
}

/// Name and value of the cookies with such a name that an answer sets; deletions (`Max-Age=0`, empty value) are left out.
pub fn set<'a>(
    fields: &'a Fields,
    wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (Cow<'a, str>, &'a [u8])> {
    fields.all("set-cookie").filter_map(move |value| {
        let mut parts = value.split(|&byte| byte == b';');
        let (name, value) = pair(parts.next()?).filter(|(name, value)| wanted(name) && !value.is_empty())?;
        let deleted = parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(b"max-age=0"));
        (!deleted).then_some((name, value))
    })
}

/// The instances that the load balancer's cookies of an answer name.
pub fn pools(fields: &Fields) -> impl Iterator<Item = String> {
    let names = set(fields, |name| pool_instance(name).is_some());
    names.filter_map(|(name, _)| pool_instance(&name).map(str::to_owned))
}

fn pair(part: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let part = part.trim_ascii();
    let equals = part.iter().position(|&byte| byte == b'=')?;
    let (name, value) = part.split_at(equals);
    let name = match lossy(name) {
        Cow::Borrowed(name) => Cow::Borrowed(name.trim()),
        Cow::Owned(name) => Cow::Owned(name.trim().to_owned()),
    };
    (!name.is_empty()).then(|| (name, value.get(1..).unwrap_or_default().trim_ascii()))
}

/// Cookies that stand for a session of ServiceNow.
pub fn is_session(name: &str) -> bool {
    matches!(name, "JSESSIONID" | "glide_session_store" | "glide_user" | "glide_user_session" | "glide_sso_id")
}

/// The instance that a load balancer's cookie names: `BIGipServerpool_dev1` → `dev1`.
pub fn pool_instance(name: &str) -> Option<&str> {
    name.strip_prefix("BIGipServerpool_").filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_from_both_sides() {
        let request: Fields =
            [("Cookie", "JSESSIONID=AB; glide_user_route=glide.1"), ("cookie", "x=1=2")].into_iter().collect();
        assert_eq!(sent(&request).len(), 3);
        assert_eq!(sent(&request)[2], ("x".into(), b"1=2".to_vec()));
        let answer: Fields =
            [("Set-Cookie", "JSESSIONID=CD; Path=/"), ("Set-Cookie", "glide_user=; Max-Age=0; Path=/")]
                .into_iter()
                .collect();
        assert_eq!(set(&answer, |_| true).collect::<Vec<_>>(), [("JSESSIONID".into(), &b"CD"[..])]);
        assert_eq!(set(&answer, |name| name != "JSESSIONID").count(), 0);
    }
}
