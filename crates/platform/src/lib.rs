//! Probe, act, verify: one module a platform
