//! The ledger: every decision, once, in order, each row bound to the one before by SHA-256. Triggers refuse changes by mistake; the
//! chain shows those on purpose, and the head kept beside it shows a cut-off end.
//!
//! A row's hash is SHA-256 of the previous row's hash (64 hex digits), a line feed, and the JSON array
//! `[seq, at_ms, kind, flag, attempt, actor, reason, sentence, numbers, generation]` with `numbers` as the string that is stored.

use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};
use weir_core::hash::sha256_hex;

/// The hash before the first row.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A row to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What it is: a verb (`start`, `kill`), a verdict (`advance`, `rollback`), or an event (`applied`, `refused`).
    pub kind: String,
    /// Which flag; none for what concerns all.
    pub flag: Option<String>,
    /// Which attempt of its rollout.
    pub attempt: Option<u64>,
    /// Who: `judge`, `api`, `weir` (the controller itself).
    pub actor: String,
    /// The reason that a person gave.
    pub reason: Option<String>,
    /// What happened, with numbers, in words.
    pub sentence: String,
    /// The raw numbers behind it, JSON.
    pub numbers: String,
    /// The generation that carries it to the proxies.
    pub generation: u64,
}

/// A row as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// What was written.
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash of the row before.
    pub prev: String,
    /// Its own hash.
    pub hash: String,
}

/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A row's hash does not fit it or its predecessor.
    #[error("row {0} of the ledger was changed after it was written")]
    Changed(u64),
    /// A row is not there.
    #[error("row {0} of the ledger is missing")]
    Missing(u64),
}

/// Appends rows and moves the head.
pub(super) fn append(transaction: &Transaction<'_>, entries: &[Entry]) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let (mut seq, mut prev) = head(transaction)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO ledger (seq, at_ms, kind, flag, attempt, actor, reason, sentence, numbers, generation, prev, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for entry in entries {
        seq += 1;
        let hash = hash(seq, entry, &prev);
        insert.execute(params![
            seq.cast_signed(),
            entry.at_ms.cast_signed(),
            entry.kind,
            entry.flag,
            entry.attempt.map(u64::cast_signed),
            entry.actor,
            entry.reason,
            entry.sentence,
            entry.numbers,
            entry.generation.cast_signed(),
            prev,
            hash,
        ])?;
        prev = hash;
    }
    transaction.execute("UPDATE controller SET ledger_seq = ?1, ledger_hash = ?2", params![seq.cast_signed(), prev])?;
    Ok(())
}

/// The last `limit` rows after row `after`, of one flag or of all, oldest first.
pub(super) fn read(connection: &Connection, flag: Option<&str>, after: u64, limit: u32) -> rusqlite::Result<Vec<Row>> {
    let mut select = connection.prepare_cached(
        "SELECT * FROM ledger WHERE seq > ?1 AND (?2 IS NULL OR flag = ?2) ORDER BY seq DESC LIMIT ?3",
    )?;
    let rows = select.query_map(params![after.cast_signed(), flag, limit], row)?;
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    rows.reverse();
    Ok(rows)
}

/// A row `applied` of a rollback of the flag is there.
pub(super) fn has_rolled_back(connection: &Connection, flag: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM ledger WHERE flag = ?1 AND kind = 'applied'
               AND json_extract(numbers, '$.kind') = 'rollback')";
    connection.prepare_cached(sql)?.query_row([flag], |row| row.get(0))
}

/// Walks the whole chain.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<Option<Broken>> {
    let (last, last_hash) = head(connection)?;
    let (mut seq, mut prev) = (0, GENESIS.to_owned());
    let mut select = connection.prepare("SELECT * FROM ledger ORDER BY seq")?;
    for row in select.query_map([], row)? {
        let row = row?;
        seq += 1;
        if row.seq != seq {
            return Ok(Some(Broken::Missing(seq)));
        }
        if row.prev != prev || row.hash != hash(seq, &row.entry, &prev) {
            return Ok(Some(Broken::Changed(seq)));
        }
        prev = row.hash;
    }
    if seq < last {
        return Ok(Some(Broken::Missing(seq + 1)));
    }
    // Rows that the head does not know, or a last row with another hash, were not written by us.
    Ok((seq != last || prev != last_hash).then_some(Broken::Changed(seq)))
}

fn head(connection: &Connection) -> rusqlite::Result<(u64, String)> {
    connection.query_row("SELECT ledger_seq, ledger_hash FROM controller", [], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
    })
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let number = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
    Ok(Row {
        seq: number("seq")?,
        entry: Entry {
            at_ms: number("at_ms")?,
            kind: row.get("kind")?,
            flag: row.get("flag")?,
            attempt: row.get::<_, Option<i64>>("attempt")?.map(i64::cast_unsigned),
            actor: row.get("actor")?,
            reason: row.get("reason")?,
            sentence: row.get("sentence")?,
            numbers: row.get("numbers")?,
            generation: number("generation")?,
        },
        prev: row.get("prev")?,
        hash: row.get("hash")?,
    })
}

fn hash(seq: u64, entry: &Entry, prev: &str) -> String {
    let Entry { at_ms, kind, flag, attempt, actor, reason, sentence, numbers, generation } = entry;
    let columns = serde_json::json!([seq, at_ms, kind, flag, attempt, actor, reason, sentence, numbers, generation]);
    sha256_hex(&format!("{prev}\n{columns}"))
}
