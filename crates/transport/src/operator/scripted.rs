//! An emulated person: prompt, late, forgetful, or wrong, as the data say.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Answer, AskFuture, Operator, Outcome, Request, in_time};

/// How the person behaves when asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    /// Does it and says so.
    Prompt,
    /// Does it and says so, after this many milliseconds.
    Late {
        /// The delay, in milliseconds.
        after_ms: u64,
    },
    /// Neither does it nor answers.
    Forgets,
    /// Does it, and forgets to say so.
    Silent,
    /// Says that it can't be done, and does nothing.
    Cannot {
        /// The reason given.
        reason: String,
    },
    /// Says that it is done, and has done nothing.
    Pretends,
    /// Does something else (such as upgrading another virtual server), and says that it is done.
    Mistakes {
        /// What is done instead of the instruction.
        instruction: String,
    },
}

/// When the person behaves so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// For requests whose id or instruction holds this text; the empty text stands for all.
    #[serde(default)]
    pub on: String,
    /// How many times; then the next rule that fits counts. `None` is always.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub behaviour: Behaviour,
}

/// What does the work of the emulated person, such as an emulated machine.
pub trait Hands: Send + Sync {
    /// Carries the instruction out.
    ///
    /// # Errors
    /// Why it can't be done; the person says so.
    fn act(&self, request: &Request) -> Result<(), String>;
}

impl<F: Fn(&Request) -> Result<(), String> + Send + Sync> Hands for F {
    fn act(&self, request: &Request) -> Result<(), String> {
        self(request)
    }
}

/// The emulated person. Without a rule that fits it is [`Behaviour::Prompt`].
pub struct Scripted {
    by: String,
    hands: Arc<dyn Hands>,
    state: Mutex<State>,
}

struct State {
    rules: Vec<(Rule, u32)>,
    asked: Vec<Request>,
}

impl Scripted {
    /// A person of this name, with these hands and ways.
    pub fn new(by: impl Into<String>, hands: impl Hands + 'static, rules: Vec<Rule>) -> Self {
        let rules = rules.into_iter().map(|rule| (rule, 0)).collect();
        Self { by: by.into(), hands: Arc::new(hands), state: Mutex::new(State { rules, asked: Vec::new() }) }
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    fn behaviour(&self, request: &Request) -> Behaviour {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.push(request.clone());
        let fits = |rule: &Rule, used: u32| {
            (request.id.contains(&rule.on) || request.instruction.contains(&rule.on))
                && rule.times.is_none_or(|times| used < times)
        };
        match state.rules.iter_mut().find(|(rule, used)| fits(rule, *used)) {
            Some((rule, used)) => {
                *used += 1;
                rule.behaviour.clone()
            }
            None => Behaviour::Prompt,
        }
    }

    fn act(&self, request: &Request) -> Outcome {
        match self.hands.act(request) {
            Ok(()) => Outcome::Done,
            Err(reason) => Outcome::Cannot(reason),
        }
    }

    async fn answer(&self, request: &Request) -> Outcome {
        match self.behaviour(request) {
            Behaviour::Prompt => self.act(request),
            Behaviour::Late { after_ms } => {
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                self.act(request)
            }
            Behaviour::Forgets => std::future::pending().await,
            Behaviour::Silent => {
                self.act(request);
                std::future::pending().await
            }
            Behaviour::Cannot { reason } => Outcome::Cannot(reason),
            Behaviour::Pretends => Outcome::Done,
            Behaviour::Mistakes { instruction } => {
                // Whether the other thing worked out makes no difference to what is said.
                self.act(&Request { instruction, ..request.clone() });
                Outcome::Done
            }
        }
    }
}

impl Operator for Scripted {
    fn ask(&self, request: Request) -> AskFuture<'_> {
        Box::pin(async move {
            let answer = async { Ok(Answer { outcome: self.answer(&request).await, by: self.by.clone() }) };
            in_time(request.host.clone(), request.timeout, answer).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn request(id: &str) -> Request {
        Request {
            id: id.into(),
            host: "exch1".into(),
            instruction: format!("upgrade EVS1 ({id})"),
            proof: "build 7638.2".into(),
            timeout: Some(Duration::from_secs(60)),
        }
    }

    fn person(rules: &str) -> (Scripted, Arc<Mutex<Vec<String>>>) {
        let done = Arc::new(Mutex::new(Vec::new()));
        let hands = {
            let done = Arc::clone(&done);
            move |request: &Request| {
                if request.instruction.contains("impossible") {
                    return Err("the disk is full".to_owned());
                }
                done.lock().unwrap().push(request.instruction.clone());
                Ok(())
            }
        };
        (Scripted::new("bob", hands, serde_json::from_str(rules).unwrap()), done)
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_does_and_says_what_it_should() {
        let (person, done) = person(
            r#"[
                {"on": "late", "behaviour": {"late": {"after_ms": 30000}}},
                {"on": "tardy", "behaviour": {"late": {"after_ms": 90000}}},
                {"on": "forget", "times": 1, "behaviour": "forgets"},
                {"on": "silent", "behaviour": "silent"},
                {"on": "no", "behaviour": {"cannot": {"reason": "no key"}}},
                {"on": "pretend", "behaviour": "pretends"},
                {"on": "wrong", "behaviour": {"mistakes": {"instruction": "upgrade EVS2"}}}
            ]"#,
        );
        let expect = |id: &'static str, outcome: Option<Outcome>, acts: Option<&'static str>| {
            let (person, done) = (&person, &done);
            async move {
                let answer = person.ask(request(id)).await;
                match outcome {
                    Some(outcome) => {
                        assert_eq!(answer.unwrap(), Answer { outcome, by: "bob".into() }, "{id}")
                    }
                    None => assert!(matches!(answer.unwrap_err(), Error::NoAnswer { .. }), "{id}"),
                }
                assert_eq!(done.lock().unwrap().drain(..).next().as_deref(), acts, "{id}");
            }
        };
        expect("plain", Some(Outcome::Done), Some("upgrade EVS1 (plain)")).await;
        expect("late", Some(Outcome::Done), Some("upgrade EVS1 (late)")).await;
        expect("tardy", None, None).await;
        expect("forget", None, None).await;
        // The first rule is used up.
        expect("forget", Some(Outcome::Done), Some("upgrade EVS1 (forget)")).await;
        expect("silent", None, Some("upgrade EVS1 (silent)")).await;
        expect("no", Some(Outcome::Cannot("no key".into())), None).await;
        expect("pretend", Some(Outcome::Done), None).await;
        expect("wrong", Some(Outcome::Done), Some("upgrade EVS2")).await;
        expect("impossible", Some(Outcome::Cannot("the disk is full".into())), None).await;
        assert_eq!(person.asked().len(), 10);
    }
}
