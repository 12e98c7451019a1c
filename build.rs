//! Lists docs/causes/*.md as a table of embedded texts, sorted by name, for `catalog`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=docs/causes");
    println!("cargo::rerun-if-changed=build.rs");
    let mut table = String::from("pub(super) static TEXTS: &[(&str, &str)] = &[\n");
    for slug in slugs(Path::new("docs/causes"))? {
        let path = format!("/docs/causes/{slug}.md");
        // A String takes any amount: writing to it cannot fail.
        writeln!(table, "    ({slug:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),")
            .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR for build scripts"))?;
    fs::write(PathBuf::from(folder).join("pages.rs"), table)
}

/// File names without `.md`, sorted. A folder that is not there has no pages.
fn slugs(folder: &Path) -> io::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        if let (Some("md"), Some(name)) = (path.extension().and_then(|ext| ext.to_str()), name) {
            found.push(name.to_owned());
        }
    }
    found.sort();
    Ok(found)
}
