//! Where the stories are played: the stage, the real proxy, a pipeline for each story, and the check of what it said.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::client::{Ask, Client, Heard, PATIENCE};
use super::stories::{DEV, PROD, Report, VENDOR};
use crate::command::say;
use crate::instance::provider::Provider;
use crate::instance::{Instance, training};
use crate::ledger::Limits;
use crate::model::{Exchange, Grade, Salt};
use crate::output::{Style, Told, log};
use crate::pipeline::{Pipeline, Teller};
use crate::stage::{Site, Stage};

/// What is on the stage at the beginning of every story.
pub(super) fn sites() -> Vec<Site> {
    vec![training::instance(DEV).into(), training::instance(PROD).into(), training::provider(VENDOR).into()]
}

pub(super) struct Theatre {
    stage: Stage,
    client: Client,
    /// Where the proxy hands over what passed.
    exchanges: Receiver<Arc<Exchange>>,
    salt: Salt,
    pipeline: Pipeline,
    said: Said,
    story: String,
    faults: Vec<String>,
    checked: usize,
}

/// One explained exchange.
struct Explained {
    block: String,
    findings: Vec<(&'static str, Grade)>,
}

/// What the pipeline said in the current story, in order.
struct Said {
    style: Style,
    explained: Vec<Explained>,
}

impl Teller for Said {
    fn tell(&mut self, told: &Told<'_>) {
        if told.diagnosis.findings.is_empty() {
            return;
        }
        let findings = told.diagnosis.findings.iter().map(|finding| (finding.cause, finding.grade)).collect();
        self.explained.push(Explained { block: log::block(told, &self.style), findings });
    }
}

impl Theatre {
    pub fn new(stage: Stage, client: Client, exchanges: Receiver<Arc<Exchange>>, style: Style, salt: Salt) -> Theatre {
        let pipeline = Pipeline::new(salt.clone(), Limits::default());
        let said = Said { style, explained: Vec::new() };
        Theatre { stage, client, exchanges, salt, pipeline, said, story: String::new(), faults: Vec::new(), checked: 0 }
    }

    /// Opens a story with its headline. Hosts and memory are as at the beginning; time goes on.
    pub fn begin(&mut self, report: &Report, words: &str) {
        self.story = format!("report {}, {words}", report.number);
        let bold = if self.said.style.colour { anstyle::Style::new().bold() } else { anstyle::Style::new() };
        say(&format!("\n{bold}== Report {}: {}{bold:#}\n   {words}\n", report.number, report.title));
        self.set_up();
        self.said.explained.clear();
        self.pipeline = Pipeline::new(self.salt.clone(), Limits::default());
    }

    fn set_up(&mut self) {
        for site in sites() {
            match site {
                Site::Instance(fresh) => self.stage.instance(&fresh.host.clone(), |instance| *instance = *fresh),
                Site::Provider(fresh) => self.stage.provider(&fresh.host.clone(), |provider| *provider = *fresh),
            };
        }
    }

    pub fn instance(&mut self, host: &str, with: impl FnOnce(&mut Instance)) -> Result<(), String> {
        self.stage.instance(host, with).ok_or_else(|| format!("no instance {host} on the stage"))
    }

    pub fn provider(&mut self, host: &str, with: impl FnOnce(&mut Provider)) -> Result<(), String> {
        self.stage.provider(host, with).ok_or_else(|| format!("no provider {host} on the stage"))
    }

    /// Lets time pass at once, whole seconds from the answer to the last request on, for the stage and for what the pipeline is told.
    pub fn pass(&mut self, seconds: u64) {
        self.stage.clock().forward(Duration::from_secs(seconds) + ANSWER);
    }

    /// Seconds since the epoch by the stage's clock.
    pub fn seconds(&self) -> i64 {
        self.stage.clock().now().0 / 1000
    }

    /// Sends a request through the proxy and gives what passed to the pipeline. The proxy has the real clock; the story
    /// has the stage's, so the exchange is moved there first.
    pub async fn ask(&mut self, ask: &Ask) -> Result<Heard, String> {
        let heard = self.client.through_proxy(ask).await?;
        let mut exchange = self.passed(&ask.target).await?;
        exchange.at = self.stage.clock().shift(exchange.at);
        self.pipeline.take(exchange, &mut self.said);
        Ok(heard)
    }

    /// Sends a request through the proxy, or past it when it is not to be seen.
    pub async fn browse(&mut self, ask: &Ask, seen: bool) -> Result<Heard, String> {
        if seen { self.ask(ask).await } else { self.client.past_proxy(ask).await }
    }

    /// The exchange that the proxy hands over for that target.
    async fn passed(&mut self, target: &str) -> Result<Exchange, String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.exchanges.recv()).await;
            let exchange = next.ok().flatten().ok_or("the proxy handed over no exchange")?;
            if exchange.request.target == target || exchange.request.target.ends_with(target) {
                return Ok(Arc::unwrap_or_clone(exchange));
            }
        }
    }

    /// Ends the story: prints what was said and checks the last explanation.
    pub fn expect(&mut self, expected: &[Expected]) {
        self.pipeline.finish(&mut self.said);
        for explained in &self.said.explained {
            say(explained.block.trim_end());
        }
        let last = self.said.explained.last();
        for one in expected {
            self.checked += 1;
            if !last.is_some_and(|last| one.holds(last)) {
                self.faults.push(format!("{}: expected {one}, found {}", self.story, found(last)));
            }
        }
    }

    /// How many expectations were checked, and what did not hold.
    pub fn verdict(&self) -> (usize, &[String]) {
        (self.checked, &self.faults)
    }

    /// Everything as at the beginning, the clock too; gives back what is left to run on with.
    pub fn leave(mut self) -> (Stage, Receiver<Arc<Exchange>>) {
        self.set_up();
        self.stage.clock().reset();
        (self.stage, self.exchanges)
    }
}

fn found(explained: Option<&Explained>) -> String {
    let findings = explained.map(|explained| explained.findings.as_slice()).unwrap_or_default();
    let words: Vec<String> = findings.iter().map(|(cause, grade)| format!("{cause} {}", grade.as_str())).collect();
    if words.is_empty() { String::from("no finding") } else { words.join(", ") }
}

/// An answer takes less. It counts for an age, which is of whole seconds: without it 150 s would be 149.
const ANSWER: Duration = Duration::from_millis(900);

/// What must be true of an explanation.
pub(super) enum Expected {
    /// This cause in this grade, first.
    First(&'static str, Grade),
    /// This cause first, in whatever grade.
    Leads(&'static str),
    /// This cause among so many.
    Among(&'static str, usize),
    /// This cause in this grade, anywhere.
    Graded(&'static str, Grade),
    /// No finding in this grade.
    No(Grade),
    /// These words somewhere in the block.
    Says(String),
}

impl Expected {
    pub fn first(cause: &'static str, grade: Grade) -> Expected {
        Expected::First(cause, grade)
    }

    pub fn leads(cause: &'static str) -> Expected {
        Expected::Leads(cause)
    }

    pub fn among_first(cause: &'static str, places: usize) -> Expected {
        Expected::Among(cause, places)
    }

    pub fn named(cause: &'static str) -> Expected {
        Expected::Among(cause, usize::MAX)
    }

    pub fn graded(cause: &'static str, grade: Grade) -> Expected {
        Expected::Graded(cause, grade)
    }

    pub fn none(grade: Grade) -> Expected {
        Expected::No(grade)
    }

    pub fn says(words: &str) -> Expected {
        Expected::Says(words.to_owned())
    }

    fn holds(&self, explained: &Explained) -> bool {
        let findings = &explained.findings;
        match self {
            Expected::First(cause, grade) => findings.first() == Some(&(cause, *grade)),
            Expected::Leads(cause) => findings.first().is_some_and(|(first, _)| first == cause),
            Expected::Among(cause, places) => findings.iter().take(*places).any(|(found, _)| found == cause),
            Expected::Graded(cause, grade) => findings.contains(&(cause, *grade)),
            Expected::No(grade) => findings.iter().all(|(_, found)| found != grade),
            Expected::Says(words) => explained.block.contains(words),
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expected::First(cause, grade) => write!(f, "{cause} {} first", grade.as_str()),
            Expected::Leads(cause) => write!(f, "{cause} first"),
            Expected::Among(cause, usize::MAX) => write!(f, "{cause} among the findings"),
            Expected::Among(cause, places) => write!(f, "{cause} in the first {places}"),
            Expected::Graded(cause, grade) => write!(f, "{cause} {}", grade.as_str()),
            Expected::No(grade) => write!(f, "nothing {}", grade.as_str()),
            Expected::Says(words) => write!(f, "the words `{words}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_hold_and_fail() {
        let explained = Explained {
            block: String::from("it was 71 s old"),
            findings: vec![("auth-code-expired", Grade::Likely), ("client-secret-wrong", Grade::Possible)],
        };
        let holds = [
            Expected::first("auth-code-expired", Grade::Likely),
            Expected::leads("auth-code-expired"),
            Expected::among_first("client-secret-wrong", 2),
            Expected::named("client-secret-wrong"),
            Expected::graded("client-secret-wrong", Grade::Possible),
            Expected::none(Grade::Proven),
            Expected::says("71 s"),
        ];
        let fails = [
            Expected::first("auth-code-expired", Grade::Proven),
            Expected::leads("client-secret-wrong"),
            Expected::among_first("client-secret-wrong", 1),
            Expected::named("token-expired"),
            Expected::graded("client-secret-wrong", Grade::Likely),
            Expected::none(Grade::Likely),
            Expected::says("150 s"),
        ];
        for one in &holds {
            assert!(one.holds(&explained), "{one}");
        }
        for one in &fails {
            assert!(!one.holds(&explained), "{one}");
        }
        assert_eq!(found(Some(&explained)), "auth-code-expired likely, client-secret-wrong possible");
        assert_eq!(found(None), "no finding");
    }
}
