//! Implementations in other languages, in the folder `foreign`, and what they need: Python
//! with packages, Node with packages. `wcmp.py` runs as a child process that answers the
//! same requests as [`protocol`](crate::protocol).

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::protocol::written_out;

/// A running `wcmp.py`. Ends when dropped.
#[derive(Debug)]
pub struct Python {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The folder of the second implementation.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}

/// The interpreter of a virtual environment with what the programs in Python need, made
/// in `target` at first use.
///
/// `None`, with a notice, if Python or its packages are not to be had.
///
/// # Panics
/// In that case, if the environment variable `WCMP_REQUIRE_FOREIGN` is `1`.
#[must_use]
pub fn interpreter(target: &Path) -> Option<PathBuf> {
    // Once, since without a network it takes long to fail.
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    or_notice(MADE.get_or_init(|| virtual_environment(target)))
}

/// The folder in which npm installed what `package.json` names, made in `target` at first
/// use.
///
/// `None`, with a notice, if Node or its packages are not to be had.
///
/// # Panics
/// As [`interpreter`].
#[must_use]
pub fn node_modules(target: &Path) -> Option<PathBuf> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    or_notice(MADE.get_or_init(|| npm_install(target)))
}

/// A program that needs nothing installed beside it.
///
/// `None`, with a notice, if it is not there.
///
/// # Panics
/// As [`interpreter`].
#[must_use]
pub fn installed(program: &str) -> Option<PathBuf> {
    let version = run(Command::new(program).arg("--version"));
    or_notice(&version.map(|_| PathBuf::from(program)))
}

fn or_notice(made: &Result<PathBuf, String>) -> Option<PathBuf> {
    match made {
        Ok(path) => Some(path.clone()),
        Err(why) => {
            let required = env::var("WCMP_REQUIRE_FOREIGN").is_ok_and(|value| value == "1");
            assert!(!required, "WCMP_REQUIRE_FOREIGN=1, but {why}");
            // Not `eprintln`, which the harness keeps to itself when a test passes.
            let notice = format!("SKIPPED: no second implementation to compare with: {why}\n");
            std::io::stderr().write_all(notice.as_bytes()).unwrap();
            None
        }
    }
}

fn virtual_environment(target: &Path) -> Result<PathBuf, String> {
    let requirements = folder().join("requirements.txt");
    let version = run(Command::new("python3").arg("-VV"))?;
    let made = made_once(
        target,
        "foreign-python",
        &version,
        &requirements,
        |beside| {
            run(Command::new("python3").args(["-m", "venv"]).arg(beside))?;
            let pip = ["-m", "pip", "install", "--quiet", "-r"];
            let mut install = Command::new(beside.join("bin/python"));
            run(install.args(pip).arg(&requirements))
        },
    )?;
    Ok(made.join("bin/python"))
}

fn npm_install(target: &Path) -> Result<PathBuf, String> {
    let package = folder().join("package.json");
    let version = run(Command::new("node").arg("--version"))?;
    made_once(target, "foreign-node", &version, &package, |beside| {
        fs::create_dir_all(beside).map_err(|error| error.to_string())?;
        fs::copy(&package, beside.join("package.json")).map_err(|error| error.to_string())?;
        let install = ["install", "--silent", "--no-audit", "--no-fund"];
        let mut npm = Command::new("npm");
        run(npm
            .args(install)
            .arg("--ignore-scripts")
            .current_dir(beside))
    })
}

/// A folder in `target` for this version and list of packages; `fill` is called if there is
/// none yet.
fn made_once(
    target: &Path,
    name: &str,
    version: &str,
    list: &Path,
    fill: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let mut hash = DefaultHasher::new();
    (version, fs::read(list).unwrap()).hash(&mut hash);
    let name = format!("{name}-{:016x}", hash.finish());
    let made = target.join(&name);
    if !made.exists() {
        // Made beside and renamed when whole: another process may be about it too.
        let beside = target.join(format!("{name}.{}", std::process::id()));
        if let Err(why) = fill(&beside).and_then(|_| rename(&beside, &made)) {
            let _ = fs::remove_dir_all(&beside);
            return Err(why);
        }
    }
    Ok(made)
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    match fs::rename(from, to) {
        Err(_) if to.exists() => fs::remove_dir_all(from),
        other => other,
    }
    .map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?}: {}: {said}", output.status))
    }
}

impl Python {
    /// Starts `wcmp.py`; `None` as for [`interpreter`].
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(target: &Path) -> Option<Python> {
        Python::program(target, "wcmp.py")
    }

    /// Starts one of the programs that answer requests; `None` as for [`interpreter`].
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn program(target: &Path, name: &str) -> Option<Python> {
        let mut child = Command::new(interpreter(target)?)
            .arg("-B")
            .arg(folder().join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Python {
            requests: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    /// The answer to a request, to `wcmp.py` as in [`protocol`](crate::protocol).
    ///
    /// # Panics
    /// If the request has no meaning for it.
    pub fn ask(&mut self, request: &Value) -> Value {
        let requests = self.requests.as_mut().unwrap();
        writeln!(requests, "{}", written_out(request)).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("failed").is_none(), "{answer} to {request}");
        answer
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}
