//! The fuzz targets as functions of bytes. `fuzz_targets/` hands them to libFuzzer; `tests/corpus.rs` of the main crate runs
//! them over `corpus/`.

pub mod targets;
