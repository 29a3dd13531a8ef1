//! A run as a pure state machine: next, may, apply
