//! The example service as a process of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::example::example;

const REALM: &str = "api.example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The example service with the account `alice`. Ends when dropped.
pub(crate) struct Service {
    child: Child,
    url: String,
    at: String,
    folder: TempDir,
}

impl Service {
    pub(crate) fn start(options: &[&str]) -> Service {
        Service::behind(None, options)
    }

    /// Clients dial `authority`, and what is there passes it on.
    pub(crate) fn behind(authority: Option<&str>, options: &[&str]) -> Service {
        let folder = tempfile::tempdir().unwrap();
        // The authority has the port in it, so it has to be known before.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = free.local_addr().unwrap().to_string();
        drop(free);
        let password = folder.path().join("password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let database = folder.path().join("knh1.db");
        let mut child = Command::new(example("wcmp-auth-axum", "service"))
            .args(["--listen", &at, "--authority", authority.unwrap_or(&at)])
            .args(["--realm", REALM])
            .arg(format!("--database=sqlite:{}", database.display()))
            .arg(format!("--enroll=alice={}", password.display()))
            .args(options)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !said.starts_with("listening on ") {
            said.clear();
            if lines.read_line(&mut said).unwrap() == 0 {
                panic!("{}", fs::read_to_string(folder.path().join("log")).unwrap());
            }
        }
        Service {
            child,
            url: format!("http://{}", authority.unwrap_or(&at)),
            at,
            folder,
        }
    }

    /// Where it listens.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// The first arguments of all clients.
    pub(crate) fn login(&self, password: &str) -> [String; 4] {
        let file = self.file("password of the client", &format!("{password}\n"));
        let file = file.display().to_string();
        [self.url.clone(), REALM.into(), "alice".into(), file]
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
