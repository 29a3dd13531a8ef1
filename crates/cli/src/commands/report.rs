//! `report`: the evidence report of a run.

use crate::args::Global;
use crate::commands::apply;
use crate::exit::{Code, Failure};
use crate::files;
use crate::output::Output;

pub(crate) fn run(global: &Global, output: &Output, id: &str) -> Result<Code, Failure> {
    let (_, run, entries) = files::store(global).open(id).map_err(apply::journal_failure)?;
    let _ = run;
    output.result(&entries, || format!("{entries:#?}"));
    Ok(Code::Done)
}
