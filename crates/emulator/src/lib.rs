//! Emulated Windows nodes behind a real SSH server
