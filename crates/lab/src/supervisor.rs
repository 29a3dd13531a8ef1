//! The machine room: boots the nodes, is their fencing device, watches the shared store from outside, takes orders.
//!
//! It works in a mount namespace of its own, inside the lab's network namespace, and runs either as threads of the
//! process that wanted the lab (a test: the lab ends with it) or as a process by itself (`cargo xtask lab up`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::base::Base;
use crate::cgroup::Cgroup;
use crate::config::{FENCE_PORT, GATEWAY};
use crate::control::{self, Answer, LabStatus, NodeStatus, Order};
use crate::error::{LabError, Result};
use crate::facts::Facts;
use crate::guardian::Guardian;
use crate::network::{self, Cut, netns_path};
use crate::node::{NodeDirs, run_dir};
use crate::power::Power;
use crate::shell::{epoch_ms, pause};
use crate::watch::StoreWatch;

/// How often it looks for orders; also the delay that fencing can get from it.
const TICK: Duration = Duration::from_millis(20);
/// How often it looks at who has the store mounted.
const WATCH_EVERY: Duration = Duration::from_millis(100);

struct Supervisor {
    facts: Facts,
    nodes: Vec<Arc<Power>>,
    cuts: Mutex<BTreeMap<String, Cut>>,
    watch: Mutex<StoreWatch>,
    fencings: Mutex<Vec<(u64, String, String)>>,
    down: AtomicBool,
}

/// Runs the lab of these facts until it is told `down`; `ready` is called when orders are taken. Enters other
/// namespaces with the calling thread, which is of no use for anything else afterwards.
pub(crate) fn run(facts: Facts, ready: impl FnOnce()) -> Result<()> {
    enter_namespaces(&facts)?;
    network::set_up()?;
    let fence = listen_for_fencing()?;
    let control = UnixListener::bind(&facts.control).map_err(LabError::io("listen at", &facts.control))?;
    control.set_nonblocking(true).map_err(LabError::io("listen at", &facts.control))?;

    let base = Base::at(&facts.base);
    let mut nodes = Vec::new();
    for (index, node) in facts.nodes.iter().enumerate() {
        NodeDirs::of(&facts.state, &node.name).set_up(&base, &facts, index)?;
        let cgroup = Cgroup::named(&format!("{}/{}", facts.netns, node.name))?;
        cgroup.create()?;
        nodes.push(Power::new(&node.name, cgroup));
    }
    let _guardian = Guardian::over(&Cgroup::named(&facts.netns)?)?;
    let supervisor = Supervisor {
        facts,
        nodes,
        cuts: Mutex::default(),
        watch: Mutex::default(),
        fencings: Mutex::default(),
        down: AtomicBool::new(false),
    };
    // Scoped, so that whoever asked for the end waits for all of it. The threads inherit the namespaces.
    thread::scope(|scope| {
        for node in &supervisor.nodes {
            scope.spawn(|| node.run(&supervisor.facts));
            node.on();
        }
        ready();
        let mut watched = Instant::now();
        while !supervisor.down.load(Ordering::SeqCst) {
            if let Ok((stream, _)) = control.accept() {
                let supervisor = &supervisor;
                scope.spawn(move || {
                    if let Err(error) = control::serve(stream, |order| supervisor.act(order)) {
                        tracing::warn!(%error, "an order was lost");
                    }
                });
            }
            if let Ok((stream, _)) = fence.accept() {
                let supervisor = &supervisor;
                scope.spawn(move || {
                    if let Err(error) = supervisor.serve_fence(&stream) {
                        tracing::warn!(%error, "a fence agent was lost");
                    }
                });
            }
            if watched.elapsed() >= WATCH_EVERY {
                watched = Instant::now();
                lock(&supervisor.watch).look(&supervisor.nodes);
            }
            pause(TICK);
        }
    });
    Ok(())
}

fn enter_namespaces(facts: &Facts) -> Result<()> {
    let path = netns_path(&facts.netns);
    let netns = std::fs::File::open(&path).map_err(LabError::io("open", &path))?;
    setns(netns, CloneFlags::CLONE_NEWNET).map_err(|e| LabError::io("enter", &path)(e.into()))?;
    unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|e| LabError::io("make a mount namespace for", &path)(e.into()))?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|e| LabError::io("make private", "/")(e.into()))?;
    // The nodes' layers live in memory: they need no care when the lab ends, and installers there don't wait for disks.
    let run = run_dir(&facts.state);
    for dir in [run.as_path(), std::path::Path::new("/run/systemd/nspawn")] {
        std::fs::create_dir_all(dir).map_err(LabError::io("create", dir))?;
        mount(Some("tmpfs"), dir, Some("tmpfs"), MsFlags::empty(), Some("mode=755,size=8g"))
            .map_err(|e| LabError::io("mount a tmpfs on", dir)(e.into()))?;
    }
    Ok(())
}

fn listen_for_fencing() -> Result<TcpListener> {
    let io = || LabError::io("listen for fence agents at", GATEWAY.to_string());
    let listener = TcpListener::bind((GATEWAY, FENCE_PORT)).map_err(io())?;
    listener.set_nonblocking(true).map_err(io())?;
    Ok(listener)
}

impl Supervisor {
    fn act(&self, order: Order) -> Result<Answer> {
        match order {
            Order::Status => return Ok(Answer::Status(self.status())),
            Order::PowerOff { node } => self.node(&node)?.off()?,
            Order::Unplug { node } => self.node(&node)?.unplug()?,
            Order::PowerOn { node } => self.node(&node)?.on(),
            Order::Freeze { node, frozen } => self.node(&node)?.freeze(frozen)?,
            Order::Cut { node, cut } => self.cut(&node, cut)?,
            Order::Down => {
                // All at once; a node after the other would give the rest time to fence.
                thread::scope(|scope| {
                    let cuts: Vec<_> = self.nodes.iter().map(|node| scope.spawn(|| node.off())).collect();
                    cuts.into_iter().try_for_each(|cut| cut.join().unwrap_or(Ok(())))
                })?;
                self.nodes.iter().for_each(|node| node.close());
                self.down.store(true, Ordering::SeqCst);
            }
        }
        Ok(Answer::Done)
    }

    fn node(&self, name: &str) -> Result<&Power> {
        self.facts.node(name)?;
        let found = self.nodes.iter().find(|n| n.node == name);
        found.map(|n| &**n).ok_or_else(|| LabError::Refused { why: format!("no node {name}") })
    }

    fn cut(&self, node: &str, cut: Option<Cut>) -> Result<()> {
        self.facts.node(node)?;
        let mut cuts = lock(&self.cuts);
        match cut {
            Some(cut) => cuts.insert(node.to_owned(), cut),
            None => cuts.remove(node),
        };
        let mut rules = Vec::new();
        for (node, cut) in cuts.iter() {
            rules.push((node.clone(), self.facts.node(node)?.address, *cut));
        }
        network::apply_cuts(&rules)
    }

    fn status(&self) -> LabStatus {
        let cuts = lock(&self.cuts).clone();
        let watch = lock(&self.watch);
        let nodes = self.nodes.iter().map(|node| {
            let state = node.state();
            NodeStatus {
                name: node.node.clone(),
                powered: state.nspawn.is_some(),
                leader: state.nspawn.and_then(crate::watch::leader_of),
                boots: state.boots,
                last_end: state.last_end,
                frozen: state.frozen,
                cut: cuts.get(&node.node).copied(),
                memory_bytes: node.cgroup.memory_bytes(),
            }
        });
        LabStatus {
            nodes: nodes.collect(),
            mounts: watch.spans().to_vec(),
            double_mounts: watch.doubles().to_vec(),
            fencings: lock(&self.fencings).clone(),
        }
    }

    /// One question of a fence agent: `ACTION [NODE]`, answered `ok …` only when it is done.
    fn serve_fence(&self, stream: &TcpStream) -> Result<()> {
        let io = |what| LabError::io(what, "a fence agent");
        stream.set_nonblocking(false).map_err(io("talk to"))?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(io("talk to"))?;
        let mut text = String::new();
        BufReader::new(stream).read_line(&mut text).map_err(io("hear"))?;
        let (action, node) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let answer = self.fence(action, node).unwrap_or_else(|error| format!("error {error}"));
        let mut stream = stream;
        writeln!(stream, "{answer}").map_err(io("answer"))
    }

    fn fence(&self, action: &str, node: &str) -> Result<String> {
        if matches!(action, "on" | "off" | "reboot") {
            tracing::info!(action, node, "fencing");
            lock(&self.fencings).push((epoch_ms(), action.to_owned(), node.to_owned()));
        }
        match action {
            "monitor" => {}
            "list" => return Ok(format!("ok {}", self.facts.config.node_names().join(" "))),
            "status" => {
                let on = self.node(node)?.state().nspawn.is_some();
                return Ok(format!("ok {}", if on { "on" } else { "off" }));
            }
            "off" => self.node(node)?.off()?,
            "on" => self.node(node)?.on_if_plugged(),
            "reboot" => {
                self.node(node)?.off()?;
                self.node(node)?.on_if_plugged();
            }
            other => return Err(LabError::Refused { why: format!("no action {other}") }),
        }
        Ok("ok".into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
