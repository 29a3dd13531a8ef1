//! The administrator's wish that a run stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Set from a signal handler: the run stops at the next safe point.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    set: AtomicBool,
    told: Notify,
}

impl Interrupt {
    /// Asks the run to stop.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        self.0.told.notify_waiters();
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Waits until it is asked to.
    pub async fn wait(&self) {
        let told = self.0.told.notified();
        tokio::pin!(told);
        // First in the queue, then the look: a wish between the two is not lost.
        told.as_mut().enable();
        if !self.is_set() {
            told.await;
        }
    }
}
