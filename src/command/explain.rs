//! `why401 explain CAUSE` and `why401 causes`: the pages of the causes.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Ended, Exit, Failure, say};
use crate::catalog::{self, Page};
use crate::output::{Style, page};
use crate::terminal;

#[derive(Args, Debug)]
pub struct ExplainOptions {
    /// Name of the cause, as `token-expired`
    cause: String,
    /// Form of the page
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
pub struct CausesOptions {
    /// Only the causes of this group, as `credential`
    #[arg(long)]
    group: Option<String>,
    /// Form of the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    #[default]
    Human,
    /// One object a line
    Json,
    /// As it is in the repository
    Markdown,
}

pub fn explain(options: &ExplainOptions) -> Ended {
    let text = explained(&options.cause, options.format, &terminal::style(false)).map_err(Failure::Usage)?;
    say(text.trim_end());
    Ok(Exit::Done)
}

pub fn causes(options: &CausesOptions) -> Ended {
    let text = listed(options.group.as_deref(), options.format, &terminal::style(false)).map_err(Failure::Usage)?;
    say(text.trim_end());
    Ok(Exit::Done)
}

/// The page of a cause; or what to say of a name that is none.
fn explained(cause: &str, format: Format, style: &Style) -> Result<String, String> {
    let Some(found) = catalog::page(cause) else { return Err(unknown(cause)) };
    Ok(match format {
        Format::Human => page::page(found, style),
        Format::Json => whole(found).to_string(),
        Format::Markdown => found.markdown.clone(),
    })
}

fn unknown(cause: &str) -> String {
    let name = crate::output::redact::brief(cause, 60);
    let nearest = catalog::nearest(cause);
    match nearest.split_last() {
        None => format!("error: no cause is called `{name}`; `why401 causes` lists them all"),
        Some((last, [])) => format!("error: no cause is called `{name}`; did you mean `{last}`?"),
        Some((last, others)) => {
            format!("error: no cause is called `{name}`; did you mean `{}` or `{last}`?", others.join("`, `"))
        }
    }
}

/// The list of causes; or what to say of a group that is none.
fn listed(group: Option<&str>, format: Format, style: &Style) -> Result<String, String> {
    if let Some(group) = group.filter(|group| !catalog::GROUPS.iter().any(|(name, _)| name == group)) {
        let names: Vec<&str> = catalog::GROUPS.iter().map(|(name, _)| *name).collect();
        let name = crate::output::redact::brief(group, 60);
        return Err(format!("error: no group is called `{name}`; the groups are {}", names.join(", ")));
    }
    let wanted = |page: &&Page| group.is_none_or(|group| page.group == group);
    let pages: Vec<&Page> = catalog::pages().iter().filter(wanted).collect();
    Ok(match format {
        Format::Human => page::list(&pages, style),
        Format::Json => pages.iter().map(|page| format!("{}\n", brief(page))).collect(),
        Format::Markdown => table(&pages),
    })
}

fn brief(page: &Page) -> Value {
    json!({
        "schema": "why401.cause/1",
        "cause": page.slug,
        "group": page.group,
        "title": page.title,
        "best": page.best.as_str(),
        "severity": page.severity.as_str(),
        "actor": page.actor.as_str(),
    })
}

fn whole(page: &Page) -> Value {
    let spot = |spot: &catalog::Where| json!({"what": spot.what, "table": spot.table, "property": spot.property, "menu": spot.menu, "link": spot.link});
    let source =
        |source: &catalog::Source| json!({"title": source.title, "url": source.url, "checked": source.checked});
    let contrast = |contrast: &catalog::Contrast| json!({"causes": contrast.causes, "says": contrast.says});
    let mut value = brief(page);
    let rest = json!({
        "facts": page.facts,
        "what": page.what,
        "why": page.why,
        "fix": page.fix,
        "not_when": page.not_when,
        "tell_apart": page.tell_apart.iter().map(contrast).collect::<Vec<_>>(),
        "where": page.where_.iter().map(spot).collect::<Vec<_>>(),
        "sources": page.sources.iter().map(source).collect::<Vec<_>>(),
    });
    if let (Some(value), Value::Object(rest)) = (value.as_object_mut(), rest) {
        value.extend(rest);
    }
    value
}

/// One table for each group.
fn table(pages: &[&Page]) -> String {
    let mut out = String::from("# Causes\n");
    for (group, words) in catalog::GROUPS {
        let members: Vec<&&Page> = pages.iter().filter(|page| page.group == group).collect();
        if members.is_empty() {
            continue;
        }
        out.push_str(&format!(
            "\n## {group}\n{words}\n\n| cause | best grade | what is wrong |\n| --- | --- | --- |\n"
        ));
        for page in members {
            let title = page.title.replace('|', "\\|");
            out.push_str(&format!("| `{}` | {} | {title} |\n", page.slug, page.best.as_str()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { width: 80, colour: false, unicode: true, why: false };

    #[test]
    fn a_misspelt_name_gets_the_nearest() {
        assert_eq!(
            explained("token-expird", Format::Human, &STYLE).unwrap_err(),
            "error: no cause is called `token-expird`; did you mean `token-expired`?"
        );
        assert!(explained("\x1b[2J\n", Format::Human, &STYLE).unwrap_err().contains("`\\x1b[2J\\n`"));
        assert!(explained("zzzzzzzzzzzzzzzz", Format::Json, &STYLE).unwrap_err().contains("why401 causes"));
    }

    #[test]
    fn every_page_fits_in_80_columns() {
        use unicode_width::UnicodeWidthStr;
        for page in catalog::pages() {
            let text = explained(&page.slug, Format::Human, &STYLE).unwrap();
            let wide = |line: &&str| line.width() > 80 && !line.contains("https://");
            assert_eq!(text.lines().find(wide), None, "{}", page.slug);
        }
    }

    #[test]
    fn every_page_is_one_object() {
        for page in catalog::pages() {
            let value: Value = serde_json::from_str(&explained(&page.slug, Format::Json, &STYLE).unwrap()).unwrap();
            assert_eq!((value["cause"].as_str(), value["fix"].is_array()), (Some(page.slug.as_str()), true));
        }
    }

    #[test]
    fn lists_hold_every_cause_of_the_group_and_no_other() {
        let all = listed(None, Format::Json, &STYLE).unwrap();
        assert_eq!(all.lines().count(), catalog::pages().len());
        for format in [Format::Human, Format::Markdown, Format::Json] {
            let some = listed(Some("session"), format, &STYLE).unwrap();
            assert!(some.contains("session-expired") && !some.contains("token-expired"), "{some}");
        }
        assert!(listed(Some("sesion"), Format::Human, &STYLE).unwrap_err().contains("session"));
    }
}
