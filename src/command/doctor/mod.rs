//! `why401 doctor [HOST]`: what keeps a client from coming through. Each line is ok, a warning or a fault, with the next step.

mod listener;
mod machine;
mod upstream;

use std::fmt;
use std::time::Duration;

use clap::Args;

use super::{Ended, Exit, say};
use crate::cli::RunOptions;
use crate::config::{self, Config};
use crate::output::redact::clean;
use crate::run::service;

#[derive(Args, Debug)]
pub struct Options {
    /// The instance to reach, as dev1.service-now.com
    host: Option<String>,
    /// Then wait for one request of a client, and say whether it came through
    #[arg(long)]
    wait: bool,
    /// How long to wait for it
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = config::duration, requires = "wait")]
    wait_for: Duration,
    #[command(flatten)]
    run: RunOptions,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    level: Level,
    what: &'static str,
    says: String,
    /// What to do next; empty where all is well.
    next: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Warning,
    Fault,
}

impl Line {
    fn ok(what: &'static str, says: impl Into<String>) -> Line {
        Line { level: Level::Ok, what, says: says.into(), next: String::new() }
    }

    fn warning(what: &'static str, says: impl Into<String>, next: impl Into<String>) -> Line {
        Line { level: Level::Warning, what, says: says.into(), next: next.into() }
    }

    fn fault(what: &'static str, says: impl Into<String>, next: impl Into<String>) -> Line {
        Line { level: Level::Fault, what, says: says.into(), next: next.into() }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Fault => "FAULT",
        };
        // Names of hosts, issuers and clients come from outside.
        write!(f, "{level:8} {:11} {}", self.what, clean(&self.says))?;
        if !self.next.is_empty() {
            write!(f, "\n{:20} next: {}", "", self.next)?;
        }
        Ok(())
    }
}

pub fn run(options: &Options) -> Ended {
    let config = config::read(options.run.config.as_deref(), options.run.given())?.config;
    let mut doctor = Doctor { fault: false };
    doctor.tell(machine::authority(&config));
    doctor.tell(machine::environment(&config, &machine::variables()));
    let runtime = service::runtime()?;
    runtime.block_on(doctor.look_outside(&config, options))?;
    Ok(if doctor.fault { Exit::Failed } else { Exit::Done })
}

struct Doctor {
    fault: bool,
}

impl Doctor {
    async fn look_outside(&mut self, config: &Config, options: &Options) -> Result<(), super::Failure> {
        let listeners = listener::look(config).await;
        let free = listeners.iter().all(|line| line.level == Level::Ok);
        self.tell(listeners);
        match &options.host {
            Some(host) => self.tell(upstream::look(config, host).await?),
            None => self.tell([Line::ok(
                "upstream",
                "not looked at: name an instance, as `why401 doctor dev1.service-now.com`",
            )]),
        }
        if options.wait && free {
            self.tell([listener::wait_for_client(config, options.wait_for).await?]);
        }
        Ok(())
    }

    fn tell(&mut self, lines: impl IntoIterator<Item = Line>) {
        for line in lines {
            self.fault |= line.level == Level::Fault;
            say(&line.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_its_level_and_the_next_step() {
        let line = Line::fault("clock", "10 minutes behind", "set it");
        assert_eq!(line.to_string(), "FAULT    clock       10 minutes behind\n                     next: set it");
        assert_eq!(Line::ok("clock", "right").to_string(), "ok       clock       right");
    }
}
