//! Runs `heads` of `why401_fuzz::targets` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| why401_fuzz::targets::run("heads", bytes));
