//! `why401 instance`: the simulated instance alone, for training and for testing how an integration takes failures.

use std::fmt::Write;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::folder::Folder;
use super::{Ended, Exit, Failure, say};
use crate::instance::state::{Power, Release};
use crate::instance::{Instance, provider, training};
use crate::run::service;
use crate::run::signals::Signals;
use crate::stage::{Clock, Site, Stage};

/// The first one also answers as `localhost`.
const INSTANCES: [&str; 2] = ["dev1.service-now.com", "acme.service-now.com"];
const PROVIDER: &str = "api.vendor.example";

#[derive(Args, Debug)]
pub struct Options {
    /// Where it listens, https and http on the same port; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Set a system property; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = property)]
    property: Vec<(String, String)>,
    /// What state the machines are in
    #[arg(long, value_enum, default_value = "awake", value_name = "STATE")]
    power: PowerOption,
    /// Whose wording and headers it uses
    #[arg(long, value_enum, default_value = "current", value_name = "RELEASE")]
    release: ReleaseOption,
    /// Seconds that an access token lives
    #[arg(long, default_value_t = 1800, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=86_400))]
    token_lifespan: i64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PowerOption {
    Awake,
    /// 200 and one page for every path
    Hibernating,
    /// "Your instance is currently offline"
    Offline,
    /// 502 from the load balancer
    Down,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReleaseOption {
    /// As recorded in 2021
    Classic,
    /// As reported in 2025 and 2026
    Current,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub fn run(options: &Options) -> Ended {
    service::runtime()?.block_on(serve(options))
}

async fn serve(options: &Options) -> Ended {
    // Before anything is said: from here on a signal ends it in order.
    let mut signals = Signals::listen()?;
    let mut sites: Vec<Site> = INSTANCES.iter().map(|host| instance(host, options).into()).collect();
    sites.push(training::provider(PROVIDER).into());
    let stage = Stage::start(options.listen, sites, Clock::default()).await.map_err(|error| error.to_string())?;
    let failed = |error: std::io::Error| Failure::Failed(format!("cannot keep the certificate in a file: {error}"));
    let folder = Folder::new().map_err(failed)?;
    let ca = folder.file("simulated-hosts.pem", stage.authority_pem().as_bytes()).map_err(failed)?;
    say(&description(stage.address(), &ca.display().to_string(), &training::instance(INSTANCES[0])));
    signals.next().await;
    Ok(Exit::Done)
}

fn instance(host: &str, options: &Options) -> Instance {
    let mut instance = training::instance(host);
    for (name, value) in &options.property {
        instance.set_property(name, value);
    }
    instance.power = match options.power {
        PowerOption::Awake => Power::Awake,
        PowerOption::Hibernating => Power::Hibernating,
        PowerOption::Offline => Power::Offline,
        PowerOption::Down => Power::Down,
    };
    instance.release = match options.release {
        ReleaseOption::Classic => Release::Classic,
        ReleaseOption::Current => Release::Current,
    };
    instance.clients.iter_mut().for_each(|client| client.access_lifespan = options.token_lifespan);
    instance
}

/// All that somebody needs to use it: address, trust, accounts, and lines to paste.
fn description(address: SocketAddr, ca: &str, instance: &Instance) -> String {
    let mut text = format!(
        "Simulated hosts on {address}, https and http on the same port. Nothing here is real; every value is for training.\n\
         \n\
         Certificate to trust, for this run only: {ca}\n"
    );
    text.push_str(&accounts(instance));
    text.push_str(&lines_to_paste(address, ca));
    text.push_str("\nCtrl-C ends it.");
    text
}

fn accounts(instance: &Instance) -> String {
    let mut text = String::from("\nUsers, on both instances (the password is `training`)\n");
    for user in &instance.users {
        let roles = if user.roles.is_empty() { String::from("no roles") } else { user.roles.join(", ") };
        let note = if user.web_service_access_only { "; web service access only" } else { "" };
        writeln!(text, "  {:<18} {roles}{note}", user.user_name).unwrap_or_default();
    }
    for host in INSTANCES {
        writeln!(
            text,
            "\n{host}\n  client_id          {}\n  client_secret      {}\n  public client_id   {} (PKCE)\n  x-sn-apikey        {} (for {})",
            training::client_id(host),
            training::client_secret(host),
            training::public_client_id(host),
            training::api_key(host),
            training::STOCK
        )
        .unwrap_or_default();
    }
    writeln!(
        text,
        "  redirect URL       {}\n  APIs               /api/now/table/incident, /api/now/stats/incident, {}\n\
         \n{PROVIDER}, the third party of outbound calls\n  client_id          {}\n  client_secret      {} (in Basic only)\n  \
         token endpoint     {}\n  API                {}accounts",
        training::CALLBACK,
        training::ORDERS,
        training::client_id(PROVIDER),
        training::client_secret(PROVIDER),
        provider::TOKEN_PATH,
        provider::API_PATH
    )
    .unwrap_or_default();
    text
}

fn lines_to_paste(address: SocketAddr, ca: &str) -> String {
    let host = INSTANCES[0];
    let curl = format!("curl --cacert {ca} --connect-to ::{address}");
    format!(
        "\nTo paste\n  {curl} -u {user}:{password} 'https://{host}/api/now/table/incident?sysparm_limit=1'\n  \
         {curl} https://{host}/oauth_token.do -d grant_type=client_credentials -d client_id={id} -d client_secret={secret}\n\
         \nThrough the proxy\n  why401 run --upstream-ca {ca} --resolve {host}={address}\n  \
         curl --proxy http://127.0.0.1:8080 --cacert \"$(why401 ca path)\" -u {user}:wrong https://{host}/api/now/table/incident\n",
        user = training::INTEGRATION_USER,
        password = training::PASSWORD,
        id = training::client_id(host),
        secret = training::client_secret(host),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Line::try_parse_from(["instance"].iter().chain(arguments)).unwrap().options
    }

    #[test]
    fn options_become_settings() {
        let gate = "glide.authenticate.basic_auth.restriction.active";
        let arguments = [
            "--property",
            "glide.authenticate.basic_auth.restriction.active=true",
            "--power",
            "hibernating",
            "--release",
            "classic",
            "--token-lifespan",
            "5",
        ];
        let instance = instance(INSTANCES[0], &options(&arguments));
        assert_eq!(instance.property(gate), "true");
        assert_eq!((instance.power, instance.release), (Power::Hibernating, Release::Classic));
        assert!(instance.clients.iter().all(|client| client.access_lifespan == 5));
        assert!(Line::try_parse_from(["instance", "--property", "x"]).is_err());
    }

    #[test]
    fn the_description_names_what_is_needed() {
        let host = INSTANCES[0];
        let text = description("127.0.0.1:8443".parse().unwrap(), "/tmp/ca.pem", &training::instance(host));
        let secret = training::client_secret(host);
        for needed in
            ["127.0.0.1:8443", "/tmp/ca.pem", "integration.user", &training::client_id(host), &secret, "--resolve"]
        {
            assert!(text.contains(needed), "{needed} in {text}");
        }
    }
}
