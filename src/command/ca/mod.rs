//! `why401 ca`: the certificate authority, how each client trusts it, and how to be rid of it.

mod recipes;
mod system;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Ended, Exit, complain, say};
use crate::cli::CaFlags;
use crate::config::{self, Config};
use crate::nearest::nearest;
use crate::proxy::Guide;
use crate::proxy::ca::{Authority, Reach, Source};
use recipes::{RECIPES, Recipe};

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    ca: CaFlags,
    /// Read settings from this file
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// A host that the authority may sign for, besides ServiceNow's own
    #[arg(long, value_name = "HOST", global = true)]
    intercept: Vec<String>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the path of the PEM file that clients must trust; makes the authority where there is none
    Path,
    /// Show what the authority is, until when, and for which hosts it may sign
    Show,
    /// Print how a client trusts it, and the undo; without a name, list the clients
    Trust {
        /// A client as `postman`, `curl`, `python`, `java`, or `system` for this machine's own store
        client: Option<String>,
        /// Run the commands, after showing them (`system` only)
        #[arg(long = "do", requires = "client")]
        do_it: bool,
        /// The proxy's address, for the commands
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        proxy: String,
    },
    /// Make a new authority in place of the old one; clients must trust it anew
    Rotate,
    /// Remove the authority, and print how each store forgets it
    Remove,
}

pub fn run(options: &Options) -> Ended {
    let flags = options.intercept.iter().map(|host| ("--intercept", "intercept", host.clone()));
    let flags = flags.chain(options.ca.given()).collect();
    let config = config::read(options.config.as_deref(), flags)?.config;
    let source = config.authority()?;
    match &options.what {
        What::Path => path(&config, &source),
        What::Show => show(&config, &source),
        What::Trust { client: None, .. } => list(),
        What::Trust { client: Some(client), do_it, proxy } => trust(&config, &source, client, *do_it, proxy),
        What::Rotate => rotate(&config, &source),
        What::Remove => remove(&source),
    }
}

fn path(config: &Config, source: &Source) -> Ended {
    // A file that is there is named as it is, so that scripts get its path even when the authority must be renewed.
    let path = source.certificate_path();
    if !path.exists() {
        open(config, source)?;
    }
    say(&path.display().to_string());
    Ok(Exit::Done)
}

fn open(config: &Config, source: &Source) -> Result<Authority, String> {
    source.open(&config.scope()).map_err(|error| error.to_string())
}

fn show(config: &Config, source: &Source) -> Ended {
    let authority = open(config, source)?;
    say(&description(&authority, source));
    Ok(Exit::Done)
}

fn description(authority: &Authority, source: &Source) -> String {
    let days = (authority.not_after() - time::OffsetDateTime::now_utc()).whole_days();
    let mut text = [
        format!("certificate   {}", source.certificate_path().display()),
        format!("SHA-256       {}", authority.fingerprint()),
        format!("valid until   {} ({days} days from now)", authority.not_after().date()),
        format!("may sign for  {}", signs_for(authority)),
        format!("private key   {}", key_of(source)),
    ]
    .join("\n");
    if let Some(caution) = source.caution(authority) {
        text.push_str(&format!("\ncaution       {caution}"));
    }
    text
}

fn signs_for(authority: &Authority) -> String {
    match authority.reach() {
        Reach::Names(names) => {
            let hosts: Vec<String> = names.iter().map(|name| format!("{name} and every host under it")).collect();
            let rest = "loopback addresses; nothing else: clients refuse any other name it would sign";
            format!("{}\n              {rest}", hosts.join("\n              "))
        }
        Reach::Everything => "every host there is: it has no name constraints".into(),
        Reach::Given => "what its own constraints permit; every host in scope was tried".into(),
    }
}

fn key_of(source: &Source) -> String {
    match source {
        Source::Folder { folder, .. } => {
            format!("in {}, for its owner alone; the root's own key was thrown away when it was made", folder.display())
        }
        Source::Given { key, .. } => format!("your own: {}", key.display()),
    }
}

fn list() -> Ended {
    let width = RECIPES.iter().map(|recipe| recipe.name.len()).max().unwrap_or_default();
    say("why401 ca trust CLIENT prints the commands for one of these, and their undo:\n");
    for recipe in RECIPES {
        let also = if recipe.aliases.is_empty() { String::new() } else { format!(" ({})", recipe.aliases.join(", ")) };
        say(&format!("  {:width$}  {}{also}", recipe.name, recipe.title));
    }
    say(&format!("  {:width$}  the store of the system this runs on", "system"));
    Ok(Exit::Done)
}

fn trust(config: &Config, source: &Source, client: &str, do_it: bool, proxy: &str) -> Ended {
    let system = client.eq_ignore_ascii_case("system");
    let name = if system {
        system::name().ok_or("this system's store is not known here; see `why401 ca trust`")?
    } else {
        client
    };
    let recipe = recipes::find(name).ok_or_else(|| unknown(client))?;
    let certificate = path_of(config, source)?;
    say(&written(recipe, &certificate, proxy));
    if matches!(source, Source::Given { .. }) {
        say("\nThe authority is your own: a client that trusts its root already needs the proxy's address only.");
    }
    match (do_it, system) {
        (false, _) => Ok(Exit::Done),
        (true, true) => system::carry_out(&commands(recipe.trust, &certificate, proxy)),
        (true, false) => Err(format!(
            "--do changes this system's own store only: `why401 ca trust system --do`; for {} run the commands above",
            recipe.name
        )
        .into()),
    }
}

fn path_of(config: &Config, source: &Source) -> Result<PathBuf, String> {
    open(config, source)?;
    let path = source.certificate_path();
    Ok(std::path::absolute(&path).unwrap_or(path))
}

fn unknown(client: &str) -> String {
    let names = RECIPES.iter().flat_map(|recipe| recipe.aliases.iter().copied().chain([recipe.name]));
    let hint = nearest(client, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("no client `{client}` is known{hint} `why401 ca trust` lists them")
}

/// A recipe for reading: title, commands, note, undo.
fn written(recipe: &Recipe, certificate: &Path, proxy: &str) -> String {
    let filled =
        |lines: &[&str]| lines.iter().map(|line| fill(line, certificate, proxy)).collect::<Vec<_>>().join("\n");
    let mut text = format!("{}\n\n{}\n", recipe.title, filled(recipe.trust));
    if !recipe.note.is_empty() {
        text.push_str(&format!("\n{}\n", fill(recipe.note, certificate, proxy)));
    }
    text.push_str(&format!("\nUndo:\n{}", filled(recipe.undo)));
    text
}

/// The recipes for the proxy's own page, from which the certificate is downloaded.
pub fn guides() -> Vec<Guide> {
    let downloaded = |line: &str| line.replace("{ca}", "why401-ca.pem");
    let guide = |recipe: &Recipe| {
        let note = (!recipe.note.is_empty()).then_some(recipe.note);
        let undo = std::iter::once("Undo:").chain(recipe.undo.iter().copied());
        let lines = recipe.trust.iter().copied().chain(note).chain(undo);
        Guide { title: recipe.title.to_owned(), lines: lines.map(downloaded).collect() }
    };
    RECIPES.iter().map(guide).collect()
}

/// The commands of a recipe alone.
fn commands(lines: &[&str], certificate: &Path, proxy: &str) -> Vec<String> {
    lines.iter().filter_map(|line| line.strip_prefix("  ")).map(|line| fill(line, certificate, proxy)).collect()
}

fn fill(line: &str, certificate: &Path, proxy: &str) -> String {
    let (host, port) = proxy.rsplit_once(':').unwrap_or((proxy, "8080"));
    line.replace("{ca}", &quoted(&certificate.display().to_string()))
        .replace("{proxy}", &format!("http://{proxy}"))
        .replace("{host}", host)
        .replace("{port}", port)
}

/// As a shell takes it: in quotes where it holds anything but letters, digits and harmless signs.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:\\".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn folder_of<'a>(source: &'a Source, what: &str) -> Result<&'a Path, String> {
    match source {
        Source::Folder { folder, .. } => Ok(folder),
        Source::Given { certificates, .. } => Err(format!(
            "the authority is your own ({}): {what} it where it was made; leave --ca-cert and --ca-key (`ca.certificates`, `ca.key`) out to get one that is made here",
            certificates.display()
        )),
    }
}

fn rotate(config: &Config, source: &Source) -> Ended {
    let folder = folder_of(source, "renew")?;
    let made = Authority::rotate(folder, &config.scope(), config.ca.name_constraints);
    let authority = made.map_err(|error| error.to_string())?;
    say(&description(&authority, source));
    say(
        "\nThe old authority is gone. Restart a running proxy, and let every client trust the new one: why401 ca trust CLIENT",
    );
    Ok(Exit::Done)
}

fn remove(source: &Source) -> Ended {
    let folder = folder_of(source, "remove")?;
    let removed = Authority::remove(folder).map_err(|error| error.to_string())?;
    if removed.is_empty() {
        complain(&format!("there is no authority in {}", folder.display()));
        return Ok(Exit::Done);
    }
    removed.iter().for_each(|path| say(&format!("removed {}", path.display())));
    say("\nClients and stores that were told to trust it still do, until each is told otherwise. The undo of each:");
    let certificate = source.certificate_path();
    for recipe in RECIPES {
        let undo =
            recipe.undo.iter().map(|line| format!("    {}", fill(line.trim_start(), &certificate, "127.0.0.1:8080")));
        say(&format!("\n{}:\n{}", recipe.title, undo.collect::<Vec<_>>().join("\n")));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_filled_and_quoted() {
        let recipe = recipes::find("curl").unwrap();
        let text = written(recipe, Path::new("/home/a b/why401-ca.pem"), "127.0.0.1:9090");
        assert!(text.contains("curl -x http://127.0.0.1:9090 --cacert '/home/a b/why401-ca.pem'"), "{text}");
        assert!(text.contains("Undo:\n  unset https_proxy"), "{text}");
        for recipe in RECIPES {
            let text = written(recipe, Path::new("/ca.pem"), "127.0.0.1:8080");
            assert!(!text.contains("{ca}") && !text.contains("{proxy}") && !text.contains("{host}"), "{text}");
        }
    }

    #[test]
    fn only_indented_lines_are_commands() {
        let lines = ["Words {ca}", "  run {ca}"];
        assert_eq!(commands(&lines, Path::new("/ca.pem"), "127.0.0.1:8080"), ["run /ca.pem"]);
    }

    #[test]
    fn an_unknown_client_gets_the_nearest() {
        assert!(unknown("pstman").contains("did you mean `postman`?"));
        assert!(!unknown("zzzzzzzz").contains("did you mean"));
    }
}
