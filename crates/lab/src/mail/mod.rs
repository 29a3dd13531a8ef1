//! A mail user: sends and reads through the mail group's virtual address all the time, and keeps account of it.
//!
//! Attempts start at a fixed pace whether or not the last one is done, so that a lost connection doesn't blind the
//! client to the moment at which the service comes back. Each attempt is a connection of its own, as a user's would be.

mod imap;
mod report;
mod smtp;
mod talk;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

pub use report::{Gap, MailReport, ServiceReport};

use crate::error::{LabError, Result};
use crate::facts::Facts;
use crate::network::netns_path;
use crate::shell::epoch_ms;
use report::Log;

/// How often each service is tried.
const EVERY: Duration = Duration::from_millis(150);
/// How long one attempt may take; while a service is gone, attempts end by [`talk::CONNECT_MAX`] first.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);
/// How many attempts may be under way for one service.
const UNDER_WAY_MAX: usize = 12;

/// The client at work, in a thread of its own inside the lab's network.
#[derive(Debug)]
pub struct MailClient {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    address: Ipv4Addr,
    netns: PathBuf,
    /// Marks this client's mails: another client may use the same mailbox.
    mark: String,
    stop: AtomicBool,
    log: Mutex<Log>,
}

impl MailClient {
    /// Starts sending and reading at the virtual address `address` of the lab of these facts.
    ///
    /// # Errors
    /// The lab's network can't be entered.
    pub fn start(facts: &Facts, address: Ipv4Addr) -> Result<MailClient> {
        let shared = Arc::new(Shared {
            address,
            netns: netns_path(&facts.netns),
            mark: format!("lab-{:08x}", rand::random::<u32>()),
            stop: AtomicBool::new(false),
            log: Mutex::new(Log::begin(epoch_ms())),
        });
        let for_thread = shared.clone();
        let thread = inside(&shared.netns, "lab-mail", move || async move {
            attempts(&for_thread).await;
            Ok(())
        })?;
        Ok(MailClient { shared, thread: Some(thread) })
    }

    /// What was seen until now; what was delivered isn't looked at yet.
    #[must_use]
    pub fn so_far(&self) -> MailReport {
        self.shared.log().report(epoch_ms(), BTreeSet::new())
    }

    /// Goes on for a while, then [`MailClient::finish`]es with half a minute's patience.
    ///
    /// # Errors
    /// The mailbox can't be read.
    pub fn finish_after(self, time: Duration) -> Result<MailReport> {
        crate::shell::pause(time);
        self.finish(Duration::from_secs(30))
    }

    /// Stops sending, waits until the mailbox holds every accepted mail, but no longer than `patience`, and reports.
    ///
    /// # Errors
    /// The mailbox can't be read.
    pub fn finish(mut self, patience: Duration) -> Result<MailReport> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let ended = epoch_ms();
        if let Some(thread) = self.thread.take() {
            join(thread)?;
        }
        let shared = self.shared.clone();
        let accepted: BTreeSet<String> = shared.log().accepted.iter().cloned().collect();
        let look = inside(&self.shared.netns, "lab-mailbox", move || async move {
            let until = tokio::time::Instant::now() + patience;
            loop {
                let mailbox = imap::subjects(shared.target(imap::PORT), &shared.mark).await;
                match mailbox {
                    Ok(delivered) if accepted.is_subset(&delivered) => return Ok(delivered),
                    Ok(delivered) if tokio::time::Instant::now() >= until => return Ok(delivered),
                    Err(detail) if tokio::time::Instant::now() >= until => {
                        return Err(LabError::Unexpected { what: "the mailbox".into(), detail });
                    }
                    _ => tokio::time::sleep(Duration::from_millis(300)).await,
                }
            }
        })?;
        let delivered = join(look)?;
        Ok(self.shared.log().report(ended, delivered))
    }
}

impl Drop for MailClient {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn target(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, port)
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs async work on a thread inside the lab's network namespace.
fn inside<T, F, W>(netns: &std::path::Path, name: &str, work: F) -> Result<JoinHandle<Result<T>>>
where
    T: Send + 'static,
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = Result<T>>,
{
    let path = netns.to_path_buf();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let netns = std::fs::File::open(&path).map_err(LabError::io("open", &path))?;
        setns(netns, CloneFlags::CLONE_NEWNET).map_err(|e| LabError::io("enter", &path)(e.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(LabError::io("start a runtime in", &path))?.block_on(work())
    });
    thread.map_err(LabError::io("start a thread for", netns))
}

fn join<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    let panicked = |_| LabError::Unexpected { what: "the mail client".into(), detail: "it panicked".into() };
    thread.join().map_err(panicked)?
}

/// Starts attempts at their pace until told to stop, then waits for the last ones.
async fn attempts(shared: &Arc<Shared>) {
    let mut pace = tokio::time::interval(EVERY);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (mut sending, mut reading) = (tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
    let mut number = 0u64;
    while !shared.stop.load(Ordering::SeqCst) {
        pace.tick().await;
        while sending.try_join_next().is_some() {}
        while reading.try_join_next().is_some() {}
        if sending.len() < UNDER_WAY_MAX {
            number += 1;
            let (shared, id) = (shared.clone(), format!("{}-{number}", shared.mark));
            sending.spawn(async move { send(&shared, id).await });
        }
        if reading.len() < UNDER_WAY_MAX {
            let shared = shared.clone();
            reading.spawn(async move { read(&shared).await });
        }
    }
    sending.join_all().await;
    reading.join_all().await;
}

async fn send(shared: &Shared, id: String) {
    let sent = tokio::time::timeout(ATTEMPT_MAX, smtp::send(shared.target(smtp::PORT), &id)).await;
    let now = epoch_ms();
    let mut log = shared.log();
    match sent {
        Ok(Ok(())) => {
            log.smtp.succeeded(now);
            log.accepted.push(id);
        }
        Ok(Err(error)) => log.smtp.failed(now, error),
        Err(_) => log.smtp.failed(now, format!("no end within {} s", ATTEMPT_MAX.as_secs())),
    }
}

async fn read(shared: &Shared) {
    let read = tokio::time::timeout(ATTEMPT_MAX, imap::look(shared.target(imap::PORT))).await;
    let now = epoch_ms();
    let mut log = shared.log();
    match read {
        Ok(Ok(())) => log.imap.succeeded(now),
        Ok(Err(error)) => log.imap.failed(now, error),
        Err(_) => log.imap.failed(now, format!("no end within {} s", ATTEMPT_MAX.as_secs())),
    }
}
