//! `why401 exec -- CMD`: one command through a proxy of its own, set up and trusted, nothing left behind.

mod bundle;
mod child;
mod configured;
mod environment;
pub(super) use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::folder::Folder;
use super::{AtLeast, Ended, Exit, Failure, complain};
use crate::cli::RunOptions;
use crate::config::{self, Config, Format};
use crate::proxy::ca::Authority;
use crate::run::secrecy;
use crate::run::service::{self, Service};
use crate::run::tellers::{self, Counting, Tally, Tellers, Words};
use crate::telling::Held;

/// How long exchanges may go on after the command has ended.
const DRAIN: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    run: RunOptions,
    /// Exit with 3 where a finding is at least this sure
    #[arg(long, value_name = "GRADE")]
    fail_on: Option<AtLeast>,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(options: &Options) -> Ended {
    // Not the limit on core files: the command would inherit it.
    secrecy::not_dumpable();
    let loaded = config::read(options.run.config.as_deref(), options.run.given())?;
    let config = for_one_command(loaded.config, &options.run);
    let held = Held::default();
    let telling = tellers::telling(&config.log, Box::new(held.clone()))?;
    let authority = authority(&config)?;
    let folder = Folder::new().map_err(|error| format!("cannot make a folder for this run: {error}"))?;
    let stores = Stores::write(&folder, &authority).map_err(|error| format!("{}: {error}", folder.path().display()))?;
    let runtime = service::runtime()?;
    let (status, tally) = runtime.block_on(through(&config, authority, &stores, &options.command))?;
    drop(telling);
    let words = held.take();
    if !words.is_empty() && config.log.format == Format::Human {
        // The command's last line may have no end.
        child::print(b"\n");
    }
    child::print(&words);
    ended(status, tally, options)
}

/// One for this run only, unless one of the user's own is given.
fn authority(config: &Config) -> Result<Authority, String> {
    let scope = config.scope();
    let made = match config.ca.certificates.is_some() || config.ca.key.is_some() {
        true => config.authority()?.open(&scope),
        false => Authority::for_this_run(&scope, config.ca.name_constraints),
    };
    made.map_err(|error| error.to_string())
}

/// A free port of loopback, unless one was named; and only warnings beside the command's own output.
fn for_one_command(mut config: Config, flags: &RunOptions) -> Config {
    if !flags.given().iter().any(|(_, key, _)| *key == "listen") {
        config.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    }
    if config.log.filter == Config::default().log.filter {
        config.log.filter = "warn".into();
    }
    config
}

/// The trust stores of this run.
struct Stores {
    certificate: PathBuf,
    bundle: PathBuf,
    java: PathBuf,
    wgetrc: PathBuf,
    node: PathBuf,
    /// A folder, because PHP reads all that is in one.
    php: PathBuf,
}

impl Stores {
    fn write(folder: &Folder, authority: &Authority) -> std::io::Result<Stores> {
        // What cannot be read of the system's store is left out: the command would not have had it either.
        let mut roots = rustls_native_certs::load_native_certs().certs;
        roots.push(authority.certificate_der().clone());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or_default();
        let bundle = folder.file("roots-and-why401-ca.pem", bundle::pem(&roots).as_bytes())?;
        let php = folder.path().join("php");
        std::fs::create_dir(&php)?;
        folder.file("php/why401.ini", configured::php_ini(&bundle).as_bytes())?;
        Ok(Stores {
            certificate: folder.file("why401-ca.pem", authority.certificate_pem().as_bytes())?,
            node: folder.file("through_proxy.cjs", configured::FOR_NODE.as_bytes())?,
            wgetrc: folder.file("wgetrc", configured::wgetrc(&bundle).as_bytes())?,
            bundle,
            php,
            java: folder.file("roots-and-why401-ca.jks", &bundle::java_store(&roots, millis))?,
        })
    }

    fn variables(&self, proxy: SocketAddr) -> Vec<(&'static str, String)> {
        let (java, php) = (std::env::var("JAVA_TOOL_OPTIONS").ok(), std::env::var("PHP_INI_SCAN_DIR").ok());
        let files = environment::Files { certificate: &self.certificate, bundle: &self.bundle, java: &self.java };
        let mut variables = environment::variables(proxy, &files, java.as_deref());
        if !configured::users_wgetrc() {
            variables.push(("WGETRC", self.wgetrc.display().to_string()));
        }
        let node = std::env::var("NODE_OPTIONS").ok();
        variables.push(("NODE_OPTIONS", configured::node_options(node.as_deref(), &self.node)));
        variables.push(("PHP_INI_SCAN_DIR", configured::php_scan(php.as_deref(), &self.php)));
        variables
    }
}

/// Runs the command behind a proxy; its status, and what went by.
async fn through(
    config: &Config,
    authority: Authority,
    stores: &Stores,
    command: &[OsString],
) -> Result<(ExitStatus, Tally), Failure> {
    let counting = Counting::default();
    let words = Words::new(&config.log);
    let tellers = Tellers(vec![Box::new(words), Box::new(counting.clone())]);
    let service = Service::start(config, Arc::new(authority), tellers).await?;
    let proxy = *service.proxy.addresses().first().ok_or("the proxy listens nowhere")?;
    let status = child::run(command, stores.variables(proxy)).await;
    service.stop(DRAIN).await;
    Ok((status?, counting.tally()))
}

fn ended(status: ExitStatus, tally: Tally, options: &Options) -> Ended {
    if tally.exchanges == 0 {
        complain(NEVER_CAME);
    }
    match options.fail_on {
        Some(least) if least.reached(tally.best) => Ok(Exit::FailOn),
        _ => Ok(Exit::Child(child::code(status))),
    }
}

const NEVER_CAME: &str = "\
why401: no request of the command came through to a host that is intercepted. It may be that
  - it called another host: name it with --intercept HOST
  - it reads no proxy variables: Node before 18 (fetch), aiohttp without trust_env=True, aiosnow, PHP streams, code that sets its
    own proxy; `why401 ca trust CLIENT` says what each needs, and `why401 --reverse https://HOST` needs nothing of the client
  - it called localhost, which Go and Java never send to a proxy
  - it talks to a background process that was started before (a daemon, an agent, an open app)";
