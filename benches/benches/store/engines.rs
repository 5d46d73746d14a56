//! The store and its peers, to one and the same measure.

use std::fs::File;
use std::path::Path;

use fjall::{Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{Durability, ReadableDatabase as _, TableDefinition};
use wcmp_relay::store::{Folder, Incoming, Options, SegmentStore, Store as _, Taken};
use wcmp_wire::Id;

use crate::NOW;

pub(crate) type Key = [u8; 36];

pub(crate) fn key(day: u32, id: &Id) -> Key {
    let mut key = [0; 36];
    key[..4].copy_from_slice(&day.to_be_bytes());
    key[4..].copy_from_slice(&id.0);
    key
}

fn keyed<'a>(batch: &[Incoming<'a>]) -> Vec<(Key, &'a [u8])> {
    let one = |one: &Incoming<'a>| {
        let day = one.envelope().expires() / 24;
        (key(day, &one.id()), one.envelope().as_bytes())
    };
    let mut keyed: Vec<_> = batch.iter().map(one).collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    keyed
}

/// What is compared.
pub(crate) trait Engine {
    /// Durable when it returns.
    fn insert(&mut self, batch: &[Incoming<'_>]);
    /// How many of them there are.
    fn known(&mut self, keys: &[Key]) -> usize;
    /// Removes all days before this one.
    fn expire(&mut self, day: u32);
    fn count(&mut self) -> u64;
}

pub(crate) struct Ours(pub(crate) SegmentStore<Folder>);

impl Ours {
    pub(crate) fn open(path: &Path) -> Self {
        let folder = Folder::new(path).unwrap();
        Self(SegmentStore::open(folder, Options::default(), &[3; 32]).unwrap())
    }
}

impl Engine for Ours {
    fn insert(&mut self, batch: &[Incoming<'_>]) {
        let taken = self.0.insert(batch, NOW).unwrap();
        assert!(taken.iter().all(|taken| *taken == Taken::New));
    }

    fn known(&mut self, keys: &[Key]) -> usize {
        let known = |key: &&Key| self.0.contains(&Id(*key.last_chunk().unwrap()));
        keys.iter().filter(known).count()
    }

    // A store does not sync this, by design: a day that is back after a loss of power expires again. The others do, so
    // here it is synced too.
    fn expire(&mut self, day: u32) {
        self.0.expire(day * 24).unwrap();
        let folder = File::open(self.0.file_system().path()).unwrap();
        folder.sync_all().unwrap();
    }

    fn count(&mut self) -> u64 {
        self.0.totals().envelopes
    }
}

pub(crate) struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Self {
        let db = rusqlite::Connection::open(path.join("db")).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -262144;
             CREATE TABLE IF NOT EXISTS envelopes (key BLOB PRIMARY KEY, bytes BLOB NOT NULL);",
        )
        .unwrap();
        Self(db)
    }
}

impl Engine for Sqlite {
    fn insert(&mut self, batch: &[Incoming<'_>]) {
        let transaction = self.0.transaction().unwrap();
        let sql = "INSERT OR IGNORE INTO envelopes VALUES (?, ?)";
        let mut insert = transaction.prepare_cached(sql).unwrap();
        for (key, bytes) in keyed(batch) {
            insert.execute((key, bytes)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }

    fn known(&mut self, keys: &[Key]) -> usize {
        let transaction = self.0.transaction().unwrap();
        let sql = "SELECT 1 FROM envelopes WHERE key = ?";
        let mut select = transaction.prepare_cached(sql).unwrap();
        let mut known = |key: &&Key| select.exists((*key,)).unwrap();
        keys.iter().filter(|key| known(key)).count()
    }

    fn expire(&mut self, day: u32) {
        let sql = "DELETE FROM envelopes WHERE key < ?";
        self.0.execute(sql, (day.to_be_bytes(),)).unwrap();
    }

    fn count(&mut self) -> u64 {
        let sql = "SELECT count(*) FROM envelopes";
        let count: i64 = self.0.query_one(sql, (), |row| row.get(0)).unwrap();
        count as u64
    }
}

pub(crate) struct Redb(redb::Database);

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("envelopes");

impl Redb {
    pub(crate) fn open(path: &Path) -> Self {
        Self(redb::Database::create(path.join("db")).unwrap())
    }

    fn write(&mut self, work: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>)) {
        let mut transaction = self.0.begin_write().unwrap();
        transaction.set_durability(Durability::Immediate).unwrap();
        work(&mut transaction.open_table(TABLE).unwrap());
        transaction.commit().unwrap();
    }
}

impl Engine for Redb {
    fn insert(&mut self, batch: &[Incoming<'_>]) {
        self.write(|table| {
            for (key, bytes) in keyed(batch) {
                table.insert(&key[..], bytes).unwrap();
            }
        });
    }

    fn known(&mut self, keys: &[Key]) -> usize {
        let table = self.0.begin_read().unwrap().open_table(TABLE).unwrap();
        let known = |key: &&Key| table.get(&key[..]).unwrap().is_some();
        keys.iter().filter(known).count()
    }

    fn expire(&mut self, day: u32) {
        self.write(|table| {
            let end = day.to_be_bytes();
            table.retain_in(..&end[..], |_, _| false).unwrap();
        });
    }

    fn count(&mut self) -> u64 {
        use redb::ReadableTableMetadata as _;
        let table = self.0.begin_read().unwrap().open_table(TABLE).unwrap();
        table.len().unwrap()
    }
}

pub(crate) struct Fjall(fjall::Database, Keyspace);

impl Fjall {
    pub(crate) fn open(path: &Path) -> Self {
        let db = fjall::Database::builder(path.join("db"))
            .cache_size(256 << 20)
            .open()
            .unwrap();
        let keyspace = db
            .keyspace("envelopes", KeyspaceCreateOptions::default)
            .unwrap();
        Self(db, keyspace)
    }
}

impl Engine for Fjall {
    fn insert(&mut self, batch: &[Incoming<'_>]) {
        let mut write = self.0.batch().durability(Some(PersistMode::SyncData));
        for (key, bytes) in keyed(batch) {
            write.insert(&self.1, key, bytes);
        }
        write.commit().unwrap();
    }

    fn known(&mut self, keys: &[Key]) -> usize {
        let known = |key: &&Key| self.1.contains_key(key).unwrap();
        keys.iter().filter(known).count()
    }

    fn expire(&mut self, day: u32) {
        let mut write = self.0.batch().durability(Some(PersistMode::SyncData));
        for entry in self.1.range(..day.to_be_bytes()) {
            write.remove(&self.1, entry.key().unwrap());
        }
        write.commit().unwrap();
    }

    fn count(&mut self) -> u64 {
        self.1.len().unwrap() as u64
    }
}
