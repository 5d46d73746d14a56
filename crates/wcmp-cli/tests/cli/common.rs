//! The binary in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// An hour that is now in most tests.
pub(crate) const NOW: &str = "494000";
/// A day after [`NOW`].
pub(crate) const TOMORROW: &str = "494024";

/// A folder, and commands that run in it.
pub(crate) struct Place {
    dir: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn is(self, code: i32) -> Ran {
        let out = String::from_utf8_lossy(&self.out);
        assert_eq!(self.code, code, "out: {out}\nerr: {}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Ran {
        self.is(0)
    }

    /// Failed with this exit code and, in the message, this code; in one line, with or without a hint.
    #[track_caller]
    pub(crate) fn refused(self, exit: i32, code: &str) -> Ran {
        let ran = self.is(exit).one_line();
        assert!(ran.err.contains(&format!("({code})")), "{}", ran.err);
        ran
    }

    #[track_caller]
    pub(crate) fn one_line(self) -> Ran {
        let lines: Vec<&str> = self.err.lines().collect();
        let shape = match lines.as_slice() {
            [error] => error.starts_with("wcmp: "),
            [error, hint] => error.starts_with("wcmp: ") && hint.starts_with("hint: "),
            _ => false,
        };
        assert!(shape, "not one line: {:?}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "{:?} not in {:?}", text, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// Standard output without its last line break.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.text().strip_suffix('\n').unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let lines = self.jsons();
        assert_eq!(lines.len(), 1, "{:?}", self.text());
        lines[0].clone()
    }

    #[track_caller]
    pub(crate) fn jsons(&self) -> Vec<Value> {
        let text = self.text();
        assert!(text.ends_with('\n'));
        let lines = text.lines();
        lines.map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Names of all files, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The command with `wcmp` before `args`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wcmp"));
        command.args(args).current_dir(self.dir());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command need not read it all, or any.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs with a home folder of this name.
    pub(crate) fn node(&self, home: &str, args: &[&str]) -> Ran {
        let named = args.contains(&"--now");
        let now: &[&str] = if named { &[] } else { &["--now", NOW] };
        self.run(&[&["--home", home], now, args].concat())
    }

    /// Makes NAME.key from a seed of this byte, and returns the public key.
    pub(crate) fn person(&self, name: &str, seed: u8) -> String {
        self.person_of_type(name, seed, "1")
    }

    pub(crate) fn person_of_type(&self, name: &str, seed: u8, key_type: &str) -> String {
        let (seed, file) = (format!("{seed:02x}").repeat(32), format!("{name}.key"));
        let args = ["keygen", "--type", key_type, "--seed", &seed, "-o", &file];
        self.run(&args).ok();
        self.run(&["pubkey", &file]).ok().line()
    }

    /// Seals `body` to FILE; further arguments say how.
    #[track_caller]
    pub(crate) fn seal(&self, file: &str, body: &[u8], args: &[&str]) {
        let all = [&["seal", "--now", NOW, "-o", file], args].concat();
        self.run_with(&all, body).ok();
    }

    /// Three envelopes, 1.env to 3.env, and their bundle, all.wcmp; returns the ids in the bundle's order.
    pub(crate) fn three(&self, to: &str) -> Vec<String> {
        for (i, body) in ["one", "two", "three"].into_iter().enumerate() {
            self.seal(&format!("{}.env", i + 1), body.as_bytes(), &["--to", to]);
        }
        let args = ["-o", "all.wcmp", "1.env", "2.env", "3.env"];
        self.run(&[&["bundle", "create"][..], &args].concat()).ok();
        let lines = self.run(&["inspect", "--json", "all.wcmp"]).ok().jsons();
        lines
            .iter()
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[track_caller]
pub(crate) fn dropped(document: &Value) -> Vec<(String, u64)> {
    let dropped = document["dropped"].as_object().unwrap().iter();
    dropped
        .map(|(reason, n)| (reason.clone(), n.as_u64().unwrap()))
        .collect()
}

/// A stick with a bundle of three envelopes that hold until after tomorrow.
pub(crate) fn stick(place: &Place) -> Vec<String> {
    let bob = place.person("bob", 2);
    for i in 1..=3 {
        place.seal(
            &format!("{i}.env"),
            b"hello",
            &["--to", &bob, "--expires", "494100"],
        );
    }
    fs::create_dir(place.path("stick")).unwrap();
    let args = [
        "bundle",
        "create",
        "-o",
        "stick/ABCDEFGH.WCM",
        "1.env",
        "2.env",
        "3.env",
    ];
    place.run(&args).ok();
    let lines = place
        .run(&["inspect", "--json", "stick/ABCDEFGH.WCM"])
        .ok()
        .jsons();
    lines
        .iter()
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}
