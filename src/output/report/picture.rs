//! The story as a picture: a line of time with its steps, and bows from where something was given to where it failed.
//! Drawn for a narrow column, so that it can be read on a telephone and on paper.

use super::html::escaped;
use super::timeline::{Mood, Step, Timeline, links};
use crate::wire::date;

const WIDTH: usize = 380;
/// Where the line of time stands, and the texts beside it.
const LINE: usize = 100;
const TEXT: usize = 116;
const ROW: usize = 17;
/// Characters of a row of text.
const COLUMNS: usize = 38;

/// The picture as SVG; empty where there is no story.
pub(super) fn svg(timeline: &Timeline) -> String {
    let (steps, left_out) = timeline.chosen();
    if steps.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<(String, &str)>> = steps.iter().map(|step| rows(step)).collect();
    let mut tops = Vec::with_capacity(rows.len());
    let mut y = 24;
    for (at, texts) in rows.iter().enumerate() {
        y += if at > 0 { gap(&steps, at) } else { 0 };
        tops.push(y);
        y += texts.len() * ROW + 12;
    }
    let height = y + if left_out > 0 { 20 } else { 4 };
    let mut out = format!(
        "<svg class=\"story\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"The story, step by step\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    let last = tops.last().copied().unwrap_or(0);
    out.push_str(&format!("<line class=\"time\" x1=\"{LINE}\" y1=\"12\" x2=\"{LINE}\" y2=\"{last}\"/>"));
    for (from, to) in links(&steps) {
        if let (Some(from), Some(to)) = (tops.get(from), tops.get(to)) {
            let out_to = LINE - 18 - ((to - from) / 12).min(34);
            out.push_str(&format!(
                "<path class=\"link\" d=\"M{LINE} {from} C{out_to} {from} {out_to} {to} {LINE} {to}\"/>"
            ));
        }
    }
    let mut day = String::new();
    for ((step, texts), top) in steps.iter().zip(&rows).zip(&tops) {
        out.push_str(&one(step, texts, *top, &mut day));
    }
    if left_out > 0 {
        let words = format!("{left_out} further steps are not drawn");
        out.push_str(&format!("<text class=\"less\" x=\"{TEXT}\" y=\"{}\">{words}</text>", height - 6));
    }
    out + "</svg>"
}

fn one(step: &Step, texts: &[(String, &str)], top: usize, day: &mut String) -> String {
    let class = match step.mood {
        Mood::Good => "good",
        Mood::Bad => "bad",
        Mood::Plain => "plain",
    };
    let iso = date::iso(step.at);
    let today = iso.split('T').next().unwrap_or_default();
    let mut out = String::new();
    if today != day {
        out.push_str(&format!("<text class=\"less\" x=\"4\" y=\"{}\">{today}</text>", top.saturating_sub(13)));
        today.clone_into(day);
    }
    out.push_str(&format!("<text class=\"clock\" x=\"4\" y=\"{}\">{}</text>", top + 4, date::clock(step.at)));
    out.push_str(&mark(step.mood, top, class));
    for (number, (text, class)) in texts.iter().enumerate() {
        let y = top + 4 + number * ROW;
        out.push_str(&format!("<text class=\"{class}\" x=\"{TEXT}\" y=\"{y}\">{}</text>", escaped(text)));
    }
    out
}

/// The moods differ in form too, not in colour alone.
fn mark(mood: Mood, y: usize, class: &str) -> String {
    match mood {
        Mood::Bad => {
            let (left, right, up, down) = (LINE - 5, LINE + 5, y - 5, y + 5);
            format!(
                "<circle class=\"back\" cx=\"{LINE}\" cy=\"{y}\" r=\"8\"/><path class=\"{class}\" d=\"M{left} {up}L{right} {down}M{left} {down}L{right} {up}\"/>"
            )
        }
        _ => format!("<circle class=\"{class}\" cx=\"{LINE}\" cy=\"{y}\" r=\"5\"/>"),
    }
}

fn rows<'a>(step: &Step) -> Vec<(String, &'a str)> {
    let again = if step.again > 0 { format!(" ({} more times)", step.again) } else { String::new() };
    let what = folded(&format!("#{} {}", step.id, step.what)).into_iter().map(|text| (text, "what"));
    let class = if step.mood == Mood::Bad { "came bad" } else { "came" };
    let came = folded(&format!("{}{again}", step.came)).into_iter().map(|text| (text, class));
    what.chain(came).collect()
}

/// Cut into rows at blanks and slashes, or where there is none in the middle of a word; three rows at most.
fn folded(text: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut row = String::new();
    for piece in text.split_inclusive([' ', '/']) {
        for chunk in chunks(piece) {
            if row.chars().count() + chunk.trim_end().chars().count() > COLUMNS {
                rows.push(std::mem::take(&mut row));
            }
            row.push_str(&chunk);
        }
    }
    rows.push(row);
    if rows.len() > 3 {
        rows.truncate(3);
        rows.last_mut().into_iter().for_each(|row| row.push('…'));
    }
    rows
}

fn chunks(piece: &str) -> Vec<String> {
    let all: Vec<char> = piece.chars().collect();
    all.chunks(COLUMNS).map(|chunk| chunk.iter().collect()).collect()
}

/// More room where more time passed: a minute and a day do not look alike.
fn gap(steps: &[&Step], at: usize) -> usize {
    let (Some(before), Some(here)) = (steps.get(at - 1), steps.get(at)) else { return 0 };
    match here.at.seconds_since(before.at) {
        ..10 => 0,
        10..600 => 8,
        600..7200 => 18,
        _ => 30,
    }
}
