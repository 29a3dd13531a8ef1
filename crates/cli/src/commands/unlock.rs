//! `unlock`: takes a run away from a controller that is gone or frozen.
//!
//! The epoch grows in the journal and on every node; whatever the old controller still sends is refused there.

use kaketsugi_run::{Record, Why};

use crate::args::Global;
use crate::commands::apply;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{files, site};

pub(crate) async fn run(global: &Global, output: &Output, id: &str, reason: &str) -> Result<Code, Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::cannot(
            "no reason was given",
            "The reason goes into the journal: --reason \"…\"",
        ));
    }
    let (mut journal, mut run, _) = files::store(global).take_over(id).map_err(apply::journal_failure)?;
    if run.finished() || !run.begun() {
        output.note("The run holds no locks.");
        return Ok(Code::Done);
    }
    let resumed = run.resumption(false, false, reason.trim());
    for record in [resumed, Record::Stopped { why: Why::Interrupted }] {
        journal.append(&record, kaketsugi_runner::now()).map_err(apply::journal_failure)?;
        run.apply(record).map_err(|source| Failure::because("the run can't be taken over", source, ""))?;
    }
    let platform = site::platform(&run.plan().estate.clone(), global, &site::operator(output))?;
    platform.lock(&run.token()).await.map_err(|source| {
        Failure::because(
            "the run is taken over in the journal, but not every node could be told",
            source,
            "Say unlock again once all nodes answer.",
        )
    })?;
    output.note(&format!("Taken over. Go on with: kaketsugi resume {}", run.token().run));
    Ok(Code::Done)
}
