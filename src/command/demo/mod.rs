//! `why401 demo`: the simulated hosts, the real proxy, and the stories of four reports played through real sockets.

mod client;
mod stories;
mod theatre;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc::{self, Receiver};

use self::client::Client;
use self::stories::{DEV, PROD, VENDOR};
use self::theatre::Theatre;
use super::folder::Folder;
use super::{Ended, Exit, Failure, say};
use crate::instance::training;
use crate::ledger::Limits;
use crate::model::Exchange;
use crate::output::{Told, log};
use crate::pipeline::Pipeline;
use crate::proxy::ca::Authority;
use crate::proxy::{self, Override, Pattern, Scope, Settings};
use crate::run::service;
use crate::run::signals::Signals;
use crate::stage::{Clock, Stage};
use crate::terminal;

/// Exchanges that may wait for the pipeline; the demo takes each at once.
const QUEUE: usize = 64;
/// Every client has had its answer by then.
const DRAIN: Duration = Duration::from_secs(2);
/// How often the pipeline looks for words that have waited long enough.
const TICK: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub struct Options {
    /// Leave the simulated hosts and the proxy running afterwards, and say how to use them from Postman
    #[arg(long)]
    stay: bool,
}

pub fn run(options: &Options) -> Ended {
    service::runtime()?.block_on(play(options))
}

async fn play(options: &Options) -> Ended {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let stage = Stage::start(free, theatre::sites(), Clock::standing()).await.map_err(|error| error.to_string())?;
    let authority = Arc::new(Authority::ephemeral(&patterns()).map_err(|error| error.to_string())?);
    let (sender, exchanges) = mpsc::channel(QUEUE);
    let running =
        proxy::start(settings(&stage, Arc::clone(&authority)), sender).await.map_err(|error| error.to_string())?;
    let proxy = *running.addresses().first().ok_or("the proxy listens nowhere")?;
    let trusted = [authority.certificate_der().clone(), stage.authority().clone()];
    let client = Client::new(proxy, stage.address(), &trusted)?;
    say(&format!(
        "Simulated hosts on {}, the proxy on {proxy}. What follows are real requests through it.",
        stage.address()
    ));
    let mut theatre = Theatre::new(stage, client, exchanges, terminal::style(false), service::salt()?);
    stories::all(&mut theatre).await?;
    let (checked, faults) = theatre.verdict();
    say(&conclusion(checked, faults));
    let exit = exit(faults);
    let (stage, exchanges) = theatre.leave();
    if options.stay {
        stay(&stage, &authority, proxy, exchanges).await?;
    }
    running.drain(DRAIN).await;
    Ok(exit)
}

fn patterns() -> Vec<Pattern> {
    [DEV, PROD, VENDOR].into_iter().map(|host| Pattern::Exact(host.to_owned())).collect()
}

/// The proxy as `run` would start it, on a free port, with the simulated hosts in the place of the real ones.
fn settings(stage: &Stage, authority: Arc<Authority>) -> Settings {
    let to = |host: &str| Override {
        host: host.to_owned(),
        port: None,
        address: stage.address().ip(),
        to_port: Some(stage.address().port()),
    };
    Settings {
        scope: Scope(patterns()),
        upstream_roots: vec![stage.authority().clone()],
        resolve: [DEV, PROD, VENDOR].into_iter().map(to).collect(),
        ..Settings::new(authority)
    }
}

/// The last words: whether everything was explained as it should be, and what was not.
fn conclusion(checked: usize, faults: &[String]) -> String {
    if faults.is_empty() {
        return format!("\nAll {checked} expectations held. No request left this machine.");
    }
    let list: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    format!("\n{} of {checked} expectations did not hold:{list}", faults.len())
}

fn exit(faults: &[String]) -> Exit {
    if faults.is_empty() { Exit::Done } else { Exit::Failed }
}

/// Leaves everything running, in real time, until Ctrl-C.
async fn stay(
    stage: &Stage,
    authority: &Authority,
    proxy: SocketAddr,
    mut exchanges: Receiver<Arc<Exchange>>,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let failed = |error: std::io::Error| Failure::Failed(format!("cannot keep the certificate in a file: {error}"));
    let folder = Folder::new().map_err(failed)?;
    let ca = folder.file("why401-demo.pem", authority.certificate_pem().as_bytes()).map_err(failed)?;
    say(&how_to_use(stage, proxy, &ca.display().to_string()));
    let mut pipeline = Pipeline::new(service::salt()?, Limits::default());
    let style = terminal::style(false);
    let mut teller = |told: &Told<'_>| {
        if !told.diagnosis.findings.is_empty() || !told.takes_back.is_empty() {
            say(&log::block(told, &style));
        }
    };
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            Some(exchange) = exchanges.recv() => pipeline.take(exchange, &mut teller),
            _ = ticks.tick() => pipeline.tick(stage.clock().now(), &mut teller),
        }
    }
}

fn how_to_use(stage: &Stage, proxy: SocketAddr, ca: &str) -> String {
    format!(
        "\nStill running: the simulated hosts on {}, the proxy on {proxy}.\n\
         \nIn Postman\n  \
         Settings > Proxy > use custom proxy: {} port {}, for http and https\n  \
         Settings > Certificates > CA certificates: {ca}\n  \
         GET https://{DEV}/api/now/table/incident, Authorization: OAuth 2.0 or Bearer Token\n  \
         Access Token URL https://{DEV}/oauth_token.do, grant type Password Credentials or Client Credentials\n  \
         Client ID {}, Client Secret {}\n  \
         Username {}, Password {}\n\
         \nWith curl\n  \
         curl --proxy http://{proxy} --cacert {ca} -u {}:wrong https://{DEV}/api/now/table/incident\n\
         \nCtrl-C ends it.\n",
        stage.address(),
        proxy.ip(),
        proxy.port(),
        training::client_id(DEV),
        training::client_secret(DEV),
        training::INTEGRATION_USER,
        training::PASSWORD,
        training::INTEGRATION_USER,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_not_found_fails_the_demo() {
        let faults = [String::from("report 000, …: expected auth-code-expired likely first, found no finding")];
        assert_eq!((exit(&[]), exit(&faults)), (Exit::Done, Exit::Failed));
        assert!(conclusion(19, &[]).contains("All 19 expectations held"));
        let text = conclusion(19, &faults);
        assert!(text.contains("1 of 19 expectations did not hold:") && text.contains(&faults[0]), "{text}");
    }
}
