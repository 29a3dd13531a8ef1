//! Looks at servers that only a person reaches: a look is carried there in rounds.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kaketsugi_estate::{ClusterId, LockSeen, ServerId, ServerSeen, Snapshot};
use kaketsugi_plan::Payload;
use kaketsugi_transport::operator::by_hand::Courier;

use crate::{Begun, Error, Order, Platform, Progress, Question};

/// How often a person is sent for one look. Commands depend on earlier answers three deep.
const ROUNDS_MAX: usize = 8;

/// A platform some of whose hosts are a [`Courier`]'s.
///
/// A look runs over and over against the answers that were brought for it, and what was missing each time is carried by
/// the next sheets, until nothing is. All else goes to the platform as it is: steps on these servers are a person's, so
/// nothing is begun there, and a look is all that they are asked for.
#[derive(Debug)]
pub struct ByHand<P> {
    platform: P,
    courier: Arc<Courier>,
    servers: BTreeSet<ServerId>,
    waits: Mutex<Option<String>>,
}

impl<P> ByHand<P> {
    /// `servers` are those whose hosts are the courier's.
    pub fn new(platform: P, courier: Arc<Courier>, servers: BTreeSet<ServerId>) -> Self {
        Self { platform, courier, servers, waits: Mutex::default() }
    }

    fn say(&self, waits: Option<String>) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = waits;
    }
}

#[async_trait]
impl<P: Platform> Platform for ByHand<P> {
    async fn probe(&self, question: &Question<'_>) -> Snapshot {
        self.say(None);
        self.courier.begin_look();
        for _ in 0..ROUNDS_MAX {
            let mut seen = self.platform.probe(question).await;
            match self.courier.fetch(&question.why).await {
                Ok(true) => {}
                Ok(false) => {
                    self.courier.end_look(true);
                    return seen;
                }
                Err(why) => {
                    self.courier.end_look(false);
                    self.say(Some(why.to_string()));
                    unreached(&mut seen, &self.servers, &why.to_string());
                    return seen;
                }
            }
        }
        self.courier.end_look(true);
        let mut seen = Snapshot::default();
        unreached(&mut seen, &self.servers, "its answers lead to new questions without end");
        seen
    }

    async fn freeze(&self, release: &str, snapshot: &Snapshot) -> Result<Payload, Error> {
        self.platform.freeze(release, snapshot).await
    }

    async fn begin(&self, order: &Order<'_>) -> Result<Begun, Error> {
        self.platform.begin(order).await
    }

    async fn poll(&self, order: &Order<'_>) -> Result<Progress, Error> {
        self.platform.poll(order).await
    }

    async fn lock(&self, token: &LockSeen) -> Result<(), Error> {
        self.platform.lock(token).await
    }

    async fn unlock(&self, token: &LockSeen) -> Result<(), Error> {
        self.platform.unlock(token).await
    }

    fn clusters(&self) -> Vec<ClusterId> {
        self.platform.clusters()
    }

    fn looks_cost_a_person(&self, question: &Question<'_>) -> bool {
        question.servers.is_empty() || question.servers.iter().any(|id| self.servers.contains(id))
    }

    fn waits_for_person(&self) -> Option<String> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Half a look is none.
fn unreached(seen: &mut Snapshot, servers: &BTreeSet<ServerId>, why: &str) {
    seen.clusters.clear();
    for id in servers {
        let server =
            ServerSeen { reached: false, unreached_why: Some(why.to_owned()), ..ServerSeen::default() };
        seen.servers.insert(id.clone(), server);
    }
}
