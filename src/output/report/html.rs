//! The report as one page: no script, nothing loaded, readable on a telephone and on paper.

use super::{Failure, Source, Story, TO_FILL_IN, picture, utc};

/// The page. It may load nothing at all, which the policy in its head says to the browser too.
pub fn page(story: &Story, source: &Source) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>Why authentication failed</title>\n<style>",
    );
    out.push_str(include_str!("report.css"));
    out.push_str("</style></head><body>\n<h1>Why authentication failed</h1>\n");
    let version = env!("CARGO_PKG_VERSION");
    out.push_str(&format!(
        "<p class=\"from\">Made by why401 {version} on {} from {}. Secrets were taken out; times are UTC.</p>\n",
        utc(source.made),
        escaped(&source.name)
    ));
    out.push_str("<div class=\"sum\">");
    story.summary().iter().for_each(|sentence| out.push_str(&format!("<p>{}</p>", prose(sentence))));
    out.push_str("</div>\n");
    let picture = picture::svg(&story.timeline);
    if !picture.is_empty() {
        out.push_str(&format!("<h2>The story</h2>\n{picture}\n"));
    }
    ticket(&mut out, story);
    if !story.failures.is_empty() {
        out.push_str("<h2>What failed</h2>\n");
        story.failures.iter().for_each(|one| failure(&mut out, one));
    }
    if story.more > 0 {
        out.push_str(&format!("<p>{} further failures stand in findings.jsonl.</p>\n", story.more));
    }
    out.push_str("<footer><p>A tag such as #a41f… stands for a secret: the same tag is the same secret, in this report only. Values in session.har are stand-ins of the same length and alphabet. manifest.json says what was taken out, and where.</p></footer>\n</body></html>\n");
    out
}

/// What a ticket asks for, and what only a person knows.
fn ticket(out: &mut String, story: &Story) {
    out.push_str("<h2>For the ticket</h2>\n<table>");
    let names = |names: &std::collections::BTreeMap<String, u64>| {
        names.iter().map(|(name, count)| format!("{} ({count})", escaped(name))).collect::<Vec<_>>().join("<br>")
    };
    let rows = [("Hosts (exchanges)", names(&story.hosts)), ("Clients", names(&story.clients))];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        out.push_str(&format!("<tr><th>{name}</th><td>{value}</td></tr>"));
    }
    for (name, hint) in TO_FILL_IN {
        out.push_str(&format!(
            "<tr><th>{name}</th><td><span class=\"fill\"></span><span class=\"hint\">{hint}</span></td></tr>"
        ));
    }
    out.push_str("</table>\n");
}

fn failure(out: &mut String, failure: &Failure) {
    let grade = failure.grade.as_str();
    out.push_str(&format!(
        "<h3><span class=\"grade {grade}\">{grade}</span>{} <code>{}</code></h3>\n<table>",
        escaped(&failure.title),
        failure.cause
    ));
    for (name, value) in failure.facts() {
        out.push_str(&format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(&value)));
    }
    out.push_str(&format!("</table>\n<pre>{}</pre>\n", escaped(failure.block.trim_end())));
    if let Some(because) = &failure.taken_back {
        out.push_str(&format!("<p><strong>Taken back.</strong> {}</p>\n", prose(because)));
    }
    list(out, "What to do", "ol", &failure.fix);
    list(out, "What was weighed and ruled out, or found less likely", "ul", &failure.ruled_out);
    list(out, "Where this is documented", "ul", &failure.sources);
    out.push_str(&format!(
        "<h4>To try it again</h4>\n<p class=\"hint\">Put the real values in the place of what stands between ‹ and ›.</p>\n<pre class=\"wrap\">{}</pre>\n",
        escaped(&failure.curl)
    ));
}

fn list(out: &mut String, name: &str, kind: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    out.push_str(&format!("<h4>{name}</h4>\n<{kind}>"));
    items.iter().for_each(|item| out.push_str(&format!("<li>{}</li>", prose(item))));
    out.push_str(&format!("</{kind}>\n"));
}

/// Text with `names` in backticks.
pub(crate) fn prose(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('`').enumerate() {
        let part = escaped(part);
        out.push_str(&if number % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    out
}

/// Text that is nothing but text, in an element and in an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
