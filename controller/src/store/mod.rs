//! The controller's memory: one SQLite file that holds documents, state, observations and the ledger. Owns what is durable and that it
//! changes all at once: a [`Batch`] is one transaction, so that a controller killed at any moment comes back before it or after it,
//! never in the middle. Knows nothing of what the JSON that it keeps for others means.

mod ledger;
mod lock;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub use ledger::{Broken, Entry, Row};
use lock::Lock;

/// Observations are kept of the running attempt and so many before it, per flag.
const PAST_ATTEMPTS: u32 = 5;
/// And of any attempt the last three days, some hundred megabytes at one tick a second.
const OBSERVED_MS: u64 = 3 * 86_400_000;
/// So many documents are kept beside the current one.
const PAST_DOCUMENTS: u32 = 20;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another controller has it.
    #[error("{path} is in use by another controller{holder}: stop that one, or give this one a database of its own")]
    Held {
        /// The database.
        path: String,
        /// `" (process 123)"`, or nothing.
        holder: String,
    },
    /// It is a database of something else.
    #[error("{path} is not a Weir database: give `database` a path of its own")]
    Foreign {
        /// The database.
        path: String,
    },
    /// It was written by another Weir.
    #[error(
        "{path} has schema {found}, this weir knows {known}: run the weir that wrote it or a newer one; nothing was changed in the file"
    )]
    Version {
        /// The database.
        path: String,
        /// What it says.
        found: i64,
        /// What this Weir reads and writes.
        known: i64,
    },
    /// The lock file beside it can't be made.
    #[error("{path}: {source}")]
    Lock {
        /// The lock file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{path}: {source}")]
    Sqlite {
        /// The database.
        path: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// A flag document with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Hex of SHA-256 of the text.
    pub hash: String,
    /// As it was applied.
    pub text: String,
}

/// Everything that a controller starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The current document.
    pub document: Option<StoredDocument>,
    /// The global kill.
    pub kill: bool,
    /// Killed flags that have no rollout.
    pub flag_kills: BTreeSet<String>,
    /// The last one published or about to be.
    pub generation: u64,
    /// Rollout states by flag, as JSON.
    pub rollouts: BTreeMap<String, String>,
    /// The observer's last cumulative values, as JSON.
    pub cumulative: Option<String>,
    /// Configurations that proxies have refused, by node, as JSON.
    pub refused: Option<String>,
    /// How long each flag has been one-sided, as JSON.
    pub sides: Option<String>,
}

/// One observation of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Flag of the rollout.
    pub flag: String,
    /// Which attempt.
    pub attempt: u64,
    /// When the tick's last answer was in.
    pub at_ms: u64,
    /// The tick as JSON.
    pub json: String,
}

/// What one transaction changes. Whatever is `None` or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// A new current document.
    pub document: Option<StoredDocument>,
    /// The global kill.
    pub kill: Option<bool>,
    /// All killed flags that have no rollout.
    pub flag_kills: Option<BTreeSet<String>>,
    /// The generation about to be published.
    pub generation: Option<u64>,
    /// Rollout states by flag, as JSON.
    pub rollouts: BTreeMap<String, String>,
    /// The observer's cumulative values after the observations below, as JSON.
    pub cumulative: Option<String>,
    /// Configurations that proxies have refused, by node, as JSON.
    pub refused: Option<String>,
    /// How long each flag has been one-sided, as JSON.
    pub sides: Option<String>,
    /// What was observed.
    pub observations: Vec<Observed>,
    /// What was decided.
    pub ledger: Vec<Entry>,
}

impl Batch {
    /// Nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Holds something that must survive a loss of power: anything but observations, which come again from the proxies' counters.
    fn is_decision(&self) -> bool {
        self.document.is_some()
            || self.kill.is_some()
            || self.flag_kills.is_some()
            || self.generation.is_some()
            || self.refused.is_some()
            || !self.ledger.is_empty()
    }
}

/// The open database; no second one can open it meanwhile.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    _lock: Lock,
}

impl Store {
    /// Opens the database, makes it if it is not there, and takes its lock, which the kernel releases however the process ends.
    ///
    /// # Errors
    /// [`Error`]: held by another controller, not ours, of another schema, or not accessible.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let lock = Lock::take(path)?;
        let connection = Connection::open(path).map_err(at(path))?;
        schema::prepare(&connection, path)?;
        Ok(Self { connection, path: path.to_owned(), _lock: lock })
    }

    /// Reads what a controller starts with.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn load(&self) -> Result<Stored, Error> {
        load(&self.connection).map_err(at(&self.path))
    }

    /// Writes all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Sqlite`]; nothing was changed then.
    pub fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        self.try_write(batch).map_err(at(&self.path))
    }

    /// A rollback of this flag has been applied by every connected proxy at some time.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn has_rolled_back(&self, flag: &str) -> Result<bool, Error> {
        ledger::has_rolled_back(&self.connection, flag).map_err(at(&self.path))
    }

    /// The last `limit` rows of the ledger after row `after`, oldest first.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn ledger(&self, flag: Option<&str>, after: u64, limit: u32) -> Result<Vec<Row>, Error> {
        ledger::read(&self.connection, flag, after, limit).map_err(at(&self.path))
    }

    /// Computes the ledger's chain again: `Ok(Some)` is the first row that does not fit.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn verify(&self) -> Result<Option<Broken>, Error> {
        ledger::verify(&self.connection).map_err(at(&self.path))
    }

    fn try_write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        // In WAL mode NORMAL saves an fsync a tick: a process that dies loses nothing, and after a loss of power the counts since the
        // last tick on disk are read again from the proxies.
        self.connection.pragma_update(None, "synchronous", if batch.is_decision() { "FULL" } else { "NORMAL" })?;
        let transaction = self.connection.transaction()?;
        write_state(&transaction, batch)?;
        for observed in &batch.observations {
            write_observed(&transaction, observed)?;
        }
        ledger::append(&transaction, &batch.ledger)?;
        transaction.commit()
    }
}

fn at(path: &Path) -> impl Fn(rusqlite::Error) -> Error + '_ {
    |source| Error::Sqlite { path: path.display().to_string(), source }
}

fn load(connection: &Connection) -> rusqlite::Result<Stored> {
    let (kill, generation) = connection.query_row("SELECT kill, generation FROM controller", [], |row| {
        Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?))
    })?;
    let document = connection
        .query_row("SELECT hash, text FROM documents WHERE hash = (SELECT document FROM controller)", [], |row| {
            Ok(StoredDocument { hash: row.get(0)?, text: row.get(1)? })
        })
        .optional()?;
    let kept =
        |name: &str| connection.query_row("SELECT json FROM kept WHERE name = ?1", [name], |row| row.get(0)).optional();
    let (cumulative, refused, sides) = (kept("cumulative")?, kept("refused")?, kept("sides")?);
    let mut flags = connection.prepare("SELECT flag FROM flag_kills")?;
    let flag_kills = flags.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut rollouts = connection.prepare("SELECT flag, state FROM rollouts")?;
    let rollouts = rollouts.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Stored {
        document,
        kill,
        flag_kills,
        generation: generation.cast_unsigned(),
        rollouts,
        cumulative,
        refused,
        sides,
    })
}

fn write_state(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    if let Some(document) = &batch.document {
        write_document(transaction, document)?;
    }
    if let Some(kill) = batch.kill {
        transaction.execute("UPDATE controller SET kill = ?1", [kill])?;
    }
    if let Some(flags) = &batch.flag_kills {
        transaction.execute("DELETE FROM flag_kills", [])?;
        for flag in flags {
            transaction.execute("INSERT INTO flag_kills (flag) VALUES (?1)", [flag])?;
        }
    }
    if let Some(generation) = batch.generation {
        transaction.execute("UPDATE controller SET generation = ?1", [generation.cast_signed()])?;
    }
    for (flag, state) in &batch.rollouts {
        transaction.execute("INSERT OR REPLACE INTO rollouts (flag, state) VALUES (?1, ?2)", [flag, state])?;
    }
    for (name, json) in [("cumulative", &batch.cumulative), ("refused", &batch.refused), ("sides", &batch.sides)] {
        if let Some(json) = json {
            transaction.execute("INSERT OR REPLACE INTO kept (name, json) VALUES (?1, ?2)", [name, json])?;
        }
    }
    Ok(())
}

fn write_document(transaction: &Transaction<'_>, document: &StoredDocument) -> rusqlite::Result<()> {
    // Applied again, a document becomes the newest: REPLACE gives it a new rowid.
    transaction
        .execute("INSERT OR REPLACE INTO documents (hash, text) VALUES (?1, ?2)", [&document.hash, &document.text])?;
    transaction.execute("UPDATE controller SET document = ?1", [&document.hash])?;
    transaction.execute(
        "DELETE FROM documents WHERE rowid NOT IN (SELECT rowid FROM documents ORDER BY rowid DESC LIMIT ?1)",
        [PAST_DOCUMENTS + 1],
    )?;
    Ok(())
}

fn write_observed(transaction: &Transaction<'_>, observed: &Observed) -> rusqlite::Result<()> {
    let Observed { flag, attempt, at_ms, json } = observed;
    let (attempt, at_ms) = (attempt.cast_signed(), at_ms.cast_signed());
    transaction
        .prepare_cached("INSERT INTO observations (flag, attempt, at_ms, json) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![flag, attempt, at_ms, json])?;
    transaction
        .prepare_cached("DELETE FROM observations WHERE flag = ?1 AND attempt < ?2")?
        .execute(params![flag, attempt - i64::from(PAST_ATTEMPTS)])?;
    transaction
        .prepare_cached("DELETE FROM observations WHERE flag = ?1 AND attempt = ?2 AND at_ms < ?3")?
        .execute(params![flag, attempt, at_ms - OBSERVED_MS.cast_signed()])?;
    Ok(())
}

#[cfg(test)]
impl Store {
    /// Makes the database refuse writes, as a full disk does.
    pub(crate) fn refuse_writes(&self, refuse: bool) {
        self.connection.pragma_update(None, "query_only", refuse).unwrap();
    }
}
