//! The person at the terminal: the question goes to standard error, the answer is read from standard input.

use std::io::{BufRead, Write};
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, error::TryRecvError, unbounded_channel};

use super::{Answer, AskFuture, Operator, Outcome, Request, in_time};
use crate::{Error, sanitize};

/// Asks one question at a time.
pub struct Terminal {
    by: String,
    lines: Mutex<UnboundedReceiver<String>>,
    screen: StdMutex<Box<dyn Write + Send>>,
}

impl Terminal {
    /// Standard input and standard error; `by` is the name of the person, for the record.
    ///
    /// From here on all of standard input is read. The reading is done by a thread of its own that nobody waits for, so
    /// that the program can end while a question is open.
    pub fn new(by: impl Into<String>) -> Self {
        Self::over(by, std::io::BufReader::new(std::io::stdin()), std::io::stderr())
    }

    /// The same over other streams.
    pub fn over(
        by: impl Into<String>,
        input: impl BufRead + Send + 'static,
        screen: impl Write + Send + 'static,
    ) -> Self {
        let (sender, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in input.lines() {
                // Unreadable input ends the answers as its end does.
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { by: by.into(), lines: Mutex::new(lines), screen: StdMutex::new(Box::new(screen)) }
    }

    fn show(&self, text: &str) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed terminal shows in the missing answer.
        let _ = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
    }

    async fn ask_here(&self, request: &Request) -> Result<Answer, Error> {
        let mut lines = self.lines.lock().await;
        // What was typed before the question was shown can't be its answer.
        let gone = loop {
            match lines.try_recv() {
                Ok(_) => {}
                Err(TryRecvError::Empty) => break false,
                Err(TryRecvError::Disconnected) => break true,
            }
        };
        if !gone {
            self.show(&question(request));
        }
        loop {
            let Some(line) = lines.recv().await else {
                return Err(Error::NoAnswer {
                    host: request.host.clone(),
                    why: "standard input is at its end; run this at a terminal".to_owned(),
                });
            };
            match read(&line) {
                Some(outcome) => return Ok(Answer { outcome, by: self.by.clone() }),
                None => self.show("Please answer `done`, or `cannot` and the reason: "),
            }
        }
    }
}

impl Operator for Terminal {
    fn ask(&self, request: Request) -> AskFuture<'_> {
        Box::pin(async move { in_time(request.host.clone(), request.timeout, self.ask_here(&request)).await })
    }
}

fn question(request: &Request) -> String {
    let Request { id, host, instruction, proof, timeout } = request;
    let limit =
        timeout.map(|limit| format!(" (in {} min)", limit.as_secs().div_ceil(60))).unwrap_or_default();
    // What is about no host in particular is for whoever sits here.
    let host = if host.is_empty() { String::new() } else { format!("{host}: ") };
    let text = format!(
        "\n{host}for the operator [{id}]\n{instruction}\nIt is done when: {proof}\n\
         Answer `done`, or `cannot` and the reason{limit}: "
    );
    sanitize(&text)
}

fn read(line: &str) -> Option<Outcome> {
    let line = line.trim();
    if line.eq_ignore_ascii_case("done") {
        return Some(Outcome::Done);
    }
    let (word, reason) = line.split_once(char::is_whitespace)?;
    word.eq_ignore_ascii_case("cannot").then(|| Outcome::Cannot(sanitize(reason.trim())))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, PipeReader, PipeWriter, pipe};
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<StdMutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        async fn shows(&self, text: &str) {
            for _ in 0..200 {
                if String::from_utf8_lossy(&self.0.lock().unwrap()).contains(text) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("{text} was never shown: {}", String::from_utf8_lossy(&self.0.lock().unwrap()));
        }
    }

    fn terminal() -> (Arc<Terminal>, PipeWriter, Screen) {
        let (input, keys): (PipeReader, PipeWriter) = pipe().unwrap();
        let screen = Screen::default();
        (Arc::new(Terminal::over("ann", BufReader::new(input), screen.clone())), keys, screen)
    }

    fn request(timeout: Option<Duration>) -> Request {
        Request {
            id: "s7".into(),
            host: "exch1".into(),
            instruction: "Insert the disk\x1b[2J.".into(),
            proof: "drive D: shows SP2".into(),
            timeout,
        }
    }

    #[tokio::test]
    async fn a_person_is_asked_until_the_answer_can_be_read() {
        let (terminal, mut keys, screen) = terminal();
        keys.write_all(b"done\n").unwrap();
        // Time for the line to arrive: it was typed too early, and must not count.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = tokio::spawn({
            let terminal = Arc::clone(&terminal);
            async move { terminal.ask(request(None)).await }
        });
        screen.shows("Insert the disk\\x1b[2J.").await;
        screen.shows("drive D: shows SP2").await;
        keys.write_all(b"yes\n").unwrap();
        screen.shows("Please answer").await;
        assert!(!asked.is_finished());
        keys.write_all(b"  Cannot   the drive is broken \n").unwrap();
        let answer = asked.await.unwrap().unwrap();
        assert_eq!(
            answer,
            Answer { outcome: Outcome::Cannot("the drive is broken".into()), by: "ann".into() }
        );
    }

    #[tokio::test]
    async fn no_answer_in_time_and_no_terminal_are_told() {
        let (terminal, mut keys, screen) = terminal();
        let error = terminal.ask(request(Some(Duration::from_millis(50)))).await.unwrap_err();
        assert!(matches!(error, Error::NoAnswer { .. }) && !error.certainly_not_begun(), "{error}");
        // The next question is still heard.
        let next = tokio::spawn({
            let terminal = Arc::clone(&terminal);
            async move { terminal.ask(request(None)).await }
        });
        screen.shows("reason: ").await;
        keys.write_all(b"DONE\n").unwrap();
        assert_eq!(next.await.unwrap().unwrap().outcome, Outcome::Done);
        drop(keys);
        assert!(matches!(terminal.ask(request(None)).await.unwrap_err(), Error::NoAnswer { .. }));
    }

    #[test]
    fn only_plain_answers_count() {
        assert_eq!(read(" done "), Some(Outcome::Done));
        for line in ["", "d", "yes", "done.", "not done", "cannot", "cannot "] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
