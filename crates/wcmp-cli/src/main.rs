//! The `wcmp` command: sealed envelopes for many receivers, carried by everyone.
//!
//! The only place of the project with a terminal, an environment and a clock. Each file is a group of commands;
//! [`io`] reads with limits and writes files whole or not at all; [`error`] holds the exit codes:
//!
//! 0 done · 1 failed · 2 usage · 3 nothing for me · 4 refused as invalid, tampered with or expired · 5 wrong passphrase.

mod args;
mod bundle;
mod carrier;
mod demo;
mod docs;
mod error;
mod export;
mod have;
mod home;
mod import;
mod inspect;
mod io;
mod keys;
mod link;
mod open;
mod policy;
mod scan;
mod seal;
mod sealed;
mod stamp;
mod store;
mod summary;
mod ui;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::error::{Failure, Result};
use crate::ui::Ui;

/// Sealed messages for many receivers, carried by everyone.
///
/// Nobody but its receivers can tell who wrote an envelope, for whom, or for how many.
#[derive(Parser, Debug)]
#[command(name = "wcmp", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    /// Print JSON: one document, or one a line for lists; errors too
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// Take this for the clock's time: hours since 1970, or a time as in RFC 3339
    #[arg(long, global = true, value_name = "TIME", value_parser = args::now, help_heading = EVERYWHERE)]
    now: Option<u32>,
    /// Where the store and the policy are [env: WCMP_HOME] [default: wcmp in the platform's folder for data]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// The heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 nothing for me, 4 refused as invalid, tampered with or expired, 5 wrong passphrase.\n- is standard input or output. Existing files are replaced only with --force.";

#[derive(Subcommand, Debug)]
enum Command {
    Keygen(keys::Keygen),
    Pubkey(keys::Pubkey),
    Fingerprint(keys::Fingerprint),
    Seal(Box<seal::Seal>),
    Open(open::Open),
    Inspect(inspect::Inspect),
    #[command(subcommand)]
    Bundle(bundle::Bundles),
    Scan(scan::Scan),
    Export(export::Export),
    Import(import::Import),
    Have(have::WriteHave),
    Serve(link::Serve),
    Sync(link::Sync),
    #[command(subcommand)]
    Store(store::Stores),
    #[command(subcommand)]
    Policy(policy::Policies),
    Stamp(stamp::Stamp),
    Demo(demo::Demo),
    Completions(docs::Completions),
    #[command(name = "man")]
    ManPages(docs::ManPages),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_usage(&error),
    };
    let ui = Ui {
        json: cli.json,
        quiet: cli.quiet,
        now: cli.now,
        home: cli.home,
    };
    match run(cli.command, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read standard output has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => report(&failure, ui.json),
    }
}

fn run(command: Command, ui: &Ui) -> Result<()> {
    match command {
        Command::Keygen(keygen) => keygen.run(ui),
        Command::Pubkey(pubkey) => pubkey.run(ui),
        Command::Fingerprint(fingerprint) => fingerprint.run(ui),
        Command::Seal(seal) => seal.run(ui),
        Command::Open(open) => open.run(ui),
        Command::Inspect(inspect) => inspect.run(ui),
        Command::Bundle(bundles) => bundles.run(ui),
        Command::Scan(scan) => scan.run(ui),
        Command::Export(export) => export.run(ui),
        Command::Import(import) => import.run(ui),
        Command::Have(have) => have.run(ui),
        Command::Serve(serve) => serve.run(ui),
        Command::Sync(sync) => sync.run(ui),
        Command::Store(stores) => stores.run(ui),
        Command::Policy(policies) => policies.run(ui),
        Command::Stamp(stamp) => stamp.run(ui),
        Command::Demo(demo) => demo.run(ui),
        Command::Completions(completions) => completions.run(),
        Command::ManPages(pages) => pages.run(),
    }
}

fn report(failure: &Failure, json: bool) -> ExitCode {
    ui::say(&failure.lines());
    if json {
        // Who cannot be told has at least the exit code.
        let _ =
            ui::json_line(&failure.document()).and_then(|line| io::write_stdout(line.as_bytes()));
    }
    failure.exit_code()
}

/// Help and version go out as they are; a wrong command line becomes one line.
fn refuse_usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let json = env::args_os().any(|arg| arg == "--json");
    let bare = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if asked || (bare && !json) {
        let _ = error.print();
        return if asked {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(error::Exit::Usage as u8)
        };
    }
    let text = error.render().to_string();
    let why = if bare {
        "a command is missing".into()
    } else {
        first_paragraph(&text)
    };
    let tip = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("tip: "));
    let usage = text.lines().find(|line| line.starts_with("Usage: "));
    let mut failure = Failure::usage("usage", why);
    if let Some(hint) = tip.or(usage) {
        failure = failure.hint(hint);
    }
    report(&failure, json)
}

/// clap's error without its name, in one line.
fn first_paragraph(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let words: Vec<&str> = lines.map(str::trim).collect();
    words.join(" ")
}
