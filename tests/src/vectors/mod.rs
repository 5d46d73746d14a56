//! The generator of `tests/vectors/`.
//!
//! A vector is a request of the line protocol with its answer. What is expected is
//! written here by hand, from the specification; a vector whose answer is another does
//! not come about.

mod bundle;
mod crafted;
pub mod keys;
mod open;
mod seal;
mod structure;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::kit::CRYPTO;
use crate::protocol::answer;

/// One scenario.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Folder and file, without extension.
    pub name: String,
    /// For people.
    pub description: String,
    /// `known`, `introduced`, `anonymous` from opening, else `ok`; or a code of spec 12.
    pub expect: String,
    /// What is asked.
    pub request: Value,
    /// The request to seal that gave the envelope which is to be opened.
    pub seal: Option<Value>,
    /// What is answered.
    pub answer: Value,
}

/// How an answer went: the status of an opened message, the code of an error, or `ok`.
///
/// # Panics
/// If these are not strings.
#[must_use]
pub fn outcome(answer: &Value) -> &str {
    let outcome = answer.get("error").or(answer.get("status"));
    outcome.map_or("ok", |outcome| outcome.as_str().unwrap())
}

impl Vector {
    fn new(name: &str, description: &str, expect: &str, request: Value) -> Vector {
        let answer = answer(&CRYPTO, &request);
        assert_eq!(outcome(&answer), expect, "{name}: {description}");
        Vector {
            name: name.into(),
            description: description.into(),
            expect: expect.into(),
            request,
            seal: None,
            answer,
        }
    }

    fn sealed_by(self, seal: Value) -> Vector {
        Vector {
            seal: Some(seal),
            ..self
        }
    }

    /// The file: JSON, its members sorted below the first level.
    ///
    /// # Panics
    /// Never: all of it can be written as JSON.
    #[must_use]
    pub fn file(&self) -> String {
        #[derive(Serialize)]
        struct File<'a> {
            description: &'a str,
            expect: &'a str,
            request: Sorted<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            seal: Option<Sorted<'a>>,
            answer: Sorted<'a>,
        }
        let mut file = serde_json::to_string_pretty(&File {
            description: &self.description,
            expect: &self.expect,
            request: Sorted(&self.request),
            seal: self.seal.as_ref().map(Sorted),
            answer: Sorted(&self.answer),
        })
        .unwrap();
        file.push('\n');
        file
    }

    /// The vector in a file.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn read(path: &Path) -> Vector {
        let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let name = path.strip_prefix(folder()).unwrap().with_extension("");
        let text = |field: &str| file[field].as_str().unwrap().to_string();
        let vector = Vector {
            name: name.to_str().unwrap().replace('\\', "/"),
            description: text("description"),
            expect: text("expect"),
            request: file["request"].clone(),
            seal: file.get("seal").cloned(),
            answer: file["answer"].clone(),
        };
        assert_eq!(outcome(&vector.answer), vector.expect, "{}", vector.name);
        vector
    }
}

/// JSON whose members are in alphabetical order, however they are held in memory.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name, Sorted(value)));
                to.collect_map(fields.collect::<BTreeMap<_, _>>())
            }
            Value::Array(values) => to.collect_seq(values.iter().map(Sorted)),
            other => other.serialize(to),
        }
    }
}

/// Where the vectors are.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The folders in it that are generated.
pub const FOLDERS: [&str; 5] = ["bundle", "key", "open", "seal", "structure"];

/// All vectors, made anew, in the order of their names.
///
/// # Panics
/// If an answer is not as expected, or two have one name.
#[must_use]
pub fn generate() -> Vec<Vector> {
    let mut all = keys::vectors();
    all.extend(structure::vectors());
    all.extend(seal::vectors());
    all.extend(open::vectors());
    all.extend(crafted::vectors());
    all.extend(bundle::vectors());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in all.windows(2) {
        assert_ne!(pair[0].name, pair[1].name);
    }
    all
}

/// The files of the folder that are generated, as they are now.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn files() -> BTreeSet<PathBuf> {
    let folders = FOLDERS.map(|name| folder().join(name));
    let files = folders.iter().filter(|folder| folder.exists());
    let files = files.flat_map(|folder| fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// Writes the folder.
///
/// # Panics
/// If it cannot be written.
pub fn write() {
    let all = generate();
    for file in files() {
        fs::remove_file(file).unwrap();
    }
    for name in FOLDERS {
        fs::create_dir_all(folder().join(name)).unwrap();
    }
    for vector in all {
        fs::write(vector.path(), vector.file()).unwrap();
    }
}

/// What differs between the folder and what [`write()`] would write: a line for each file.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn differences() -> Vec<String> {
    let mut left = files();
    let mut out = Vec::new();
    for vector in generate() {
        let path = vector.path();
        left.remove(&path);
        match fs::read_to_string(&path) {
            Ok(file) if file == vector.file() => {}
            Ok(_) => out.push(format!("{} differs", path.display())),
            Err(_) => out.push(format!("{} is missing", path.display())),
        }
    }
    let unknown = left.iter().map(|path| path.display());
    out.extend(unknown.map(|path| format!("{path} is not generated")));
    out
}

impl Vector {
    fn path(&self) -> PathBuf {
        folder().join(format!("{}.json", self.name))
    }
}

/// Bytes in a request, in short where they repeat.
fn parts(parts: &[(&[u8], usize)]) -> Value {
    let parts = parts.iter();
    let parts = parts.map(|(bytes, times)| json!([crate::protocol::hex(bytes), times]));
    json!({ "parts": parts.collect::<Value>() })
}
