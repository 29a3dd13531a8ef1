//! What every transport is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Command, Error, Output};

/// The future that [`Host::run`] returns: boxed, so that `dyn Host` is possible.
pub type RunFuture<'a> = Pin<Box<dyn Future<Output = Result<Output, Error>> + Send + 'a>>;

/// Something that runs commands.
///
/// Dropping the future of [`run`](Host::run) before it is ready leaves the outcome unknown: the command may have run.
pub trait Host: Send + Sync + fmt::Debug {
    /// What the estate calls this host; the same name stands in the errors.
    fn name(&self) -> &str;

    /// Runs one command, at most once.
    ///
    /// # Errors
    /// See [`Error`]; ask [`Error::certainly_not_begun`] before anything is tried again. A command that ended is never
    /// an error, whatever its exit code.
    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a>;
}

impl<H: Host + ?Sized> Host for Arc<H> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        (**self).run(command)
    }
}

impl<H: Host + ?Sized> Host for Box<H> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        (**self).run(command)
    }
}
