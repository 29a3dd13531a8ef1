//! `resume` and `restore`: go on with a run, forward or only with what is to be put back.

use crate::args::Global;
use crate::commands::apply;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{directory, files, site};

pub(crate) async fn run(
    global: &Global,
    output: &Output,
    id: &str,
    restore: bool,
    retry: bool,
) -> Result<Code, Failure> {
    files::no_rehearsal(global, id)?;
    let (mut journal, mut run, _) = files::store(global).open_to_drive(id).map_err(apply::journal_failure)?;
    if run.finished() {
        output.note("The run is finished; there is nothing to go on with.");
        return Ok(Code::Done);
    }
    site::not_a_node(&run.plan().estate)?;
    if !restore {
        directory::needed(run.plan(), global)?;
    }
    let operator = site::operator(output);
    let platform = site::platform(&run.plan().estate.clone(), global, &operator)?;
    if run.begun() {
        let record = run.resumption(restore, retry, "");
        journal.append(&record, kaketsugi_runner::now()).map_err(apply::journal_failure)?;
        run.apply(record).map_err(|source| Failure::because("the run can't go on", source, ""))?;
    }
    let hands =
        apply::Hands { platform: platform.as_ref(), operator: operator.as_ref(), patience_seconds_max: None };
    apply::drive(output, hands, &mut journal, &mut run).await
}
