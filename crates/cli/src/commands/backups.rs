//! `backups`: which backups can still be restored, by what runs have installed since (E03-BACKUP-AFTER).

use std::path::Path;

use kaketsugi_estate::{Estate, ServerId};
use kaketsugi_plan::render::words::utc;
use kaketsugi_report::{Backup, Fit};
use kaketsugi_transport::sanitize;

use crate::args::Global;
use crate::commands::apply::journal_failure;
use crate::exit::{Code, Failure};
use crate::files;
use crate::output::Output;

pub(crate) fn run(global: &Global, output: &Output, estate: &Path) -> Result<Code, Failure> {
    let estate = files::estate(estate)?;
    let store = files::store(global);
    let mut runs = Vec::new();
    for id in store.ids().map_err(journal_failure)? {
        // Without one of the journals what is said here could be wrong.
        let (_, run, entries) = store.open(&id).map_err(journal_failure)?;
        runs.push((run, entries));
    }
    let backups = kaketsugi_report::backups(&estate, &runs);
    let without = without(&estate, &backups);
    let said = serde_json::json!({ "backups": backups, "without": without });
    output.result(&said, || {
        let mut text = String::new();
        for backup in &backups {
            let told = backup.run.as_ref().map_or("the estate file".to_owned(), |run| format!("run {run}"));
            text.push_str(&format!("{}  full backup, by {} ({told})\n", utc(backup.at), sanitize(&backup.by)));
            for fit in &backup.servers {
                text.push_str(&format!("  {}\n", sanitize(&line(fit))));
            }
        }
        if backups.is_empty() {
            text.push_str("Neither the estate file nor a run tells of a backup.\n");
        }
        if !without.is_empty() {
            let names: Vec<&str> = without.iter().map(|server| server.as_str()).collect();
            text.push_str(&format!(
                "No backup is known that could be restored as it is now: {}. Make a full one now.\n",
                names.join(", ")
            ));
        }
        text.push_str(
            "This is what journals here and the estate file say; no server and no backup was looked at, and what was \
             installed without this program isn't known here. It holds for online backups (E03-BACKUP-AFTER).",
        );
        text
    });
    Ok(if without.is_empty() { Code::Done } else { Code::Cannot })
}

/// Servers without a backup that is known to be restorable.
fn without(estate: &Estate, backups: &[Backup]) -> Vec<ServerId> {
    let fits = |server: &ServerId| {
        let mut all = backups.iter().flat_map(|backup| &backup.servers);
        all.any(|fit| fit.server == *server && fit.restorable == Some(true))
    };
    estate.servers.keys().filter(|server| !fits(server)).cloned().collect()
}

fn line(fit: &Fit) -> String {
    let server = &fit.server;
    let made = fit.made_at.as_deref().unwrap_or("a version that no run has seen");
    match fit.restorable {
        Some(true) => format!("{server}: can be restored; made at {made}, and so it is now"),
        Some(false) => {
            let now = fit
                .now
                .as_deref()
                .map_or("a set-up has begun since".to_owned(), |now| format!("now it is {now}"));
            format!(
                "{server}: can't be restored as it is now: made at {made}, and {now}. Only once {server} is back at that"
            )
        }
        None if fit.now.is_none() => {
            format!("{server}: nobody can say: no run has seen which version it has")
        }
        None => format!("{server}: nobody can say: its version was being changed when it was made"),
    }
}
