//! How commands reach a host: ssh, local, operator, replay.
//!
//! Everything above this crate talks to a [`Host`]: it hands over a [`Command`] and gets an [`Output`] or an [`Error`].
//! What kind of host it is stays hidden, with one exception that nobody may ignore: whether a command that failed
//! *certainly never began* or may have run ([`Error::certainly_not_begun`]). No transport runs a command twice.
//!
//! - [`ssh`] — over SSH, with strict host keys, an agent, jump hosts and the needed part of ssh_config.
//! - [`local`] — on the controller itself.
//! - [`operator`] — a person does it and attests it.
//! - [`replay`] — answers from a recording, for tests.
//! - [`privilege`] — any of them, with the commands run by way of `sudo -n`.
//!
//! What a host prints is *bytes from outside*: it goes to a terminal only through [`sanitize`].

mod collect;
mod command;
mod error;
mod host;
pub mod local;
pub mod operator;
pub mod privilege;
pub mod replay;
pub mod ssh;
mod text;

pub use command::{Command, Exit, Output};
pub use error::{Error, HostKeyProblem};
pub use host::{Host, RunFuture};
pub use text::{quote, sanitize, sanitize_bytes};
