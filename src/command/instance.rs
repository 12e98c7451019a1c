//! `why401 instance`: the simulated instance alone, for training and for testing how an integration takes failures.

use std::fmt::Write;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::folder::Folder;
use super::{Ended, Exit, Failure, say};
use crate::instance::state::{AccessPolicy, ApiPattern, AuthKind, AuthProfile, Power, Release, User};
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
    /// Change a user: active, inactive, locked, needs-reset, no-password or machine; repeatable
    #[arg(long, value_name = "NAME=STATE", value_parser = user_state)]
    user: Vec<(String, UserState)>,
    /// Give the APIs under a path an access policy that takes only basic, oauth, id-token or api-key; repeatable
    #[arg(long, value_name = "PATH=KIND", value_parser = policy)]
    policy: Vec<(String, AuthKind)>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UserState {
    Active,
    Inactive,
    Locked,
    NeedsReset,
    NoPassword,
    /// Web service access only
    Machine,
}

impl UserState {
    fn set(self, user: &mut User) {
        match self {
            UserState::Active => (user.active, user.locked_out) = (true, false),
            UserState::Inactive => user.active = false,
            UserState::Locked => user.locked_out = true,
            UserState::NeedsReset => user.password_needs_reset = true,
            UserState::NoPassword => user.password = None,
            UserState::Machine => user.web_service_access_only = true,
        }
    }
}

fn user_state(text: &str) -> Result<(String, UserState), String> {
    let (name, state) = text.split_once('=').ok_or("expected NAME=STATE")?;
    let known = training::instance(INSTANCES[0]);
    let names: Vec<&str> = known.users.iter().map(|user| user.user_name.as_str()).collect();
    if !names.contains(&name) {
        return Err(format!("no such user; there are {}", names.join(", ")));
    }
    Ok((name.to_owned(), UserState::from_str(state, true)?))
}

fn policy(text: &str) -> Result<(String, AuthKind), String> {
    let (path, kind) = text.split_once('=').filter(|(path, _)| path.starts_with('/')).ok_or("expected /PATH=KIND")?;
    let kind = match kind {
        "basic" => AuthKind::Basic,
        "oauth" => AuthKind::OAuth,
        "id-token" => AuthKind::IdToken,
        "api-key" => AuthKind::ApiKeyHeader,
        _ => return Err(String::from("expected basic, oauth, id-token or api-key")),
    };
    Ok((path.to_owned(), kind))
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
    say(&description(stage.address(), &ca.display().to_string(), &instance(INSTANCES[0], options)));
    signals.next().await;
    Ok(Exit::Done)
}

fn instance(host: &str, options: &Options) -> Instance {
    let mut instance = training::instance(host);
    for (name, value) in &options.property {
        instance.set_property(name, value);
    }
    for (name, state) in &options.user {
        instance.users.iter_mut().filter(|user| user.user_name == *name).for_each(|user| state.set(user));
    }
    for (path, kind) in &options.policy {
        instance.policies.push(AccessPolicy {
            name: format!("{path} by flag"),
            active: true,
            applies_to: ApiPattern::under(path),
            profiles: vec![AuthProfile::of(*kind)],
            advertise_all_schemes: false,
        });
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
        writeln!(text, "  {:<18} {roles}{}", user.user_name, notes(user)).unwrap_or_default();
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

/// What is unusual about a user.
fn notes(user: &User) -> String {
    let all = [
        (user.web_service_access_only, "web service access only"),
        (!user.active, "inactive"),
        (user.locked_out, "locked out"),
        (user.password_needs_reset, "password needs reset"),
        (user.password.is_none(), "no local password"),
    ];
    all.iter().filter(|(holds, _)| *holds).map(|(_, note)| format!("; {note}")).collect()
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
            "--user",
            "integration.user=locked",
            "--policy",
            "/api/now/table=oauth",
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
        assert!(instance.user("integration.user").unwrap().locked_out);
        assert!(instance.policies.iter().any(|policy| policy.applies_to == ApiPattern::under("/api/now/table")));
        for wrong in
            [["--property", "x"], ["--user", "nobody=locked"], ["--user", "admin=x"], ["--policy", "api=basic"]]
        {
            assert!(Line::try_parse_from(["instance"].iter().chain(&wrong)).is_err(), "{wrong:?}");
        }
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
