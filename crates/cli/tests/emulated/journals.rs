//! The journal: a disk that is full under it, and damage.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::{KILLED, Script, Setup, Site, said};

const HOTFIX: &str = include_str!("transcripts/hotfix-evs-on-node1.txt");

fn without_attestations() -> Script {
    let lines = HOTFIX.lines().filter(|l| !l.contains("attest:"));
    Script::read(&lines.collect::<Vec<_>>().join("\n"))
}

/// A shell command in a mount namespace of its own, in which a small file system lies over `runs`.
fn on_a_small_disk(site: &Site, kilobytes: u32, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!("mount -t tmpfs -o size={kilobytes}k tmpfs \"$KAKETSUGI_STATE\"\n{script}"))
        .arg("sh")
        .env("KAKETSUGI_STATE", site.path("runs"));
    command
}

/// Whether this machine lets us mount; a machine that is CI must.
fn may_mount(site: &Site) -> bool {
    std::fs::create_dir(site.path("runs")).unwrap();
    let may = on_a_small_disk(site, 64, "true").output().is_ok_and(|o| o.status.success());
    if !may {
        assert!(std::env::var("CI").is_err(), "mounting needs root");
        eprintln!("left out: a full disk can only be tried by root, who may mount a small one");
    }
    may
}

/// `"$@"` is `kaketsugi` with everything that leads it to the site, but for its command.
fn call(site: &Site, shell: &mut Command) -> (Option<i32>, String) {
    let program = site.kaketsugi(&[]);
    shell.arg(program.get_program()).args(program.get_args());
    for (key, value) in program.get_envs() {
        if let Some(value) = value {
            shell.env(key, value);
        }
    }
    said(&shell.current_dir(site.dir.path()).output().unwrap())
}

#[test]
fn no_room_for_a_run_at_all() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    if !may_mount(&site) {
        return;
    }
    let plan = site.plan();
    let script = format!(
        "\"$@\" apply plan --approve {} && exit 90\ncode=$?; ls \"$KAKETSUGI_STATE\"; exit $code",
        plan.hash()
    );
    let (code, text) = call(&site, &mut on_a_small_disk(&site, 48, &script));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is no space left for the journal"), "{text}");
    assert!(
        !text.contains(".kaketsugi\n") && !text.ends_with(".kaketsugi"),
        "half a journal is left: {text}"
    );
    assert_eq!(site.told(), Vec::<String>::new());
}

#[test]
fn the_disk_fills_up_in_the_middle_of_a_run() {
    let mut in_the_middle = 0;
    for kilobytes in [160, 220, 280] {
        let site = Site::new(Setup::hotfix("NODE1").attested());
        if !may_mount(&site) {
            return;
        }
        let plan = site.plan();
        // Stops for want of space; then there is some, and another process goes on.
        let script = format!(
            "\"$@\" apply plan --approve {} && exit 90\necho first=$?\n\
             mount -o remount,size=64m tmpfs \"$KAKETSUGI_STATE\"\n\"$@\" resume last\n\"$@\" status",
            plan.hash()
        );
        let (code, text) = call(&site, &mut on_a_small_disk(&site, kilobytes, &script));
        if code == Some(90) {
            println!("{kilobytes} kB are enough");
            continue;
        }
        assert!(text.contains("there is no space left for the journal"), "{kilobytes} kB: {text}");
        assert!(text.contains("first=1"), "{kilobytes} kB: {text}");
        if text.contains("no run `last`") {
            println!("{kilobytes} kB are too little to begin");
            continue;
        }
        assert_eq!(code, Some(0), "{kilobytes} kB: {text}");
        assert!(text.contains("finished"), "{kilobytes} kB: {text}");
        in_the_middle += 1;
        site.assert_mended();
        without_attestations().check(&site.told());
    }
    println!("FIGURE disks that filled up in the middle of a run: {in_the_middle} of 3");
    assert!(in_the_middle >= 2, "{in_the_middle}");
}

/// The journal's files, of the only run.
fn files(site: &Site) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(site.path("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn main_file(site: &Site) -> PathBuf {
    files(site).into_iter().find(|f| f.extension().is_some_and(|e| e == "kaketsugi")).unwrap()
}

/// Replaces every occurrence of a text by one of the same length.
fn scribble(file: &Path, text: &[u8], other: &[u8]) -> usize {
    assert_eq!(text.len(), other.len());
    let mut bytes = std::fs::read(file).unwrap();
    let places: Vec<usize> =
        (0..bytes.len().saturating_sub(text.len())).filter(|at| bytes[*at..].starts_with(text)).collect();
    for at in &places {
        bytes[*at..at + text.len()].copy_from_slice(other);
    }
    std::fs::write(file, bytes).unwrap();
    places.len()
}

/// What it is called, and what does it.
type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>);

#[test]
fn a_damaged_journal_is_believed_in_nothing() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    // A run that was killed, then stopped in good order by `unlock`, so that all of it lies in the main file.
    let mut command = site.apply(&plan);
    command.env("KAKETSUGI_CRASH_AFTER", "20");
    assert_eq!(crate::kit::ended(&mut command), KILLED);
    site.want(0, &["unlock", "last", "--reason", "its controller is gone"]);
    let (told, file) = (site.told(), main_file(&site));
    assert!(!told.is_empty());
    let whole = std::fs::read(&file).unwrap();
    let zeros = vec![0; whole.len()];
    let damages: [Damage<'_>; 6] = [
        ("emptied", Box::new(|| std::fs::write(&file, b"").unwrap())),
        ("zeros", Box::new(|| std::fs::write(&file, &zeros).unwrap())),
        (
            "no database",
            Box::new(|| std::fs::write(&file, b"this is not a database, it only lies there").unwrap()),
        ),
        ("cut off", Box::new(|| std::fs::write(&file, &whole[..whole.len() / 2]).unwrap())),
        ("a record", Box::new(|| assert!(scribble(&file, b"\"outcome\"", b"\"outkome\"") > 0))),
        (
            "the plan",
            Box::new(|| {
                assert!(scribble(&file, b"E03-CLU-04-INSTALL/NODE1", b"E03-CLU-04-INSTALL/NODE7") > 0)
            }),
        ),
    ];
    for (name, damage) in &damages {
        std::fs::write(&file, &whole).unwrap();
        damage();
        for command in [
            &["resume", "last"][..],
            &["restore", "last"],
            &["report", "last"],
            &["unlock", "last", "--reason", "x"],
        ] {
            let (code, text) = said(&site.run(command));
            assert_eq!(code, Some(1), "{name}, {command:?}: {text}");
            assert!(text.contains(".kaketsugi"), "{name}, {command:?}: which file? {text}");
        }
        assert_eq!(site.told(), told, "{name}: nothing was done");
        // The list shows it, with the reason, and goes on.
        assert_eq!(site.run(&["status"]).status.code(), Some(0), "{name}");
    }
    // The file as it was goes on as if nothing had been.
    std::fs::write(&file, &whole).unwrap();
    site.want(0, &["resume", "last"]);
    site.assert_mended();
    without_attestations().check(&site.told());
}
