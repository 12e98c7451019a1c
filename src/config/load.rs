//! Loading in layers. Every layer is read to its end: all faults are told at once.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment;
use super::fault::{Fault, Place};
use super::keys::{KEYS, Key};
use super::setting::Given;
use super::{Choice, Config, Password, Upstream};
use crate::model::Secret;
use crate::nearest::nearest;
use crate::proxy::Parent;

/// Variables with our prefix that are no keys; the last is for our own tests.
const OTHER_VARIABLES: [&str; 3] = ["WHY401_CONFIG", "WHY401_LOG", "WHY401_BLESS"];

/// Variables that outrank `log.filter`, the stronger last.
const FILTERS: [&str; 2] = ["RUST_LOG", "WHY401_LOG"];

/// What was given, from the weakest to the strongest.
#[derive(Default)]
pub struct Layers {
    /// The configuration file, already read.
    pub file: Option<(PathBuf, String)>,
    /// Variables of the environment, as name and value.
    pub variables: Vec<(String, String)>,
    /// Flags: the flag's name, the path of its key, its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// A configuration, and what is odd in it without being wrong.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<String>,
}

/// Lays the layers over the defaults.
pub fn load(layers: &Layers) -> Result<Loaded, Vec<Fault>> {
    let mut loading = Loading { config: Config::default(), faults: Vec::new(), warnings: Vec::new() };
    if let Some((path, text)) = &layers.file {
        loading.file(path, text);
    }
    layers.variables.iter().for_each(|(name, value)| loading.variable(name, value));
    for filter in FILTERS {
        let given = layers.variables.iter().find(|(name, value)| name == filter && !value.is_empty());
        given.iter().for_each(|(_, value)| loading.config.log.filter.clone_from(value));
    }
    loading.flags(&layers.flags);
    loading.surroundings(&layers.variables);
    loading.no_way_round(layers);
    match loading.faults.is_empty() {
        true => Ok(Loaded { config: loading.config, warnings: loading.warnings }),
        false => Err(loading.faults),
    }
}

/// The faults of a file alone.
pub fn check(path: &Path, text: &str) -> Vec<Fault> {
    load(&Layers { file: Some((path.to_owned(), text.to_owned())), ..Layers::default() }).err().unwrap_or_default()
}

struct Loading {
    config: Config,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

/// Where the file's faults stand.
struct Source<'a> {
    path: &'a Path,
    base: &'a Path,
    text: Arc<str>,
}

impl Source<'_> {
    fn at(&self, span: Range<usize>) -> Place {
        Place::File { path: self.path.to_owned(), text: Arc::clone(&self.text), span }
    }
}

impl Loading {
    fn file(&mut self, path: &Path, text: &str) {
        let source = Source { path, base: path.parent().unwrap_or(Path::new("")), text: text.into() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = source.at(error.span().unwrap_or(0..0));
            self.faults.push(Fault { place, says: error.message().to_owned() });
        }
        self.table(&source, "", table.get_ref());
        self.faults.sort_by_key(|fault| fault.place.line_and_column());
    }

    fn table(&mut self, source: &Source<'_>, prefix: &str, table: &DeTable<'_>) {
        // The map is ordered by name; faults are told in the order of the file.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            match (key(&path), value.get_ref()) {
                (Some(key), _) => self.set_from_file(source, key, value),
                (None, DeValue::Table(inner)) if is_table(&path) => self.table(source, &path, inner),
                (None, _) => {
                    let says = unknown(&path);
                    self.faults.push(Fault { place: source.at(name.span()), says });
                }
            }
        }
    }

    fn set_from_file(&mut self, source: &Source<'_>, key: &Key, value: &Spanned<DeValue<'_>>) {
        if let Err(says) = (key.set)(&mut self.config, &given(value.get_ref()), source.base) {
            self.faults.push(Fault { place: source.at(value.span()), says: format!("`{}`: {says}", key.path) });
        }
    }

    fn variable(&mut self, name: &str, value: &str) {
        if !name.starts_with("WHY401_") || OTHER_VARIABLES.contains(&name) {
            return;
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
            let meant = nearest(name, known.iter().map(String::as_str));
            let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            self.warnings.push(format!("the variable {name} sets nothing{hint}"));
            return;
        };
        if let Err(says) = (key.set)(&mut self.config, &Given::Commas(value.to_owned()), Path::new("")) {
            self.faults.push(Fault { place: Place::Variable(name.to_owned()), says });
        }
    }

    /// Flags that may be repeated add to what the file says; `--listen` replaces it with its first occurrence.
    fn flags(&mut self, flags: &[(&'static str, &'static str, String)]) {
        let mut replaced = false;
        for (flag, path, value) in flags {
            let Some(key) = key(path) else { continue };
            let first_listen = *path == "listen" && !replaced;
            replaced |= first_listen;
            let put = if first_listen { key.set } else { key.add };
            if let Err(says) = put(&mut self.config, &Given::Text(value.clone()), Path::new("")) {
                self.faults.push(Fault { place: Place::Flag((*flag).to_owned()), says });
            }
        }
    }
}

impl Loading {
    /// What the environment says beside our own keys, where those leave it to the environment.
    fn surroundings(&mut self, variables: &[(String, String)]) {
        let upstream = &mut self.config.upstream;
        if matches!(upstream.proxy, Choice::Environment) {
            environment::proxies(variables, &mut upstream.environment, &mut self.faults);
        }
        if upstream.no_proxy.is_empty() {
            environment::exceptions(variables, &mut upstream.environment, &mut self.warnings);
        }
        for certificate in &mut upstream.client_certificates {
            if let Password::Variable(name, value) = &mut certificate.password {
                let set = variables.iter().find(|(known, _)| known == name);
                *value = set.map(|(_, value)| Secret::new(value.clone()));
            }
        }
    }

    /// A parent that is this proxy itself: variables that were set for the clients are passed over, what was said to us is
    /// a fault.
    fn no_way_round(&mut self, layers: &Layers) {
        let Config { upstream, listen, .. } = &mut self.config;
        let around =
            |parent: &Option<Arc<Parent>>| parent.as_ref().is_some_and(|parent| Upstream::leads_to(parent, listen));
        let environment = &mut upstream.environment;
        for (parent, from) in
            [(&mut environment.https, &mut environment.https_from), (&mut environment.http, &mut environment.http_from)]
        {
            if around(parent) {
                let (name, parent) = (from.take().unwrap_or_default(), parent.take());
                let leads = parent.map(|parent| parent.to_string()).unwrap_or_default();
                self.warnings.push(format!(
                    "{name} leads to {leads}, where this proxy listens itself: it is not used as the way out"
                ));
            }
        }
        self.warnings.dedup();
        if let Choice::Through(parent) = &upstream.proxy
            && Upstream::leads_to(parent, listen)
        {
            let says = format!("{parent} is where this proxy listens itself: every request would go round for ever");
            self.faults.push(Fault { place: layers.place("upstream.proxy"), says });
        }
    }
}

impl Layers {
    /// The strongest layer that gave this key.
    fn place(&self, path: &str) -> Place {
        let flag = self.flags.iter().rfind(|(_, key, _)| *key == path).map(|(flag, ..)| (*flag).to_owned());
        let variable =
            key(path).map(Key::variable).filter(|name| self.variables.iter().any(|(known, _)| known == name));
        match (flag, variable, &self.file) {
            (Some(flag), ..) => Place::Flag(flag),
            (_, Some(name), _) => Place::Variable(name),
            (.., Some((file, _))) => Place::WholeFile(file.clone()),
            _ => Place::Variable(path.to_owned()),
        }
    }
}

fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

fn is_table(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.split_once('.').is_some_and(|(table, _)| table == path))
}

fn unknown(path: &str) -> String {
    let tables = KEYS.iter().filter_map(|key| key.path.split_once('.')).map(|(table, _)| table);
    // `format` written outside of its table is meant as `log.format`.
    let elsewhere = KEYS.iter().map(|key| key.path).find(|key| key.rsplit('.').next() == path.rsplit('.').next());
    match nearest(path, KEYS.iter().map(|key| key.path).chain(tables)).or(elsewhere) {
        Some(meant) => format!("unknown key `{path}`; did you mean `{meant}`?"),
        None => format!("unknown key `{path}`; every key stands in config.example.toml"),
    }
}

fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => Given::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Given::Integer(number),
            Err(_) => Given::Other("a number that is too large"),
        },
        DeValue::Array(items) => Given::List(items.iter().map(|item| given(item.get_ref())).collect()),
        DeValue::Float(_) => Given::Other("a fraction"),
        DeValue::Boolean(value) => Given::Bool(*value),
        DeValue::Datetime(_) => Given::Other("a date"),
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(name, _)| name.span().start);
            Given::Table(
                entries.iter().map(|(name, value)| (name.get_ref().to_string(), given(value.get_ref()))).collect(),
            )
        }
    }
}
