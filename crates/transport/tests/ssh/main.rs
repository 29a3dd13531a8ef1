//! The SSH transport against a real OpenSSH server, and against a server of our own for what OpenSSH can't do.

mod embedded;
mod openssh;
mod refusals;
mod sshd;
