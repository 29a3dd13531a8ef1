//! Commands on the machine that runs the tests.

use std::time::{Duration, Instant};

use kaketsugi_transport::local::Local;
use kaketsugi_transport::{Command, Error, Exit, Host};

fn here() -> Local {
    Local::new("here")
}

#[tokio::test]
async fn output_and_exit_code_come_back() {
    let output = here().run(&Command::new("echo out; echo err >&2; exit 7")).await.unwrap();
    assert_eq!(output.exit, Exit::Code(7));
    assert_eq!((output.stdout_text().as_str(), output.stderr_text().as_str()), ("out\n", "err\n"));
    assert!(!output.truncated);
}

#[tokio::test]
async fn a_signal_is_told_from_a_code() {
    assert_eq!(here().run(&Command::new("kill -TERM $$")).await.unwrap().exit, Exit::Signal("TERM".into()));
}

#[tokio::test]
async fn input_larger_than_the_pipes_goes_through() {
    let big = vec![b'x'; 1 << 20];
    let output = here().run(&Command::new("cat").stdin(big.clone())).await.unwrap();
    assert!(output.stdout == big);
}

#[tokio::test]
async fn a_command_that_does_not_read_its_input_is_no_failure() {
    let output = here().run(&Command::new("exec true").stdin(vec![b'x'; 1 << 20])).await.unwrap();
    assert_eq!(output.exit, Exit::Code(0));
}

#[tokio::test]
async fn no_program_of_a_script_eats_the_lines_after_it() {
    let output = here().run(&Command::shell("cat\necho still here")).await.unwrap();
    assert_eq!(output.stdout_text(), "still here\n");
}

#[tokio::test]
async fn of_a_script_that_arrived_in_part_nothing_is_run() {
    let mut command = Command::shell("echo first\necho second");
    let half = command.stdin.as_ref().unwrap().len() - 16;
    command.stdin.as_mut().unwrap().truncate(half);
    let output = here().run(&command).await.unwrap();
    assert_eq!(output.stdout_text(), "");
    assert_ne!(output.exit, Exit::Code(0));
}

#[tokio::test]
async fn the_time_out_kills_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let line = format!("sleep 60 & echo $! >{0}; echo $$ >>{0}; wait", pids.display());
    let begun = Instant::now();
    let error = here().run(&Command::new(line).timeout(Duration::from_millis(600))).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(!error.certainly_not_begun());
    assert!(begun.elapsed() < Duration::from_secs(5));
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        assert!(gone(pid).await, "process {pid} is still there");
    }
}

#[tokio::test]
async fn a_dropped_command_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let command = Command::new(format!("echo $$ >{}; sleep 60", file.display()));
    let host = here();
    let _ = tokio::time::timeout(Duration::from_millis(500), host.run(&command)).await;
    assert!(gone(std::fs::read_to_string(file).unwrap().trim()).await);
}

#[tokio::test]
async fn big_output_is_bounded_and_the_exit_code_kept() {
    let command = Command::new("head -c 5000000 /dev/zero; exit 3").output_bytes_max(1000);
    let output = here().run(&command).await.unwrap();
    assert_eq!((output.stdout.len(), output.truncated, output.exit), (1000, true, Exit::Code(3)));
}

#[tokio::test]
async fn a_process_left_behind_does_not_hold_the_command() {
    let begun = Instant::now();
    let output =
        here().run(&Command::new("sleep 20 & echo done").timeout(Duration::from_secs(15))).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!((output.stdout_text().as_str(), output.truncated), ("done\n", true));
}

/// Whether the process is over soon: absent, or a zombie that only its new parent must still collect.
async fn gone(pid: &str) -> bool {
    for _ in 0..40 {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => return true,
        }
    }
    false
}
