# A convenience over the commands that README.md and CONTRIBUTING.md name. Nothing needs it.

_default:
    @just --list --unsorted

# Install the target that guests are built for
[group('setup')]
setup:
    rustup target add wasm32-wasip2

# Build all guests into target/wasm32-wasip2/release
[group('build')]
guests:
    cargo guests

# Build the host
[group('build')]
build: guests
    cargo build

# Serve an app: `just serve examples/hello --listen 127.0.0.1:0`
[group('run')]
serve path="examples/guestbook" *flags:
    cargo run -- serve {{path}} {{flags}}

# Run all tests
[group('test')]
test: build
    cargo test --workspace

# Run N seeds of the simulated disk
[group('test')]
seeds n:
    MECHA_SEEDS={{n}} cargo test -p mecha-tests --test engine

# Run N further seeds of atomic calls; what is interrupted goes on from the next seed
[group('test')]
simulate n:
    MECHA_SIMULATE={{n}} cargo test --release -p mecha-tests --test engine -- atomic::simulate --ignored --nocapture

# Accept the messages of wrong manifests as they are now
[group('test')]
bless:
    BLESS=1 cargo test -p mecha-manifest --test golden

# Format, lints and documentation, as CI checks them
[group('check')]
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# All that CI does
[group('check')]
ci:
    .ci/run

# Measure: requests, host calls, durable writes, start time
[group('measure')]
bench: guests
    cargo run --release -p mecha-tests --bin bench
