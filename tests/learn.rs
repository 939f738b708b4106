//! Tests of learn through the public interface.

#[path = "learn/composed.rs"]
mod composed;
#[path = "learn/depthwise.rs"]
mod depthwise;
#[path = "learn/edges.rs"]
mod edges;
#[path = "learn/gates.rs"]
mod gates;
#[path = "learn/golden.rs"]
mod golden;
#[path = "learn/heads.rs"]
mod heads;
#[path = "learn/hub.rs"]
mod hub;
#[path = "learn/keys.rs"]
mod keys;
#[path = "learn/layers.rs"]
mod layers;
#[path = "learn/mobile.rs"]
mod mobile;
#[path = "learn/naive.rs"]
mod naive;
#[path = "learn/operations.rs"]
mod operations;
#[path = "learn/parity.rs"]
mod parity;
#[path = "learn/threads.rs"]
mod threads;
#[path = "learn/tokens.rs"]
mod tokens;
#[path = "learn/windows.rs"]
mod windows;
