//! `why401 ca`: the certificate authority, how each client trusts it, and how to be rid of it.

mod recipes;
mod system;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Ended, Exit, complain, say};
use crate::config::{self, Config};
use crate::nearest::nearest;
use crate::proxy::ca::Authority;
use recipes::{RECIPES, Recipe};

#[derive(Args, Debug)]
pub struct Options {
    /// Where the certificate authority is kept
    #[arg(long, value_name = "DIR", global = true)]
    ca_dir: Option<String>,
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
    let flags = flags.chain(options.ca_dir.iter().map(|dir| ("--ca-dir", "ca.dir", dir.clone()))).collect();
    let config = config::read(options.config.as_deref(), flags)?.config;
    let folder = config.ca_dir()?;
    match &options.what {
        What::Path => path(&config, &folder),
        What::Show => show(&config, &folder),
        What::Trust { client: None, .. } => list(),
        What::Trust { client: Some(client), do_it, proxy } => trust(&config, &folder, client, *do_it, proxy),
        What::Rotate => rotate(&config, &folder),
        What::Remove => remove(&folder),
    }
}

fn path(config: &Config, folder: &Path) -> Ended {
    // A file that is there is named as it is, so that scripts get its path even when the authority must be renewed.
    let path = Authority::certificate_path_in(folder);
    if !path.exists() {
        open(config, folder)?;
    }
    say(&path.display().to_string());
    Ok(Exit::Done)
}

fn open(config: &Config, folder: &Path) -> Result<Authority, String> {
    Authority::open_or_create(folder, &config.scope()).map_err(|error| error.to_string())
}

fn show(config: &Config, folder: &Path) -> Ended {
    let authority = open(config, folder)?;
    say(&description(&authority, folder));
    Ok(Exit::Done)
}

fn description(authority: &Authority, folder: &Path) -> String {
    let hosts: Vec<String> =
        authority.permitted().iter().map(|name| format!("{name} and every host under it")).collect();
    let days = (authority.not_after() - time::OffsetDateTime::now_utc()).whole_days();
    let certificate = Authority::certificate_path_in(folder);
    [
        format!("certificate   {}", certificate.display()),
        format!("SHA-256       {}", authority.fingerprint()),
        format!("valid until   {} ({days} days from now)", authority.not_after().date()),
        format!("may sign for  {}", hosts.join("\n              ")),
        "              loopback addresses; nothing else: clients refuse any other name it would sign".into(),
        format!(
            "private key   in {}, for its owner alone; the root's own key was thrown away when it was made",
            folder.display()
        ),
    ]
    .join("\n")
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

fn trust(config: &Config, folder: &Path, client: &str, do_it: bool, proxy: &str) -> Ended {
    let system = client.eq_ignore_ascii_case("system");
    let name = if system {
        system::name().ok_or("this system's store is not known here; see `why401 ca trust`")?
    } else {
        client
    };
    let recipe = recipes::find(name).ok_or_else(|| unknown(client))?;
    let certificate = path_of(config, folder)?;
    say(&written(recipe, &certificate, proxy));
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

fn path_of(config: &Config, folder: &Path) -> Result<PathBuf, String> {
    open(config, folder)?;
    let path = Authority::certificate_path_in(folder);
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

fn rotate(config: &Config, folder: &Path) -> Ended {
    let authority = Authority::rotate(folder, &config.scope()).map_err(|error| error.to_string())?;
    say(&description(&authority, folder));
    say(
        "\nThe old authority is gone. Restart a running proxy, and let every client trust the new one: why401 ca trust CLIENT",
    );
    Ok(Exit::Done)
}

fn remove(folder: &Path) -> Ended {
    let removed = Authority::remove(folder).map_err(|error| error.to_string())?;
    if removed.is_empty() {
        complain(&format!("there is no authority in {}", folder.display()));
        return Ok(Exit::Done);
    }
    removed.iter().for_each(|path| say(&format!("removed {}", path.display())));
    say("\nClients and stores that were told to trust it still do, until each is told otherwise. The undo of each:");
    let certificate = Authority::certificate_path_in(folder);
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
