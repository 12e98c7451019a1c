//! Links into an instance: a page's template, filled with what is known of the exchange.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Where;

/// What may stand in a template; `None` where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    pub client_id: Option<String>,
    pub table: Option<String>,
    pub user: Option<String>,
}

/// RFC 3986 §2.3: unreserved characters stay as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Where {
    /// The link on `host`: the page's template, else the list of the property or table that the page names.
    /// `None` where a value in the template is unknown, where nothing can be linked, or where `host` is no host name.
    pub fn link(&self, host: &str, values: &Values) -> Option<String> {
        let path = match (&self.link, &self.property, &self.table) {
            (Some(template), _, _) => fill(template, values)?,
            (None, Some(name), _) => format!("/sys_properties_list.do?sysparm_query=name%3D{}", encode(name)),
            (None, None, Some(table)) => format!("/{}_list.do", encode(table)),
            (None, None, None) => return None,
        };
        is_host(host).then(|| format!("https://{host}{path}"))
    }
}

fn fill(template: &str, values: &Values) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&encode(value(name, values)?));
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

fn value<'a>(name: &str, values: &'a Values) -> Option<&'a str> {
    let value = match name {
        "client_id" => &values.client_id,
        "table" => &values.table,
        "user" => &values.user,
        _ => &None,
    };
    value.as_deref().filter(|value| !value.is_empty())
}

/// Whether every `{name}` of a template is one that can be filled.
pub(super) fn names_are_known(template: &str) -> bool {
    template
        .split('{')
        .skip(1)
        .all(|rest| rest.split_once('}').is_some_and(|(name, _)| ["client_id", "table", "user"].contains(&name)))
}

fn encode(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// A name or an address with an optional port: nothing that could end the authority early.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(link: Option<&str>, table: Option<&str>, property: Option<&str>) -> Where {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Where { what: String::new(), table: own(table), property: own(property), menu: None, link: own(link) }
    }

    #[test]
    fn templates_are_filled_and_encoded() {
        let values = Values { user: Some("a b&c=d".into()), ..Values::default() };
        let there = place(Some("/sys_user_list.do?sysparm_query=user_name%3D{user}"), None, None);
        assert_eq!(
            there.link("dev1.service-now.com", &values).unwrap(),
            "https://dev1.service-now.com/sys_user_list.do?sysparm_query=user_name%3Da%20b%26c%3Dd"
        );
        assert_eq!(there.link("dev1.service-now.com", &Values::default()), None);
    }

    #[test]
    fn tables_and_properties_have_lists() {
        let none = Values::default();
        assert_eq!(place(None, Some("oauth_entity"), None).link("h", &none).unwrap(), "https://h/oauth_entity_list.do");
        assert_eq!(
            place(None, Some("sys_properties"), Some("glide.a.b")).link("h", &none).unwrap(),
            "https://h/sys_properties_list.do?sysparm_query=name%3Dglide.a.b"
        );
        assert_eq!(place(None, None, None).link("h", &none), None);
    }

    #[test]
    fn a_host_from_the_wire_cannot_lead_elsewhere() {
        let there = place(Some("/x.do"), None, None);
        for host in ["", "a/b", "a@b", "a?b", "a#b", "a b", "a\nb", "ä"] {
            assert_eq!(there.link(host, &Values::default()), None, "{host:?}");
        }
    }
}
