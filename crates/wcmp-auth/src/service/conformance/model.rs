//! The model: maps, and nothing clever.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use super::{
    Admission, Attempt, Dice, Facts, Link, Names, Nonce, Reason, Row, Store, TokenId, random_nonce,
};

#[derive(Default)]
pub(super) struct Model {
    accounts: BTreeMap<String, ModelAccount>,
    sessions: BTreeMap<TokenId, ModelSession>,
    /// Tokens that were ever given out: none is given out twice.
    used: BTreeSet<u64>,
    challenges: BTreeSet<[u8; 32]>,
}

struct ModelAccount {
    epoch: u64,
    spared: Option<TokenId>,
    version: u64,
}

struct ModelSession {
    family: TokenId,
    login: String,
    epoch: u64,
    expires: u64,
    stale: u64,
    link: Link,
    revoked: bool,
    seen: u64,
    counters: BTreeSet<u64>,
    nonces: BTreeMap<String, u64>,
}

impl Model {
    fn revoked(&self, session: &ModelSession) -> bool {
        let account = self.accounts.get(&session.login);
        let honoured = account.is_some_and(|account| {
            account.epoch == session.epoch || account.spared == Some(session.family)
        });
        let root = self.sessions.get(&session.family);
        !honoured || root.is_none_or(|root| root.revoked)
    }

    fn admit(&mut self, attempt: &Attempt<'_>) -> Admission {
        let Facts {
            token,
            nonce,
            created,
            ..
        } = attempt.facts;
        let Some(session) = self.sessions.get(token) else {
            return Admission::Unknown;
        };
        let refused = Admission::Refused;
        if self.revoked(session) {
            return refused(Reason::Revoked);
        }
        if session.link != Link::Live && !attempt.refresh {
            return refused(Reason::Spent);
        }
        let highest = session.counters.last().copied().unwrap_or_default();
        let good = |counter: &u64| {
            *counter >= 1 && counter + 1024 >= highest && !session.counters.contains(counter)
        };
        let seen = match nonce {
            Nonce::Counter(counter) => !good(counter),
            Nonce::Random(nonce) => session
                .nonces
                .get(nonce.as_str())
                .is_some_and(|until| attempt.now < *until),
        };
        if seen {
            let next = (1..).find(good);
            return refused(Reason::Replayed { next });
        }
        if attempt.now.abs_diff(*created) > 300 {
            return refused(Reason::Clock);
        }
        if attempt.now >= session.expires && !attempt.refresh {
            return refused(Reason::Expired);
        }
        let Some(session) = self.sessions.get_mut(token) else {
            return Admission::Unknown;
        };
        match nonce {
            Nonce::Counter(counter) => {
                session.counters.insert(*counter);
            }
            Nonce::Random(nonce) => {
                session.nonces.insert(nonce.as_str().into(), created + 600);
            }
        }
        session.seen = attempt.now;
        Admission::Admitted
    }

    /// One operation on both.
    pub(super) fn step(
        &mut self,
        store: &dyn Store,
        names: &mut Names,
        dice: &mut Dice,
        what: &str,
    ) {
        let (login, token) = (dice.roll(3), dice.roll(8));
        let name = names.login(login);
        let link = |dice: &mut Dice| match dice.roll(3) {
            0 | 1 => Link::Live,
            n => Link::Spent {
                rnonce: names.snonce(n),
                successor: names.token(dice.roll(2)),
            },
        };
        match dice.roll(22) {
            0 | 1 => {
                let set = store.put_if(names.account(login, 0, None)).unwrap();
                assert_eq!(set, !self.accounts.contains_key(&name), "{what}: put_if");
                self.accounts.entry(name).or_insert(ModelAccount {
                    epoch: 0,
                    spared: None,
                    version: 0,
                });
            }
            2 => {
                let version = dice.roll(3);
                let epoch = version + dice.roll(2);
                let spared = (dice.roll(2) == 0).then(|| names.token(token));
                let account = names.account(login, epoch, spared);
                let set = store.compare_and_swap_account(version, account).unwrap();
                let model = self.accounts.get_mut(&name);
                let model = model.filter(|account| account.version == version);
                assert_eq!(set, model.is_some(), "{what}: compare_and_swap_account");
                if let Some(model) = model {
                    *model = ModelAccount {
                        epoch,
                        spared,
                        version: version + 1,
                    };
                }
            }
            3..=6 => {
                // Tokens 0 and 4 are roots of those behind them.
                let family = token / 4 * 4;
                let again = self.sessions.contains_key(&names.token(token));
                if !again && self.used.contains(&token)
                    || !self.used.contains(&family) && token != family
                {
                    return;
                }
                self.used.insert(token);
                let ttl = 1 + dice.roll(4000);
                let session = names.session(token, family, login, dice.roll(2), ttl);
                let row = ModelSession {
                    family: session.family,
                    login: session.login.clone(),
                    epoch: session.epoch,
                    expires: session.expires,
                    stale: session.stale(),
                    link: Link::Live,
                    revoked: false,
                    seen: 0,
                    counters: BTreeSet::new(),
                    nonces: BTreeMap::new(),
                };
                let set = store.create(session).unwrap();
                assert_eq!(set, !again, "{what}: create");
                if set {
                    self.sessions.insert(names.token(token), row);
                }
            }
            7 | 8 => {
                let (from, to) = (link(dice), link(dice));
                let token = names.token(token);
                let set = store.compare_and_swap(&token, from, to).unwrap();
                let model = self.sessions.get_mut(&token);
                let model = model.filter(|session| session.link == from);
                assert_eq!(set, model.is_some(), "{what}: compare_and_swap");
                if let Some(model) = model {
                    model.link = to;
                }
            }
            9 if dice.roll(2) == 0 => {
                let token = names.token(token);
                let set = store.revoke(&token).unwrap();
                let model = self.sessions.get_mut(&token);
                let model = model.filter(|root| root.family == token && !root.revoked);
                assert_eq!(set, model.is_some(), "{what}: revoke");
                if let Some(model) = model {
                    model.revoked = true;
                }
            }
            10 if dice.roll(3) == 0 => {
                store.delete(&names.token(token)).unwrap();
                self.sessions.remove(&names.token(token));
            }
            11 if dice.roll(6) == 0 => {
                store.delete_by_user(&name).unwrap();
                self.sessions.retain(|_, session| session.login != name);
            }
            12 => {
                names.now += [1, 30, 299, 700, 86_400][usize::try_from(dice.roll(5)).unwrap()];
                if dice.roll(10) == 0 {
                    names.now += 20 * 86_400;
                }
            }
            13 => {
                while store.sweep(names.now).unwrap() {}
                self.sessions.retain(|_, session| names.now < session.stale);
            }
            14 => {
                // What is expired may be forgotten: only those in time.
                let snonce = names.snonce(dice.roll(4) + names.now * 8);
                let new = store.consume(&snonce, names.now + 120, names.now).unwrap();
                assert_eq!(new, self.challenges.insert(snonce), "{what}: consume");
            }
            _ => {
                let nonce = match dice.roll(4) {
                    0 => random_nonce(dice.roll(3)),
                    1 => Nonce::Counter(1 + dice.roll(2500)),
                    _ => Nonce::Counter(1 + dice.roll(5)),
                };
                let mut facts = names.facts(token, nonce);
                facts.created = facts.created - 310 + dice.roll(620);
                let attempt = Attempt {
                    facts: &facts,
                    now: names.now,
                    refresh: dice.roll(3) == 0,
                };
                let admission = store.admit(&attempt).unwrap();
                assert_eq!(admission, self.admit(&attempt), "{what}: admit {attempt:?}");
            }
        }
    }

    /// All rows.
    pub(super) fn compare(&self, store: &dyn Store, names: &Names, what: &str) {
        for token in 0..8 {
            let row = store.get(&names.token(token)).unwrap();
            self.compare_row(&names.token(token), row.as_ref(), what);
        }
        for login in 0..3 {
            let login = names.login(login);
            let stored = store.get_account(&login).unwrap();
            let stored = stored.as_ref();
            let model = self.accounts.get(&login);
            let seen = stored.map(|s| (s.account.epoch, s.account.spared, s.version));
            let expected = model.map(|m| (m.epoch, m.spared, m.version));
            assert_eq!(seen, expected, "{what}: get_account");
            if let Some(stored) = stored {
                assert_eq!(stored.account.record.login(), login, "{what}");
                assert_eq!(stored.account.record.realm(), "realm", "{what}");
                assert_eq!(stored.account.record.salt(), [7; 16], "{what}");
                let h = [u8::try_from(stored.account.epoch % 256).unwrap(); 32];
                assert_eq!(stored.account.record.dangerous_h(), &h, "{what}");
                assert_eq!(stored.account.generation, 3, "{what}");
                assert_eq!(stored.account.allowed, "read write", "{what}");
            }
            let rows = store.list_by_user(&login).unwrap();
            for row in &rows {
                self.compare_row(&row.session.token, Some(row), what);
            }
            let listed: BTreeSet<TokenId> = rows.iter().map(|row| row.session.token).collect();
            let own = self.sessions.iter().filter(|(_, s)| s.login == login);
            let own: BTreeSet<TokenId> = own.map(|(token, _)| *token).collect();
            assert_eq!(listed, own, "{what}: list_by_user");
            assert_eq!(listed.len(), rows.len(), "{what}: list_by_user");
            let roots = self
                .sessions
                .iter()
                .filter(|(token, s)| s.login == login && s.family == **token);
            let families = store.families(&login).unwrap();
            assert_eq!(families, roots.count(), "{what}: families");
        }
    }

    fn compare_row(&self, token: &TokenId, row: Option<&Row>, what: &str) {
        let model = self.sessions.get(token);
        assert_eq!(row.is_some(), model.is_some(), "{what}: get");
        let (Some(row), Some(model)) = (row, model) else {
            return;
        };
        assert_eq!(row.link, model.link, "{what}: link");
        assert_eq!(row.revoked, self.revoked(model), "{what}: revoked");
        let close = row.seen <= model.seen && model.seen - row.seen < 60;
        assert!(
            close && (row.seen == 0) == (model.seen == 0),
            "{what}: seen"
        );
        let session = &row.session;
        let key: &[u8] = session.keys.session().dangerous_bytes();
        assert_eq!(
            (&key[..16], &key[16..]),
            (&token[..], &[0; 16][..]),
            "{what}"
        );
        assert_eq!(session.token, *token, "{what}");
        assert_eq!(session.family, model.family, "{what}");
        assert_eq!(session.login, model.login, "{what}");
        assert_eq!(session.epoch, model.epoch, "{what}");
        assert_eq!(session.expires, model.expires, "{what}");
        assert_eq!(session.stale(), model.stale, "{what}");
        assert_eq!(session.created, session.logged_in, "{what}");
        assert_eq!(
            (&*session.device, &*session.scopes),
            ("Büro 3", "read"),
            "{what}"
        );
    }
}
