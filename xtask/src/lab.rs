//! `cargo xtask lab`: a real cluster to work with by hand, on top of the `lab` crate.

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Subcommand;
use kaketsugi_lab::{Config, Cut, FACTS_FILE, Lab, ssh_options};

/// Arguments of `lab`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Directory of the lab's keys, facts and logs [default: .lab in the workspace]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Bring a cluster up; ends when its groups run
    Up {
        /// How many nodes, 2 to 5
        #[arg(long, default_value_t = 3)]
        nodes: u8,
        /// Add a second, small group besides the mail group
        #[arg(long)]
        web: bool,
    },
    /// Show nodes and groups, from inside and from outside
    Status,
    /// Cut a node's power; the cluster's fencing brings it back
    PowerOff {
        node: String,
        /// Leave it off even when the cluster fences it, until `power-on`
        #[arg(long)]
        unplug: bool,
    },
    /// Give a node power
    PowerOn { node: String },
    /// Cut a node's network
    Cut {
        node: String,
        /// controller, peers or all
        #[arg(value_parser = parse_cut)]
        what: Cut,
    },
    /// Mend a node's network
    Restore { node: String },
    /// Log in to a node as root, or run a command there
    Ssh {
        node: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Run a program inside the lab's network, where the nodes can be reached
    Run {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Send and read mail through the virtual address for a while, then report as JSON
    Mail {
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Take the cluster down; nothing is left but the logs
    Down,
    /// The supervisor's process; `up` starts it
    #[command(hide = true)]
    Supervise,
}

type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Does what the arguments say.
pub(crate) fn run(args: Args) -> Outcome {
    let state = args.state.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.lab"));
    match args.action {
        Action::Up { nodes, web } => return up(&state, nodes, web),
        Action::Supervise => kaketsugi_lab::supervise(&state)?,
        Action::Status => return status(&Lab::attach(&state)?),
        Action::PowerOff { node, unplug: true } => Lab::attach(&state)?.unplug(&node)?,
        Action::PowerOff { node, unplug: false } => Lab::attach(&state)?.power_off(&node)?,
        Action::PowerOn { node } => Lab::attach(&state)?.power_on(&node)?,
        Action::Cut { node, what } => Lab::attach(&state)?.cut_network(&node, what)?,
        Action::Restore { node } => Lab::attach(&state)?.restore_network(&node)?,
        Action::Ssh { node, command } => {
            let lab = Lab::attach(&state)?;
            let mut ssh = lab.ssh("root", &node)?;
            return Err(ssh.stdin(std::process::Stdio::inherit()).args(command).exec().into());
        }
        Action::Run { command } => {
            let lab = Lab::attach(&state)?;
            let (program, arguments) = command.split_first().ok_or("no program")?;
            return Err(lab.command(program).args(arguments).exec().into());
        }
        Action::Mail { seconds } => {
            let report = Lab::attach(&state)?.mail_client()?.finish_after(Duration::from_secs(seconds))?;
            println!("{}", serde_json::to_string_pretty(&report)?);
        }
        Action::Down => {
            let begun = Instant::now();
            Lab::attach(&state)?.down()?;
            println!("down in {:.1} s", begun.elapsed().as_secs_f64());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn parse_cut(text: &str) -> Result<Cut, String> {
    match text {
        "controller" => Ok(Cut::Controller),
        "peers" => Ok(Cut::Peers),
        "all" => Ok(Cut::All),
        other => Err(format!("`{other}` is none of controller, peers, all")),
    }
}

fn up(state: &Path, nodes: u8, web: bool) -> Outcome {
    let config = if web { Config::mail(nodes).with_web() } else { Config::mail(nodes) };
    let mut supervise = Command::new(std::env::current_exe()?);
    supervise.args(["lab", "supervise", "--state"]).arg(state);
    // A process group of its own: Ctrl-C in the terminal isn't meant for it.
    supervise.process_group(0);
    let begun = Instant::now();
    println!("bringing {nodes} nodes up (the very first time builds the base tree, three minutes) ...");
    let lab = Lab::up_detached(&config, state, supervise)?;
    let facts = lab.facts();
    println!("up in {:.1} s; network namespace {}", begun.elapsed().as_secs_f64(), facts.netns);
    for node in &facts.nodes {
        println!("  node  {:6} {}   users {}", node.name, node.address, node.users.join(", "));
    }
    for group in &facts.groups {
        println!("  group {:6} {}   on {}", group.name, group.address, lab.owner(&group.name)?);
    }
    println!("  key         {}", facts.key.display());
    println!("  known_hosts {}", facts.known_hosts.display());
    println!("  facts       {}", facts.state.join(FACTS_FILE).display());
    for node in &facts.nodes {
        println!(
            "  nsenter --net=/run/netns/{} ssh {} root@{}",
            facts.netns,
            ssh_options(facts).join(" "),
            node.address
        );
    }
    println!(
        "run programs among the nodes with `cargo xtask lab run -- PROGRAM`, log in with `cargo xtask lab ssh n1`"
    );
    Ok(ExitCode::SUCCESS)
}

fn status(lab: &Lab) -> Outcome {
    let status = lab.status()?;
    for node in &status.nodes {
        println!(
            "{:6} {:3} boots {} last end {:10} {} MB{}{}",
            node.name,
            if node.powered { "on" } else { "off" },
            node.boots,
            node.last_end.as_deref().unwrap_or("-"),
            node.memory_bytes.map_or(0, |bytes| bytes >> 20),
            if node.frozen { ", frozen" } else { "" },
            node.cut.map(|cut| format!(", network cut: {cut:?}")).unwrap_or_default(),
        );
    }
    println!("{}", lab.cluster_view()?.summary());
    for (ms, action, node) in &status.fencings {
        println!("fenced: {node} ({action}) at {ms}");
    }
    let doubles = lab.double_mounts()?;
    println!("double mounts: {}", if doubles.is_empty() { "none".into() } else { doubles.join("; ") });
    Ok(if doubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
