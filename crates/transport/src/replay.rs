//! Hosts that answer from a recording, and the recorder that makes one.
//!
//! For tests: a probe's parser is tried on what a real host once said. A recording is a list of exchanges, kept as JSON;
//! it holds whatever the host printed, so look through it before it is published.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::{Command, Error, Exit, Host, Output, RunFuture};

/// What was asked and what came back, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The exchanges, oldest first.
    pub exchanges: Vec<Exchange>,
}

impl Recording {
    /// Adds an exchange with this output and exit code; for recordings written by hand.
    #[must_use]
    pub fn with(mut self, line: impl Into<String>, exit_code: u32, stdout: impl Into<Vec<u8>>) -> Self {
        let output = Output {
            exit: Exit::Code(exit_code),
            stdout: stdout.into(),
            stderr: Vec::new(),
            truncated: false,
            duration: Duration::ZERO,
        };
        self.exchanges.push(Exchange { line: line.into(), stdin: None, reply: Reply::of(&Ok(output)) });
        self
    }

    /// Adds an exchange that ends in this way.
    #[must_use]
    pub fn failing(mut self, line: impl Into<String>, reply: Reply) -> Self {
        self.exchanges.push(Exchange { line: line.into(), stdin: None, reply });
        self
    }
}

/// One command and its reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The command line.
    pub line: String,
    /// What the command was given to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Bytes>,
    /// What came back.
    pub reply: Reply,
}

impl Exchange {
    fn answers(&self, command: &Command) -> bool {
        self.line == command.line
            && self.stdin.as_ref().map(|bytes| bytes.0.as_slice()) == command.stdin.as_deref()
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The command ended.
    Ended {
        /// How.
        exit: Exit,
        /// Its standard output.
        stdout: Bytes,
        /// Its standard error.
        #[serde(default)]
        stderr: Bytes,
        /// Whether output is missing.
        #[serde(default)]
        truncated: bool,
        /// How long it took, in milliseconds.
        #[serde(default)]
        duration_ms: u64,
    },
    /// The command was never begun, for this reason.
    NotBegun(String),
    /// The outcome stayed unknown, for this reason.
    Lost(String),
}

impl Reply {
    fn of(result: &Result<Output, Error>) -> Self {
        match result {
            Ok(output) => Reply::Ended {
                exit: output.exit.clone(),
                stdout: Bytes(output.stdout.clone()),
                stderr: Bytes(output.stderr.clone()),
                truncated: output.truncated,
                duration_ms: u64::try_from(output.duration.as_millis()).unwrap_or(u64::MAX),
            },
            Err(error) if error.certainly_not_begun() => Reply::NotBegun(error.to_string()),
            Err(error) => Reply::Lost(error.to_string()),
        }
    }

    fn play(&self, host: &str) -> Result<Output, Error> {
        match self {
            Reply::Ended { exit, stdout, stderr, truncated, duration_ms } => Ok(Output {
                exit: exit.clone(),
                stdout: stdout.0.clone(),
                stderr: stderr.0.clone(),
                truncated: *truncated,
                duration: Duration::from_millis(*duration_ms),
            }),
            Reply::NotBegun(why) => Err(Error::NotSent {
                host: host.to_owned(),
                why: why.clone(),
                remedy: "It was so when the recording was made".to_owned(),
            }),
            Reply::Lost(why) => Err(Error::ConnectionLost { host: host.to_owned(), why: why.clone() }),
        }
    }
}

/// Bytes that are kept as text where they are text, and as `base64:…` where they aren't.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bytes(pub Vec<u8>);

const BASE64_PREFIX: &str = "base64:";

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        match String::from_utf8(bytes.0) {
            Ok(text) if !text.starts_with(BASE64_PREFIX) => text,
            Ok(text) => format!("{BASE64_PREFIX}{}", BASE64.encode(text.as_bytes())),
            Err(not_text) => format!("{BASE64_PREFIX}{}", BASE64.encode(not_text.as_bytes())),
        }
    }
}

impl TryFrom<String> for Bytes {
    type Error = data_encoding::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix(BASE64_PREFIX) {
            Some(encoded) => BASE64.decode(encoded.as_bytes()).map(Self),
            None => Ok(Self(text.into_bytes())),
        }
    }
}

/// A host that answers from a recording.
///
/// A command is answered by the oldest exchange with exactly its line and input that wasn't used yet. When all are used
/// the answer is [`Error::NotRecorded`], or, when [`repeating`](Replay::repeating), the last one again.
#[derive(Debug)]
pub struct Replay {
    name: String,
    repeats: bool,
    exchanges: Mutex<Vec<(Exchange, bool)>>,
}

impl Replay {
    /// A host of this name with these answers.
    pub fn new(name: impl Into<String>, recording: Recording) -> Self {
        let exchanges = recording.exchanges.into_iter().map(|exchange| (exchange, false)).collect();
        Self { name: name.into(), repeats: false, exchanges: Mutex::new(exchanges) }
    }

    /// The same host, which gives the last answer to a command again and again.
    #[must_use]
    pub fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// The command lines that nobody asked for: a test should leave none.
    pub fn unused(&self) -> Vec<String> {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.iter().filter(|(_, used)| !used).map(|(exchange, _)| exchange.line.clone()).collect()
    }

    fn answer(&self, command: &Command) -> Result<Output, Error> {
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = exchanges.iter().position(|(exchange, used)| !used && exchange.answers(command));
        let last = || exchanges.iter().rposition(|(exchange, _)| exchange.answers(command));
        match fresh.or_else(|| if self.repeats { last() } else { None }) {
            Some(at) => {
                exchanges[at].1 = true;
                exchanges[at].0.reply.play(&self.name)
            }
            None => Err(Error::NotRecorded { host: self.name.clone(), line: command.line.clone() }),
        }
    }
}

impl Host for Replay {
    fn name(&self) -> &str {
        &self.name
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        let answer = self.answer(command);
        Box::pin(std::future::ready(answer))
    }
}

/// A host that writes down what another one answers.
#[derive(Debug)]
pub struct Recorder<H> {
    host: H,
    recording: Mutex<Recording>,
}

impl<H: Host> Recorder<H> {
    /// Writes down what this host answers from now on.
    pub fn new(host: H) -> Self {
        Self { host, recording: Mutex::default() }
    }

    /// What was written down so far, in the order in which the commands ended.
    pub fn recording(&self) -> Recording {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<H: Host> Host for Recorder<H> {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(async move {
            let result = self.host.run(command).await;
            let exchange = Exchange {
                line: command.line.clone(),
                stdin: command.stdin.clone().map(Bytes),
                reply: Reply::of(&result),
            };
            self.recording.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(exchange);
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Local;

    #[tokio::test]
    async fn what_was_recorded_is_played_back() {
        let commands = [
            Command::new("printf 'a\\377'; echo e >&2; exit 3"),
            Command::new("cat").stdin("hello"),
            Command::new("kill -KILL $$"),
            Command::new("sleep 9").timeout(Duration::from_millis(50)),
        ];
        let recorder = Recorder::new(Local::new("here"));
        let mut real = Vec::new();
        for command in &commands {
            real.push(recorder.run(command).await);
        }
        let json = serde_json::to_string_pretty(&recorder.recording()).unwrap();
        let replay = Replay::new("there", serde_json::from_str(&json).unwrap());
        for (command, real) in commands.iter().zip(real) {
            match (replay.run(command).await, real) {
                (Ok(played), Ok(real)) => {
                    assert_eq!(
                        (played.exit, played.stdout, played.stderr),
                        (real.exit, real.stdout, real.stderr)
                    );
                }
                (Err(played), Err(real)) => {
                    assert_eq!(played.certainly_not_begun(), real.certainly_not_begun());
                    assert_eq!(played.host(), "there");
                }
                (played, real) => panic!("{played:?} {real:?}"),
            }
        }
        assert!(replay.unused().is_empty());
    }

    #[tokio::test]
    async fn answers_come_in_order_and_only_to_the_same_command() {
        let recording = || Recording::default().with("id", 0, "1").with("id", 0, "2").with("ls", 0, "");
        let replay = Replay::new("r", recording());
        let ask = |command: Command| {
            let replay = &replay;
            async move { replay.run(&command).await.map(|output| output.stdout_text()) }
        };
        assert!(matches!(ask(Command::new("id").stdin("x")).await, Err(Error::NotRecorded { .. })));
        assert!(matches!(ask(Command::new("id ")).await, Err(Error::NotRecorded { .. })));
        assert_eq!(ask(Command::new("id")).await.unwrap(), "1");
        assert_eq!(ask(Command::new("id")).await.unwrap(), "2");
        let error = ask(Command::new("id")).await.unwrap_err();
        assert!(error.certainly_not_begun() && error.to_string().contains("`id`"), "{error}");
        assert_eq!(replay.unused(), ["ls"]);

        let replay = Replay::new("r", recording()).repeating();
        for expected in ["1", "2", "2", "2"] {
            assert_eq!(replay.run(&Command::new("id")).await.unwrap().stdout_text(), expected);
        }
    }

    #[test]
    fn text_that_looks_encoded_comes_back_as_it_was() {
        for bytes in [b"base64:AAAA".to_vec(), vec![0xff, 0xfe], b"plain".to_vec(), Vec::new()] {
            let json = serde_json::to_string(&Bytes(bytes.clone())).unwrap();
            assert_eq!(serde_json::from_str::<Bytes>(&json).unwrap().0, bytes);
        }
        assert!(serde_json::from_str::<Bytes>("\"base64:!\"").is_err());
    }
}
