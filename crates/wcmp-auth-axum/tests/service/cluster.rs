//! A PostgreSQL server of the tests' own: a folder, a socket in it, no port.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
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
/// In that case, if the environment variable `WCMP_REQUIRE_FOREIGN` is `1`.
pub(crate) fn database() -> Option<String> {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cluster = match CLUSTER.get_or_init(start) {
        Ok(cluster) => cluster,
        Err(why) => {
            let required = env::var("WCMP_REQUIRE_FOREIGN").is_ok_and(|value| value == "1");
            assert!(!required, "WCMP_REQUIRE_FOREIGN=1, but {why}");
            // Not `eprintln`, which the harness keeps to itself when a test passes.
            let notice = format!("SKIPPED: nothing tested with PostgreSQL: {why}\n");
            std::io::stderr().write_all(notice.as_bytes()).unwrap();
            return None;
        }
    };
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let made = Command::new(binaries().unwrap().join("createdb"))
        .args(["-h", &cluster.folder, "-U", "knh1", &name])
        .status()
        .unwrap();
    assert!(made.success());
    let folder = &cluster.folder;
    Some(format!("postgres://knh1@localhost/{name}?host={folder}"))
}

fn start() -> Result<Cluster, String> {
    let binaries = binaries().ok_or("it is not installed")?;
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
        return Err(format!("it does not start: {why}"));
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
