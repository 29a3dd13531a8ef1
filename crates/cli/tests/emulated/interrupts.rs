//! Ctrl-C at many moments: the run stops at a safe point and says so, and `resume` finishes it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::kit::{Event, Script, Setup, Site, Terminal, attend};

const HOTFIX: &str = include_str!("transcripts/hotfix-evs-on-node1.txt");
const SERVICE_PACK: &str = include_str!("transcripts/sp2-evs-on-node1.txt");

/// What a process that SIGINT ended ends with here.
const SIGINT: i32 = -2;

/// A run without a person takes about so long, with the exploration before it.
const RUN_MS: u64 = 17_000;
const STEP_MS: u64 = 1500;

/// Interrupts a hotfix after so long; gives back whether it had begun and had not finished.
fn interrupted_after(moment: Duration) -> bool {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    let mut terminal = Terminal::start(site.apply(&plan));
    std::thread::sleep(moment);
    let sent = Instant::now();
    terminal.signal(Signal::SIGINT);
    let code = terminal.end(Duration::from_secs(30));
    let text = terminal.text();
    assert!(sent.elapsed() < Duration::from_secs(15), "{moment:?}: it took {:?} to stop", sent.elapsed());
    let in_time = match code {
        0 => false,
        // Before the program was there to listen: the system ended it.
        SIGINT if text.is_empty() => {
            assert_eq!(site.told(), Vec::<String>::new());
            assert_eq!(attend(&site, &plan, &mut Terminal::start(site.apply(&plan))), 0);
            false
        }
        // While the plan was judged, or while the estate was looked at: nothing was begun, and no run is left.
        1 => {
            assert!(text.contains("Interrupted: no run was at work"), "{moment:?}: {text}");
            assert_eq!(site.told(), Vec::<String>::new());
            assert_eq!(attend(&site, &plan, &mut Terminal::start(site.apply(&plan))), 0);
            false
        }
        3 if text.contains("The run has not begun") => {
            assert_eq!(site.told(), Vec::<String>::new());
            assert_eq!(attend(&site, &plan, &mut Terminal::start(site.apply(&plan))), 0);
            false
        }
        3 => {
            for words in ["Stopped, safe", "The run was told to stop.", "To go on: kaketsugi resume"] {
                assert!(text.contains(words), "{moment:?}: {words}: {text}");
            }
            site.want(0, &["resume", "last"]);
            true
        }
        other => panic!("{moment:?}: exit code {other}: {text}"),
    };
    site.assert_mended();
    let lines = HOTFIX.lines().filter(|l| !l.contains("attest:"));
    Script::read(&lines.collect::<Vec<_>>().join("\n")).check(&site.told());
    in_time
}

#[test]
fn at_many_moments_of_a_hotfix() {
    let next = AtomicUsize::new(0);
    let stopped = AtomicUsize::new(0);
    let moments: Vec<u64> = (0..RUN_MS).step_by(usize::try_from(STEP_MS).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(moment) = moments.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if interrupted_after(Duration::from_millis(*moment)) {
                        stopped.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let stopped = stopped.into_inner();
    println!("FIGURE interrupted in the middle and resumed: {stopped} of {}", moments.len());
    assert!(stopped >= moments.len() / 3, "only {stopped} of {} came in the middle of a run", moments.len());
}

/// At every question to a person: they have been asked, nothing is done yet, and somebody says stop. Asked again by
/// the next process, they do it once.
#[test]
fn at_every_question_of_a_service_pack() {
    let setup = Setup { fix: [false; 2], ..Setup::service_pack("NODE1") };
    let Some(site) = Site::with_directory(setup) else { return };
    let plan = site.plan();
    let mut command = site.apply(&plan);
    let mut asked: Vec<String> = Vec::new();
    for _ in 0..40 {
        let mut terminal = Terminal::start(command);
        let code = loop {
            match terminal.next(Duration::from_secs(90)) {
                Event::Asked(prompt) if !asked.contains(&prompt.step) => {
                    asked.push(prompt.step);
                    terminal.signal(Signal::SIGINT);
                    break terminal.end(Duration::from_secs(20));
                }
                Event::Asked(prompt) => {
                    let instruction = crate::kit::instruction(&plan, &prompt);
                    site.runtime.block_on(site.emulation.person().do_(instruction));
                    terminal.enter("done");
                }
                Event::Ended(code) => break code,
                Event::Quiet => panic!("nothing happens any more:\n{}", terminal.text()),
            }
        };
        if code == 0 {
            assert_eq!(asked.len(), 10, "{asked:?}");
            site.assert_mended();
            Script::read(SERVICE_PACK).check(&site.told());
            return;
        }
        assert_eq!(code, 3, "{}", terminal.text());
        command = site.kaketsugi(&["resume", "last"]);
    }
    panic!("it doesn't get on: {asked:?}");
}
