//! The token of a run: its id and its epoch, as it stands in the locks.

use kaketsugi_estate::LockSeen;

/// Names of our own beside the runs' directories.
const TAKEN: [&str; 4] = ["guard", "installed", "lock", "stage"];

/// Whether a run's id can stand in paths and unit names.
pub(crate) fn id_is_plain(run: &str) -> bool {
    !run.is_empty()
        && run.len() <= 64
        && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !run.starts_with('-')
        && !TAKEN.contains(&run)
}

/// Reads `RUN EPOCH`.
pub(crate) fn parse(text: &str) -> Option<LockSeen> {
    let (run, epoch) = text.trim().split_once(' ')?;
    let epoch = epoch.parse().ok()?;
    id_is_plain(run).then(|| LockSeen { run: run.to_owned(), epoch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = LockSeen { run: "r-20260101-ab12".into(), epoch: 3 };
        assert_eq!(parse("r-20260101-ab12 3\n"), Some(token));
        for bad in ["", "r", "r x", "a/b 1", "../x 1", "-r 1", "r 1 2", "lock 1"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
