//! The report as Markdown, and the short text for a forum. Foreign text stands in code only, where nothing means anything.

use super::{Failure, Source, Story, TO_FILL_IN, utc};
use crate::wire::date;

/// Forums and tickets cut longer posts, in characters.
const PASTE: usize = 3000;

/// The whole report.
pub fn page(story: &Story, source: &Source) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut out = String::from("# Why authentication failed\n\n");
    out.push_str(&format!(
        "Made by why401 {version} on {} from {}. Secrets were taken out; times are UTC.\n\n",
        utc(source.made),
        code(&source.name)
    ));
    story.summary().iter().for_each(|sentence| out.push_str(&format!("> {}\n>\n", text(sentence))));
    story_of(&mut out, story);
    ticket(&mut out, story);
    if !story.failures.is_empty() {
        out.push_str("\n## What failed\n");
        story.failures.iter().for_each(|one| failure(&mut out, one));
    }
    if story.more > 0 {
        out.push_str(&format!("\n{} further failures stand in findings.jsonl.\n", story.more));
    }
    out.push_str("\nA tag such as #a41f… stands for a secret: the same tag is the same secret, in this report only. Values in session.har are stand-ins of the same length and alphabet. manifest.json says what was taken out, and where.\n");
    out
}

fn story_of(out: &mut String, story: &Story) {
    let (steps, left_out) = story.timeline.chosen();
    if steps.is_empty() {
        return;
    }
    let mut lines = String::new();
    for step in steps {
        let again = if step.again > 0 { format!(" ({} more times)", step.again) } else { String::new() };
        lines.push_str(&format!("{}  #{} {} -> {}{again}\n", date::clock(step.at), step.id, step.what, step.came));
    }
    if left_out > 0 {
        lines.push_str(&format!("({left_out} further steps)\n"));
    }
    out.push_str(&format!("\n## The story\n\n{}", block("", &lines)));
}

fn ticket(out: &mut String, story: &Story) {
    out.push_str("\n## For the ticket\n\n");
    for (what, names) in
        [("Hosts", &story.hosts), ("Clients", &story.clients)].into_iter().filter(|(_, n)| !n.is_empty())
    {
        let names: Vec<String> = names.iter().map(|(name, count)| format!("{} ({count})", code(name))).collect();
        out.push_str(&format!("- {what}: {}\n", names.join(", ")));
    }
    TO_FILL_IN.iter().for_each(|(name, hint)| out.push_str(&format!("- {name}: ____________ ({hint})\n")));
}

fn failure(out: &mut String, failure: &Failure) {
    out.push_str(&format!("\n### {} ({}, {})\n\n", text(&failure.title), code(failure.cause), failure.grade.as_str()));
    failure.facts().into_iter().for_each(|(name, value)| out.push_str(&format!("- {name}: {}\n", code(&value))));
    out.push_str(&format!("\n{}", block("text", &failure.block)));
    if let Some(because) = &failure.taken_back {
        out.push_str(&format!("\n**Taken back.** {}\n", text(because)));
    }
    list(out, "What to do", true, &failure.fix);
    list(out, "What was weighed and ruled out, or found less likely", false, &failure.ruled_out);
    list(out, "Where this is documented", false, &failure.sources);
    out.push_str("\n**To try it again**, with the real values in the place of what stands between ‹ and ›:\n\n");
    out.push_str(&block("sh", &failure.curl));
}

fn list(out: &mut String, name: &str, numbered: bool, items: &[String]) {
    if items.is_empty() {
        return;
    }
    out.push_str(&format!("\n**{name}**\n\n"));
    for (number, item) in items.iter().enumerate() {
        let mark = if numbered { format!("{}.", number + 1) } else { "-".into() };
        out.push_str(&format!("{mark} {}\n", text(item)));
    }
}

/// A short post: the summary, the block of the failure that counts, what to fill in.
pub fn paste(story: &Story) -> String {
    let mut out: String = story.summary().iter().map(|sentence| format!("{}\n", sentence.replace('`', ""))).collect();
    if let Some(failure) = story.worst() {
        let facts = failure.facts().into_iter().map(|(name, value)| format!("{name}: {value}\n"));
        out.push('\n');
        out.extend(facts);
        out.push_str(&format!("\n{}\n", failure.block.trim_end()));
    }
    let end = "\nPublic source address: ____________\n(why401; secrets were taken out)\n";
    if out.chars().count() + end.chars().count() >= PASTE {
        let keep = PASTE - end.chars().count() - 20;
        out = out.chars().take(keep).collect::<String>() + "\n… (cut)\n";
    }
    out + end
}

impl Failure {
    /// Name and value of what a ticket asks for.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let again: Vec<String> = self.again.iter().map(|(id, at)| format!("#{id} {}", date::clock(*at))).collect();
        let more = match self.count {
            1 => String::new(),
            count => format!("{} more of the same kind: {}", count - 1, again.join(", ")),
        };
        let all = [
            ("Time", utc(self.at)),
            ("Exchange", format!("#{}", self.id)),
            ("Request", self.what.clone()),
            ("Ended with", self.ended.clone()),
            ("Direction", self.direction.to_owned()),
            ("Instance or host", self.host.clone()),
            ("X-Transaction-ID", self.transaction.clone().unwrap_or_default()),
            ("Client", self.client.clone()),
            ("User", self.user.clone().unwrap_or_default()),
            ("Who has to act", self.actor.to_owned()),
            ("Again", more),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// A code span around any text: its fence is longer than any row of backticks inside.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_row(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code block around any text.
fn block(kind: &str, text: &str) -> String {
    let fence = "`".repeat(longest_row(text).max(2) + 1);
    format!("{fence}{kind}\n{}\n{fence}\n", text.trim_end())
}

fn longest_row(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Prose of ours that may hold foreign words: no markup, no link, no tag of HTML. Names in backticks stay.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            out.push_str(&code(part));
            continue;
        }
        for c in part.chars() {
            if matches!(c, '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '!' | '#' | '~') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        assert_eq!(text("see [x](http://y) <b> `a_b` *"), "see \\[x\\](http://y) \\<b\\> `a_b` \\*");
        assert_eq!(code("a``b"), "```a``b```");
        assert!(block("sh", "```\nx").starts_with("````sh\n"));
    }
}
