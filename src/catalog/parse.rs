//! Reads a page: a TOML head in a fence, then sections in a fixed order. Total: faults are values, with their lines.

use serde::Deserialize;

use super::link::names_are_known;
use super::{Actor, Contrast, Example, Fault, Page, Severity, Source, Where};
use crate::model::Grade;

const SECTIONS: [&str; 6] = ["What happened", "Why", "Fix", "Not this when", "How to tell apart", "Examples"];
/// The headline has to fit beside its grade in a terminal of 80 columns.
const TITLE_LIMIT: usize = 70;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    slug: String,
    group: String,
    title: String,
    best: Best,
    severity: Level,
    actor: Who,
    facts: String,
    #[serde(default, rename = "where")]
    where_: Vec<Spot>,
    #[serde(default)]
    source: Vec<Origin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Best {
    Proven,
    Likely,
    Possible,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Error,
    Warning,
    Note,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Who {
    Caller,
    InstanceAdmin,
    Network,
    ProviderAdmin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spot {
    what: String,
    table: Option<String>,
    property: Option<String>,
    menu: Option<String>,
    link: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    title: String,
    url: Option<String>,
    checked: String,
}

/// The page in `text`, which must be that of the cause `slug`; or everything that is wrong with it.
pub fn parse(slug: &str, text: &str) -> Result<Page, Vec<Fault>> {
    let mut reader = Reader { page: slug, faults: Vec::new() };
    match reader.page(text) {
        Some(page) if reader.faults.is_empty() => Ok(page),
        _ => Err(reader.faults),
    }
}

/// One `## Section`: its lines with their numbers from 1.
struct Section<'t> {
    name: &'t str,
    line: usize,
    lines: Vec<(usize, &'t str)>,
}

struct Reader<'s> {
    page: &'s str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, says: impl Into<String>) {
        self.faults.push(Fault { page: self.page.to_owned(), line, says: says.into() });
    }

    fn page(&mut self, text: &str) -> Option<Page> {
        let Some((head, body)) = text.strip_prefix("```toml\n").and_then(|rest| rest.split_once("\n```\n")) else {
            self.fault(1, "the page starts with its head in a fence: ```toml … ```");
            return None;
        };
        let first_line = head.lines().count() + 3;
        let head = self.head(head)?;
        let sections = self.sections(body, first_line);
        let names: Vec<&str> = sections.iter().map(|section| section.name).collect();
        if names != SECTIONS {
            self.fault(first_line, format!("sections are {names:?}, wanted {SECTIONS:?}"));
            return None;
        }
        let [what, why, fix, not_when, tell_apart, examples] = sections.try_into().ok()?;
        Some(Page {
            what: self.prose(&what),
            why: self.prose(&why),
            fix: self.items(&fix, 1..=4),
            not_when: self.items(&not_when, 1..=4),
            tell_apart: self.contrasts(&tell_apart),
            examples: self.examples(&examples),
            markdown: body.trim_start().to_owned(),
            ..head
        })
    }

    /// The page's fields that stand in its head; the others are empty.
    fn head(&mut self, text: &str) -> Option<Page> {
        let head: Head = match toml::from_str(text) {
            Ok(head) => head,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                self.fault(2 + before.matches('\n').count(), error.message());
                return None;
            }
        };
        self.check_head(&head);
        Some(Page {
            slug: head.slug,
            group: head.group,
            title: head.title,
            best: match head.best {
                Best::Proven => Grade::Proven,
                Best::Likely => Grade::Likely,
                Best::Possible => Grade::Possible,
            },
            severity: match head.severity {
                Level::Error => Severity::Error,
                Level::Warning => Severity::Warning,
                Level::Note => Severity::Note,
            },
            actor: match head.actor {
                Who::Caller => Actor::Caller,
                Who::InstanceAdmin => Actor::InstanceAdmin,
                Who::Network => Actor::Network,
                Who::ProviderAdmin => Actor::ProviderAdmin,
            },
            facts: head.facts,
            where_: head.where_.into_iter().map(spot).collect(),
            sources: head.source.into_iter().map(origin).collect(),
            what: String::new(),
            why: String::new(),
            fix: Vec::new(),
            not_when: Vec::new(),
            tell_apart: Vec::new(),
            examples: Vec::new(),
            markdown: String::new(),
        })
    }

    fn check_head(&mut self, head: &Head) {
        if head.slug != self.page {
            self.fault(2, format!("slug is {:?}, the file is {}.md", head.slug, self.page));
        }
        let title = head.title.chars().count();
        if title == 0 || title > TITLE_LIMIT || head.title.ends_with('.') {
            self.fault(2, format!("a title has 1 to {TITLE_LIMIT} characters and no full stop; this one has {title}"));
        }
        if head.where_.len() > 4 {
            self.fault(2, "at most four places in [[where]]");
        }
        if head.source.is_empty() {
            self.fault(2, "at least one [[source]]");
        }
        for link in head.where_.iter().filter_map(|spot| spot.link.as_deref()).filter(|link| !link.is_empty()) {
            if !link.starts_with('/') || !names_are_known(link) {
                self.fault(2, format!("a link is a path, with {{client_id}}, {{table}} or {{user}} in it: {link:?}"));
            }
        }
    }

    fn sections<'t>(&mut self, body: &'t str, first_line: usize) -> Vec<Section<'t>> {
        let mut sections: Vec<Section<'t>> = Vec::new();
        let mut fenced = false;
        let mut titled = false;
        for (at, line) in body.lines().enumerate().map(|(at, line)| (at + first_line, line)) {
            fenced ^= line.starts_with("```");
            if let Some(name) = line.strip_prefix("## ").filter(|_| !fenced) {
                sections.push(Section { name: name.trim(), line: at, lines: Vec::new() });
            } else if let Some(section) = sections.last_mut() {
                section.lines.push((at, line));
            } else if line.strip_prefix("# ") == Some(self.page) {
                titled = true;
            } else if !line.trim().is_empty() {
                self.fault(at, "text before the first section");
            }
        }
        if !titled {
            self.fault(first_line, format!("the heading \"# {}\" is missing", self.page));
        }
        if fenced {
            self.fault(first_line, "a fence is opened and not closed");
        }
        sections
    }

    fn prose(&mut self, section: &Section<'_>) -> String {
        let text = section.lines.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n").trim().to_owned();
        if text.is_empty() {
            self.fault(section.line, format!("{} is empty", section.name));
        }
        text
    }

    /// List items, each joined to one line.
    fn items(&mut self, section: &Section<'_>, wanted: std::ops::RangeInclusive<usize>) -> Vec<String> {
        let mut items: Vec<String> = Vec::new();
        for (at, line) in &section.lines {
            match (item(line), items.last_mut()) {
                (Some(text), _) => items.push(text.to_owned()),
                (None, Some(last)) if line.starts_with(' ') => {
                    last.push(' ');
                    last.push_str(line.trim());
                }
                _ if line.trim().is_empty() => {}
                _ => self.fault(*at, format!("{} is a list: `1. …` or `- …`, continued lines indented", section.name)),
            }
        }
        if !wanted.contains(&items.len()) {
            let says = format!("{} has {} items, wanted {wanted:?}", section.name, items.len());
            self.fault(section.line, says);
        }
        items
    }

    fn contrasts(&mut self, section: &Section<'_>) -> Vec<Contrast> {
        let items = self.items(section, 0..=6);
        items.iter().filter_map(|item| self.contrast(section.line, item)).collect()
    }

    /// `` `cause`: one sentence ``, or several causes with commas between them.
    fn contrast(&mut self, line: usize, item: &str) -> Option<Contrast> {
        let parts = item.split_once("`:").and_then(|(names, says)| Some((names.strip_prefix('`')?, says.trim())));
        let Some((names, says)) = parts.filter(|(_, says)| !says.is_empty()) else {
            self.fault(line, format!("wanted \"`cause`: sentence\", got {item:?}"));
            return None;
        };
        let causes = names.split('`').step_by(2).map(str::to_owned).collect();
        Some(Contrast { causes, says: says.to_owned() })
    }

    fn examples(&mut self, section: &Section<'_>) -> Vec<Example> {
        let mut examples: Vec<Example> = Vec::new();
        let mut open = false;
        let mut name = None;
        for (at, line) in &section.lines {
            match (open, *line, examples.last_mut()) {
                (true, "```", _) => open = false,
                (true, _, Some(example)) => {
                    example.transcript.push_str(line);
                    example.transcript.push('\n');
                }
                (false, "```transcript", _) => {
                    open = true;
                    let name = name.take().unwrap_or_else(|| {
                        self.fault(*at, "an example has a name of its own: `### name`");
                        String::new()
                    });
                    examples.push(Example { name, transcript: String::new(), line: at + 1 });
                }
                _ if line.starts_with("### ") => name = line.strip_prefix("### ").map(|rest| rest.trim().to_owned()),
                _ if line.trim().is_empty() => {}
                _ => self.fault(*at, "only `### name` and ```transcript fences stand under Examples"),
            }
        }
        if let Some(name) = name {
            self.fault(section.line, format!("the example {name:?} has no transcript"));
        }
        examples
    }
}

/// The text of a list item: `- text` or `1. text`.
fn item(line: &str) -> Option<&str> {
    if let Some(text) = line.strip_prefix("- ") {
        return Some(text.trim());
    }
    let (number, text) = line.split_once(". ")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(text.trim())
}

fn spot(spot: Spot) -> Where {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    Where {
        what: spot.what,
        table: filled(spot.table),
        property: filled(spot.property),
        menu: filled(spot.menu),
        link: filled(spot.link),
    }
}

fn origin(origin: Origin) -> Source {
    Source { title: origin.title, url: origin.url.filter(|url| !url.is_empty()), checked: origin.checked }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
