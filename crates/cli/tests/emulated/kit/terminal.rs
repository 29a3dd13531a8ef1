//! A pseudo-terminal with the program in it: what is on the screen, what is typed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A program in a terminal.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// How much of the screen was looked at for questions.
    looked: usize,
}

/// A question to the person at the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// The step it is about.
    pub(crate) step: String,
    /// The whole question, in one line.
    pub(crate) text: String,
}

/// What comes from the terminal next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A question.
    Asked(Prompt),
    /// The program ended with this code, or was ended by this signal (negative).
    Ended(i32),
    /// Neither, in the time that was given.
    Quiet,
}

/// What a process that is killed ends with here.
pub(crate) const KILLED: i32 = -9;

/// Runs a program without a terminal to its end.
pub(crate) fn ended(command: &mut Command) -> i32 {
    code(command.output().unwrap().status)
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

const BEGINS: &str = "for the operator [";
const ENDS: &str = "and the reason";

impl Terminal {
    /// Starts a program in a terminal of 50 lines of 240 characters.
    pub(crate) fn start(mut command: Command) -> Self {
        let size = Winsize { ws_row: 50, ws_col: 240, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let slave = File::from(pty.slave);
        let child = command
            .env("TERM", "xterm")
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .unwrap();
        // Its copies of the slave's end would keep the terminal open.
        drop(command);
        let keys = File::from(pty.master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut master, written) = (keys.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The last program's end is an I/O error here.
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                written.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keys, screen, looked: 0 }
    }

    /// All that was written so far, without escape sequences.
    pub(crate) fn text(&self) -> String {
        let bytes = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        plain(&String::from_utf8_lossy(&bytes))
    }

    /// How many bytes were written so far.
    pub(crate) fn written(&self) -> usize {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The next question, or the end.
    pub(crate) fn next(&mut self, at_most: Duration) -> Event {
        let begun = Instant::now();
        loop {
            if let Some(prompt) = self.prompt() {
                return Event::Asked(prompt);
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                return Event::Ended(code(status));
            }
            if begun.elapsed() > at_most {
                return Event::Quiet;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn prompt(&mut self) -> Option<Prompt> {
        let bytes = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = String::from_utf8_lossy(&bytes[self.looked..]).into_owned();
        let at = rest.find(BEGINS)?;
        let end = at + rest[at..].find(ENDS)? + ENDS.len();
        // The host's name stands before it on the line.
        let begin = rest[..at].rfind('\n').map_or(0, |n| n + 1);
        let text = plain(&rest[begin..end]).split_whitespace().collect::<Vec<_>>().join(" ");
        let id = rest[at + BEGINS.len()..].split(']').next()?.to_owned();
        let step = id.rsplit_once('#').map_or(id.clone(), |(step, _)| step.to_owned());
        drop(bytes);
        self.looked += end;
        Some(Prompt { step, text })
    }

    /// Types a line.
    pub(crate) fn enter(&mut self, line: &str) {
        // The program may be gone by now; its end is what is waited for then.
        let _ = self.keys.write_all(format!("{line}\n").as_bytes());
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self, at_most: Duration) -> i32 {
        let begun = Instant::now();
        loop {
            match self.next(at_most.saturating_sub(begun.elapsed())) {
                Event::Ended(code) => return code,
                Event::Asked(_) => {}
                Event::Quiet => panic!("it took longer than {at_most:?}:\n{}", self.text()),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text without what moves the cursor and chooses colours.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    let _ = characters.by_ref().find(char::is_ascii_alphabetic);
                }
            }
            '\r' => {}
            _ => plain.push(character),
        }
    }
    plain
}
