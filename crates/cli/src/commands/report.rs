//! `report`: the evidence report of a run.

use crate::args::Global;
use crate::commands::apply;
use crate::exit::{Code, Failure};
use crate::files;
use crate::output::Output;

pub(crate) fn run(global: &Global, output: &Output, id: &str) -> Result<Code, Failure> {
    let (journal, run, entries) = files::store_with(global, id).open(id).map_err(apply::journal_failure)?;
    let meta = kaketsugi_report::Meta::of(&journal).map_err(apply::journal_failure)?;
    let report = kaketsugi_report::report_with(&run, &entries, &meta);
    output.result(&report, || report.markdown());
    Ok(Code::Done)
}
