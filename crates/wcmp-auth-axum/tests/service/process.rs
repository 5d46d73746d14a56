//! The example service as a process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use crate::client::{AUTHORITY, PASSWORD, REALM};
use crate::example::example;

/// A folder with a password, and the options for a service in it.
pub(crate) struct Setup {
    folder: tempfile::TempDir,
    database: String,
    more: Vec<(String, Option<String>)>,
}

impl Setup {
    pub(crate) fn sqlite() -> Setup {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("knh1.db").display());
        Setup::new(folder, database)
    }

    pub(crate) fn postgres(url: String) -> Setup {
        Setup::new(tempfile::tempdir().unwrap(), url)
    }

    fn new(folder: tempfile::TempDir, database: String) -> Setup {
        // One line end is not the password's; Windows writes two bytes for it.
        std::fs::write(folder.path().join("alice"), format!("{PASSWORD}\n")).unwrap();
        std::fs::write(folder.path().join("bob"), format!("{PASSWORD}\r\n")).unwrap();
        Setup {
            folder,
            database,
            more: Vec::new(),
        }
    }

    /// Once more: the last counts.
    pub(crate) fn with(mut self, option: &str, value: &str) -> Setup {
        self.set(option, Some(value));
        self
    }

    /// Not even what is given without being asked for.
    pub(crate) fn without(mut self, option: &str) -> Setup {
        self.set(option, None);
        self
    }

    fn set(&mut self, option: &str, value: Option<&str>) {
        self.more.retain(|(more, _)| more != option);
        self.more.push((option.into(), value.map(str::to_owned)));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(example("wcmp-auth-axum", "service"));
        for (option, value) in [
            ("--listen", "127.0.0.1:0"),
            ("--authority", AUTHORITY),
            ("--realm", REALM),
            ("--database", &self.database),
            ("--c0", "100000"),
            ("--suites", "2,1"),
        ] {
            if !self.more.iter().any(|(more, _)| more == option) {
                command.args([option, value]);
            }
        }
        for login in ["alice", "bob"] {
            let file = self.folder.path().join(login);
            command
                .arg("--enroll")
                .arg(format!("{login}={}", file.display()));
        }
        for (option, value) in &self.more {
            if let Some(value) = value {
                command.args([option, value]);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&self) -> Running {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            panic!("{line:?}: {}", self.log());
        };
        Running {
            address: address.parse().unwrap(),
            child,
        }
    }

    /// What the processes have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Of one that ends by itself.
    pub(crate) fn output(&self) -> Output {
        self.command().output().unwrap()
    }
}

/// A running service: killed when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Running {
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
