//! The example service as a process of its own.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use tempfile::TempDir;

const REALM: &str = "api.example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The example service with the account `alice`. Ends when dropped.
pub(crate) struct Service {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Service {
    pub(crate) fn start(options: &[&str]) -> Service {
        let folder = tempfile::tempdir().unwrap();
        // The authority has the port in it, so it has to be known before.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = free.local_addr().unwrap().to_string();
        drop(free);
        let password = folder.path().join("password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let database = folder.path().join("knh1.db");
        let mut child = Command::new(binary())
            .args(["--listen", &at, "--authority", &at, "--realm", REALM])
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
            url: format!("http://{at}"),
            folder,
        }
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

/// The program. A test of the whole workspace has built it already; if this crate is tested
/// alone, or the sources are newer, it is built here.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let binary = profile
            .join("examples")
            .join(format!("service{}", env::consts::EXE_SUFFIX));
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let sources = [
            "wcmp-auth/src",
            "wcmp-auth-axum/src",
            "wcmp-auth-axum/examples",
        ];
        let newest = sources
            .iter()
            .map(|folder| newest(&crates.join(folder)))
            .max();
        if modified(&binary) < newest.unwrap() {
            let mut build = Command::new(env!("CARGO"));
            build.args([
                "build",
                "--locked",
                "--package=wcmp-auth-axum",
                "--example=service",
            ]);
            build.arg("--target-dir").arg(profile.parent().unwrap());
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success());
        }
        binary
    })
}

fn modified(path: &Path) -> SystemTime {
    let read = fs::metadata(path).and_then(|metadata| metadata.modified());
    read.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(folder: &Path) -> SystemTime {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let times = files.map(|path| match path.is_dir() {
        true => newest(&path),
        false => modified(&path),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
