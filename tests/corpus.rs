//! Every fuzz target over its seeds, without libFuzzer: what was found once is never lost again, on every machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_over_its_seeds() {
    let mut wrong = Vec::new();
    for target in targets::ALL {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for (path, bytes) in seeds {
            // Cut short and with a byte changed as well: seeds alone are mostly well-formed.
            let mut inputs =
                vec![bytes.clone(), bytes[..bytes.len() / 2].to_vec(), bytes[..bytes.len().saturating_sub(1)].to_vec()];
            for at in [bytes.len() / 3, bytes.len() * 2 / 3] {
                let mut changed = bytes.clone();
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 0x20;
                }
                inputs.push(changed);
            }
            // Where the first byte chooses what is tried, all of it.
            for more in 1..3 {
                let mut changed = bytes.clone();
                if let Some(byte) = changed.first_mut() {
                    *byte = byte.wrapping_add(more);
                }
                inputs.push(changed);
            }
            let broken =
                inputs.iter().filter(|input| std::panic::catch_unwind(|| (target.run)(input)).is_err()).count();
            if broken > 0 {
                wrong.push(format!("{}: {} ({broken} of its forms)", target.name, path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The table, the programs for libFuzzer and the seeds name the same targets.
#[test]
fn every_target_has_its_program_and_its_seeds() {
    let named: BTreeSet<String> = targets::ALL.iter().map(|target| target.name.to_owned()).collect();
    let in_folder = |folder: &str| -> BTreeSet<String> {
        let files = fs::read_dir(fuzz().join(folder)).unwrap();
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert!(named.len() >= 12);
    assert_eq!(in_folder("fuzz_targets"), named);
    assert_eq!(in_folder("corpus"), named);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &named {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    targets::run("values", b"Sun, 22 Nov 2026 10:00:00 GMT");
}
