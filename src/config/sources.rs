//! Where the layers come from in a process: the named file or the user's own, and the environment.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::fault::{Fault, Place};
use super::load::{Layers, Loaded, load};

/// Reads and lays all layers. `file` is the one that was named by flag; then `WHY401_CONFIG`; then the user's own, which
/// need not exist.
pub fn read(file: Option<&Path>, flags: Vec<(&'static str, &'static str, String)>) -> Result<Loaded, Vec<Fault>> {
    let variables: Vec<(String, String)> = environment();
    let named = file.map(Path::to_owned).or_else(|| {
        let named = variables.iter().find(|(name, _)| name == "WHY401_CONFIG");
        named.map(|(_, path)| PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty())
    });
    let path = named.clone().or_else(|| users_own().filter(|path| path.exists()));
    let file = match path.map(|path| (std::fs::read_to_string(&path), path)) {
        None => None,
        Some((Ok(text), path)) => Some((path, text)),
        Some((Err(error), path)) => {
            return Err(vec![Fault { place: Place::WholeFile(path), says: error.to_string() }]);
        }
    };
    load(&Layers { file, variables, flags })
}

/// Variables that are text; others are no setting of ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn users_own() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("why401/config.toml"))
}

/// Where the certificate authority is kept unless a folder is named: the user's data folder.
pub fn default_ca_dir() -> Result<PathBuf, String> {
    etcetera::choose_base_strategy()
        .map(|user| user.data_dir().join("why401/ca"))
        .map_err(|_| "there is no home folder for the certificate authority; name a folder with --ca-dir".into())
}
