//! The tables, and which databases are taken.

use std::path::Path;

use rusqlite::Connection;

use super::{Error, at, ledger};

/// "Weir" in ASCII, in the file's header.
const APPLICATION: i64 = 0x5765_6972;
/// Raised with every change of [`TABLES`], together with a step in [`prepare`] that migrates from the version before.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE documents (hash TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE controller (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT,
    kill INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    ledger_seq INTEGER NOT NULL,
    ledger_hash TEXT NOT NULL
);
CREATE TABLE flag_kills (flag TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE rollouts (flag TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE observations (flag TEXT NOT NULL, attempt INTEGER NOT NULL, at_ms INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX observations_by_attempt ON observations (flag, attempt, at_ms);
CREATE TABLE kept (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    flag TEXT,
    attempt INTEGER,
    actor TEXT NOT NULL,
    reason TEXT,
    sentence TEXT NOT NULL,
    numbers TEXT NOT NULL,
    generation INTEGER NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE TRIGGER ledger_keeps_rows BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
";

/// Makes the tables in a new file; refuses a file that is not ours or of another version.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), Error> {
    let shown = || path.display().to_string();
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(at(path));
    let application = number("application_id")?;
    let version = number("user_version")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(at(path))?;
    if application != APPLICATION && (application != 0 || version != 0 || tables != 0) {
        return Err(Error::Foreign { path: shown() });
    }
    if application == APPLICATION && version != VERSION {
        return Err(Error::Version { path: shown(), found: version, known: VERSION });
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(at(path))?;
    if application == 0 {
        create(connection).map_err(at(path))?;
    }
    Ok(())
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute(
        "INSERT INTO controller (id, document, kill, generation, ledger_seq, ledger_hash) VALUES (1, NULL, 0, 0, 0, ?1)",
        [ledger::GENESIS],
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
