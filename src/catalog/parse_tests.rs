//! What `parse` takes and what it refuses.

use super::*;

const PAGE: &str = r#"```toml
slug = "a-cause"
group = "token"
title = "The token is wrong"
best = "likely"
severity = "error"
actor = "instance-admin"
facts = "C1"

[[where]]
what = "Manage Tokens"
table = "oauth_credential"
property = ""
link = "/oauth_credential_list.do?x={client_id}"

[[source]]
title = "A page"
checked = "2026-11-22"
```
# a-cause

## What happened
It went wrong.

## Why
Because.

## Fix
1. Do this,
   and that.
2. Then that.

## Not this when
- It is Monday.

## How to tell apart
- `other-cause`: look there.
- `third`, `fourth`: look elsewhere: twice.

## Examples

### it fires
```transcript
@ 10:00:00 https://dev1.service-now.com
> GET / HTTP/1.1
## not a section
```
"#;

fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(PAGE.contains(from), "the test changes something");
    parse("a-cause", &PAGE.replace(from, to)).err().unwrap_or_default().iter().map(Fault::to_string).collect()
}

#[test]
fn a_page_is_read() {
    let page = parse("a-cause", PAGE).unwrap();
    assert_eq!((page.slug.as_str(), page.best, page.severity), ("a-cause", Grade::Likely, Severity::Error));
    assert_eq!(page.actor, Actor::InstanceAdmin);
    assert_eq!(page.where_[0].property, None);
    assert_eq!(page.what, "It went wrong.");
    assert_eq!(page.fix, ["Do this, and that.", "Then that."]);
    assert_eq!(page.contrast("other-cause"), Some("look there."));
    assert_eq!(page.contrast("fourth"), Some("look elsewhere: twice."));
    assert_eq!(page.contrast("fifth"), None);
    assert_eq!(page.examples.len(), 1);
    assert_eq!(page.examples[0].name, "it fires");
    assert_eq!(PAGE.lines().nth(page.examples[0].line - 1), page.examples[0].transcript.lines().next());
    assert!(page.examples[0].transcript.ends_with("## not a section\n"));
    assert!(page.markdown.starts_with("# a-cause\n"));
}

#[test]
fn faults_name_their_line() {
    assert_eq!(faults("best = \"likely\"", "best = \"sure\"").len(), 1);
    assert!(faults("best = \"likely\"", "best = \"sure\"")[0].starts_with("a-cause.md:5: "));
    assert!(faults("facts = \"C1\"", "facts = \"C1\"\nfact = 1")[0].starts_with("a-cause.md:9: "));
}

#[test]
fn what_the_format_does_not_allow_is_a_fault() {
    for (from, to) in [
        ("```toml", "```"),
        ("slug = \"a-cause\"", "slug = \"b-cause\""),
        ("# a-cause\n", "# another\n"),
        ("## Why\n", "## Reason\n"),
        ("## Why\nBecause.\n\n", ""),
        ("Because.", ""),
        ("1. Do this,\n   and that.\n2. Then that.\n", ""),
        ("1. Do this", "Do this"),
        ("- It is Monday.", "- a\n- b\n- c\n- d\n- e"),
        ("- `other-cause`: look", "- other-cause: look"),
        ("- `other-cause`: look there.", "- `other-cause`:"),
        ("### it fires\n", ""),
        ("## not a section\n```\n", "## not a section\n"),
        ("```transcript", "```text"),
        ("{client_id}", "{token}"),
        ("link = \"/", "link = \"https://evil.example/"),
        ("The token is wrong", "The token is wrong."),
        ("The token is wrong", "The token is wrong and this headline is so long that it cannot stand in one line"),
        ("[[source]]\ntitle = \"A page\"\nchecked = \"2026-11-22\"\n", ""),
    ] {
        assert!(!faults(from, to).is_empty(), "{from:?} -> {to:?} was taken");
    }
}

#[test]
fn any_text_is_read_without_a_panic() {
    for text in ["", "```toml\n", "```toml\n\n```\n", "\u{202e}```", "```toml\nslug=\n```\n## x\n### y\n```transcript"]
    {
        assert!(parse("x", text).is_err());
    }
}
