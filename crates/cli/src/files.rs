//! Files that the administrator hands in or gets: estates, plans; and where runs are kept.

use std::path::{Path, PathBuf};

use kaketsugi_estate::Estate;
use kaketsugi_plan::{Plan, RULES_VERSION, SCHEMA};
use kaketsugi_runner::Store;

use crate::args::Global;
use crate::exit::Failure;

/// The longest plan file that is read, in bytes.
const PLAN_BYTES_MAX: u64 = 64 << 20;

/// The longest file that is read for its first line, in bytes.
const LINE_BYTES_MAX: u64 = 4096;

/// Reads an estate file.
pub(crate) fn estate(path: &Path) -> Result<Estate, Failure> {
    let text = read(path, kaketsugi_estate::file::BYTES_MAX as u64 + 1, "the estate file")?;
    let recommended = |id: &str| {
        kaketsugi_knowledge::rules().get(id).map(|rule| rule.force == kaketsugi_knowledge::Force::Recommended)
    };
    Ok(kaketsugi_estate::file::parse_with_rules(&path.display().to_string(), &text, &recommended)?)
}

/// Reads a plan file.
pub(crate) fn plan(path: &Path) -> Result<Plan, Failure> {
    let text = read(path, PLAN_BYTES_MAX, "the plan file")?;
    let plan: Plan = serde_json::from_str(&text).map_err(|source| {
        Failure::because(
            format!("{} is no plan that can be read", path.display()),
            source,
            "Plans are written by `kaketsugi plan ESTATE --release ID --out FILE`.",
        )
    })?;
    if plan.schema != SCHEMA || plan.rules_version != RULES_VERSION {
        return Err(Failure::cannot(
            format!(
                "{} has form {} and rules {}; this program knows form {SCHEMA} and rules {RULES_VERSION}",
                path.display(),
                plan.schema,
                plan.rules_version
            ),
            "Make a new plan with this version of the program.",
        ));
    }
    Ok(plan)
}

/// The first line of a small file, such as one that holds a password.
pub(crate) fn first_line(path: &Path, what: &str) -> Result<String, Failure> {
    let text = read(path, LINE_BYTES_MAX, what)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(Failure::cannot(format!("{what} {} has no first line", path.display()), "")),
    }
}

fn read(path: &Path, bytes_max: u64, what: &str) -> Result<String, Failure> {
    use std::io::Read;
    let cannot = |source| Failure::because(format!("{what} {} can't be read", path.display()), source, "");
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > bytes_max {
        return Err(Failure::cannot(
            format!("{what} {} has more than {bytes_max} bytes", path.display()),
            "Is it the right file?",
        ));
    }
    Ok(text)
}

/// Writes a file that must not exist yet, whole or not at all, readable by nobody else. `kept` says why one that is there
/// isn't overwritten.
pub(crate) fn write_new(path: &Path, text: &str, kept: &str) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let cannot = |source: std::io::Error| {
        let help = if source.kind() == std::io::ErrorKind::AlreadyExists { kept } else { "" };
        Failure::because(format!("{} can't be written", path.display()), source, help)
    };
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if let Err(source) = written {
        let _ = std::fs::remove_file(path);
        return Err(cannot(source));
    }
    Ok(())
}

/// Where runs are kept: as told, else where the account keeps state.
pub(crate) fn store(global: &Global) -> Store {
    Store::new(global.state.clone().unwrap_or_else(default_state))
}

/// Where the journals of rehearsals are kept: apart from those of runs, which real machines know of.
pub(crate) fn rehearsals(global: &Global) -> Store {
    Store::new(store(global).directory().join("rehearsals"))
}

/// The store that holds what somebody wants to read about: a run, else a rehearsal.
pub(crate) fn store_with(global: &Global, id: &str) -> Store {
    if is_rehearsal(global, id) { rehearsals(global) } else { store(global) }
}

/// Whether an id names a rehearsal and no run.
fn is_rehearsal(global: &Global, id: &str) -> bool {
    store(global).open(id).is_err() && rehearsals(global).open(id).is_ok()
}

/// Refuses to go on with a rehearsal: its nodes are gone.
pub(crate) fn no_rehearsal(global: &Global, id: &str) -> Result<(), Failure> {
    if is_rehearsal(global, id) {
        return Err(Failure::cannot(
            format!("{id} was a rehearsal, and its nodes are gone"),
            "There is nothing to go on with. Its evidence: kaketsugi report; another try: kaketsugi rehearse",
        ));
    }
    Ok(())
}

fn default_state() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return "/var/lib/kaketsugi/runs".into();
    }
    let home = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    home("XDG_STATE_HOME")
        .or_else(|| home("HOME").map(|h| h.join(".local/state")))
        .unwrap_or_else(|| ".".into())
        .join("kaketsugi/runs")
}
