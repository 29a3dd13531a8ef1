//! `rehearse`: carries out a plan on emulated nodes.

use std::path::Path;

use crate::exit::{Code, Failure};
use crate::output::Output;

pub(crate) async fn run(
    _output: &Output,
    _estate: &Path,
    _release: &str,
    _faults: &[String],
) -> Result<Code, Failure> {
    Err(Failure::cannot("not there yet", "later"))
}
