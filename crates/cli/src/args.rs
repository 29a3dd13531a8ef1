//! The command line, defined once: parser, help and man page come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Applies service packs, hotfixes and updates to clustered, stateful servers so that their users don't notice.
#[derive(Debug, Parser)]
#[command(name = "kaketsugi", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  can't: usage, unreadable, unreachable
  2  refused as unsafe
  3  stopped at a failed step, safe
  4  waits for a person";

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// For people, or for programs: JSON goes to stdout alone, all else to stderr.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Where the journals of runs are kept.
    #[arg(long, global = true, value_name = "DIR", env = "KAKETSUGI_STATE")]
    pub(crate) state: Option<PathBuf>,
    /// known_hosts file instead of the account's own.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) known_hosts: Option<PathBuf>,
    /// Private key to log in with.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// ssh_config file instead of the account's own.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) directory: DirectoryArgs,
}

/// Where the versions of Exchange virtual servers are read. It is only read there.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Active Directory (Exchange)")]
pub(crate) struct DirectoryArgs {
    /// A domain controller: ldap://HOST or ldaps://HOST.
    #[arg(long = "directory", global = true, value_name = "URL", env = "KAKETSUGI_DIRECTORY")]
    pub(crate) url: Option<String>,
    /// The account that asks, as the directory knows it; without it the question is anonymous.
    #[arg(long = "directory-user", global = true, value_name = "NAME", env = "KAKETSUGI_DIRECTORY_USER")]
    pub(crate) user: Option<String>,
    /// A file with that account's password in its first line.
    #[arg(
        long = "directory-password-file",
        global = true,
        value_name = "FILE",
        env = "KAKETSUGI_DIRECTORY_PASSWORD_FILE"
    )]
    pub(crate) password_file: Option<PathBuf>,
    /// Encrypt an ldap:// connection before anything else is said.
    #[arg(long = "directory-start-tls", global = true)]
    pub(crate) start_tls: bool,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Language of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English.
    En,
    /// Japanese.
    Ja,
}

impl Lang {
    /// What was asked for, else what the locale's message language is (locale(7): the first of the three that is set).
    pub(crate) fn chosen(asked: Option<Self>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set).unwrap_or_default();
        let japanese = locale.split(['_', '.', '@']).next() == Some("ja");
        asked.unwrap_or(if japanese { Self::Ja } else { Self::En })
    }

    /// The same, of this process.
    pub(crate) fn here(asked: Option<Self>) -> Self {
        Self::chosen(asked, |name| std::env::var(name).ok())
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at the clusters that these hosts are nodes of, and write a draft of an estate file.
    Discover {
        /// Hosts, as ssh would take them: `[user@]host[:port]`.
        #[arg(required = true)]
        hosts: Vec<String>,
        /// Write the draft to this file, which must not exist.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Commands that need root go through `sudo -n`.
        #[arg(long)]
        r#become: bool,
    },
    /// Probe the estate and write the plan and its runbook. Changes nothing.
    Plan {
        /// The estate file.
        estate: PathBuf,
        /// What is to be installed; `kaketsugi releases` lists what is known.
        #[arg(long, value_name = "ID")]
        release: String,
        /// Write the plan to this file, for `check` and `apply`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print the runbook as Markdown.
        #[arg(long)]
        markdown: bool,
        /// A run that was given up: say what is new in this plan against the one that was approved then. Where nothing
        /// is, `apply` needs no new approval within a day.
        #[arg(long, value_name = "RUN")]
        after: Option<String>,
    },
    /// Judge a plan: lint it, and explore it with every fault and every crash.
    Check {
        /// The plan file.
        plan: PathBuf,
        /// Refuse the plan if this estate file has changed since the plan was made.
        #[arg(long, value_name = "FILE")]
        estate: Option<PathBuf>,
    },
    /// Carry out a plan on emulated nodes.
    Rehearse {
        /// The estate file.
        estate: PathBuf,
        /// What is to be installed.
        #[arg(long, value_name = "ID")]
        release: String,
        /// A fault to try, such as `operator=forgetful` or `NODE2:install=hang`; may be given more than once.
        #[arg(long = "fault", value_name = "FAULT")]
        faults: Vec<String>,
        /// Print the whole runbook, not only its summary.
        #[arg(long)]
        runbook: bool,
    },
    /// Carry out a plan.
    Apply {
        /// The plan file.
        plan: PathBuf,
        /// The plan's hash, or its first twelve digits: approves exactly this plan.
        #[arg(long, value_name = "HASH")]
        approve: Option<String>,
        /// Refuse the plan if this estate file has changed since the plan was made.
        #[arg(long, value_name = "FILE")]
        estate: Option<PathBuf>,
    },
    /// Go on with a run that stopped or whose controller died.
    Resume {
        /// The run, the beginning of its id, or `last`.
        run: String,
        /// Try the failed step again, although it is one that is never tried twice unasked.
        #[arg(long)]
        retry: bool,
    },
    /// Put back what a run changed beside the patch. Installed releases stay.
    Restore {
        /// The run.
        run: String,
    },
    /// Show runs, or how far one run is.
    Status {
        /// The run; without it, all.
        run: Option<String>,
        /// Ask the run's machines, too, how things are there now; nothing is changed on them.
        #[arg(long, requires = "run")]
        look: bool,
    },
    /// Take a run away from a controller that is gone or frozen, so that it can be resumed here.
    Unlock {
        /// The run.
        run: String,
        /// Why; it goes into the journal.
        #[arg(long)]
        reason: String,
    },
    /// The evidence report of a run.
    Report {
        /// The run.
        run: String,
    },
    /// Say which backups can still be restored, by what runs have installed since. Looks at no server.
    Backups {
        /// The estate file.
        estate: PathBuf,
    },
    /// Save the schema maps of the Active Directory Connector from the directory to a file. Only reads.
    Maps {
        /// The estate file, which names the directory; or name it with --directory.
        estate: PathBuf,
        /// Write them to this file, which must not exist, as LDIF.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Search logs for known trouble.
    Diagnose {
        /// Log files; `-` for standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// The rules that plans follow.
    Rules {
        /// In which language; without it the locale's.
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// The releases that are known.
    Releases,
    /// What a rule, a source or a step of a plan means.
    Explain {
        /// A rule id, such as E03-CLU-06-OFFLINE, or a step id with --plan.
        id: String,
        /// The plan that the step is in.
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
        /// In which language a rule is explained; without it the locale's.
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// Write the man page to stdout.
    #[command(hide = true)]
    Man,
    /// Write completions for a shell to stdout.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_locale_s_unless_one_is_asked_for() {
        let of = |asked, set: &[(&str, &str)]| {
            Lang::chosen(asked, |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of(None, &[]), Lang::En);
        assert_eq!(of(None, &[("LANG", "ja_JP.UTF-8")]), Lang::Ja);
        assert_eq!(of(None, &[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(of(None, &[("LC_ALL", ""), ("LC_MESSAGES", "ja")]), Lang::Ja);
        assert_eq!(of(None, &[("LANG", "jam")]), Lang::En);
        assert_eq!(of(Some(Lang::En), &[("LANG", "ja_JP.UTF-8")]), Lang::En);
        assert_eq!(of(Some(Lang::Ja), &[]), Lang::Ja);
    }
}
