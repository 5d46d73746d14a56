//! A PostgreSQL server of the tests' own: a folder, a socket in it, no port.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ends the server and removes its folder when the tests end, however they end:
/// then its standard input does. PostgreSQL does not run as root.
const GUARD: &str = r#"
dir=$(mktemp -d "${TMPDIR:-/tmp}/knh1-pg.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
"$BIN/initdb" -D "$dir/data" -A trust -U knh1 -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 &&
"$BIN/pg_ctl" -D "$dir/data" -l "$dir/log" -w \
    -o "-k $dir -c listen_addresses= -c fsync=off" start >>"$dir/log" 2>&1 </dev/null ||
{ cat "$dir/log" >&2; exit 1; }
echo "$dir"
while read -r _; do :; done
"$BIN/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
"#;

struct Cluster {
    folder: String,
    // Its standard input ends with this process.
    _guard: Child,
}

/// The URL of an empty database; `None`, with a notice, where PostgreSQL is not
/// installed.
///
/// # Panics
/// In that case, if the environment variable `WCMP_REQUIRE_FOREIGN` is `1`; and if it
/// is installed and does not start.
pub(crate) fn database() -> Option<String> {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(binaries) = binaries() else {
        let required = env::var("WCMP_REQUIRE_FOREIGN").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "WCMP_REQUIRE_FOREIGN=1, but PostgreSQL is not installed"
        );
        // Not `eprintln`, which the harness keeps to itself when a test passes.
        let notice = "SKIPPED: nothing tested with PostgreSQL: it is not installed\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return None;
    };
    // One that is there and does not start is a failure, of all that need it.
    let cluster = CLUSTER.get_or_init(|| start(&binaries));
    let cluster = cluster.as_ref().unwrap_or_else(|why| panic!("{why}"));
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let made = Command::new(binaries.join("createdb"))
        .args(["-h", &cluster.folder, "-U", "knh1", &name])
        .status()
        .unwrap();
    assert!(made.success());
    let folder = &cluster.folder;
    Some(format!("postgres://knh1@localhost/{name}?host={folder}"))
}

fn start(binaries: &Path) -> Result<Cluster, String> {
    let id = Command::new("id").arg("-u").output();
    let root = id.is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    let mut command = match root {
        true => Command::new("setpriv"),
        false => Command::new("sh"),
    };
    if root {
        let user = [
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "sh",
        ];
        command.args(user);
    }
    let mut guard = command
        .args(["-c", GUARD])
        .env("BIN", binaries)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // An interrupt ends the tests, and these end the server.
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut folder = String::new();
    let mut said = BufReader::new(guard.stdout.take().unwrap());
    said.read_line(&mut folder).unwrap();
    if folder.is_empty() {
        let mut why = String::new();
        let _ = guard.stderr.take().unwrap().read_to_string(&mut why);
        return Err(format!("PostgreSQL does not start: {why}"));
    }
    Ok(Cluster {
        folder: folder.trim_end().into(),
        _guard: guard,
    })
}

/// The folder of initdb: Debian keeps it out of PATH.
fn binaries() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    folders.sort();
    folders.reverse();
    folders.extend(env::split_paths(&path));
    let whole = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "createdb"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    folders.into_iter().find(whole)
}

#[test]
fn one_that_does_not_start_is_a_failure() {
    // Programs that end with a failure, for whoever may run them.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    for name in ["initdb", "pg_ctl", "createdb"] {
        std::os::unix::fs::symlink("/bin/false", folder.path().join(name)).unwrap();
    }
    let why = start(folder.path()).map(|_| ()).unwrap_err();
    assert!(why.contains("does not start"), "{why}");
}
