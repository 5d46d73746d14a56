//! `completions` and `man`: made from the same definitions as the parser.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::Cli;
use crate::error::{Failure, Result};
use crate::io::{Access, Output, make_folder, write_stdout};

/// Print the completions of a shell.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "wcmp", &mut script);
        write_stdout(&script)
    }
}

/// Write the man pages, wcmp.1 and one for each command.
#[derive(Args, Debug)]
pub(crate) struct ManPages {
    /// The folder that they go to; made if there is none
    #[arg(short = 'C', value_name = "DIR", required = true)]
    folder: PathBuf,
    /// Replace existing pages
    #[arg(long)]
    force: bool,
}

impl ManPages {
    pub(crate) fn run(&self) -> Result<()> {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        make_folder(&self.folder)?;
        write_page(&self.folder, self.force, &command, "wcmp")
    }
}

/// The page of a command, then those of its subcommands.
fn write_page(folder: &Path, force: bool, command: &Command, name: &str) -> Result<()> {
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name)
        .source(concat!("wcmp ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .map_err(|error| Failure::io(format!("making {}", path.display()), &error))?;
    Output::new(Some(&path), Access::Usual, force)?.write(&page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("{name}-{}", sub.get_name());
        write_page(folder, force, sub, &name)?;
    }
    Ok(())
}
