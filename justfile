# The commands of everyday work. `just` alone lists them.

default:
    @just --list

# format, lint, test
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# everything that CI does
ci:
    bash .ci/run

# see it explain, without an instance
demo:
    cargo run --release -- demo

# the proxy, with a certificate authority of this checkout's own
run *ARGS:
    cargo run --release -- --ca-dir certs {{ARGS}}

# write config.example.toml anew from the table of keys
example:
    WHY401_BLESS=1 cargo test --test docs the_example

# what one exchange costs, part by part
bench-parts:
    cargo bench --bench diagnosis --bench exchange

# the proxy's cost beside direct calls, and beside others: just bench --peer 'NAME=COMMAND'; --growth; benches/side_by_side
bench *ARGS:
    cargo bench --bench side_by_side -- {{ARGS}}

# licences, sources and doubled crates of the dependencies
deny:
    cargo deny check licenses bans sources

# one fuzz target (fuzz/src/targets), until it is stopped
fuzz TARGET *ARGS:
    cp Cargo.lock fuzz/Cargo.lock
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run -s none -O -a {{TARGET}} -- {{ARGS}}
