//! The journal as a file: what is written stays, what is damaged is said, and only one process drives.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use kaketsugi_estate::Millis;
use kaketsugi_run::{End, Record, Why};
use kaketsugi_runner::{Ending, Journal, JournalError, Note, Store, now};
use rusqlite::Connection;
use support::{Scene, dies_after, exchange, pacemaker};

/// The sentence, with its causes.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A store with a run that died after its sixtieth record.
async fn half_done() -> (Scene, usize) {
    let scene = Scene::new(&pacemaker()).on(dies_after(60));
    assert!(scene.apply().await.is_none());
    (scene, 60)
}

fn change(path: &Path, sql: &str) {
    assert_eq!(Connection::open(path).unwrap().execute(sql, []).unwrap(), 1, "{sql}");
}

fn refused(path: &Path) -> JournalError {
    Journal::open(path).map(|_| ()).expect_err("it can't be read")
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_read() {
    let (scene, records) = half_done().await;
    let (journal, run, entries) = scene.store.open("last").unwrap();
    assert_eq!(entries.len(), records);
    assert!(entries.iter().zip(1..).all(|(e, n)| e.seq == n));
    assert!(entries.windows(2).all(|w| w[0].at <= w[1].at));
    assert_eq!(run.plan(), &*scene.plan);
    assert_eq!(run.token().epoch, 1);
    assert_eq!(journal.noted(Note::Program).unwrap().as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert!(journal.made_at().unwrap().unwrap() <= entries[0].at);
    // By its whole id, by its beginning, and by no other name.
    let id = run.token().run;
    assert!(scene.store.open(&id).is_ok() && scene.store.open(&id[..6]).is_ok());
    for (name, says) in [("nothing", "no run `nothing`"), ("../etc", "no run `../etc`")] {
        let error = said(&scene.store.open(name).map(|_| ()).unwrap_err());
        assert!(error.contains(says), "{error}");
    }
    let list = scene.store.list().unwrap();
    assert_eq!((list.len(), list[0].state.as_str(), &list[0].run), (1, "in work or crashed", &id));
}

#[test]
fn the_same_plan_begun_twice_in_one_second_is_two_runs() {
    // Two controllers with a store each: with one id, each would take the other's locks for its own.
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = pacemaker();
    let id = |directory: &Path| Store::new(directory).begin(&plan, Millis(1_700_000_000_000)).unwrap().1;
    assert_ne!(id(one.path()), id(two.path()));
}

#[test]
fn a_name_that_fits_several_runs_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path());
    let plan = pacemaker();
    let first = store.begin(&plan, Millis(1_700_000_000_000)).unwrap().1;
    store.begin(&plan, Millis(1_700_000_001_000)).unwrap();
    assert!(store.open(&first).is_ok());
    let error = said(&store.open("2023").map(|_| ()).unwrap_err());
    assert!(error.contains("is the beginning of 2 runs"), "{error}");
    assert_ne!(store.open("last").unwrap().1.token().run, first, "the youngest");
}

#[tokio::test(start_paused = true)]
async fn nobody_else_can_read_it() {
    let (scene, _) = half_done().await;
    // While it is open, SQLite keeps files beside it.
    let (mut journal, run, _) = scene.store.open_to_drive("last").unwrap();
    journal.append(&run.resumption(false, false, ""), now()).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(scene.store.directory()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        files += 1;
    }
    assert!(files >= 3, "the journal, its log and its lock: {files}");
}

#[tokio::test(start_paused = true)]
async fn damage_is_said_and_nothing_is_assumed() {
    type Case = (&'static str, &'static str, fn(&JournalError) -> bool);
    let cases: [Case; 9] = [
        ("UPDATE record SET json = '{' WHERE seq = 7", "record 7", |e| {
            matches!(e, JournalError::Damaged { seq: 7, .. })
        }),
        ("UPDATE record SET json = '{\"record\":\"rebooted\"}' WHERE seq = 7", "unknown variant", |e| {
            matches!(e, JournalError::Damaged { seq: 7, .. })
        }),
        ("DELETE FROM record WHERE seq = 7", "a record before it is missing", |e| {
            matches!(e, JournalError::Damaged { seq: 8, .. })
        }),
        ("DELETE FROM record WHERE seq = 1", "a record before it is missing", |e| {
            matches!(e, JournalError::Damaged { seq: 2, .. })
        }),
        ("UPDATE record SET json = '{\"record\":\"finished\"}' WHERE seq = 60", "is not done", |e| {
            matches!(e, JournalError::Order { .. })
        }),
        ("UPDATE meta SET value = 99 WHERE key = 'form'", "form 99", |e| {
            matches!(e, JournalError::Form { found: 99, .. })
        }),
        ("UPDATE meta SET value = '{}' WHERE key = 'plan'", "the plan", |e| {
            matches!(e, JournalError::Damaged { seq: 0, .. })
        }),
        (
            "UPDATE meta SET value = replace(value, 'mail', 'male') WHERE key = 'plan'",
            "belongs to the plan",
            |e| matches!(e, JournalError::Order { .. }),
        ),
        ("UPDATE meta SET value = '20200101-000000-abcdef' WHERE key = 'run'", "belongs to the run", |e| {
            matches!(e, JournalError::Order { .. })
        }),
    ];
    for (sql, says, is) in cases {
        let (scene, _) = half_done().await;
        let path = scene.journal();
        change(&path, sql);
        let error = refused(&path);
        assert!(is(&error) && said(&error).contains(says), "{sql}: {}", said(&error));
        // A list of runs names it all the same.
        let list = scene.store.list().unwrap();
        assert!(list[0].state.contains(&error.to_string()), "{}", list[0].state);
        assert!(scene.store.open_to_drive("last").is_err());
    }
}

#[test]
fn what_is_no_journal_is_no_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("20250101-000000-abcdef.kaketsugi");
    assert!(matches!(refused(&path), JournalError::File { .. }));
    assert!(!path.exists(), "looking makes no file");
    std::fs::write(&path, "").unwrap();
    let error = refused(&path);
    assert!(
        matches!(error, JournalError::Unborn { .. }) && error.to_string().contains("Delete it"),
        "{error}"
    );
    std::fs::write(&path, vec![b'x'; 5000]).unwrap();
    let error = said(&refused(&path));
    assert!(error.contains("file is not a database"), "{error}");
    // An existing file is never written over.
    let error = Journal::create(&path, "20250101-000000-abcdef", &pacemaker(), now()).unwrap_err();
    assert!(said(&error).contains("exists"), "{}", said(&error));
    assert_eq!(std::fs::read(&path).unwrap().len(), 5000);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_never_began_leaves_no_file() {
    let scene = Scene::new(&pacemaker());
    let (journal, _) = scene.store.begin(&scene.plan, now()).unwrap();
    journal.discard();
    assert_eq!(std::fs::read_dir(scene.store.directory()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_writer_after_the_other_and_never_two() {
    let (scene, _) = half_done().await;
    let path = scene.journal();
    let (mut ours, run, _) = Journal::open(&path).unwrap();
    let (mut theirs, ..) = Journal::open(&path).unwrap();
    assert!(!ours.taken_over().unwrap());
    // Both go on at once: the second is told.
    theirs.append(&run.resumption(false, false, ""), now()).unwrap();
    assert!(ours.taken_over().unwrap());
    assert!(matches!(ours.still_ours(), Err(JournalError::TakenOver { ours: 1, theirs: 2 })));
    for record in [run.resumption(false, false, ""), Record::Stopped { why: Why::Interrupted }] {
        let error = ours.append(&record, now()).unwrap_err();
        assert!(matches!(error, JournalError::TakenOver { ours: 1, theirs: 2 }), "{error}");
    }
    theirs.append(&Record::Locked { epoch: 2 }, now()).unwrap();
    assert_eq!(Journal::open(&path).unwrap().2.len(), 62);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_was_moved_away_is_missed() {
    let (scene, records) = half_done().await;
    let (mut journal, run, _) = scene.store.open_to_drive("last").unwrap();
    let (path, elsewhere) = (scene.journal(), scene.store.directory().join("elsewhere"));
    std::fs::rename(&path, &elsewhere).unwrap();
    let record = run.resumption(false, false, "");
    assert!(matches!(journal.append(&record, now()), Err(JournalError::Gone { .. })));
    assert!(matches!(journal.still_ours(), Err(JournalError::Gone { .. })));
    std::fs::rename(&elsewhere, &path).unwrap();
    assert_eq!(journal.append(&record, now()).unwrap().seq, records as u64 + 1);
}

// One driver ------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn two_controllers_at_once() {
    let (scene, _) = half_done().await;
    let (first, ..) = scene.store.open_to_drive("last").unwrap();
    let error = scene.store.open_to_drive("last").map(|_| ()).unwrap_err();
    let JournalError::Driven { pid, .. } = &error else { panic!("{error}") };
    assert_eq!(*pid, Some(std::process::id()));
    for part in ["unlock", "--reason", &std::process::id().to_string()] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // Others may look.
    assert!(scene.store.open("last").is_ok());
    assert!(scene.store.list().unwrap()[0].state.contains("in work"));
    drop(first);
    assert!(scene.store.open_to_drive("last").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_begun_is_driven() {
    let scene = Scene::new(&pacemaker());
    let (journal, id) = scene.store.begin(&scene.plan, now()).unwrap();
    assert!(matches!(scene.store.open_to_drive(&id), Err(JournalError::Driven { .. })));
    drop(journal);
    assert!(scene.store.open_to_drive(&id).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_right_to_drive_can_be_taken_away() {
    let (scene, _) = half_done().await;
    let (mut frozen, run, _) = scene.store.open_to_drive("last").unwrap();
    let (mut journal, ..) = scene.store.take_over("last").unwrap();
    journal.append(&run.resumption(false, false, "it hangs"), now()).unwrap();
    assert!(matches!(frozen.still_ours(), Err(JournalError::TakenOver { .. })));
    assert!(matches!(
        frozen.append(&Record::Locked { epoch: 1 }, now()),
        Err(JournalError::TakenOver { ours: 1, theirs: 2 })
    ));
    // That the first one ends doesn't take the right away from the second.
    drop(frozen);
    assert!(matches!(scene.store.open_to_drive("last"), Err(JournalError::Driven { .. })));
    drop(journal);
    assert!(scene.store.open_to_drive("last").is_ok());
}

// Processes -------------------------------------------------------------------------------------------------------

/// Runs this very test in a process of its own, with a variable set by which it knows.
fn again(test: &str, wrapper: &[&str], variables: &[(&str, &str)]) -> std::process::Output {
    let this = std::env::current_exe().unwrap();
    let mut words: Vec<&std::ffi::OsStr> = wrapper.iter().map(std::ffi::OsStr::new).collect();
    words.push(this.as_os_str());
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", test, "--nocapture"]).envs(variables.iter().copied());
    command.output().expect("the test's own program can be run")
}

/// Drives a run in a directory that the environment names; in a process of its own, which is killed amid it.
async fn drive_at(directory: &str) {
    let scene = Scene::at(&pacemaker(), Path::new(directory));
    let ending = scene.apply().await;
    panic!("it was to be killed: {ending:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_kills_itself_after_a_record() {
    if let Ok(directory) = std::env::var("KAKETSUGI_TEST_DIRECTORY") {
        return drive_at(&directory).await;
    }
    for records in [1, 2, 33] {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().to_str().unwrap();
        let number = records.to_string();
        let output = again(
            "a_process_kills_itself_after_a_record",
            &["env"],
            &[("KAKETSUGI_TEST_DIRECTORY", name), ("KAKETSUGI_CRASH_AFTER", &number)],
        );
        assert_eq!(output.status.signal(), Some(9), "{output:?}");
        // The lock died with the process, and the record that was written last is there.
        let (_, run, entries) = Store::new(directory.path()).open_to_drive("last").unwrap();
        let own = |r: &Record| !matches!(r, Record::Resumed { .. } | Record::Locked { .. });
        assert_eq!(entries.iter().filter(|e| own(&e.record)).count(), records);
        assert!(entries.last().is_some_and(|e| own(&e.record)), "right after it, not later");
        assert!(!run.finished());
    }
}

/// What a full disk does to a run; in a mount namespace of its own.
async fn fill_the_disk(mount: &str) {
    let status =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=600k", "none", mount]).status().unwrap();
    assert!(status.success(), "a small file system can be mounted");
    let plan = pacemaker();
    let filler = Path::new(mount).join("filler");
    // Too full to begin with: nothing is left behind.
    std::fs::write(&filler, vec![0; 590_000]).unwrap();
    let scene = Scene::at(&plan, &Path::new(mount).join("runs"));
    let error = said(&scene.store.begin(&plan, now()).map(|_| ()).unwrap_err());
    assert!(error.contains("no space left"), "{error}");
    assert_eq!(scene.store.ids().unwrap(), Vec::<String>::new());
    std::fs::remove_file(&filler).unwrap();
    // Full in the middle of the run.
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let fills = filler.clone();
    let scene = scene.on(move |event| {
        let recorded = matches!(event.what, kaketsugi_run::What::Recorded { .. });
        if recorded && seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 40 {
            use std::io::Write;
            let mut file = std::fs::File::create(&fills).unwrap();
            while file.write_all(&[0; 512]).is_ok() {}
        }
    });
    let error = scene.apply().await.unwrap().unwrap_err();
    let text = said(&error);
    assert!(matches!(error, JournalError::Full { .. }) && text.contains("Free space, then resume"), "{text}");
    // Nothing was done that the journal doesn't know of.
    let records = scene.records();
    for (step, times) in scene.platform.effects() {
        let intent = Record::Intent { step: step.clone(), attempt: 1 };
        assert!(times == 1 && records.contains(&intent), "{step}");
    }
    let before = scene.platform.effects();
    // As long as the disk is full, nobody can go on either, and nothing is done.
    let (mut journal, run, _) = scene.store.open_to_drive("last").unwrap();
    let refused = journal.append(&run.resumption(false, false, "x".repeat(5000)), now());
    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
    drop(journal);
    std::fs::remove_file(&filler).unwrap();
    let ending = scene.resume().await.unwrap().unwrap();
    assert_eq!(ending, Ending::Run(End::Finished));
    scene.is_as_planned("after a full disk");
    assert!(scene.platform.effects().len() > before.len());
    println!("the disk was full, and the run was completed");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_the_run_and_nothing_is_lost() {
    if let Ok(mount) = std::env::var("KAKETSUGI_TEST_MOUNT") {
        return fill_the_disk(&mount).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().to_str().unwrap();
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let namespaces: &[&[&str]] = if root {
        &[&["unshare", "--mount", "--propagation", "private", "--"]]
    } else {
        &[&["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "--"]]
    };
    for namespace in namespaces {
        let mut probe = namespace.to_vec();
        probe.extend(["mount", "-t", "tmpfs", "none", name]);
        let possible = Command::new(probe[0]).args(&probe[1..]).output().is_ok_and(|o| o.status.success());
        if possible {
            let test = "a_full_disk_stops_the_run_and_nothing_is_lost";
            let output = again(test, namespace, &[("KAKETSUGI_TEST_MOUNT", name)]);
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
            assert!(text.contains("the disk was full, and the run was completed"), "{text}");
            return;
        }
    }
    let why = "the full disk was left out: no file system can be mounted in a mount namespace here";
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    println!("{why}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_enough_to_go_on_elsewhere() {
    let plan = exchange();
    let scene = Scene::new(&plan).on(dies_after(40));
    assert!(scene.apply().await.is_none());
    // The file is copied to another controller; nothing but it is there.
    let elsewhere = tempfile::tempdir().unwrap();
    let path = scene.journal();
    std::fs::copy(&path, elsewhere.path().join(path.file_name().unwrap())).unwrap();
    let mut other = Scene::at(&plan, elsewhere.path());
    other.platform = scene.platform.clone();
    other.behaves(kaketsugi_transport::operator::Behaviour::Prompt);
    let ending = other.resume().await.unwrap().unwrap();
    assert_eq!(ending, Ending::Run(End::Finished), "{:?}", other.run().stopped());
    other.is_as_planned("elsewhere");
}
