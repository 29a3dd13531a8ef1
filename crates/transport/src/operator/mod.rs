//! A person does it and attests it: the transport of hosts that no command reaches.
//!
//! What a person says is a claim, not a fact. A request names the proof that will be looked for; who asks has to look.

pub mod by_hand;
mod scripted;
mod terminal;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::scripted::{Behaviour, Hands, Rule, Scripted};
pub use self::terminal::Terminal;
use crate::Error;

/// What a person is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The same for the same task, also when it is asked again after a crash.
    pub id: String,
    /// The host it is about, as the estate calls it.
    pub host: String,
    /// What to do, in words, complete.
    pub instruction: String,
    /// By what one sees that it is done.
    pub proof: String,
    /// How long to wait for the answer; `None` waits for ever.
    pub timeout: Option<Duration>,
}

/// What the person answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What came of it, as they say.
    pub outcome: Outcome,
    /// Who says so.
    pub by: String,
}

/// What came of a request, as the person says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// It can't be done, for this reason.
    Cannot(String),
}

/// The future that [`Operator::ask`] returns.
pub type AskFuture<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// Someone who can be asked.
pub trait Operator: Send + Sync {
    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] when none came: the work may have been done all the same.
    fn ask(&self, request: Request) -> AskFuture<'_>;
}

/// The answer in its time, or [`Error::NoAnswer`].
async fn in_time<F>(host: String, timeout: Option<Duration>, answer: F) -> Result<Answer, Error>
where
    F: Future<Output = Result<Answer, Error>>,
{
    match timeout {
        None => answer.await,
        Some(limit) => match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::NoAnswer { host, why: format!("none came in {} s", limit.as_secs_f64()) }),
        },
    }
}
