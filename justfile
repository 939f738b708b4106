# What CI runs, here.
check:
    .ci/run

# The generated page of all keys and techniques.
reference:
    cargo run --release -- explain > docs/reference.md

# Draw the committed sample set again (a test compares it byte by byte).
sample:
    rm -rf data/sample
    cargo run --release -- synth data/sample

# Dependencies: licences and advisories. Needs cargo-deny.
deny:
    cargo deny check

# Toji beside its peers; see benches/README.md.
versus *NAMES:
    benches/versus/run {{NAMES}}
